use std::{net::SocketAddr, sync::atomic::AtomicUsize, sync::atomic::Ordering::SeqCst};

use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use super::*;

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n";
const BEGUN: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n";

/// A vendor that answers each request of a connection with the next of `answers`, then hangs up. Tells of every connection that is over.
struct Vendor {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    over: mpsc::UnboundedReceiver<()>,
}

impl Vendor {
    async fn new(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (tell, over) = mpsc::unbounded_channel();
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                let tell = tell.clone();
                tokio::spawn(async move {
                    for answer in answers {
                        let mut seen = Vec::new();
                        while !seen.ends_with(b"\r\n\r\n") {
                            if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                                return tell.send(());
                            }
                        }
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                    drop(stream);
                    tell.send(())
                });
            }
        });
        Self {
            address,
            connections,
            over,
        }
    }

    fn request(&self) -> Request<Body> {
        Request::get(format!("http://{}/v1/models", self.address))
            .body(Body::empty())
            .unwrap()
    }
}

fn client() -> PlainClient {
    PlainClient::new(&ClientOptions::new())
}

async fn text(response: Response<Body>) -> Result<String, BoxError> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec())?)
}

#[tokio::test]
async fn one_connection_serves_one_call_after_another() {
    let vendor = Vendor::new(&[WHOLE, CHUNKED, WHOLE, BEGUN]).await;
    let client = client();
    for _ in 0..3 {
        let response = client.call(vendor.request()).await.unwrap();
        assert_eq!(text(response).await.unwrap(), "hi");
    }
    assert_eq!(vendor.connections.load(SeqCst), 1);
}

#[tokio::test]
async fn calls_at_the_same_time_do_not_share() {
    let vendor = Vendor::new(&[WHOLE, WHOLE]).await;
    let client = client();
    let first = client.call(vendor.request()).await.unwrap();
    let second = client.call(vendor.request()).await.unwrap();
    assert_eq!(text(second).await.unwrap(), "hi");
    assert_eq!(text(first).await.unwrap(), "hi");
    assert_eq!(vendor.connections.load(SeqCst), 2);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_not_used() {
    let mut vendor = Vendor::new(&[WHOLE]).await;
    let client = client();
    for _ in 0..3 {
        let response = client.call(vendor.request()).await.unwrap();
        assert_eq!(text(response).await.unwrap(), "hi");
        vendor.over.recv().await.unwrap();
    }
    assert_eq!(vendor.connections.load(SeqCst), 3);
}

#[tokio::test]
async fn a_caller_who_leaves_hangs_up() {
    let mut vendor = Vendor::new(&[BEGUN, WHOLE]).await;
    let mut body = client().call(vendor.request()).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    drop(body);
    // The vendor, who waits for another request, finds the connection closed.
    vendor.over.recv().await.unwrap();
}

#[tokio::test]
async fn an_answer_cut_short_is_an_error() {
    let vendor = Vendor::new(&[BEGUN]).await;
    let response = client().call(vendor.request()).await.unwrap();
    text(response).await.unwrap_err();
}

#[tokio::test]
async fn a_connection_cut_before_the_answer_is_an_error_that_says_so() {
    let vendor = Vendor::new(&["HTTP/1.1 200"]).await;
    let error = client().call(vendor.request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(!error.is_unsent());
}

#[tokio::test]
async fn nobody_there_is_a_failure_before_sending() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let request = Request::get(format!("http://{address}/"))
        .body(Body::empty())
        .unwrap();
    let error = client().call(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.is_unsent());
}

#[test]
fn the_address_is_told_without_what_is_before_the_at() {
    let mut request = Request::get("http://user:pass@a.example:81/v1?x=1")
        .body(Body::empty())
        .unwrap();
    let authority = request.uri().authority().cloned().unwrap();
    spell(&mut request, &authority);
    assert_eq!(request.uri(), "/v1?x=1");
    assert_eq!(request.headers()[header::HOST], "a.example:81");
}
