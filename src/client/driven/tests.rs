use std::{
    net::SocketAddr,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        client::WebPkiServerVerifier,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::*;
use crate::BoxError;

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n";
const BEGUN: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n";
const LAST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
const TO_THE_END: &str = "HTTP/1.1 200 OK\r\n\r\nh";

/// What is around the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    Nothing,
    /// TLS that says which of these protocols it prefers.
    Tls(&'static [&'static str]),
}

const BOTH: [Around; 2] = [Around::Nothing, Around::Tls(&["h2", "http/1.1"])];

/// A certificate for this machine, which is its own issuer, and its key.
static CERTIFICATE: LazyLock<(CertificateDer<'static>, String)> = LazyLock::new(|| {
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    (made.cert.der().clone(), made.signing_key.serialize_pem())
});

/// A vendor that answers each request of a connection with the next of `answers`, then hangs up. Tells of every connection that is over.
struct Vendor {
    address: SocketAddr,
    around: Around,
    connections: Arc<AtomicUsize>,
    /// What was read at once, piece by piece.
    reads: mpsc::UnboundedReceiver<Vec<u8>>,
    over: mpsc::UnboundedReceiver<()>,
}

impl Vendor {
    async fn new(around: Around, answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (tell, over) = mpsc::unbounded_channel();
        let (read, reads) = mpsc::unbounded_channel();
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                let (tell, read) = (tell.clone(), read.clone());
                tokio::spawn(async move {
                    match around {
                        Around::Nothing => serve(stream, answers, read).await,
                        Around::Tls(protocols) => {
                            if let Ok(stream) = acceptor(protocols).accept(stream).await {
                                serve(stream, answers, read).await;
                            }
                        }
                    }
                    tell.send(())
                });
            }
        });
        Self {
            address,
            around,
            connections,
            reads,
            over,
        }
    }

    fn request(&self) -> Request<Body> {
        let scheme = match self.around {
            Around::Nothing => "http",
            Around::Tls(_) => "https",
        };
        get(&format!("{scheme}://{}/v1/models", self.address))
    }
}

fn acceptor(protocols: &[&str]) -> TlsAcceptor {
    let (certificate, key) = &*CERTIFICATE;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().into())
        .collect();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: &[&str],
    read: mpsc::UnboundedSender<Vec<u8>>,
) {
    for answer in answers {
        let mut seen = Vec::with_capacity(64 << 10);
        while !seen.ends_with(b"\r\n\r\n") {
            let before = seen.len();
            if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                return;
            }
            let _ = read.send(seen[before..].to_vec());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
}

fn get(url: &str) -> Request<Body> {
    Request::get(url).body(Body::empty()).unwrap()
}

fn client() -> DrivenClient {
    client_of(&ClientOptions::new())
}

/// One that trusts the vendor above.
fn client_of(options: &ClientOptions) -> DrivenClient {
    let mut roots = RootCertStore::empty();
    roots.add(CERTIFICATE.0.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
    let tls = tls::verified_by(verifier.build().unwrap(), provider).unwrap();
    DrivenClient::over(Connector::new(options, Some(tls)), options)
}

/// A vendor for whom each connection is served so, by its number. Where it is, and how many connections there were.
async fn vendor<F>(
    serve: impl Fn(TcpStream, usize) -> F + Send + 'static,
) -> (String, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let served = serve(stream, count.fetch_add(1, SeqCst));
            tokio::spawn(served);
        }
    });
    (url, connections)
}

/// Reads until there is a head. Is there one?
async fn has_head(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    while !seen.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
            return false;
        }
    }
    true
}

/// As they should be: with and without a body, in one piece and in many, one after another.
#[tokio::test]
async fn answers_are_read_however_they_come_and_end() {
    let one = "HTTP/1.1 200 OK|content-length: 2||hi";
    let two = format!("{one}{one}");
    let hinted = format!("HTTP/1.1 100 Continue||HTTP/1.1 103 Early Hints|link: <x>||{one}");
    let http10 = |more: &str| format!("HTTP/1.0 200 OK|{more}|");
    for (method, answer, wanted, is_kept) in [
        ("GET", one, (200, "hi"), true),
        ("GET", &hinted, (200, "hi"), true),
        (
            "GET",
            "HTTP/1.1 200 OK|transfer-encoding: chunked||2;x=y|hi|0|a: b||",
            (200, "hi"),
            true,
        ),
        (
            "GET",
            "HTTP/1.1 200 OK|content-length: 0||",
            (200, ""),
            true,
        ),
        ("GET", "HTTP/1.1 204 No Content||", (204, ""), true),
        (
            "GET",
            "HTTP/1.1 304 Not Modified|content-length: 2||",
            (304, ""),
            true,
        ),
        (
            "HEAD",
            "HTTP/1.1 200 OK|content-length: 2||",
            (200, ""),
            true,
        ),
        (
            "HEAD",
            "HTTP/1.1 200 OK|transfer-encoding: chunked||",
            (200, ""),
            true,
        ),
        ("HEAD", "HTTP/1.1 200 OK||", (200, ""), true),
        (
            "GET",
            &http10("content-length: 2|connection: keep-alive|").replace("||", "||hi"),
            (200, "hi"),
            true,
        ),
        (
            "GET",
            &http10("content-length: 2|").replace("||", "||hi"),
            (200, "hi"),
            false,
        ),
        (
            "GET",
            "HTTP/1.1 200 OK|transfer-encoding: chunked|content-length: 2||2|hi|0||",
            (200, "hi"),
            false,
        ),
        // What nobody had asked for makes the connection unusable.
        ("GET", &two, (200, "hi"), false),
        ("HEAD", one, (200, ""), false),
        (
            "GET",
            "HTTP/1.1 304 Not Modified|content-length: 2||hi",
            (304, ""),
            false,
        ),
        (
            "GET",
            "HTTP/1.1 200 OK|transfer-encoding: chunked||2|hi|0|||",
            (200, "hi"),
            false,
        ),
    ] {
        let answer = answer.replace('|', "\r\n");
        // More would come while nobody listens any more, or when somebody else does.
        let sizes = if is_kept {
            &[usize::MAX, 1, 3][..]
        } else {
            &[usize::MAX]
        };
        for size in sizes {
            let (answer, size) = (answer.clone(), *size);
            let (url, connections) = vendor(move |mut stream, _| {
                let answer = answer.clone();
                async move {
                    while has_head(&mut stream).await {
                        for piece in answer.as_bytes().chunks(size) {
                            stream.write_all(piece).await.unwrap();
                            tokio::task::yield_now().await;
                        }
                    }
                }
            })
            .await;
            let client = client();
            for _ in 0..3 {
                let mut request = get(&url);
                *request.method_mut() = method.parse().unwrap();
                let response = client.call(request).await.unwrap();
                assert_eq!(response.status(), wanted.0);
                let body = text(response).await;
                assert_eq!(body.unwrap(), wanted.1, "{method} {url}");
            }
            let connections = connections.load(SeqCst);
            assert_eq!(
                connections,
                if is_kept { 1 } else { 3 },
                "{method} {wanted:?} {size}"
            );
        }
    }
}

/// Wherever it breaks off, and whatever is wrong with it.
#[tokio::test]
async fn what_is_no_answer_is_an_error_and_the_end_of_its_connection() {
    let whole = "HTTP/1.1 200 OK|transfer-encoding: chunked||2|hi|0||".replace('|', "\r\n");
    let cut = (1..whole.len()).map(|end| whole[..end].to_owned());
    let wrong = [
        "HTTP/1.1 101 Switching Protocols|upgrade: x||",
        "HTTP/1.1 200 OK|content-length: 2|content-length: 3||hi!",
        "HTTP/1.1 200 OK|transfer-encoding: chunked||2|hi!|0||",
        "HTTP/1.1 200 OK|transfer-encoding: chunked||x|",
        "HTTP/1.1 100 Continue||SSH-2.0|",
        "\x15\x03\x01",
    ];
    let wrong = wrong.map(|answer| answer.replace('|', "\r\n"));
    for answer in cut.chain(wrong) {
        let told = answer.clone();
        let (url, connections) = vendor(move |mut stream, _| {
            let told = told.clone();
            async move {
                assert!(has_head(&mut stream).await);
                stream.write_all(told.as_bytes()).await.unwrap();
            }
        })
        .await;
        let client = client();
        let sent = client.call(get(&url)).await;
        let failed = match sent {
            Ok(response) => text(response).await.is_err(),
            Err(error) => !error.is_unsent(),
        };
        assert!(failed, "{answer:?}");
        assert_eq!(
            (client.0.pool.len(), connections.load(SeqCst)),
            (0, 1),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_counts_though_the_request_was_not_read_to_its_end() {
    const REFUSED: &[u8] = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig";
    for hangs_up in [true, false] {
        let (tell, mut over) = mpsc::unbounded_channel();
        let (url, _) = vendor(move |mut stream, _| {
            let tell = tell.clone();
            async move {
                assert!(has_head(&mut stream).await);
                stream.write_all(REFUSED).await.unwrap();
                if !hangs_up {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                }
                tell.send(()).unwrap();
            }
        })
        .await;
        let client = client();
        for is_streamed in [true, false].repeat(5) {
            let body = Bytes::from(vec![b'x'; 5 << 20]);
            let mut request = get(&url);
            *request.method_mut() = http::Method::POST;
            *request.body_mut() = match is_streamed {
                false => Body::from(body),
                true => {
                    let pieces = vec![body; 3];
                    let pieces = pieces.into_iter().map(http_body::Frame::data);
                    let pieces = stream::iter(pieces.map(Ok::<_, BoxError>));
                    Body::new(StreamBody::new(pieces))
                }
            };
            let response = client.call(request).await.unwrap();
            assert_eq!(response.status(), 413);
            assert_eq!(text(response).await.unwrap(), "big");
            assert_eq!(client.0.pool.len(), 0);
            over.recv().await.unwrap();
        }
    }
}

/// As it was before, that of another call, or nothing at all.
#[tokio::test]
async fn what_a_vendor_says_unasked_is_no_answer() {
    for unasked in [
        "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad",
        "\r\n",
        "x",
    ] {
        let (tell, mut told) = mpsc::unbounded_channel();
        let tell_too = tell.clone();
        let (url, connections) = vendor(move |mut stream, _| {
            let tell = tell.clone();
            async move {
                assert!(has_head(&mut stream).await);
                stream.write_all(WHOLE.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
                stream.write_all(unasked.as_bytes()).await.unwrap();
                tell.send(()).unwrap();
                has_head(&mut stream).await;
            }
        })
        .await;
        let client = client();
        for calls in 1..=3 {
            let response = client.call(get(&url)).await.unwrap();
            assert_eq!(text(response).await.unwrap(), "hi");
            assert_eq!(connections.load(SeqCst), calls);
            // Until the news is here.
            told.recv().await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Nor is it one on a new connection, where nothing was asked at all.
        let (url, _) = vendor(move |mut stream, _| {
            let tell = tell_too.clone();
            async move {
                stream.write_all(unasked.as_bytes()).await.unwrap();
                tell.send(()).unwrap();
                has_head(&mut stream).await;
            }
        })
        .await;
        let authority = url.parse::<Uri>().unwrap().authority().unwrap().clone();
        let message = Message::new(get(&url), &authority);
        let origin = Origin::new(false, authority);
        let line = client.0.connector.connect(origin).await.unwrap();
        told.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let sent = line.send(message).await;
        assert!(matches!(sent, Err(Unanswered::Unsent(..))), "{unasked:?}");
    }
}

#[tokio::test]
async fn a_request_whose_body_breaks_off_is_over_at_once() {
    let frame = |text: &'static str| Ok(http_body::Frame::data(Bytes::from(text)));
    for pieces in [0, 1] {
        let (tell, mut over) = mpsc::unbounded_channel();
        let (url, connections) = vendor(move |mut stream, _| {
            let tell = tell.clone();
            async move {
                assert!(has_head(&mut stream).await);
                stream.write_all(WHOLE.as_bytes()).await.unwrap();
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
                tell.send(String::from_utf8(rest).unwrap()).unwrap();
            }
        })
        .await;
        // There is a connection to be used, and it is not another one's turn then.
        let client = client();
        let response = client.call(get(&url)).await.unwrap();
        assert_eq!(text(response).await.unwrap(), "hi");
        let mut request = get(&url);
        let failure = stream::once(async move {
            // What came before it goes out by itself.
            for _ in 0..pieces {
                tokio::task::yield_now().await;
            }
            Err(BoxError::from("the caller has left"))
        });
        let body = stream::iter((0..pieces).map(move |_| frame("hello")));
        *request.body_mut() = Body::new(StreamBody::new(Box::pin(body.chain(failure))));
        let error = client.call(request).await.unwrap_err();
        assert!(!error.is_unsent());
        let rest = over.recv().await.unwrap();
        assert!(!rest.contains("0\r\n\r\n"), "{rest}");
        assert_eq!(rest.ends_with("5\r\nhello\r\n"), pieces > 0, "{rest}");
        assert_eq!((client.0.pool.len(), connections.load(SeqCst)), (0, 1));
    }
}

async fn text(response: Response<Body>) -> Result<String, BoxError> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec())?)
}

#[tokio::test]
async fn one_connection_serves_one_call_after_another() {
    for around in BOTH {
        let vendor = Vendor::new(around, &[WHOLE, CHUNKED, WHOLE, BEGUN]).await;
        let client = client();
        for _ in 0..3 {
            let response = client.call(vendor.request()).await.unwrap();
            assert_eq!(text(response).await.unwrap(), "hi");
        }
        assert_eq!(vendor.connections.load(SeqCst), 1, "{around:?}");
    }
}

#[tokio::test]
async fn calls_at_the_same_time_do_not_share() {
    for around in BOTH {
        let vendor = Vendor::new(around, &[WHOLE, WHOLE]).await;
        let client = client();
        let first = client.call(vendor.request()).await.unwrap();
        let second = client.call(vendor.request()).await.unwrap();
        assert_eq!(text(second).await.unwrap(), "hi");
        assert_eq!(text(first).await.unwrap(), "hi");
        assert_eq!(vendor.connections.load(SeqCst), 2, "{around:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_or_will_be_closed_is_not_used() {
    for around in BOTH {
        for answers in [&[WHOLE][..], &[LAST, WHOLE]] {
            let mut vendor = Vendor::new(around, answers).await;
            let client = client();
            for _ in 0..3 {
                let response = client.call(vendor.request()).await.unwrap();
                assert_eq!(text(response).await.unwrap(), "hi");
                vendor.over.recv().await.unwrap();
            }
            assert_eq!(vendor.connections.load(SeqCst), 3, "{around:?}");
        }
    }
}

/// So whoever has it can send it elsewhere.
#[tokio::test]
async fn a_request_that_finds_its_connection_closed_comes_back() {
    for around in BOTH {
        let mut vendor = Vendor::new(around, &[]).await;
        let request = vendor.request();
        let (uri, tls) = (request.uri(), around != Around::Nothing);
        let origin = Origin::new(tls, uri.authority().unwrap().clone());
        let message = Message::new(request, &origin.authority);
        let line = client().0.connector.connect(origin).await.unwrap();
        vendor.over.recv().await.unwrap();
        // Until the news is here.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let Err(Unanswered::Unsent(message, _)) = line.send(message).await else {
            panic!("{around:?}");
        };
        assert!(message.is_unsent());
    }
}

#[tokio::test]
async fn a_caller_who_leaves_hangs_up() {
    for around in BOTH {
        // Before the answer, and within it.
        let mut vendor = Vendor::new(around, &[BEGUN, WHOLE]).await;
        let client = client();
        let mut body = client.call(vendor.request()).await.unwrap().into_body();
        assert!(body.frame().await.unwrap().is_ok());
        drop(body);
        // The vendor, who waits for another request, finds the connection closed.
        vendor.over.recv().await.unwrap();

        let mut vendor = Vendor::new(around, &["", WHOLE]).await;
        let call = client.call(vendor.request());
        tokio::select! {
            _ = call => panic!("there is no answer"),
            _ = vendor.reads.recv() => {}
        }
        vendor.over.recv().await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_cut_short_is_an_error() {
    for around in BOTH {
        let vendor = Vendor::new(around, &[BEGUN]).await;
        let response = client().call(vendor.request()).await.unwrap();
        text(response).await.unwrap_err();
    }
    // An answer that ends with its connection is whole if that ends as it should: TLS says goodbye.
    for (around, whole) in BOTH.into_iter().zip([true, false]) {
        let vendor = Vendor::new(around, &[TO_THE_END]).await;
        let response = client().call(vendor.request()).await.unwrap();
        assert_eq!(text(response).await.is_ok(), whole, "{around:?}");
    }
}

#[tokio::test]
async fn a_connection_cut_before_the_answer_is_an_error_that_says_so() {
    for around in BOTH {
        let vendor = Vendor::new(around, &["HTTP/1.1 200"]).await;
        let error = client().call(vendor.request()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert!(!error.is_unsent());
    }
}

#[tokio::test]
async fn whoever_cannot_be_connected_to_has_seen_nothing() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    // It accepts, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = silent.local_addr().map(|a| (a, silent)).unwrap();
    let tls = Vendor::new(Around::Tls(&["http/1.1"]), &[WHOLE])
        .await
        .address;
    let newer = Vendor::new(Around::Tls(&["h2"]), &[WHOLE]).await.address;
    let slow = Some("connect_timeout");
    for (url, code, cause) in [
        (format!("http://{nobody}/"), None, "refused"),
        (format!("https://{nobody}/"), None, "refused"),
        ("http://nobody.invalid/".to_owned(), None, "lookup"),
        (format!("https://{}/", silent.0), slow, "too long"),
        (format!("https://{newer}/"), None, "HTTP/2 only"),
        (
            format!("https://[::ffff:127.0.0.1]:{}/", tls.port()),
            None,
            "NotValidForName",
        ),
    ] {
        let options = ClientOptions::new();
        let client = match code {
            Some(_) => client_of(&options.connect_timeout(Duration::from_millis(5))),
            None => client_of(&options),
        };
        let error = client.call(get(&url)).await.unwrap_err();
        let kind = match code {
            Some(_) => ErrorKind::Timeout,
            None => ErrorKind::Connection,
        };
        assert_eq!((error.kind(), error.code()), (kind, code), "{url}");
        assert!(error.is_unsent(), "{url}");
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
        let causes: String = causes.map(|cause| format!("{cause}: {cause:?} ")).collect();
        assert!(causes.contains(cause), "{url}: {causes}");
    }
    // Who is trusted by nobody here.
    let stranger = DrivenClient::new(&ClientOptions::new()).unwrap();
    let error = stranger
        .call(get(&format!("https://{tls}/")))
        .await
        .unwrap_err();
    assert!(error.is_unsent(), "{error:?}");
    assert_eq!(error.message(), "the vendor could not be connected to");
}

#[tokio::test]
async fn the_head_says_where_to_and_goes_out_with_the_body() {
    for around in BOTH {
        let mut vendor = Vendor::new(around, &[WHOLE, WHOLE]).await;
        let client = client();
        let port = vendor.address.port();
        for _ in 0..2 {
            let mut request = vendor.request();
            let url = request.uri().to_string();
            let url = url.replace("127.0.0.1", "user:pass@localhost") + "?x=1";
            *request.uri_mut() = url.parse().unwrap();
            *request.method_mut() = http::Method::POST;
            request
                .headers_mut()
                .insert("content-length", 10_010.into());
            let large = Bytes::from(vec![b'a'; 10_000]);
            let pieces = [Bytes::from("model"), large, Bytes::from("e\r\n\r\n")];
            let pieces = pieces.map(|bytes| Ok::<_, BoxError>(http_body::Frame::data(bytes)));
            *request.body_mut() = Body::new(StreamBody::new(stream::iter(pieces)));
            let response = client.call(request).await.unwrap();
            assert_eq!(text(response).await.unwrap(), "hi");
            let read = String::from_utf8(vendor.reads.recv().await.unwrap()).unwrap();
            assert!(
                read.starts_with("POST /v1/models?x=1 HTTP/1.1\r\n"),
                "{read}"
            );
            assert!(
                read.contains(&format!("\r\nhost: localhost:{port}\r\n")),
                "{read}"
            );
            assert!(
                read.ends_with("aae\r\n\r\n"),
                "{} bytes at once",
                read.len()
            );
        }
        assert_eq!(vendor.connections.load(SeqCst), 1, "{around:?}");
    }
}

#[tokio::test]
async fn idle_connections_are_few_and_grow_old_unasked() {
    let mut vendor = Vendor::new(Around::Nothing, &[WHOLE, WHOLE]).await;
    for most in [0, 1, 5] {
        let client = client_of(&ClientOptions::new().max_idle(most));
        let mut running = Vec::new();
        for _ in 0..3 {
            running.push(client.call(vendor.request()).await.unwrap());
        }
        for response in running {
            text(response).await.unwrap();
        }
        assert_eq!(client.0.pool.len(), most.min(3));
        // The vendor hears of those that are not kept.
        for _ in most.min(3)..3 {
            vendor.over.recv().await.unwrap();
        }
        tokio::time::pause();
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert_eq!(client.0.pool.len(), 0);
        for _ in 0..most.min(3) {
            vendor.over.recv().await.unwrap();
        }
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_connection_that_was_opened_ahead_serves_the_first_call() {
    for around in BOTH {
        let vendor = Vendor::new(around, &[WHOLE]).await;
        let client = client();
        let request = vendor.request();
        for _ in 0..2 {
            client.connect(request.uri()).await.unwrap();
        }
        assert_eq!(client.0.pool.len(), 1, "{around:?}");
        let answer = client.call(request).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], b"hi");
        assert_eq!(vendor.connections.load(SeqCst), 1, "{around:?}");
    }
}

#[tokio::test]
async fn who_cannot_be_reached_is_told_before_the_first_call() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Uri = format!("http://{}/", closed.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(closed);
    let error = client().connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let error = client()
        .connect(&Uri::from_static("/v1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}
