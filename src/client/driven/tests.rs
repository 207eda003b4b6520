use std::{
    net::SocketAddr,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
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
