//! Which way calls go out: direct, or through the proxy that the configuration names.

mod support;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::{Request, Response, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use support::{
    Running, chat, post,
    process::{Dir, Process},
    proxy::{Dead, Proxy},
    served,
};
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, pem::PemObject},
    },
};
use trunkline::testing::Vendor;

#[tokio::test]
async fn calls_go_through_the_proxy_that_is_named() {
    let vendor = Vendor::echo();
    let server = served(&vendor).await;
    let (http, socks) = (Proxy::http().await, Proxy::socks5().await);
    let text = r#"
providers:
  proxied:
    kind: openai-compatible
    base_url: ${VENDOR}
    proxy: http://user:canary-h@${HTTP}
    accounts:
      - { name: provider-way, api_key: k1 }
      - { name: own-way, api_key: k2, proxy: "socks5://user:canary-s@${SOCKS}" }
  mixed:
    kind: openai-compatible
    base_url: ${VENDOR}
    accounts:
      - { name: direct, api_key: k3 }
      - { name: names-too, api_key: k4, proxy: "socks5h://${SOCKS}" }
models:
  proxied:
    deployments: [proxied/m]
    balance: round-robin
  mixed:
    deployments: [mixed/m]
    balance: round-robin
"#;
    let env = [
        ("VENDOR", server.url("/v1")),
        ("HTTP", http.address.to_string()),
        ("SOCKS", socks.address.to_string()),
    ];
    let gateway = Running::start(text, &env).await;

    let mut ways = Vec::new();
    for model in ["proxied", "proxied", "mixed", "mixed"] {
        let before = (
            server.connections(),
            http.connections(),
            socks.connections(),
        );
        let (status, headers, body) =
            post(&gateway.url("/v1/chat/completions"), chat(model, true)).await;
        assert_eq!(status, 200, "{body}");
        assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
        let way = (
            headers["x-trunkline-account"].to_str().unwrap().to_owned(),
            server.connections() - before.0,
            http.connections() - before.1,
            socks.connections() - before.2,
        );
        ways.push(way);
    }
    ways.sort();
    let want = [
        ("direct", 1, 0, 0),
        ("names-too", 1, 0, 1),
        ("own-way", 1, 0, 1),
        ("provider-way", 1, 1, 0),
    ];
    let want = want.map(|(account, vendor, http, socks)| (account.to_owned(), vendor, http, socks));
    assert_eq!(ways, want);

    // The first of these is base64 of `user:canary-h`.
    let opening = &http.openings()[0].to_ascii_lowercase();
    let credentials = "proxy-authorization: basic dXNlcjpjYW5hcnktaA==".to_ascii_lowercase();
    assert!(opening.contains(&credentials), "{opening}");
    assert_eq!(socks.openings(), ["user:canary-s"]);
    let shown = format!(
        "{:?} {:?}",
        gateway.gateway,
        gateway.gateway.pools().snapshot()
    );
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn a_proxy_in_the_environment_is_ignored() {
    let vendor = Vendor::echo();
    let server = served(&vendor).await;
    let dir = Dir::with(&config(&server.url("/v1"), ""));
    let mut command = dir.gateway(&["--listen", "127.0.0.1:0"]);
    let dead = Dead::new();
    let nobody = format!("http://{}", dead.address());
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env(name, &nobody);
    }
    let gateway = Process::start(command).await;
    let (status, _, body) = post(&gateway.url("/v1/chat/completions"), chat("m", false)).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(vendor.requests().len(), 1);
}

#[tokio::test]
async fn a_dead_proxy_is_a_failure_like_another_and_its_password_is_told_to_nobody() {
    let vendor = Vendor::echo();
    let server = served(&vendor).await;
    for scheme in ["http", "socks5", "socks5h"] {
        let dead = Dead::new();
        let proxy = format!("{scheme}://user:canary-secret@{}", dead.address());
        let dir = Dir::with(&config(&server.url("/v1"), &proxy));
        let mut command = dir.gateway(&["--listen", "127.0.0.1:0"]);
        command.env("RUST_LOG", "trace");
        let gateway = Process::start(command).await;
        let url = gateway.url("/v1/chat/completions");
        let mut told = gateway.greeting.clone();
        let mut attempts = Vec::new();
        for _ in 0..2 {
            let (status, headers, body) = post(&url, chat("either", false)).await;
            assert_eq!(status, 200, "{scheme}: {body}");
            assert_eq!(headers["x-trunkline-account"], "direct");
            attempts.push(headers["x-trunkline-attempts"].to_str().unwrap().to_owned());
        }
        assert!(
            attempts.contains(&"2".to_owned()),
            "one began at the dead one"
        );
        let (status, headers, body) = post(&url, chat("m", false)).await;
        assert_eq!(status, 502, "{scheme}: {body}");
        told += &format!("{headers:?} {body}");
        gateway.logged("failed").await;
        gateway.terminate().await;
        let (code, log) = gateway.ended().await;
        assert_eq!(code, Some(0));
        assert!(log.contains("listening"), "{log}");
        told += &log;
        for secret in ["canary", "dXNlcjpjYW5hcnk", "key-m"] {
            assert!(!told.contains(secret), "{scheme}: {secret} in {told}");
        }
    }
}

/// A vendor with TLS, who would rather speak HTTP/2, and the versions in which it was asked. Its certificate is in the directory.
async fn secure(dir: &Dir) -> (SocketAddr, Arc<Mutex<Vec<Version>>>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    dir.write("vendor.pem", &made.cert.pem());
    let key = made.signing_key.serialize_pem();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let versions = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, versions) = (acceptor.clone(), versions.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                versions.lock().unwrap().push(request.version());
                let answer = r#"{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}"#;
                let response = Response::builder().header("content-type", "application/json");
                async move { response.body(answer.to_owned()) }
            });
            tokio::spawn(async move {
                // Who does not trust it leaves.
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, asked)
}

#[tokio::test]
async fn tls_trusts_whom_the_system_trusts_and_http_2_is_spoken_if_asked_for() {
    let dir = Dir::new();
    let (address, asked) = secure(&dir).await;
    let text = format!(
        r#"
providers:
  older: {{ kind: openai-compatible, base_url: "https://{address}/v1", accounts: [k] }}
  newer: {{ kind: openai-compatible, base_url: "https://{address}/v1", http2: true, accounts: [k] }}
models:
  older: [older/m]
  newer: [newer/m]
"#
    );
    dir.write("gateway.yaml", &text);
    for trusted in [true, false] {
        let mut command = dir.gateway(&["--listen", "127.0.0.1:0"]);
        if trusted {
            command.env("SSL_CERT_FILE", dir.path().join("vendor.pem"));
        }
        let gateway = Process::start(command).await;
        let url = gateway.url("/v1/chat/completions");
        for model in ["older", "newer"] {
            let (status, _, body) = post(&url, chat(model, false)).await;
            let wanted = if trusted { 200 } else { 502 };
            assert_eq!(status, wanted, "{model}: {body}");
        }
    }
    let versions = [Version::HTTP_11, Version::HTTP_2];
    assert_eq!(*asked.lock().unwrap(), versions);
}

/// One account behind the proxy (if there is one), and one that goes direct.
fn config(vendor: &str, proxy: &str) -> String {
    let proxy = match proxy {
        "" => String::new(),
        proxy => format!("proxy: \"{proxy}\""),
    };
    format!(
        r#"
retry: {{ base: 1ms, max: 10ms }}
providers:
  one:
    kind: openai-compatible
    base_url: {vendor}
    {proxy}
    accounts: [{{ name: behind, api_key: key-m }}]
  two:
    kind: openai-compatible
    base_url: {vendor}
    accounts: [{{ name: direct, api_key: key-m }}]
models:
  m: [one/m]
  either:
    deployments: [one/m, two/m]
    balance: round-robin
"#
    )
}
