//! The gateway as an operator meets it: the command line, what it prints and logs, and how it ends.
#![cfg(unix)]

mod support;

use support::{
    chat, client, messages, post,
    process::{Dir, Process, finish},
    proxy::Dead,
    served, whole,
};
use trunkline::testing::Vendor;

/// Any free port.
const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[tokio::test]
async fn without_file_and_key_a_demo_answers_the_line_that_is_printed() {
    let gateway = Process::start(Dir::new().gateway(&LISTEN)).await;
    let (url, body) = curl(&gateway.greeting);
    assert_eq!(url, gateway.url("/v1/chat/completions"));
    let (status, headers, answer) = post(&url, body).await;
    assert_eq!(status, 200, "{answer}");
    assert!(headers.contains_key("x-request-id"));
    assert!(
        answer.contains("Hello") && answer.ends_with("data: [DONE]\n\n"),
        "{answer}"
    );

    for model in ["demo", "demo-claude", "gpt-4o", "claude-sonnet-4-5"] {
        for stream in [false, true] {
            let url = gateway.url("/v1/chat/completions");
            let (status, _, answer) = post(&url, chat(model, stream)).await;
            assert_eq!(status, 200, "{model}: {answer}");
            let url = gateway.url("/v1/messages");
            let (status, _, answer) = post(&url, messages(model, stream)).await;
            assert_eq!(status, 200, "{model}: {answer}");
            assert_eq!(answer.contains("event: message_stop"), stream, "{answer}");
        }
    }
}

/// The URL and the body of the line to try.
fn curl(greeting: &str) -> (String, String) {
    let (_, line) = greeting.split_once("curl -N ").expect("a line to try");
    let (url, rest) = line.split_once(' ').expect("a URL");
    let (_, body) = rest.split_once("-d '").expect("a body");
    let (body, _) = body.split_once('\'').expect("its end");
    (url.to_owned(), body.to_owned())
}

#[tokio::test]
async fn probes_are_answered() {
    let gateway = Process::start(Dir::new().gateway(&LISTEN)).await;
    for (method, path, told) in [
        ("GET", "/", "trunkline\n"),
        ("HEAD", "/", ""),
        ("HEAD", "/api/hello", ""),
        ("GET", "/health", "alive\n"),
        ("GET", "/health/ready", "ready\n"),
    ] {
        let request = client().request(method.parse().unwrap(), gateway.url(path));
        let (status, _, body) = whole(request).await;
        assert_eq!((status, body.as_str()), (200, told), "{method} {path}");
    }
    let (_, _, openai) = whole(client().get(gateway.url("/v1/models"))).await;
    assert!(
        openai.contains(r#""object":"list""#) && openai.contains(r#""id":"demo""#),
        "{openai}"
    );
    let request = client().get(gateway.url("/v1/models"));
    let (_, _, anthropic) = whole(request.header("anthropic-version", "2023-06-01")).await;
    assert!(anthropic.contains(r#""has_more":false"#), "{anthropic}");
    let request = client().post(gateway.url("/v1/nothing"));
    let (status, headers, body) = whole(request.header("x-request-id", "call-7")).await;
    assert_eq!(
        (status, &headers["x-request-id"]),
        (404, &"call-7".parse().unwrap())
    );
    assert!(body.contains(r#""error""#), "{body}");
}

#[tokio::test]
async fn the_command_line_explains_itself() {
    let dir = Dir::new();
    let (code, out, _) = finish(dir.gateway(&["--help"])).await;
    assert_eq!(code, 0);
    for word in [
        "--config",
        "--listen",
        "--check",
        "OPENAI_API_KEY",
        "TRUNKLINE_LOG",
        "HTTP_PROXY",
    ] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let (code, out, _) = finish(dir.gateway(&["--version"])).await;
    assert_eq!(
        (code, out.trim()),
        (0, concat!("gateway ", env!("CARGO_PKG_VERSION")))
    );
    let (code, _, err) = finish(dir.gateway(&["--chekc"])).await;
    assert_eq!(code, 2);
    assert!(err.contains("--chekc") && err.contains("--check"), "{err}");
    let (code, _, err) = finish(dir.gateway(&["--listen", "nowhere"])).await;
    assert_eq!(code, 2);
    assert!(err.contains("nowhere"), "{err}");
}

#[tokio::test]
async fn the_example_file_is_checked_and_its_plan_shows_no_key() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/gateway/gateway.example.yaml"
    );
    let dir = Dir::new();
    let mut command = dir.gateway(&["--check", "--config", file]);
    for name in [
        "OPENAI_KEY_A",
        "OPENAI_KEY_B",
        "ANTHROPIC_API_KEY",
        "ACME_KEY",
    ] {
        command.env(name, "sk-canary");
    }
    command.env("TEAM_B_PROXY", "http://user:canary@proxy.example:1");
    let (code, plan, err) = finish(command).await;
    assert_eq!(code, 0, "{err}");
    for model in [
        "gpt-4o",
        "gpt-4o-mini",
        "local",
        "sonnet",
        "claude-*",
        "acme/*",
        "next",
    ] {
        assert!(plan.contains(&format!("\n  {model}: ")), "{model}: {plan}");
    }
    assert!(
        !plan.contains("canary") && !err.contains("canary"),
        "{plan}{err}"
    );
    // As it is, without any of these.
    let (code, ..) = finish(dir.gateway(&["--check", "--config", file])).await;
    assert_eq!(code, 0);
}

#[tokio::test]
async fn everything_wrong_with_a_file_is_said_with_its_place() {
    let dir = Dir::with(
        "server:\n  lisen: 127.0.0.1:80\nproviders:\n  acme:\n    kind: openai-compatible\n    \
         base_url: ftp://acme.example\n    accounts: [{ api_key: \"${ACME_KEY}\" }]\nmodels:\n  m: [acmee/m]\n",
    );
    for arguments in [&["--check"][..], &[]] {
        let (code, out, err) = finish(dir.gateway(arguments)).await;
        assert_eq!((code, out.as_str()), (2, ""));
        for (place, word) in [
            ("gateway.yaml:2:3: ", "listen"),
            ("gateway.yaml:6:15: ", "http"),
            ("gateway.yaml:7:27: ", "ACME_KEY"),
            ("gateway.yaml:9:7: ", "acme"),
        ] {
            let told = err
                .lines()
                .any(|line| line.starts_with(place) && line.contains(word));
            assert!(told, "{place}{word}: {err}");
        }
        assert_eq!(err.lines().count(), 4, "{err}");
    }
    let (code, _, err) = finish(dir.gateway(&["--check", "--config", "nowhere.yaml"])).await;
    assert_eq!(code, 2);
    assert!(
        err.starts_with("nowhere.yaml: ") && err.contains("No such file"),
        "{err}"
    );
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, out, err) = finish(Dir::new().gateway(&["--listen", &address])).await;
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains(&address) && err.contains("in use"), "{err}");
}

#[tokio::test]
async fn a_file_in_the_directory_is_taken_up() {
    let vendor = Vendor::echo();
    let server = served(&vendor).await;
    let text = format!(
        "providers:\n  acme: {{ kind: openai-compatible, base_url: \"{}\", accounts: [k] }}\nmodels: {{ large: [acme/m] }}\n",
        server.url("/v1")
    );
    let dir = Dir::with(&text);
    let gateway = Process::start(dir.gateway(&LISTEN)).await;
    assert!(
        gateway.greeting.contains("from gateway.yaml"),
        "{}",
        gateway.greeting
    );
    let (url, body) = curl(&gateway.greeting);
    assert!(body.contains(r#""model":"large""#), "{body}");
    let (status, _, answer) = post(&url, body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(vendor.requests()[0].string("/model").as_deref(), Some("m"));
}

#[tokio::test]
async fn keys_in_the_environment_make_accounts_and_are_not_shown() {
    let dir = Dir::new();
    let with_keys = |arguments: &[&str]| {
        let mut command = dir.gateway(arguments);
        command.env("OPENAI_API_KEYS", "sk-canary-a,sk-canary-b");
        command
    };
    let (code, plan, err) = finish(with_keys(&["--check"])).await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(plan.matches("    account openai-").count(), 2, "{plan}");
    assert!(plan.contains("\n  openai/*: "), "{plan}");
    assert!(
        !plan.contains("canary") && !err.contains("canary"),
        "{plan}{err}"
    );

    let mut command = with_keys(&LISTEN);
    command.env("RUST_LOG", "trace");
    let gateway = Process::start(command).await;
    assert!(
        gateway.greeting.contains("model openai/*"),
        "{}",
        gateway.greeting
    );
    let (_, body) = curl(&gateway.greeting);
    assert!(body.contains("openai/<model>"), "{body}");
    gateway.logged("listening").await;
    let told = format!("{}{}", gateway.greeting, gateway.log());
    assert!(!told.contains("canary"), "{told}");
}

#[tokio::test]
async fn what_looks_wrong_at_the_start_is_said() {
    let gateway = Process::start(Dir::new().gateway(&["--listen", "0.0.0.0:0"])).await;
    gateway.logged("no caller keys").await;
    let (url, body) = curl(&gateway.greeting);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(post(&url, body).await.0, 200);

    let dir = Dir::with("server: { heartbeat: 5s }\n");
    let mut command = dir.gateway(&LISTEN);
    command.env("RUST_LOG", "info,,=,");
    let gateway = Process::start(command).await;
    gateway.logged("no model is served").await;
    gateway.logged("RUST_LOG is not used").await;
    let (status, _, body) = whole(client().get(gateway.url("/health/ready"))).await;
    assert_eq!((status, body.as_str()), (503, "no usable account\n"));
    assert!(!gateway.log().contains("no caller keys"));
}

#[tokio::test]
async fn every_call_is_one_line_of_log_without_keys() {
    let vendor = Vendor::echo();
    let server = served(&vendor).await;
    let gone = Dead::new();
    let text = format!(
        r#"
retry: {{ max_attempts: 2, base: 1ms, max: 1ms }}
providers:
  acme: {{ kind: openai-compatible, base_url: "{}", accounts: [{{ name: a, api_key: sk-canary-vendor }}] }}
  gone: {{ kind: openai-compatible, base_url: "http://{}", accounts: [{{ name: g, api_key: sk-canary-gone }}] }}
models: {{ large: [acme/m], lost: [gone/m], "either": {{ deployments: [gone/m], fallbacks: [large] }} }}
"#,
        server.url("/v1"),
        gone.address(),
    );
    for json in [false, true] {
        let dir = Dir::with(&text);
        let mut command = dir.gateway(&LISTEN);
        if json {
            command.env("TRUNKLINE_LOG", "json");
        }
        let gateway = Process::start(command).await;
        for (id, model) in [
            ("call-1", "large"),
            ("call-2", "lost"),
            ("call-3", "either"),
            ("call-4", "nobody"),
        ] {
            let url = gateway.url("/v1/chat/completions?key=canary-query");
            let request = support::call(&url, chat(model, id == "call-1"))
                .header("x-request-id", id)
                .header("authorization", "Bearer canary-caller");
            let (_, headers, body) = whole(request).await;
            assert_eq!(headers["x-request-id"], id);
            assert!(!body.contains("canary"), "{body}");
        }
        gateway.terminate().await;
        let (code, log) = gateway.ended().await;
        assert_eq!(code, Some(0));
        assert!(!log.contains("canary"), "{log}");
        assert!(!log.contains('\u{1b}'), "colours are for terminals: {log}");
        for (id, ending, values) in [
            (
                "call-1",
                "served",
                &[
                    ("model", "large"),
                    ("provider", "acme"),
                    ("account", "a"),
                    ("attempts", "1"),
                    ("status", "200"),
                    ("upstream_model", "m"),
                ][..],
            ),
            (
                "call-2",
                "failed",
                &[
                    ("model", "lost"),
                    ("provider", "gone"),
                    ("account", "g"),
                    ("status", "502"),
                    ("kind", "connection"),
                ],
            ),
            (
                "call-3",
                "served",
                &[
                    ("model", "either"),
                    ("provider", "acme"),
                    ("account", "a"),
                    ("attempts", "2"),
                    ("status", "200"),
                ],
            ),
            (
                "call-4",
                "failed",
                &[
                    ("model", "nobody"),
                    ("status", "404"),
                    ("kind", "not_found"),
                ],
            ),
        ] {
            let lines: Vec<&str> = log
                .lines()
                .filter(|line| line.contains(id) && line.contains(ending))
                .collect();
            let [line] = lines[..] else {
                panic!("{id}: one line, not {}:\n{log}", lines.len());
            };
            for (name, value) in values {
                assert_eq!(
                    field(line, name, json).as_deref(),
                    Some(*value),
                    "{name} in {line}"
                );
            }
            if ending == "served" {
                let first: u64 = field(line, "first_token_ms", json)
                    .unwrap()
                    .parse()
                    .unwrap();
                let total: u64 = field(line, "total_ms", json).unwrap().parse().unwrap();
                assert!(first <= total, "{line}");
            }
        }
    }
}

/// A field of a line of log, as text.
fn field(line: &str, name: &str, json: bool) -> Option<String> {
    if json {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(line["span"]["request_id"].is_string(), "{line}");
        return match &line[name] {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
    }
    let (_, rest) = line.split_once(&format!(" {name}="))?;
    let value = rest.split(' ').next()?;
    Some(value.trim_matches('"').to_owned())
}
