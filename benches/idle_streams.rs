//! What a stream costs in memory while nothing happens on it.
//!
//! `cargo bench --bench idle_streams -- 10000` starts a gateway as a process of its own and opens streams that begin and then fall
//! silent: 1,000 and, if that many files may be open, the number that is named. It prints the gateway's resident memory per stream.
//! A stream has two sockets in the gateway and two here: `ulimit -n` has to be more than twice their number.

use std::{
    env,
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use trunkline::config::{Config, Gateway};

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if let Some(vendor) = env::var_os("IDLE_STREAMS_VENDOR") {
        return runtime.block_on(gateway(&vendor.to_string_lossy()));
    }
    let mut most = env::args().filter_map(|argument| argument.parse().ok());
    runtime.block_on(measure(most.next_back().unwrap_or(1_000)))
}

/// The child: a gateway over one vendor, until its input ends.
async fn gateway(vendor: &str) -> Result<(), Error> {
    let text = format!(
        "timeouts: {{ idle: 1h, total: 1h }}\nproviders:\n  acme: {{ kind: openai-compatible, base_url: \"http://{vendor}/v1\", accounts: [k] }}\nmodels: {{ m: [acme/m] }}\n"
    );
    let config = Config::from_yaml(&text, &|_| None)?;
    let gateway = Gateway::new(&config)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let app = axum::Router::new().fallback_service(gateway.service());
    let mut end = tokio::io::stdin();
    tokio::select! {
        served = axum::serve(listener, app) => served?,
        _ = async { end.read(&mut [0]).await } => {}
    }
    Ok(())
}

async fn measure(most: usize) -> Result<(), Error> {
    println!("| streams | request | resident before | after | per stream |");
    println!("| --- | --- | --- | --- | --- |");
    for (count, padding, route) in [
        (1_000, 0, "/v1/chat/completions"),
        (1_000, 0, "/v1/messages"),
        (1_000, 100_000, "/v1/chat/completions"),
        (most, 0, "/v1/chat/completions"),
        (most, 0, "/v1/messages"),
    ] {
        one(count, padding, route).await?;
    }
    Ok(())
}

/// A gateway of its own: what an allocator keeps of one measurement would hide the next.
async fn one(count: usize, padding: usize, route: &'static str) -> Result<(), Error> {
    let vendor = TcpListener::bind("127.0.0.1:0").await?;
    let mut child = Command::new(env::current_exe()?)
        .env("IDLE_STREAMS_VENDOR", vendor.local_addr()?.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let answering = tokio::spawn(begin_and_stop(vendor));
    let out = child.stdout.take().ok_or("no output")?;
    let mut out = BufReader::new(tokio::process::ChildStdout::from_std(out)?).lines();
    let address: SocketAddr = out.next_line().await?.ok_or("no address")?.parse()?;
    // What is there once, whoever calls.
    drop(open(address, 20, route, &chat(0)).await?);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = resident(child.id())?;
    let body = chat(padding);
    let streams = open(address, count, route, &body).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = resident(child.id())?;
    println!(
        "| {count} {route} | {} B | {before} KiB | {after} KiB | {:.1} KiB |",
        body.len(),
        after.saturating_sub(before) as f64 / count as f64
    );
    drop(streams);
    answering.abort();
    drop(child.stdin.take());
    child.wait()?;
    Ok(())
}

fn chat(padding: usize) -> String {
    format!(
        r#"{{"model":"m","max_tokens":100,"stream":true,"messages":[{{"role":"user","content":"hello{}"}}]}}"#,
        "x".repeat(padding)
    )
}

/// So many streams, each at its first content.
async fn open(
    gateway: SocketAddr,
    count: usize,
    route: &'static str,
    body: &str,
) -> Result<Vec<TcpStream>, Error> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(gateway).await?;
        let head = format!(
            "POST {route} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        streams.push(stream);
    }
    for stream in &mut streams {
        let (mut told, mut buffer) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&told).contains("hello") {
            match stream.read(&mut buffer).await? {
                0 => return Err("a stream ended".into()),
                read => told.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            }
        }
    }
    Ok(streams)
}

/// The vendor: every answer begins, none goes on.
async fn begin_and_stop(listener: TcpListener) {
    const CHUNK: &str = "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"}}]}\n\n";
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut buffer = [0; 16 << 10];
            let _ = stream.read(&mut buffer).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            let begun = format!("{head}{:x}\r\n{CHUNK}\r\n", CHUNK.len());
            let _ = stream.write_all(begun.as_bytes()).await;
            while let Ok(1..) = stream.read(&mut buffer).await {}
        });
    }
}

/// In KiB.
fn resident(process: u32) -> Result<u64, Error> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(number.ok_or("no VmRSS")?.parse()?)
}
