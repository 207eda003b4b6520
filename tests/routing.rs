//! Who serves a call: shares, limits, wildcards, splits and waits, as callers of a whole gateway see them.

mod support;

use std::{collections::HashMap, time::Duration};

use futures_util::StreamExt;
use http_body_util::BodyExt;
use support::{Running, call, chat, messages, post, served, until, whole};
use tower::ServiceExt;
use trunkline::testing::{Answer, Script, Server, Vendor};

/// One vendor behind a configuration in which `${VENDOR}` is its address.
async fn bed(text: &str) -> (Vendor, Running, Server) {
    let vendor = Vendor::echo();
    let server = served(&vendor).await;
    let gateway = Running::start(text, &[("VENDOR", server.url("/v1"))]).await;
    (vendor, gateway, server)
}

fn account(headers: &http::HeaderMap) -> String {
    headers["x-trunkline-account"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn shares_are_kept_over_thousands_of_calls() {
    const CALLS: usize = 3_000;
    let text = r#"
providers:
  acme:
    kind: openai-compatible
    base_url: ${VENDOR}
    accounts:
      - { name: two, api_key: k2, weight: 2 }
      - { name: one, api_key: k1, weight: 1 }
models: { m: [acme/m] }
"#;
    let (vendor, gateway, _server) = bed(text).await;
    vendor.always(Script::new().text("Hello.").openai("m", false, false));
    let calls = futures_util::stream::iter(0..CALLS).map(|_| {
        // No socket on the callers' side: this is about who serves.
        let request = http::Request::post("/v1/chat/completions").body(chat("m", false));
        let answer = gateway.gateway.service().oneshot(request.unwrap());
        async move {
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 200);
            let account = account(answer.headers());
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert!(body.starts_with(b"{"));
            account
        }
    });
    let served: Vec<String> = calls.buffer_unordered(32).collect().await;
    let heavy = served.iter().filter(|account| *account == "two").count();
    assert!(
        heavy.abs_diff(CALLS * 2 / 3) <= CALLS / 50,
        "{heavy} of {CALLS}"
    );
    let keys = vendor.requests();
    let with = |key| {
        keys.iter()
            .filter(|r| r.header("authorization") == Some(key))
            .count()
    };
    assert_eq!(
        (with("Bearer k2"), with("Bearer k1")),
        (heavy, CALLS - heavy)
    );
    assert_eq!(gateway.in_flight(), 0);
}

#[tokio::test]
async fn a_full_account_is_passed_over_until_its_stream_ends() {
    let text = r#"
providers:
  acme:
    kind: openai-compatible
    base_url: ${VENDOR}
    accounts:
      - { name: a, api_key: ka, limits: { concurrency: 1 } }
      - { name: b, api_key: kb, limits: { concurrency: 1 } }
models: { m: [acme/m] }
"#;
    let (vendor, gateway, _server) = bed(text).await;
    let script = Script::new().text("Hello there.");
    let url = gateway.url("/v1/chat/completions");
    let mut streams = Vec::new();
    for _ in 0..2 {
        vendor.push(script.openai("m", true, true).stall_after(2));
        let response = call(&url, chat("m", true)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        streams.push((account(response.headers()), response));
    }
    assert_ne!(streams[0].0, streams[1].0);
    assert_eq!(gateway.in_flight(), 2);
    // Both are full, and nobody waits here.
    let (status, headers, body) = post(&url, chat("m", true)).await;
    assert_eq!(status, 429, "{body}");
    assert!(headers.contains_key("retry-after"));
    assert_eq!(vendor.requests().len(), 2);
    let (freed, stream) = streams.swap_remove(0);
    drop(stream);
    until("its place is free", || gateway.in_flight() == 1).await;
    let (status, headers, _) = post(&url, chat("m", true)).await;
    assert_eq!((status, account(&headers)), (200, freed));
}

#[tokio::test]
async fn wildcards_lead_on_what_they_match() {
    let text = r#"
providers:
  anthropic: { base_url: "${VENDOR}", accounts: [ka] }
  acme: { kind: openai-compatible, base_url: "${VENDOR}", accounts: [kb] }
models:
  "claude-*": anthropic
  "claude-old-*": acme
  "eu/*": acme/*-eu
  claude-exact: acme/other
"#;
    let (vendor, gateway, _server) = bed(text).await;
    for (asked, provider, path, model) in [
        (
            "claude-sonnet-4-5",
            "anthropic",
            "/v1/messages",
            "claude-sonnet-4-5",
        ),
        (
            "claude-old-2",
            "acme",
            "/v1/chat/completions",
            "claude-old-2",
        ),
        ("eu/large", "acme", "/v1/chat/completions", "large-eu"),
        ("claude-exact", "acme", "/v1/chat/completions", "other"),
    ] {
        for stream in [false, true] {
            for (front, body) in [
                ("/v1/chat/completions", chat(asked, stream)),
                ("/v1/messages", messages(asked, stream)),
            ] {
                let (status, headers, body) = post(&gateway.url(front), body).await;
                assert_eq!(status, 200, "{asked}: {body}");
                assert_eq!(headers["x-trunkline-provider"], provider);
                assert_eq!(headers["x-trunkline-model"], model);
                let seen = vendor.requests().pop().unwrap();
                assert_eq!(
                    (seen.path(), seen.string("/model").as_deref()),
                    (path, Some(model))
                );
            }
        }
    }
    let (status, _, body) = post(&gateway.url("/v1/messages"), messages("claude-", false)).await;
    assert_eq!(status, 404, "a star is one character at least: {body}");
}

#[tokio::test]
async fn a_split_is_shared_out_by_caller_and_each_keeps_its_own() {
    let text = r#"
providers:
  acme: { kind: openai-compatible, base_url: "${VENDOR}", accounts: [k] }
models:
  old: [acme/old]
  new: [acme/new]
  next: { split: { old: 50, new: 50 }, by: caller }
"#;
    let (_vendor, gateway, _server) = bed(text).await;
    let url = gateway.url("/v1/chat/completions");
    let mut drawn: HashMap<String, u32> = HashMap::new();
    for caller in 0..40 {
        let ask = |header: &'static str, value: String| {
            let call = call(&url, chat("next", false)).header(header, value);
            async move {
                let (status, headers, body) = whole(call).await;
                assert_eq!(status, 200, "{body}");
                headers["x-trunkline-model"].to_str().unwrap().to_owned()
            }
        };
        let first = ask("authorization", format!("Bearer caller-{caller}")).await;
        let again = ask("authorization", format!("Bearer caller-{caller}")).await;
        let otherwise = ask("x-api-key", format!("caller-{caller}")).await;
        assert_eq!((&again, &otherwise), (&first, &first));
        *drawn.entry(first).or_default() += 1;
    }
    // Which caller draws what never changes, so neither does this.
    assert!(drawn["old"] >= 12 && drawn["new"] >= 12, "{drawn:?}");
}

#[tokio::test]
async fn a_call_waits_for_an_account_that_is_soon_back() {
    let text = r#"
retry: { max_attempts: "${ATTEMPTS}" }
providers:
  acme: { kind: openai-compatible, base_url: "${VENDOR}", accounts: [k] }
models:
  m: { deployments: [acme/m], wait: 3s }
"#;
    let limited = Answer::openai_error(429, "requests", "rate_limit_exceeded", "slow down")
        .header("retry-after", "1");
    // With retries the call that met the limit is mended too; without, those that come after it wait their turn.
    let cases = ["4", "1"].map(|attempts| {
        let limited = limited.clone();
        async move {
            let vendor = Vendor::echo();
            let server = served(&vendor).await;
            let env = [("VENDOR", server.url("/v1")), ("ATTEMPTS", attempts.into())];
            let gateway = Running::start(text, &env).await;
            let url = gateway.url("/v1/chat/completions");
            vendor.push(limited);
            if attempts == "1" {
                assert_eq!(post(&url, chat("m", false)).await.0, 429);
            }
            let (status, headers, body) = post(&url, chat("m", false)).await;
            assert_eq!(status, 200, "{body}");
            assert!(!headers.contains_key("retry-after"));
            let seen = vendor.requests();
            assert_eq!(seen.len(), 2);
            let apart = seen[1].since(&seen[0]);
            assert!(
                apart >= Duration::from_secs(1),
                "not before its time: {apart:?}"
            );
        }
    });
    futures_util::future::join_all(cases).await;
}
