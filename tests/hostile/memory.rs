//! What a gateway holds of bodies: never more than it may, and nothing that nobody waits for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};
use trunkline::testing::{Answer, Script, Vendor};

use crate::support::{Running, chat, messages, post, served, until};

const CONFIG: &str = r#"
server: { heartbeat: 0s, body_limit: 64KiB, limits: { memory: 100KiB } }
retry: { max_attempts: 3, base: 1ms, max: 1ms }
providers:
  acme: { kind: openai-compatible, base_url: "${V}/v1", accounts: [{ name: a, api_key: k }, { name: b, api_key: k }] }
models: { m: [acme/m] }
"#;

/// Of about this size.
fn padded(body: &str, size: usize) -> String {
    body.replace("Hello", &"x".repeat(size))
}

#[tokio::test]
async fn who_finds_no_memory_is_told_so_in_its_own_dialect() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    let gateway = Running::start(CONFIG, &[("V", server.url(""))]).await;
    let buffers = gateway.gateway.buffers();
    let whole = Script::new().text("hi").openai("m", false, true);
    vendor.push(Answer::silence());
    let url = gateway.url("/v1/chat/completions");
    let first = tokio::spawn({
        let (url, body) = (url.clone(), padded(&chat("m", false), 60 << 10));
        async move { post(&url, body).await }
    });
    vendor.wait_for_requests(1).await;
    assert!(
        buffers.held() > 60 << 10 && buffers.held() < 61 << 10,
        "{buffers:?}"
    );
    vendor.always(whole);
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}"#;
    let input = r#"{"model":"m","input":"Hello"}"#;
    for (path, body, shape) in [
        (
            "/v1/chat/completions",
            chat("m", true),
            r#""code":"gateway_out_of_memory""#,
        ),
        (
            "/v1/responses",
            input.to_owned(),
            r#""code":"gateway_out_of_memory""#,
        ),
        (
            "/v1/messages",
            messages("m", false),
            r#"{"type":"error","error":{"type":"#,
        ),
        (
            "/v1beta/models/m:generateContent",
            gemini.to_owned(),
            r#"{"error":{"code":503,"#,
        ),
        (
            "/v1/embeddings",
            input.to_owned(),
            r#""code":"gateway_out_of_memory""#,
        ),
    ] {
        let (status, headers, told) = post(&gateway.url(path), padded(&body, 60 << 10)).await;
        assert_eq!(status, 503, "{path}: {told}");
        assert!(
            told.contains(shape) && told.contains("server.limits.memory"),
            "{path}: {told}"
        );
        assert_eq!(headers["retry-after"], "1", "{path}");
        // A small one fits.
        let (status, _, told) = post(&url, chat("m", false)).await;
        assert_eq!(status, 200, "{told}");
    }
    assert_eq!((buffers.refused(), vendor.requests().len()), (5, 6));
    first.abort();
    until("all is given back", || buffers.held() == 0).await;
    let (status, ..) = post(&url, padded(&chat("m", false), 60 << 10)).await;
    assert_eq!(status, 200);
    until("all is given back", || buffers.held() == 0).await;
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_refused_and_nobody_blamed() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    let gateway = Running::start(CONFIG, &[("V", server.url(""))]).await;
    let buffers = gateway.gateway.buffers();
    let long = Script::new().text("x".repeat(200 << 10));
    let event = format!("data: {{\"x\":\"{}", "x".repeat(200 << 10));
    for (answer, stream) in [
        (long.openai("m", false, true), false),
        (
            Answer::sse([event.clone()])
                .chunks_of(10_000)
                .stall_after(usize::MAX),
            true,
        ),
    ] {
        let asked = vendor.requests().len();
        vendor.push(answer);
        let (status, headers, told) =
            post(&gateway.url("/v1/chat/completions"), chat("m", stream)).await;
        assert_eq!(status, 503, "{told}");
        assert!(
            told.contains("gateway_out_of_memory") && headers.contains_key("retry-after"),
            "{told}"
        );
        // Another account would not make it fit.
        assert_eq!(vendor.requests().len(), asked + 1);
        until("all is given back", || {
            buffers.held() == 0 && gateway.in_flight() == 0
        })
        .await;
    }
    // After content it is the stream's end.
    let begun = Script::new()
        .text("Hello")
        .openai("m", true, true)
        .content();
    let begun = String::from_utf8(begun.to_vec()).unwrap();
    let begun = begun.split_inclusive("\n\n").take(2).map(str::to_owned);
    vendor.push(
        Answer::sse(begun.chain([event]))
            .chunks_of(10_000)
            .stall_after(usize::MAX),
    );
    let body = chat("m", true);
    let call = crate::support::call(&gateway.url("/v1/chat/completions"), body).send();
    let mut response = call.await.unwrap();
    let mut told = Vec::new();
    let broken = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => told.extend_from_slice(&chunk),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    let told = String::from_utf8_lossy(&told);
    assert!(broken && told.contains("no memory left"), "{told}");
    until("all is given back", || {
        buffers.held() == 0 && gateway.in_flight() == 0
    })
    .await;
    for account in gateway.gateway.pools().snapshot() {
        assert!(account.cooldowns.is_empty(), "{account:?}");
    }
}

/// A vendor that says so many pieces as fast as it is read, and counts what it could write.
async fn torrent(pieces: usize) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    tokio::spawn(async move {
        let text = "x".repeat(16 << 10);
        let frame = format!(
            "data: {{\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
        );
        let end = "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        while let Ok((mut stream, _)) = listener.accept().await {
            count.store(0, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 4096]).await;
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            for _ in 0..pieces {
                if stream.write_all(frame.as_bytes()).await.is_err() {
                    break;
                }
                count.fetch_add(frame.len(), Ordering::Relaxed);
            }
            let _ = stream.write_all(end.as_bytes()).await;
        }
    });
    (address, written)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_caller_slows_the_vendor_down() {
    const PIECES: usize = 2_000;
    let (address, written) = torrent(PIECES).await;
    let base = format!("http://{address}");
    let text = CONFIG.replace("heartbeat: 0s", "heartbeat: 1h");
    let gateway = Running::start(&text, &[("V", base)]).await;
    for (route, body) in [
        ("/v1/chat/completions", chat("m", true)),
        ("/v1/messages", messages("m", true)),
        (
            "/v1beta/models/m:streamGenerateContent",
            r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#.to_owned(),
        ),
    ] {
        written.store(0, Ordering::Relaxed);
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 << 10).unwrap();
        let mut caller: TcpStream = socket.connect(gateway.address).await.unwrap();
        let head = format!(
            "POST {route} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        caller.write_all(head.as_bytes()).await.unwrap();
        // As long as it reads nothing, what the kernel holds on the way is all that leaves the vendor.
        let (mut last, mut same) = (0, 0);
        while same < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let now = written.load(Ordering::Relaxed);
            same = if now == last && now > 0 { same + 1 } else { 0 };
            last = now;
        }
        assert!(last < 20 << 20, "{route}: {last} bytes for nobody");
        assert!(gateway.gateway.buffers().held() < 100 << 10);
        // Nothing was lost on the way.
        let mut buffer = vec![0; 1 << 20];
        let mut read = 0;
        loop {
            match caller.read(&mut buffer).await.unwrap() {
                0 => break,
                count => read += count,
            }
        }
        assert!(read > PIECES * (16 << 10), "{route}: {read}");
        until("the place is given back", || gateway.in_flight() == 0).await;
    }
}
