//! Bytes that no decent client sends, on a socket of the gateway as an operator runs it.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::process::{Dir, Process};

/// Far more than anything here takes; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(20);

const BODY: &str = r#"{"model":"demo","messages":[{"role":"user","content":"hi"}]}"#;

/// Sends it and reads until the gateway closes the connection.
async fn said(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let exchange = async {
        // The gateway may have answered and gone before it has read everything.
        let _ = stream.write_all(request).await;
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..count]);
        }
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .unwrap_or_else(|_| panic!("not closed after {}", String::from_utf8_lossy(request)));
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answer: &str) -> Vec<u16> {
    let starts = answer.match_indices("HTTP/1.1 ");
    starts
        .filter_map(|(at, start)| {
            answer
                .get(at + start.len()..at + start.len() + 3)?
                .parse()
                .ok()
        })
        .collect()
}

fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn a_message_has_one_length_and_one_meaning() {
    let dir = Dir::new();
    let gateway = Process::start(dir.gateway(&["--listen", "127.0.0.1:0"])).await;
    let length = BODY.len();
    let chunked = format!("{length:x}\r\n{BODY}\r\n0\r\n\r\n");
    let smuggled = "GET /health HTTP/1.1\r\nhost: gateway\r\n\r\n";
    let close = "connection: close\r\n";
    for (what, request, want) in [
        (
            "a decent request",
            post(&format!("{close}content-length: {length}\r\n"), BODY),
            vec![200],
        ),
        (
            "a decent request in chunks",
            post(&format!("{close}transfer-encoding: chunked\r\n"), &chunked),
            vec![200],
        ),
        (
            "the same length twice",
            post(
                &format!("{close}content-length: {length}\r\ncontent-length: {length}\r\n"),
                BODY,
            ),
            vec![200],
        ),
        (
            "two lengths",
            post(
                &format!("content-length: {length}\r\ncontent-length: 1\r\n"),
                BODY,
            ),
            vec![400],
        ),
        (
            "a list of lengths",
            post(&format!("content-length: {length}, 1\r\n"), BODY),
            vec![400],
        ),
        (
            "a signed length",
            post(&format!("content-length: +{length}\r\n"), BODY),
            vec![400],
        ),
        (
            "a length that is none",
            post("content-length: 0x10\r\n", BODY),
            vec![400],
        ),
        (
            "a length beyond all numbers",
            post("content-length: 99999999999999999999\r\n", BODY),
            vec![400],
        ),
        // The chunks count, and whatever is behind them is nobody's request: the connection is closed.
        (
            "a length and chunks",
            post(
                &format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
                &format!("{chunked}{smuggled}"),
            ),
            vec![200],
        ),
        (
            "chunks and a length",
            post(
                "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
                &format!("{chunked}{smuggled}"),
            ),
            vec![200],
        ),
        (
            "chunks that are not the last coding",
            post("transfer-encoding: chunked, gzip\r\n", &chunked),
            vec![400],
        ),
        (
            "an unknown coding",
            post("transfer-encoding: xchunked\r\n", &chunked),
            vec![400],
        ),
        (
            "a coding with a tab in its name",
            post("transfer-encoding\t: chunked\r\n", &chunked),
            vec![400],
        ),
        (
            "chunks in HTTP/1.0",
            post("transfer-encoding: chunked\r\n", &chunked).replace("HTTP/1.1", "HTTP/1.0"),
            vec![400],
        ),
        (
            "a chunk's size that is none",
            post("transfer-encoding: chunked\r\n", "zz\r\nhi\r\n0\r\n\r\n"),
            vec![400],
        ),
        (
            "a chunk's size beyond all numbers",
            post(
                "transfer-encoding: chunked\r\n",
                "fffffffffffffffff\r\nhi\r\n0\r\n\r\n",
            ),
            vec![400],
        ),
        (
            "a chunk longer than it says",
            post(
                "transfer-encoding: chunked\r\n",
                &format!("1\r\n{BODY}\r\n0\r\n\r\n"),
            ),
            vec![400],
        ),
        (
            "a folded header",
            post(
                &format!("content-length: {length}\r\nx-long: a\r\n b\r\n"),
                BODY,
            ),
            vec![400],
        ),
        (
            "a space before the colon",
            post(&format!("content-length : {length}\r\n"), BODY),
            vec![400],
        ),
        (
            "a bare CR in a header",
            post(
                &format!("content-length: {length}\r\nx-a: a\rx-b: b\r\n"),
                BODY,
            ),
            vec![400],
        ),
        (
            "a NUL in a header",
            post(&format!("content-length: {length}\r\nx-a: a\0b\r\n"), BODY),
            vec![400],
        ),
        (
            "no method",
            format!(" /v1/models HTTP/1.1\r\n{close}\r\n"),
            vec![400],
        ),
        (
            "a bare CR in the first line",
            "GET /v1/models\r HTTP/1.1\r\nhost: gateway\r\n\r\n".to_owned(),
            vec![400],
        ),
        (
            "another protocol",
            "\x16\x03\x01\x02\x00\x01\x00\x01\u{1}\u{3}\r\n\r\n".to_owned(),
            vec![400],
        ),
        (
            "too many headers",
            post(
                &(0..200)
                    .map(|n| format!("x-{n}: 1\r\n"))
                    .collect::<String>(),
                "",
            ),
            vec![431],
        ),
        (
            "too long a header",
            post(&format!("x-long: {}\r\n", "a".repeat(100 << 10)), ""),
            vec![431],
        ),
        (
            "too long an address",
            format!(
                "GET /v1/models?{} HTTP/1.1\r\nhost: gateway\r\n\r\n",
                "a".repeat(100 << 10)
            ),
            vec![431],
        ),
        // Nobody is forwarded anywhere.
        (
            "a tunnel",
            format!("CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n{close}\r\n"),
            vec![404],
        ),
        (
            "somebody else's address",
            format!(
                "GET http://evil.example/v1/models HTTP/1.1\r\nhost: evil.example\r\n{close}\r\n"
            ),
            vec![200],
        ),
    ] {
        let answer = said(gateway.address, request.as_bytes()).await;
        let got = statuses(&answer);
        // hyper may close without a word on what it cannot even begin to read.
        let silent = want == [400] && got.is_empty();
        assert!(got == want || silent, "{what}: {got:?}\n{answer}");
        assert!(!answer.contains("alive"), "{what}: smuggled\n{answer}");
    }
}

#[tokio::test]
async fn what_is_too_long_for_http_2_is_refused_too() {
    let dir = Dir::new();
    let gateway = Process::start(dir.gateway(&["--listen", "127.0.0.1:0"])).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let ask = |size: usize| {
        let request = client.get(gateway.url("/v1/models"));
        request.header("x-long", "a".repeat(size)).send()
    };
    assert_eq!(ask(10_000).await.unwrap().status(), 200);
    // The client may know the limit and not even send it.
    let long = ask(100_000).await;
    assert!(long.is_err() || long.unwrap().status() == 431);
    assert_eq!(ask(10).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_gateway_with_other_limits_keeps_to_them() {
    let dir = Dir::with(
        r#"
server: { limits: { headers: 20, header_bytes: 8KiB, depth: 10, tools: 2, memory: 64KiB }, body_limit: 64KiB }
providers:
  acme: { kind: openai-compatible, base_url: "http://127.0.0.1:9/v1", accounts: [k] }
models: { m: [acme/m] }
"#,
    );
    let gateway = Process::start(dir.gateway(&["--listen", "127.0.0.1:0"])).await;
    let many: String = (0..30).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(10 << 10));
    for headers in [many, long] {
        let answer = said(gateway.address, post(&headers, "").as_bytes()).await;
        assert_eq!(statuses(&answer), [431]);
    }
    let tools = r#"{"model":"m","messages":[{}],"tools":[{},{},{}]}"#;
    let deep = format!(r#"{{"model":"m","messages":[{}]}}"#, "[".repeat(20));
    let large = format!(r#"{{"model":"m","messages":["{}"]}}"#, "a".repeat(70 << 10));
    for (body, status, part) in [
        (tools, 400, "`tools` is over this gateway's limit of 2"),
        (&deep, 400, "limit of 10 levels"),
        (&large, 413, "65536 bytes"),
    ] {
        let headers = format!("connection: close\r\ncontent-length: {}\r\n", body.len());
        let answer = said(gateway.address, post(&headers, body).as_bytes()).await;
        assert_eq!(statuses(&answer), [status], "{answer}");
        assert!(answer.contains(part), "{answer}");
    }
}
