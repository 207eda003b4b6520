//! The server form, over plain sockets.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::testing::{Answer, Progress, Script, Server, Vendor};

const POST: &str = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";

async fn connect(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(POST.as_bytes()).await.unwrap();
    stream
}

/// Everything up to the end of the connection, and how it ended.
async fn read_all(stream: &mut TcpStream) -> (String, io::Result<()>) {
    let mut all = Vec::new();
    let end = stream.read_to_end(&mut all).await.map(drop);
    (String::from_utf8(all).unwrap(), end)
}

async fn read_until(stream: &mut TcpStream, mark: &str) -> String {
    let mut all = String::new();
    while !all.contains(mark) {
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).await.unwrap();
        assert_ne!(count, 0, "closed before {mark:?}: {all}");
        all.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    all
}

/// The data of a chunked body, and whether its last chunk came.
fn dechunk(response: &str) -> (String, bool) {
    let (_, mut rest) = response.split_once("\r\n\r\n").unwrap();
    let mut data = String::new();
    while let Some((size, more)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (data, true);
        }
        data.push_str(&more[..size]);
        rest = &more[size + 2..];
    }
    (data, false)
}

#[tokio::test]
async fn it_serves_real_http_and_keeps_the_connection() {
    let vendor = Vendor::new();
    vendor.push(Answer::json(200, r#"{"n":1}"#));
    vendor.push(Answer::data(["x"]));
    let server = vendor.serve().await.unwrap();
    assert_eq!(server.url("/v1"), format!("http://{}/v1", server.addr()));

    let mut stream = connect(&server).await;
    let whole = read_until(&mut stream, r#"{"n":1}"#).await;
    assert!(whole.starts_with("HTTP/1.1 200 OK\r\n"), "{whole}");
    assert!(whole.contains("content-length: 7\r\n"), "{whole}");
    stream.write_all(POST.as_bytes()).await.unwrap();
    let streamed = read_until(&mut stream, "0\r\n\r\n").await;
    assert!(
        streamed.contains("transfer-encoding: chunked\r\n"),
        "{streamed}"
    );
    assert_eq!(dechunk(&streamed), ("data: x\n\n".to_owned(), true));

    assert_eq!((server.connections(), server.open_connections()), (1, 1));
    let requests = vendor.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].text(), "{}");
    assert_eq!(requests[0].path(), "/v1/chat/completions");
    vendor.wait_for_idle().await;
    assert_eq!(vendor.finished(), 2);
}

#[tokio::test]
async fn a_body_sent_byte_by_byte_arrives_whole() {
    let vendor = Vendor::new();
    let answer = Script::new()
        .text("Grüße aus Köln 🙂")
        .openai("gpt-4o", true, true);
    vendor.push(answer.clone().chunks_of(1));
    let server = vendor.serve().await.unwrap();
    let mut stream = connect(&server).await;
    let mut raw = Vec::new();
    while !raw.ends_with(b"0\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut raw).await.unwrap(), 0);
    }
    // Each byte is a chunk: its size, the byte, two line ends.
    let body = raw.windows(4).position(|at| at == b"\r\n\r\n").unwrap() + 4;
    let data: Vec<u8> = raw[body..raw.len() - 5]
        .chunks(6)
        .map(|chunk| {
            assert_eq!((&chunk[..3], &chunk[4..]), (&b"1\r\n"[..], &b"\r\n"[..]));
            chunk[3]
        })
        .collect();
    assert_eq!(data, answer.content());
}

#[tokio::test]
async fn a_cut_stream_delivers_its_bytes_and_lacks_the_last_chunk() {
    let vendor = Vendor::new();
    vendor.push(Answer::data(["one", "two"]).cut_after(14));
    vendor.push(
        Answer::data(["one", "two"])
            .end_early_after(1)
            .header("connection", "close"),
    );
    let server = vendor.serve().await.unwrap();

    let (cut, end) = read_all(&mut connect(&server).await).await;
    end.unwrap();
    assert_eq!(dechunk(&cut), ("data: one\n\ndat".to_owned(), false));

    let (early, end) = read_all(&mut connect(&server).await).await;
    end.unwrap();
    assert_eq!(dechunk(&early), ("data: one\n\n".to_owned(), true));
}

#[tokio::test]
async fn a_cut_whole_body_is_shorter_than_announced() {
    let vendor = Vendor::new();
    vendor.push(Answer::json(200, r#"{"long":"body"}"#).cut_after(4));
    let server = vendor.serve().await.unwrap();
    let (response, end) = read_all(&mut connect(&server).await).await;
    end.unwrap();
    assert!(response.contains("content-length: 15\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n{\"lo"), "{response}");
}

#[tokio::test]
async fn the_client_sees_a_hang_up_and_a_reset() {
    let vendor = Vendor::new();
    vendor.push(Answer::hang_up());
    vendor.push(Answer::reset());
    vendor.push(Answer::refuse());
    vendor.push(Answer::data(["one"]).reset_after(4));
    let server = vendor.serve().await.unwrap();

    let (nothing, end) = read_all(&mut connect(&server).await).await;
    assert_eq!(nothing, "");
    end.unwrap();
    for _ in 0..2 {
        let (nothing, end) = read_all(&mut connect(&server).await).await;
        assert_eq!(nothing, "");
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
    let (partial, end) = read_all(&mut connect(&server).await).await;
    assert!(!partial.contains("one"), "{partial}");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert!(
        vendor
            .requests()
            .iter()
            .all(|request| request.progress() == Progress::Faulted)
    );
}

#[tokio::test]
async fn a_client_that_leaves_aborts_its_stream() {
    let vendor = Vendor::new();
    vendor.push(Answer::data(["one", "two"]).stall_after(1));
    vendor.push(Answer::silence());
    let server = vendor.serve().await.unwrap();

    let mut stream = connect(&server).await;
    read_until(&mut stream, "data: one").await;
    assert_eq!(vendor.open_streams(), 1);
    drop(stream);
    vendor.wait_for_aborted(1).await;
    assert_eq!(vendor.open_streams(), 0);

    let stream = connect(&server).await;
    vendor.wait_for_requests(2).await;
    assert_eq!(vendor.in_flight(), 1);
    drop(stream);
    vendor.wait_for_aborted(2).await;
    assert_eq!(vendor.in_flight(), 0);
}

#[tokio::test]
async fn shutdown_lets_answers_end_and_then_refuses() {
    let vendor = Vendor::new();
    vendor.push(Answer::data(["one", "two"]).between(std::time::Duration::from_millis(5)));
    let server = vendor.serve().await.unwrap();
    let addr = server.addr();
    let mut stream = connect(&server).await;
    let mut text = read_until(&mut stream, "one").await;
    let (rest, ()) = tokio::join!(read_all(&mut stream), server.shutdown());
    text.push_str(&rest.0);
    assert_eq!(
        dechunk(&text),
        ("data: one\n\ndata: two\n\n".to_owned(), true)
    );
    let refused = TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections() {
    let vendor = Vendor::new();
    vendor.push(Answer::data(["one"]).stall_after(1));
    let server = vendor.serve().await.unwrap();
    let mut stream = connect(&server).await;
    read_until(&mut stream, "one").await;
    drop(server);
    let _ = read_all(&mut stream).await;
    vendor.wait_for_aborted(1).await;
    assert_eq!(vendor.in_flight(), 0);
}
