//! What a caller's request and a vendor's answer may not carry through.

use crate::support::{Running, chat, messages, served, whole};
use trunkline::testing::{Answer, Script, Vendor};

const CONFIG: &str = r#"
server: { heartbeat: 0s }
retry: { max_attempts: 1 }
providers:
  acme: { kind: openai-compatible, base_url: "${V}", accounts: [{ name: a, api_key: key-acme }] }
  anthropic-like: { kind: anthropic-compatible, base_url: "${V}", accounts: [{ name: b, api_key: key-b }] }
  gemini-like: { kind: gemini-compatible, base_url: "${V}", accounts: [{ name: c, api_key: key-c }] }
models: { m: [acme/m], c: [anthropic-like/c], g: [gemini-like/g] }
"#;

/// Every header of a request that has no business at a vendor. `SECRET` is looked for everywhere.
const SENT: &[(&str, &str)] = &[
    ("authorization", "Bearer SECRET"),
    ("x-api-key", "SECRET"),
    ("x-goog-api-key", "SECRET"),
    ("api-key", "SECRET"),
    ("proxy-authorization", "Basic SECRET"),
    ("cookie", "session=SECRET"),
    ("x-amz-security-token", "SECRET"),
    ("openai-organization", "SECRET"),
    ("openai-project", "SECRET"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-forwarded-host", "evil.example"),
    ("forwarded", "for=10.0.0.1"),
    ("x-real-ip", "10.0.0.1"),
    ("via", "1.1 evil"),
    ("connection", "x-foo, openai-beta, keep-alive"),
    ("x-foo", "hop"),
    ("keep-alive", "timeout=5"),
    ("te", "trailers"),
    ("trailer", "x-foo"),
    ("upgrade", "websocket"),
    ("proxy-connection", "keep-alive"),
    ("expect", "nothing"),
    ("accept-encoding", "gzip, br"),
    ("x-http-method-override", "DELETE"),
    ("x-original-url", "/admin"),
    ("x-trunkline-priority", "high"),
    ("origin", "https://evil.example"),
    ("referer", "https://evil.example/SECRET"),
    ("range", "bytes=0-1"),
    ("if-none-match", "x"),
];

/// What a vendor sees, apart from what its own provider adds.
const SEEN: &[&str] = &[
    "accept",
    "anthropic-version",
    "authorization",
    "content-length",
    "content-type",
    "host",
    "user-agent",
    "x-api-key",
    "x-goog-api-key",
];

/// Every header of an answer that has no business at a caller.
const ANSWERED: &[(&str, &str)] = &[
    ("set-cookie", "session=SECRET"),
    ("set-cookie2", "SECRET"),
    ("www-authenticate", "Bearer SECRET"),
    ("proxy-authenticate", "Basic SECRET"),
    ("authorization", "Bearer SECRET"),
    ("location", "http://10.0.0.1/SECRET"),
    ("content-location", "http://10.0.0.1/SECRET"),
    ("refresh", "0; url=http://10.0.0.1/SECRET"),
    ("link", "<http://10.0.0.1/SECRET>"),
    ("server", "vendor/1"),
    ("via", "1.1 inner"),
    ("x-request-id", "req-SECRET"),
    ("request-id", "req-SECRET"),
    ("openai-organization", "org-SECRET"),
    ("x-trunkline-account", "SECRET"),
    ("x-trunkline-way", "SECRET"),
    ("access-control-allow-origin", "*"),
    ("strict-transport-security", "max-age=1"),
    ("alt-svc", "h3=\":443\""),
    ("upgrade", "h2c"),
    ("x-foo", "hop"),
    ("trailer", "x-foo"),
];

fn adorned(mut answer: Answer) -> Answer {
    for (name, value) in ANSWERED {
        answer = answer.header(name, value);
    }
    answer
}

#[tokio::test]
async fn no_header_passes_unless_it_is_meant_to() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    let gateway = Running::start(CONFIG, &[("V", server.url("/v1"))]).await;
    let hello = Script::new().text("hello");
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}"#;
    let (one, many) = (chat("m", false), chat("m", true));
    let rest = [
        ("/v1/embeddings", r#"{"model":"m","input":"a"}"#),
        ("/v1/moderations", r#"{"model":"m","input":"a"}"#),
        ("/v1/files?key=SECRET&purpose=x&model=m", "{}"),
        ("/v1/m/any/path?a=1&key=SECRET", "{}"),
    ];
    let mut calls = vec![
        (
            "/v1/chat/completions?key=SECRET",
            one,
            hello.openai("m", false, true),
        ),
        (
            "/v1/chat/completions?key=SECRET",
            many,
            hello.openai("m", true, true),
        ),
        (
            "/v1/messages?key=SECRET&beta=true",
            messages("c", true),
            hello.anthropic("c", true),
        ),
        (
            "/v1/messages",
            messages("m", false),
            hello.openai("m", false, true),
        ),
        (
            "/v1beta/models/g:generateContent?key=SECRET",
            gemini.to_owned(),
            hello.gemini("g", false),
        ),
        (
            "/v1/chat/completions",
            chat("m", false),
            Answer::openai_error(400, "invalid_request_error", "", "no"),
        ),
        (
            "/v1/messages/count_tokens?key=SECRET",
            messages("c", false),
            Answer::json(200, r#"{"input_tokens":3}"#),
        ),
    ];
    for (path, body) in rest {
        calls.push((
            path,
            body.to_owned(),
            Answer::json(200, r#"{"data":[{"index":0,"embedding":[1.0]}]}"#),
        ));
    }
    for (path, body, answer) in calls {
        vendor.push(adorned(answer));
        let asked = vendor.requests().len();
        let mut call = crate::support::call(&gateway.url(path), body);
        for (name, value) in SENT {
            call = call.header(*name, *value);
        }
        let (status, headers, body) = whole(call).await;
        let requests = vendor.requests();
        assert_eq!(requests.len(), asked + 1, "{path}: {status} {body}");
        let seen = &requests[asked];
        assert!(
            !seen.path_and_query().contains("SECRET"),
            "{}",
            seen.path_and_query()
        );
        for (name, value) in &seen.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            assert!(
                SEEN.contains(&name.as_str()),
                "{path} forwarded {name}: {value}"
            );
            assert!(
                !value.contains("SECRET") && !value.contains("evil"),
                "{path}: {name}: {value}"
            );
        }
        for (name, value) in &headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            assert!(!value.contains("SECRET"), "{path} told {name}: {value}");
            let known = ANSWERED.iter().any(|(other, _)| other == name)
                && !matches!(name.as_str(), "x-request-id" | "x-trunkline-account");
            assert!(!known, "{path} told {name}: {value}");
        }
    }
}

#[tokio::test]
async fn nothing_breaks_out_of_a_header() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    let text = r#"
retry: { max_attempts: 1 }
providers:
  "ac\r\nx-evil: 1": { kind: openai-compatible, base_url: "${V}", accounts: [{ name: "a\r\nx-evil: 2", api_key: k }] }
models: { "*": { deployments: [ { provider: "ac\r\nx-evil: 1" } ] } }
"#;
    let env = |name: &str| (name == "V").then(|| server.url("/v1"));
    // Names that could break out of a header are refused with the file; if not, they are left out of the answer.
    let refused = trunkline::config::Config::from_yaml(text, &env).is_err();
    let plain = text
        .replace("\\r\\nx-evil: 1", "me")
        .replace("\\r\\nx-evil: 2", "");
    let text = if refused { &plain } else { text };
    let gateway = Running::start(text, &[("V", server.url("/v1"))]).await;
    let hello = Script::new()
        .text("hello")
        .id("id\r\nx-evil: 3")
        .openai("m", false, true);
    vendor.always(hello.header("x-ratelimit-remaining-requests", "9"));
    for model in [
        r"m\r\nx-evil: 4",
        r"m\u0000",
        r"m\u007f",
        r"m\u00e9\ud83d\ude00",
        "m%0d%0ax-evil:%205",
    ] {
        let body = chat(model, false);
        let call = crate::support::call(&gateway.url("/v1/chat/completions"), body).header(
            "x-request-id",
            http::HeaderValue::from_bytes(b"id \xff").unwrap(),
        );
        let (status, headers, body) = whole(call).await;
        assert_eq!(status, 200, "{model}: {body}");
        assert!(!headers.contains_key("x-evil"), "{model}: {headers:?}");
        let id = headers["x-request-id"].to_str().unwrap();
        assert!(
            id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{id}"
        );
        for seen in vendor.requests() {
            assert!(seen.header("x-evil").is_none(), "{model}");
        }
    }
}
