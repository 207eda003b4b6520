//! What one call costs the client that carries it, in instructions: ours, reqwest, and hyper-util's, side by side, with and without TLS.
//!
//! `cargo bench --bench transport` runs itself under valgrind; the vendor is a process of its own, whose work does not count. The
//! answers are of one chat: whole (1 kB), and a stream of which each event is a chunk. `-- --calls CASE NUMBER` plays the calls and
//! nothing else, for a profiler (`SSL_CERT_FILE` names a file with a certificate and its key if there is TLS).

use std::{
    convert::Infallible,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use tower::{Service, ServiceExt};
use trunkline::{
    Body,
    client::{Client, ClientOptions, ReqwestClient},
};

/// Events in a short and in a long stream.
const SHORT: usize = 20;
const LONG: usize = 220;

/// Calls of a short and of a long run.
const FEW: usize = 200;
const MANY: usize = 400;

/// Ours with TLS is over HTTP/1.1, reqwest's over HTTP/2, and hyper-util's has none of its own.
const CASES: [(&str, &str); 5] = [
    ("ours", "http"),
    ("reqwest", "http"),
    ("hyper-util", "http"),
    ("ours", "https"),
    ("reqwest", "https"),
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let after = |flag| {
        let at = args.iter().position(|arg| arg == flag)?;
        Some(&args[at + 1..])
    };
    if let Some(rest) = after("--vendor") {
        return vendor(&rest[0]);
    }
    if let Some(rest) = after("--calls") {
        return play(&rest[0], rest[1].parse().expect("`--calls CASE NUMBER`"));
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: there is no `valgrind` here, which counts the instructions");
        return;
    }
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let file = std::env::temp_dir().join(format!("transport-{}.pem", std::process::id()));
    let pem = made.cert.pem() + &made.signing_key.serialize_pem();
    std::fs::write(&file, pem).expect("a file");
    println!("{:<24}{:>12}{:>12}", "client", "a call", "an event");
    for (client, scheme) in CASES {
        let call = |events: usize| {
            let case = format!("{client} {scheme} {events}");
            let more = counted(&case, MANY, &file).saturating_sub(counted(&case, FEW, &file));
            more / (MANY - FEW) as u64
        };
        let event = call(LONG).saturating_sub(call(SHORT)) / (LONG - SHORT) as u64;
        let name = format!("{client}, {scheme}");
        println!("{name:<24}{:>12}{event:>12}", call(0));
    }
    let _ = std::fs::remove_file(file);
}

/// The instructions of a whole run, as valgrind counts them.
fn counted(case: &str, calls: usize, certificate: &Path) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--calls", case, &calls.to_string()])
        .env("SSL_CERT_FILE", certificate)
        .output()
        .expect("valgrind runs");
    let told = String::from_utf8_lossy(&output.stderr);
    let line = told.lines().find(|line| line.contains("Collected"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("valgrind told no count:\n{told}"))
}

/// One call after another, each read to its end.
fn play(case: &str, calls: usize) {
    let [client, scheme, events] = case.split(' ').collect::<Vec<_>>()[..] else {
        panic!("a case is a client, a scheme and a number of events");
    };
    let vendor = Vendor::start(scheme);
    let url: Uri = format!("{scheme}://{}/v1/chat/{events}", vendor.address)
        .parse()
        .expect("a URL");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let options = ClientOptions::new();
        match client {
            "ours" => {
                let client = Client::new(&options).expect("a client");
                drive(client, &url, calls, Body::from).await;
            }
            "reqwest" => {
                let client = ReqwestClient::new(&options).expect("a client");
                drive(client, &url, calls, Body::from).await;
            }
            _ => {
                let mut connector = legacy::connect::HttpConnector::new();
                connector.set_nodelay(true);
                let client = legacy::Client::builder(TokioExecutor::new())
                    .pool_timer(TokioTimer::new())
                    .build(connector);
                drive(client, &url, calls, Full::<Bytes>::from).await;
            }
        }
    });
}

async fn drive<C, Q, B>(mut client: C, url: &Uri, calls: usize, body: fn(Bytes) -> Q)
where
    C: Service<Request<Q>, Response = Response<B>>,
    C::Error: std::fmt::Debug,
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    let question = Bytes::from(format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}]}}"#,
        "lorem ipsum ".repeat(40)
    ));
    for _ in 0..calls {
        let request = Request::post(url.clone())
            .header("content-type", "application/json")
            .header("authorization", "Bearer key")
            .header("user-agent", "bench")
            .body(body(question.clone()))
            .expect("a legal request");
        let client = client.ready().await.expect("a client");
        let mut answer = client.call(request).await.expect("an answer").into_body();
        while let Some(frame) = answer.frame().await {
            frame.expect("a whole answer");
        }
    }
}

/// The vendor's process, gone when this is dropped.
struct Vendor {
    child: Child,
    address: String,
}

impl Vendor {
    fn start(scheme: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--vendor", scheme])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a vendor");
        let mut out = BufReader::new(child.stdout.take().expect("its words"));
        let mut address = String::new();
        out.read_line(&mut address).expect("an address");
        Self {
            child,
            address: address.trim().to_owned(),
        }
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers as many requests as there are; with TLS in HTTP/2 if the client speaks it.
#[tokio::main(flavor = "current_thread")]
async fn vendor(scheme: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let tls = (scheme == "https").then(tls);
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let tls = tls.clone();
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            let service = service_fn(answer);
            match tls {
                None => {
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                }
                Some(tls) => {
                    let stream = tls.accept(stream).await.expect("a handshake");
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                }
            }
        });
    }
}

/// As many events as the path says, each a chunk; a whole answer if that is none.
async fn answer(
    request: Request<Incoming>,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, hyper::Error> {
    const TEXT: &str = "A trunk line is a group of circuits shared by many callers. ";
    static WHOLE: LazyLock<Bytes> = LazyLock::new(|| TEXT.repeat(17).into());
    static EVENT: LazyLock<Bytes> =
        LazyLock::new(|| format!("data: {}\n\n", TEXT.repeat(5)).into());
    let path = request.uri().path().to_owned();
    request.into_body().collect().await?;
    let events: usize = path
        .rsplit('/')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let (kind, body) = match events {
        0 => ("application/json", Full::new(WHOLE.clone()).boxed_unsync()),
        _ => {
            let events = (0..events).map(|_| Ok(Frame::data(EVENT.clone())));
            let body = StreamBody::new(futures_util::stream::iter(events));
            ("text/event-stream", body.boxed_unsync())
        }
    };
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static(kind));
    Ok(response)
}

/// With the certificate that the clients read where the system's are.
fn tls() -> TlsAcceptor {
    let file = std::env::var_os("SSL_CERT_FILE").expect("the file of a certificate and its key");
    let pem = std::fs::read(file).expect("a file");
    let certificate = CertificateDer::from_pem_slice(&pem).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(&pem).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
