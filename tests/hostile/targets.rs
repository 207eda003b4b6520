//! Where a request goes is the operator's business alone.

use http_body_util::BodyExt;
use tower::{Service, ServiceExt};
use trunkline::{
    Body, BoxError,
    client::{Client, ClientOptions, ReqwestClient},
    testing::{Answer, Script, Vendor},
};

use crate::support::{Running, chat, messages, post, served, whole};

const CONFIG: &str = r#"
retry: { max_attempts: 1 }
providers:
  acme: { kind: openai-compatible, base_url: "${V}/v1", accounts: [k] }
  google: { kind: gemini-compatible, base_url: "${V}/v1beta", accounts: [k] }
  aws: { kind: bedrock, region: us-east-1, base_url: "${V}", accounts: [{ api_key: k }] }
  blue: { kind: azure, base_url: "${V}", api_version: 2024-10-21, accounts: [{ api_key: k }] }
  gcp: { kind: vertex, base_url: "${V}", accounts: [{ api_key: k }] }
models:
  "openai/*": acme
  "google/*": google
  "aws/*": aws
  "blue/*": blue
  "gcp/*": gcp
"#;

/// Names that would lead elsewhere if they were put into a path as they are.
const NAMES: [&str; 14] = [
    "..",
    ".",
    "../../admin",
    "a/../../admin",
    "..%2f..%2fadmin",
    "%2e%2e/%2e%2e/admin",
    "a?key=1",
    "a#b",
    "a:generateContent?x=",
    "//evil.example/x",
    "http://evil.example/x",
    "@evil.example",
    "a\\\\..\\\\..\\\\admin",
    "a b\\tc",
];

/// Where each provider's calls begin, and how they end.
const BELOW: [(&str, &str, &[&str]); 5] = [
    ("openai", "/v1/chat/completions", &[""]),
    ("google", "/v1beta/models/", &[":generateContent"]),
    ("aws", "/model/", &["/converse", "/invoke"]),
    (
        "blue",
        "/openai/deployments/",
        &["/chat/completions?api-version=2024-10-21"],
    ),
    (
        "gcp",
        "/v1/",
        &[
            ":generateContent",
            ":rawPredict",
            "endpoints/openapi/chat/completions",
        ],
    ),
];

#[tokio::test]
async fn a_models_name_leads_nowhere_else() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    vendor.always(Answer::openai_error(404, "not_found", "", "no such model"));
    let gateway = Running::start(CONFIG, &[("V", server.url(""))]).await;
    for (provider, begin, ends) in BELOW {
        let mut sent = 0;
        for name in NAMES {
            let asked = vendor.requests().len();
            let body = chat(&format!("{provider}/{name}"), false);
            let (status, _, body) = post(&gateway.url("/v1/chat/completions"), body).await;
            assert!(
                (400..500).contains(&status),
                "{provider}/{name}: {status} {body}"
            );
            for request in &vendor.requests()[asked..] {
                sent += 1;
                let target = request.path_and_query();
                let middle = target
                    .strip_prefix(begin)
                    .and_then(|rest| ends.iter().find_map(|end| rest.strip_suffix(end)));
                let middle = middle.unwrap_or_else(|| panic!("{provider}/{name} went to {target}"));
                let folders = [
                    "publishers/google/models/",
                    "publishers/anthropic/models/",
                    "endpoints/",
                ];
                let middle = folders
                    .iter()
                    .find_map(|folder| middle.strip_prefix(folder))
                    .unwrap_or(middle);
                assert!(
                    !middle.contains(['/', '?', '#', '\\']) && !matches!(middle, "." | ".."),
                    "{provider}/{name} went to {target}"
                );
            }
        }
        assert!(sent > 0, "{provider} was never asked");
    }
    // Google's own path, which names the model.
    for name in [
        "..",
        "%2e%2e",
        "a%2f..%2f..%2fadmin",
        "a%3fkey=1",
        "%2f%2fevil.example",
    ] {
        let asked = vendor.requests().len();
        let url = format!(
            "http://{}/v1beta/models/google%2F{name}:generateContent",
            gateway.address
        );
        let body = r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
        // As it is: a client would tidy the address up.
        let answer = raw(
            gateway.address,
            "POST",
            url.split_once("/v1beta").unwrap().1,
            body,
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{name}: {answer}");
        for request in &vendor.requests()[asked..] {
            assert!(
                request.path().starts_with("/v1beta/models/"),
                "{}",
                request.path()
            );
        }
    }
}

async fn raw(address: std::net::SocketAddr, method: &str, rest: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} /v1beta{rest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn nothing_in_a_body_or_a_header_names_the_vendor() {
    let (vendor, other) = (Vendor::new(), Vendor::new());
    let (server, elsewhere) = (served(&vendor).await, served(&other).await);
    let hello = Script::new().text("hello");
    vendor.always(hello.openai("m", false, true));
    other.always(hello.openai("m", false, true));
    let gateway = Running::start(CONFIG, &[("V", server.url(""))]).await;
    let evil = elsewhere.url("/v1");
    let members = [
        "api_base",
        "base_url",
        "baseUrl",
        "api_key",
        "url",
        "endpoint",
        "host",
        "custom_llm_provider",
        "proxy",
        "organization",
        "region",
        "aws_bedrock_runtime_endpoint",
        "extra_headers",
        "headers",
        "extra_query",
    ];
    let extra: String = members
        .iter()
        .map(|name| format!(r#","{name}":"{evil}""#))
        .collect();
    for (path, body) in [
        ("/v1/chat/completions", chat("openai/m", false)),
        ("/v1/messages", messages("openai/m", false)),
        ("/v1/models/openai%2Fm/chat/completions", chat("x", false)),
        ("/v1/openai%2Fm/any/path", chat("x", false)),
    ] {
        let body = format!("{}{extra}}}", body.strip_suffix('}').unwrap());
        let call = crate::support::call(&gateway.url(path), body)
            .header("host", elsewhere.addr().to_string())
            .header("x-forwarded-host", elsewhere.addr().to_string())
            .header("x-base-url", &evil)
            .header("x-api-base", &evil)
            .header("openai-base-url", &evil);
        let (status, _, told) = whole(call).await;
        assert_eq!(status, 200, "{path}: {told}");
    }
    assert_eq!(vendor.requests().len(), 4);
    for request in vendor.requests() {
        assert_eq!(request.header("host"), Some(&*server.addr().to_string()));
        assert!(request.path().starts_with("/v1/"), "{}", request.path());
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn vendors_redirects_are_told_and_not_followed() {
    let (vendor, other) = (Vendor::new(), Vendor::new());
    let (server, elsewhere) = (served(&vendor).await, served(&other).await);
    other.always(Script::new().text("stolen").openai("m", false, true));
    let gateway = Running::start(CONFIG, &[("V", server.url(""))]).await;
    let rest = [
        (
            "/v1/embeddings",
            r#"{"model":"openai/m","input":"a"}"#.to_owned(),
        ),
        ("/v1/openai%2Fm/any/path", "{}".to_owned()),
        (
            "/v1/moderations",
            r#"{"model":"openai/m","input":"a"}"#.to_owned(),
        ),
    ];
    for status in [301, 302, 303, 307, 308] {
        let calls = [
            ("/v1/chat/completions", chat("openai/m", false)),
            ("/v1/chat/completions", chat("openai/m", true)),
            ("/v1/messages", messages("openai/m", false)),
        ];
        for (path, body) in calls.into_iter().chain(rest.clone()) {
            vendor.push(Answer::json(status, "{}").header("location", &elsewhere.url("/v1/x")));
            let (told, headers, body) = post(&gateway.url(path), body).await;
            assert_eq!(told, 502, "{status} {path}: {body}");
            assert!(body.contains("redirect"), "{body}");
            assert!(!headers.contains_key("location"));
            assert!(!body.contains(&elsewhere.addr().to_string()), "{body}");
        }
    }
    assert!(other.requests().is_empty());
    // Both clients, for themselves.
    let options = ClientOptions::new();
    redirected(
        Client::new(&options).unwrap(),
        &vendor,
        &server.url("/"),
        &elsewhere.url("/"),
    )
    .await;
    redirected(
        ReqwestClient::new(&options).unwrap(),
        &vendor,
        &server.url("/"),
        &elsewhere.url("/"),
    )
    .await;
    assert!(other.requests().is_empty());
}

async fn redirected<C>(mut client: C, vendor: &Vendor, url: &str, target: &str)
where
    C: Service<http::Request<Body>, Response = http::Response<Body>>,
    C::Error: Into<BoxError>,
{
    vendor.push(Answer::json(307, "gone").header("location", target));
    let request = http::Request::post(url).header("authorization", "Bearer SECRET");
    let client = client.ready().await.map_err(Into::into).unwrap();
    let call = client.call(request.body(Body::from("hi")).unwrap());
    let response = call.await.map_err(Into::into).unwrap();
    assert_eq!(response.status(), 307);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "gone");
}
