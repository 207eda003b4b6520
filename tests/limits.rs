//! What vendors tell in their headers reaches the pool, and the caller's headers reach it too.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use tower::{Layer, ServiceBuilder, ServiceExt};
use trunkline::{
    Body, IngressLayer, PoolLayer, Pools, Secret, Upstream,
    dialect::openai_chat::OpenAiChat,
    error::ErrorKind,
    pool::{Pool, Sticky, Vendor as Target},
    provider::Compatible,
    request::{ModelRequest, Operation, Payload},
    testing::{Answer, Vendor},
    upstream::Account,
};

const WHOLE: &str = r#"{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

fn pool(accounts: &[&str]) -> Pool {
    let provider = Arc::new(Compatible::openai("acme", "https://llm.acme.example/v1").unwrap());
    let target = Target::new(provider, "m");
    Pool::new().vendor(accounts.iter().fold(target, |target, name| {
        let account = Account::new(*name, Secret::new("sk-canary"));
        target.account(Arc::new(account), 1)
    }))
}

fn request() -> ModelRequest {
    let payload = Payload::json(&OpenAiChat, Bytes::from_static(BODY.as_bytes())).unwrap();
    ModelRequest::new("m", Operation::Chat, payload)
}

#[tokio::test(start_paused = true)]
async fn a_success_and_a_failure_with_nothing_left_are_the_last_ones() {
    let spent = |answer: Answer| {
        answer
            .header("x-ratelimit-limit-requests", "10")
            .header("x-ratelimit-remaining-requests", "0")
            .header("x-ratelimit-reset-requests", "20s")
    };
    for answer in [
        spent(Answer::json(200, WHOLE)),
        spent(Answer::openai_error(400, "invalid_request_error", "", "no")),
    ] {
        let vendor = Vendor::new();
        vendor.push(answer);
        vendor.always(Answer::json(200, WHOLE));
        let pools = Pools::new().pool("m", pool(&["a"]));
        let service = PoolLayer::new(pools.clone()).layer(Upstream::new(vendor.clone()));
        let _ = service.clone().oneshot(request()).await;
        let told = service.clone().oneshot(request()).await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Exhausted);
        assert_eq!(vendor.requests().len(), 1);
        tokio::time::advance(Duration::from_secs(20)).await;
        service.oneshot(request()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_header_keeps_its_account() {
    let vendor = Vendor::new();
    vendor.always(Answer::json(200, WHOLE));
    let pools = Pools::new().pool("m", pool(&["a", "b", "c"]).balance(Sticky::new()));
    let gateway = ServiceBuilder::new()
        .layer(IngressLayer::new())
        .layer(PoolLayer::new(pools))
        .service(Upstream::new(vendor));
    let mut accounts = std::collections::HashSet::new();
    for session in 0..30 {
        let mut own = std::collections::HashSet::new();
        for _ in 0..4 {
            let request = Request::post("/v1/chat/completions")
                .header("content-type", "application/json")
                .header("x-session-id", session.to_string())
                .body(Body::from(BODY))
                .unwrap();
            let response = gateway.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
            own.insert(response.headers()["x-trunkline-account"].clone());
        }
        assert_eq!(own.len(), 1, "session {session}");
        accounts.extend(own);
    }
    assert_eq!(accounts.len(), 3);
}
