//! Callers who wait for a place, over real sockets.

mod support;

use std::time::Duration;

use futures_util::StreamExt;
use support::{Running, call, chat, post, served, until, whole};
use trunkline::testing::{Answer, Script, Vendor};

const ONE_PLACE: &str = r#"
server: { heartbeat: 20ms }
retry: { max_attempts: 1 }
providers:
  acme:
    kind: openai-compatible
    base_url: "${ACME}"
    accounts: [{ name: a, api_key: k, limits: { concurrency: 1 } }]
models: { m: { deployments: [acme/m], wait: 10s, queue: { size: 2, per_caller: 1 } } }
"#;

fn hello() -> Answer {
    Script::new().text("hello").openai("m", true, true)
}

fn by(gateway: &Running, caller: &str) -> reqwest::RequestBuilder {
    call(&gateway.url("/v1/chat/completions"), chat("m", true)).bearer_auth(caller)
}

#[tokio::test]
async fn a_stream_that_waits_for_a_place_hears_heartbeats_until_it_is_served() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    let gateway = Running::start(ONE_PLACE, &[("ACME", server.url("/v1"))]).await;
    vendor.push(hello().delay(Duration::from_millis(150)));
    vendor.always(hello());
    let first = tokio::spawn(whole(by(&gateway, "a")));
    until("the place is taken", || vendor.requests().len() == 1).await;
    let (status, _, body) = whole(by(&gateway, "b")).await;
    assert_eq!(status, 200);
    assert!(body.starts_with(':'), "a heartbeat first: {body}");
    assert!(
        body.contains("hello") && body.ends_with("data: [DONE]\n\n"),
        "{body}"
    );
    assert_eq!(first.await.unwrap().0, 200);
    assert_eq!(vendor.requests().len(), 2);
    until("all places are free", || gateway.in_flight() == 0).await;
    assert_eq!(gateway.gateway.pools().waiting(), 0);
}

#[tokio::test]
async fn who_leaves_is_gone_and_who_finds_no_room_is_told() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    let gateway = Running::start(ONE_PLACE, &[("ACME", server.url("/v1"))]).await;
    vendor.always(Answer::silence());
    let pools = gateway.gateway.pools();
    let held = tokio::spawn(whole(by(&gateway, "a")));
    until("the place is taken", || vendor.requests().len() == 1).await;
    let waits = by(&gateway, "a").send().await.unwrap();
    assert_eq!(pools.waiting(), 1);

    let whole_answer = call(&gateway.url("/v1/chat/completions"), chat("m", false));
    let (status, headers, body) = whole(whole_answer.bearer_auth("a")).await;
    assert_eq!(status, 429, "{body}");
    assert!(headers.contains_key("retry-after"), "{headers:?}");
    assert!(
        body.contains("1 calls of this caller wait for `m` already"),
        "{body}"
    );

    let mut heartbeats = waits.bytes_stream();
    assert!(heartbeats.next().await.unwrap().unwrap().starts_with(b":"));
    drop(heartbeats);
    until("nobody waits", || pools.waiting() == 0).await;
    held.abort();
    until("all places are free", || gateway.in_flight() == 0).await;
    assert_eq!(vendor.requests().len(), 1);
    let (status, ..) = post(&gateway.url("/v1/chat/completions"), "{}").await;
    assert_eq!(status, 400, "the gateway is well");
}
