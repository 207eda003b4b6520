//! What answers and vendors can be told beyond the plain.

use std::time::Duration;

use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use super::{bytes_of, io_kind, post};
use crate::{
    dialect::RateWindows,
    testing::{Answer, Encoding, LineEnds, Progress, RateLimit, Vendor},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn splits_lie_where_they_were_put() {
    let vendor = Vendor::new();
    vendor.push(Answer::data(["one", "two"]).split_at([14, 3, 3, 99]));
    let mut body = post(&vendor, "/", "").await.unwrap().into_body();
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        pieces.push(frame.unwrap().into_data().unwrap());
    }
    assert_eq!(pieces, ["dat", "a: one\n\ndat", "a: two\n\n"]);
    assert_eq!(vendor.requests()[0].sent(), 22);
}

#[test]
fn lines_end_as_told() {
    let answer = || Answer::sse(["event: a\ndata: 1\n\n", "data: 2\n\n"]);
    for (ends, text) in [
        (LineEnds::Lf, "event: a\ndata: 1\n\ndata: 2\n\n"),
        (LineEnds::CrLf, "event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n"),
        (LineEnds::Cr, "event: a\rdata: 1\r\rdata: 2\r\r"),
    ] {
        assert_eq!(answer().line_ends(ends).content(), text);
        let twice = answer().line_ends(LineEnds::CrLf).line_ends(ends);
        assert_eq!(twice.content(), text);
    }
}

#[tokio::test]
async fn a_claimed_length_is_kept_or_broken() {
    let vendor = Vendor::new();
    vendor.push(Answer::json(200, "{...}").claim_length(3));
    vendor.push(Answer::data(["x"]).claim_length(1000));
    let short = bytes_of(post(&vendor, "/", "").await.unwrap()).await;
    assert_eq!(short, "{..");
    let body = post(&vendor, "/", "").await.unwrap().into_body();
    assert_eq!(http_body::Body::size_hint(&body).exact(), Some(1000));
    let error = body.collect().await.unwrap_err();
    assert_eq!(io_kind(&error), std::io::ErrorKind::UnexpectedEof);

    let server = vendor.serve().await.unwrap();
    vendor.push(Answer::data(["x"]).claim_length(1000));
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    assert!(all.contains("content-length: 1000\r\n"), "{all}");
    assert!(all.ends_with("\r\n\r\ndata: x\n\n"), "{all}");
}

#[tokio::test(start_paused = true)]
async fn a_stall_may_come_amid_a_chunk() {
    let vendor = Vendor::new();
    vendor.push(Answer::data(["one", "two"]).stall_after_bytes(13));
    let body = post(&vendor, "/", "").await.unwrap().into_body();
    assert!(tokio::time::timeout(SECOND, body.collect()).await.is_err());
    let request = &vendor.requests()[0];
    assert_eq!(
        (request.sent(), request.progress()),
        (13, Progress::Aborted)
    );
}

#[test]
fn each_chunk_is_compressed_for_itself() {
    for encoding in Encoding::ALL {
        let plain = Answer::data(["one", "two", "three"]);
        let packed = plain.clone().encoded(encoding);
        assert_eq!(packed.chunks().len(), 3, "{encoding:?}");
        assert!(packed.chunks().iter().all(|chunk| !chunk.is_empty()));
        assert_ne!(packed.content(), plain.content());
        assert_eq!(
            packed.header_value("content-encoding").unwrap(),
            encoding.name()
        );
    }
}

#[tokio::test]
async fn a_head_alone_may_be_answered() {
    let vendor = Vendor::new();
    vendor.push(Answer::status(200));
    vendor.on_head(|request| {
        let length = request.header("content-length")?.parse::<u64>().ok()?;
        (length > 1000).then(|| Answer::status(413))
    });
    let server = vendor.serve().await.unwrap();
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut buffer = [0; 12];
    stream.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"HTTP/1.1 413");
    assert!(vendor.requests()[0].body.is_empty());
    let next = post(&vendor, "/", "").await.unwrap();
    assert_eq!(next.status(), 200, "the queue was not used");
}

#[tokio::test(start_paused = true)]
async fn requests_are_read_slowly_if_told() {
    let vendor = Vendor::new();
    vendor.always(Answer::status(200));
    vendor.read_slowly(SECOND);
    let start = Instant::now();
    post(&vendor, "/", "body").await.unwrap();
    // Before the one piece, and before the end.
    assert_eq!(start.elapsed(), 2 * SECOND);
    assert_eq!(vendor.requests()[0].body, "body");
    vendor.read_slowly(Duration::ZERO);
    post(&vendor, "/", "body").await.unwrap();
    assert_eq!(start.elapsed(), 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn limits_are_played_and_told_in_every_dialect() {
    for dialect in [
        "openai-chat",
        "anthropic",
        "gemini",
        "bedrock-converse",
        "cohere",
    ] {
        let vendor = Vendor::new();
        vendor.always(Answer::json(200, "{}"));
        let limit = RateLimit::new(dialect).requests(3).tokens(10);
        vendor.limit(
            limit
                .per(30 * SECOND)
                .cost(|request| request.body.len() as u64),
        );
        let mut seen = Vec::new();
        for body in ["1234", "12345", "12", "1", "1"] {
            let response = post(&vendor, "/", body).await.unwrap();
            let windows = RateWindows::of(response.headers());
            let told = matches!(dialect, "openai-chat" | "anthropic");
            assert_eq!(
                windows.iter().count(),
                if told { 2 } else { 0 },
                "{dialect}"
            );
            seen.push(response.status().as_u16());
            if seen.len() == 3 {
                let after = response.headers().get("retry-after").cloned();
                let body = bytes_of(response).await;
                let told = match dialect {
                    "gemini" => body.windows(7).any(|at| at == b"30.000s"),
                    _ => after.is_some_and(|after| after == "30"),
                };
                assert!(told, "{dialect}: {body:?}");
            }
        }
        // 4 and 5 tokens of 10, two are too many, one is not; then the requests are used up.
        assert_eq!(seen, [200, 200, 429, 200, 429], "{dialect}");
        tokio::time::sleep(30 * SECOND).await;
        assert_eq!(
            post(&vendor, "/", "1234567890").await.unwrap().status(),
            200
        );
    }
}
