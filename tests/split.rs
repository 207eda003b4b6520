//! Canaries, shadows and prices, as an operator configures them and sees them.

mod support;

use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::{
    Running, call, chat, post,
    process::{Dir, Process},
    served, until, whole,
};
use trunkline::config::Config;
use trunkline::testing::{Answer, Recorded, Script, Server, Vendor};

const TEXT: &str = r#"
retry: { base: 1ms, max: 1ms }
providers:
  acme:
    kind: openai-compatible
    base_url: ${VENDOR}
    accounts: [k]
  spare:
    kind: openai-compatible
    base_url: ${VENDOR}
    accounts: [k]
models:
  old: { deployments: [acme/old], price: { input: 1, output: 2, cache_read: 0.1 } }
  next:
    split:
      control: { model: old, weight: 50 }
      canary:
        deployments: [{ provider: acme, model: new, price: { input: 10, output: 20 } }]
        fallbacks: [old]
        weight: 50
  copied:
    deployments: [acme/old]
    shadow: { model: slow, share: 100%, concurrency: 2, timeout: 30s }
  slow: spare/slow
"#;

fn asks(model: &'static str) -> impl Fn(&Recorded) -> bool {
    move |request| request.string("/model").as_deref() == Some(model)
}

async fn bed() -> (Vendor, Running, Server) {
    let vendor = Vendor::new();
    let answer = Script::new().text("Hello.").usage(1_000, 100).cached(400);
    vendor.always(answer.openai("m", false, false));
    let server = served(&vendor).await;
    let gateway = Running::start(TEXT, &[("VENDOR", server.url("/v1"))]).await;
    (vendor, gateway, server)
}

async fn admin(gateway: &Running, method: &str, path: &str, body: Value) -> Value {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .body(Full::new(body.to_string().into()))
        .unwrap();
    let answer = gateway.gateway.admin(request).await;
    assert!(answer.status().is_success(), "{method} {path}");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

async fn arms(gateway: &Running) -> impl Fn(&str) -> Value + use<> {
    let told = admin(gateway, "GET", "/admin/api/arms", json!(null)).await;
    move |name: &str| {
        let mut arms = told.as_array().unwrap().iter();
        let found = arms.rfind(|arm| arm["arm"] == name);
        found.unwrap_or_else(|| panic!("{name}: {told}")).clone()
    }
}

#[tokio::test]
async fn callers_keep_their_arm_and_each_arm_has_results_even_where_it_fails_over() {
    let (vendor, gateway, _server) = bed().await;
    // The canary's model is down: what it falls back to counts for it.
    vendor.on(move |request| {
        asks("new")(request).then(|| Answer::openai_error(503, "server_error", "down", "Down."))
    });
    let url = gateway.url("/v1/chat/completions");
    let mut canaries = 0;
    for caller in 0..12 {
        let key = format!("key-{caller}");
        let fingerprint = trunkline::request::Caller::from_key(&key).id.unwrap();
        let asked = json!({"model": "next", "caller": &*fingerprint});
        let told = admin(&gateway, "POST", "/admin/api/explain", asked).await;
        let arm = told["arms"][0]["arm"].as_str().unwrap().to_owned();
        assert_eq!(
            told["models"][0]["model"], told["arms"][0]["model"],
            "{told}"
        );
        for _ in 0..2 {
            let (status, _, answer) =
                whole(call(&url, chat("next", false)).header("x-api-key", &key)).await;
            assert_eq!(status, 200, "{answer}");
            let calls = admin(&gateway, "GET", "/admin/api/calls", json!(null)).await;
            assert_eq!(calls[0]["arms"][0]["arm"], arm, "as was explained");
            assert_eq!(calls[0]["arms"][0]["split"], "next");
            // 600 at 1 $, 400 at 0.1 $, 100 at 2 $ a million, whoever was asked first.
            assert_eq!(calls[0]["cost_micros"], 840);
            assert_eq!(calls[0]["cached_tokens"], 400);
        }
        canaries += u64::from(arm == "canary");
    }
    assert!((1..12).contains(&canaries), "{canaries}");
    let report = arms(&gateway).await;
    let (control, canary) = (report("control"), report("canary"));
    assert_eq!(canary["requests"], 2 * canaries);
    assert_eq!(canary["completed"], 2 * canaries);
    assert_eq!(control["requests"], 24 - 2 * canaries);
    assert_eq!(canary["model"], "next#canary");
    assert!(
        canary["attempts"].as_u64().unwrap() > 2 * canaries,
        "it failed over"
    );
    assert_eq!(canary["tokens"]["cache_read"], 800 * canaries);
    assert_eq!(control["cost_micros"], 840 * (24 - 2 * canaries));
    // Nobody is told of names that are the arms' own.
    let models = support::client()
        .get(gateway.url("/v1/models"))
        .send()
        .await;
    let models = models.unwrap().text().await.unwrap();
    assert!(
        models.contains("\"next\"") && !models.contains('#'),
        "{models}"
    );
    // Other weights leave the results alone, and callers who need not move.
    let text = TEXT.replacen("model: old, weight: 50", "model: old, weight: 51", 1);
    let config = Config::from_yaml(&text, &|_| Some("http://127.0.0.1:9/v1".to_owned()));
    gateway.gateway.reload(&config.unwrap()).unwrap();
    let report = arms(&gateway).await;
    assert_eq!(
        (&report("control")["weight"], &report("canary")["requests"]),
        (&json!(51), &canary["requests"])
    );
    admin(&gateway, "DELETE", "/admin/api/arms", json!(null)).await;
    assert_eq!(arms(&gateway).await("canary")["requests"], 0);
}

#[tokio::test]
async fn a_shadow_is_neither_waited_for_nor_recorded_and_ends_with_the_gateway() {
    let (vendor, gateway, _server) = bed().await;
    vendor.on(move |request| asks("slow")(request).then(Answer::silence));
    let told = admin(
        &gateway,
        "POST",
        "/admin/api/explain",
        json!({"model": "copied"}),
    )
    .await;
    assert_eq!(told["copies"][0]["model"], "slow", "{told}");
    let url = gateway.url("/v1/chat/completions");
    for _ in 0..3 {
        let (status, _, answer) = post(&url, chat("copied", false)).await;
        assert_eq!(status, 200, "{answer}");
        vendor.wait_for_requests(2).await;
    }
    until("two copies", || {
        vendor.requests().iter().filter(|r| asks("slow")(r)).count() == 2
    })
    .await;
    let report = arms(&gateway).await;
    let (live, shadow) = (report("copied"), report("shadow"));
    assert_eq!(
        (&live["completed"], &live["shadow"]),
        (&json!(3), &json!(false))
    );
    assert_eq!(
        (&shadow["running"], &shadow["shadow"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(shadow["skipped"]["busy"], 1);
    let calls = admin(&gateway, "GET", "/admin/api/calls", json!(null)).await;
    assert_eq!(calls.as_array().unwrap().len(), 3);
    assert!(
        calls
            .as_array()
            .unwrap()
            .iter()
            .all(|call| call["way"] == "acme/acme-1:ok")
    );
    gateway.gateway.stop_shadows();
    vendor.wait_for_aborted(2).await;
    until("no calls in flight", || gateway.in_flight() == 0).await;
    let shadow = arms(&gateway).await("shadow");
    assert_eq!(
        (&shadow["running"], &shadow["cancelled"]),
        (&json!(0), &json!(2))
    );
    let (status, _, _) = post(&url, chat("copied", false)).await;
    assert_eq!(status, 200);
    assert_eq!(arms(&gateway).await("shadow")["skipped"]["stopped"], 1);
}

#[tokio::test]
async fn the_cheapest_deployment_is_asked_by_configured_or_known_prices() {
    let vendor = Vendor::echo();
    let server = served(&vendor).await;
    let text = r#"
providers:
  openai: { base_url: "${VENDOR}", accounts: [k] }
  acme: { kind: openai-compatible, base_url: "${VENDOR}", accounts: [k], limits: { rpm: 1 } }
models:
  any:
    balance: cheapest
    deployments:
      - { provider: acme, model: unknown }
      - openai/gpt-4o
      - { provider: acme, model: cheap, price: { input: 0.1, output: 0.1 } }
  "t/*": { balance: cheapest, deployments: ["acme/*", "openai/*"] }
"#;
    let gateway = Running::start(text, &[("VENDOR", server.url("/v1"))]).await;
    let url = gateway.url("/v1/chat/completions");
    let explained = admin(
        &gateway,
        "POST",
        "/admin/api/explain",
        json!({"model": "any"}),
    )
    .await;
    let candidates = &explained["models"][0]["candidates"];
    assert_eq!(candidates[0]["model"], "cheap", "{explained}");
    assert!(candidates[1]["cost_micros"].as_u64() > candidates[0]["cost_micros"].as_u64());
    // The second time the cheap one has no room.
    for _ in 0..2 {
        post(&url, chat("any", false)).await;
    }
    // A template's price is that of the model asked for.
    for model in ["t/gpt-4o", "t/gpt-4o-mini"] {
        post(&url, chat(model, false)).await;
    }
    let asked: Vec<_> = vendor
        .requests()
        .iter()
        .filter_map(|r| r.string("/model"))
        .collect();
    assert_eq!(asked, ["cheap", "gpt-4o", "gpt-4o", "gpt-4o-mini"]);
    let calls = admin(&gateway, "GET", "/admin/api/calls", json!(null)).await;
    let cost = |index: usize| calls[index]["cost_micros"].as_u64().unwrap();
    assert!(cost(0) < cost(1), "{calls}");
}

#[tokio::test]
async fn metrics_show_each_arm_once() {
    let text = r#"
providers: { demo: { kind: openai-compatible, base_url: "http://127.0.0.1:9/v1", accounts: [k] } }
retry: { max_attempts: 1 }
models:
  a: demo
  s: { split: { "x\"y": { model: a, weight: 1 } }, shadow: { model: b, share: 0% } }
  b: demo
"#;
    let dir = Dir::with(text);
    let gateway = Process::start(dir.gateway(&["--listen", "127.0.0.1:0"])).await;
    let (status, _, _) = post(&gateway.url("/v1/chat/completions"), chat("s", false)).await;
    assert_eq!(status, 502);
    let page = support::client().get(gateway.url("/metrics")).send().await;
    let page = page.unwrap().text().await.unwrap();
    let labels = r#"split="s",arm="x\"y",model="a",shadow="false""#;
    for row in [
        format!("trunkline_arm_requests_total{{{labels}}} 1"),
        format!("trunkline_arm_ends_total{{{labels},end=\"connection\"}} 1"),
        format!("trunkline_arm_first_content_seconds_bucket{{{labels},le=\"0.01\"}} 0"),
        format!("trunkline_arm_first_content_seconds_sum{{{labels}}} 0"),
        r#"trunkline_arm_requests_total{split="s",arm="shadow",model="b",shadow="true"} 0"#
            .to_owned(),
    ] {
        assert_eq!(
            page.lines().filter(|line| **line == row).count(),
            1,
            "{row}\n{page}"
        );
    }
}
