//! The gateway's log: what is asked of it, and that all of it arrives.
#![cfg(unix)]

mod support;

use std::collections::HashSet;

use support::{
    call, chat, post,
    process::{Dir, Process},
    served, whole,
};
use trunkline::testing::{Server, Vendor};

const CALLERS: usize = 32;
const CALLS: usize = 16;

/// A gateway that logs like this, and what it needs.
async fn gateway(filter: &str, format: &str) -> (Process, (Server, Dir)) {
    let server = served(&Vendor::echo()).await;
    let dir = Dir::with(&format!(
        "providers:\n  acme: {{ kind: openai-compatible, base_url: \"{}\", accounts: [{{ name: a, api_key: k }}] }}\n\
         models: {{ large: [acme/m] }}\n",
        server.url("/v1"),
    ));
    let mut command = dir.gateway(&["--listen", "127.0.0.1:0"]);
    command.env("RUST_LOG", filter).env("TRUNKLINE_LOG", format);
    (Process::start(command).await, (server, dir))
}

/// All it logs until it is told to stop.
async fn rest(gateway: Process) -> String {
    gateway.terminate().await;
    let (code, log) = gateway.ended().await;
    assert_eq!(code, Some(0), "{log}");
    log
}

/// Is it the beginning of a line of text, and nothing else?
fn begins(line: &str) -> bool {
    let shape = |char: char| if char.is_ascii_digit() { '0' } else { char };
    let time: String = line.chars().take(27).map(shape).collect();
    let level = line.get(27..34).unwrap_or_default().trim();
    time == "0000-00-00T00:00:00.000000Z" && ["ERROR", "WARN", "INFO", "DEBUG"].contains(&level)
}

#[tokio::test]
async fn every_line_of_many_calls_at_a_time_arrives_whole() {
    for format in ["text", "json"] {
        let (gateway, _vendor) = gateway("info", format).await;
        let url = gateway.url("/v1/chat/completions");
        let callers = (0..CALLERS).map(|caller| {
            let url = url.clone();
            tokio::spawn(async move {
                for n in 0..CALLS {
                    let asked = call(&url, chat("large", n % 4 == 0));
                    let id = format!("call-{caller}-{n}-");
                    let (status, _, body) = whole(asked.header("x-request-id", id)).await;
                    assert_eq!(status, 200, "{body}");
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.expect("it ends well");
        }
        // At once: what is on its way must not be lost.
        let log = rest(gateway).await;
        let mut seen = HashSet::new();
        for line in log.lines() {
            if format == "json" {
                let told: serde_json::Value = serde_json::from_str(line).expect("JSON");
                if told["message"] == "served" {
                    assert_eq!(told["way"], "acme/a:ok", "{line}");
                    seen.insert(told["span"]["request_id"].to_string());
                }
                continue;
            }
            assert!(begins(line), "{line}");
            if let Some((_, rest)) = line.split_once(" INFO call{request_id=\"") {
                let (id, rest) = rest
                    .split_once("\"}: trunkline::ingress::log: ")
                    .expect("an id");
                assert!(rest.starts_with("served model=\"large\" "), "{line}");
                assert!(rest.ends_with(" continued=0 way=acme/a:ok"), "{line}");
                seen.insert(id.to_owned());
            }
        }
        assert_eq!(seen.len(), CALLERS * CALLS, "{log}");
        assert_eq!(log.matches("served").count(), CALLERS * CALLS, "{log}");
        assert!(
            log.lines()
                .last()
                .is_some_and(|line| line.contains("drained")),
            "{log}"
        );
    }
}

#[tokio::test]
async fn what_a_filter_asks_for_is_logged() {
    // By level, by module, by a field of the call.
    for (filter, first, second, others) in [
        ("warn", false, false, false),
        ("trunkline::ingress=info,warn", true, true, false),
        ("warn,[call{request_id=first}]=info", true, false, false),
        ("INFO,trunkline=warn", false, false, true),
        ("debug,gateway=off", true, true, false),
    ] {
        let (gateway, _vendor) = gateway(filter, "").await;
        for id in ["first", "second"] {
            let asked = call(&gateway.url("/v1/chat/completions"), chat("large", false));
            whole(asked.header("x-request-id", id)).await;
        }
        let log = rest(gateway).await;
        let told = |id| {
            log.contains(&format!(
                "{{request_id=\"{id}\"}}: trunkline::ingress::log: served"
            ))
        };
        let found = (told("first"), told("second"), log.contains("listening"));
        assert_eq!(found, (first, second, others), "{filter}: {log}");
    }
}

#[tokio::test]
async fn callers_cannot_write_lines_of_their_own() {
    let (gateway, _vendor) = gateway("debug", "").await;
    let url = gateway.url("/v1/chat/completions");
    for model in [
        r"large\n2026-01-01T00:00:00.000000Z  INFO forged",
        r"demo\u001b[31mred\r",
        r#"de\"mo\\ \u2028é\u009b31m"#,
    ] {
        assert_eq!(post(&url, chat(model, false)).await.0, 404);
        let path = "/v1beta/models/a%0Aforged:generateContent?key=canary";
        post(&gateway.url(path), "{}").await;
    }
    let log = rest(gateway).await;
    assert!(log.lines().all(begins), "{log}");
    assert!(!log.contains(['\u{1b}', '\r', '\u{9b}']), "{log}");
    assert!(log.contains(r#"model="large\n2026"#), "{log}");
    assert!(!log.contains("canary"), "{log}");
}
