//! Thousands of streams whose callers leave, and thousands whose vendors fall silent: afterwards the process is as it was. A binary
//! of its own, because it counts what the whole process has.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use support::{Running, chat, messages, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

/// Streams of each kind.
const STREAMS: usize = 5_000;

/// At the same time. Each has four sockets in this process, which may have few.
const WAVE: usize = 100;

const CONFIG: &str = r#"
server: { heartbeat: 10ms }
retry: { max_attempts: 1 }
providers:
  acme: { kind: openai-compatible, base_url: "${V}", accounts: [{ name: a, api_key: k, limits: { concurrency: 1000 } }] }
  hasty: { kind: openai-compatible, base_url: "${V}", timeouts: { idle: 150ms }, accounts: [{ name: a, api_key: k, limits: { concurrency: 1000 } }] }
models:
  patient: { deployments: [acme/m], cooldown: 0s }
  hasty: { deployments: [hasty/m], cooldown: 0s }
"#;

/// A vendor that begins every answer and ends none. It keeps nothing, not even what it was asked.
async fn stalling() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let open = Arc::new(AtomicUsize::new(0));
    let count = open.clone();
    tokio::spawn(async move {
        const BEGUN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        const CHUNK: &str = "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"}}]}\n\n";
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let count = count.clone();
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut buffer = [0; 2048];
                let _ = stream.read(&mut buffer).await;
                let begun = format!("{BEGUN}{:x}\r\n{CHUNK}\r\n", CHUNK.len());
                let _ = stream.write_all(begun.as_bytes()).await;
                // Until the gateway goes.
                while let Ok(1..) = stream.read(&mut buffer).await {}
                count.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    (address, open)
}

/// One stream, to its first content; then as long as it goes on, or not.
async fn stream(gateway: std::net::SocketAddr, messages_: bool, leaves: bool) -> String {
    let model = if leaves { "patient" } else { "hasty" };
    let (route, body) = match messages_ {
        true => ("/v1/messages", messages(model, true)),
        false => ("/v1/chat/completions", chat(model, true)),
    };
    let mut caller = TcpStream::connect(gateway).await.unwrap();
    let request = format!(
        "POST {route} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    caller.write_all(request.as_bytes()).await.unwrap();
    let (mut told, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = caller.read(&mut buffer).await {
        told.extend_from_slice(&buffer[..count]);
        if leaves && memchr::memmem::find(&told, b"hello").is_some() {
            break;
        }
    }
    String::from_utf8_lossy(&told).into_owned()
}

fn sockets() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Bytes of memory that the process has.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_broken_streams_leave_nothing_behind() {
    let (vendor, open) = stalling().await;
    let gateway = Running::start(CONFIG, &[("V", format!("http://{vendor}/v1"))]).await;
    let address = gateway.address;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let alive = tasks();
    let wave = async |leaves: bool| {
        let streams = (0..WAVE).map(|n| tokio::spawn(stream(address, n % 2 == 0, leaves)));
        for told in futures_util::future::join_all(streams).await {
            let told = told.unwrap();
            assert!(told.contains("hello"), "{told}");
            assert_eq!(told.contains("idle timeout"), !leaves, "{told}");
        }
        until("all is given back", || {
            open.load(Ordering::Relaxed) == 0
                && gateway.in_flight() == 0
                && gateway.gateway.buffers().held() == 0
        })
        .await;
    };
    // What is made once, and the room that the allocator keeps, is there after the first ones.
    for leaves in [true, false, true, false] {
        wave(leaves).await;
    }
    // Callers' connections end a moment after their last words.
    until("the first tasks are over", || tasks() <= alive).await;
    let (fds, memory) = (sockets(), resident());
    for leaves in [true, false] {
        for _ in 0..STREAMS / WAVE {
            wave(leaves).await;
        }
    }
    until("the last tasks are over", || tasks() <= alive).await;
    until("the last sockets are closed", || sockets() <= fds).await;
    let grown = resident().saturating_sub(memory);
    // A kilobyte kept of each stream would be 10 MB.
    assert!(
        grown < 6 << 20,
        "{grown} bytes more after {} streams",
        2 * STREAMS
    );
    // All of them are told of; only the latest are kept.
    let calls = gateway.gateway.calls().latest();
    assert!(calls.iter().all(|call| call.ending == "broken"));
    // And it still serves.
    let told = tokio::time::timeout(Duration::from_secs(5), stream(address, false, true)).await;
    assert!(told.unwrap().contains("hello"));
}
