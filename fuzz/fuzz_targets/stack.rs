//! Any request to the whole stack, over a vendor that answers anything: one legal answer comes out, and nothing stays behind. Peeking,
//! renaming, marks of origin, ids that carry their account and whatever else edits bytes on the way are in it.
//!
//! `cargo +nightly fuzz run stack`
#![no_main]

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use trunkline::{
    Body, Buffers, IngressLayer, Json, PoolLayer, Pools, RetryBackoffLayer, Secret,
    SseNormalizeLayer, Upstream,
    pool::{Pool, Vendor},
    provider::Compatible,
    retry::RetryPolicy,
    upstream::Account,
};

const ROUTES: [&str; 16] = [
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1beta/models/m:generateContent",
    "/v1beta/models/m:streamGenerateContent",
    "/v1beta/models/m:streamGenerateContent?alt=sse",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/rerank",
    "/v1/moderations",
    "/v1/messages/count_tokens",
    "/v1/files?model=m",
    "/v1/batches",
    "/v1/models/m/messages",
    "/v1/audio/transcriptions",
    "/v1/m/any/path",
];

/// Choice of vendor, route and manner; the body; the vendor's status and body.
type Input<'a> = (u16, &'a [u8], u8, &'a [u8]);

fuzz_target!(|input: Input<'_>| {
    let (choice, body, status, answer) = input;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(run(choice, body, status, answer));
});

async fn run(choice: u16, body: &[u8], status: u8, answer: &[u8]) {
    let provider = match choice / 16 % 5 {
        0 => Compatible::openai("v", "http://v.test/v1"),
        1 => Compatible::anthropic("v", "http://v.test/v1"),
        2 => Compatible::gemini("v", "http://v.test/v1beta"),
        3 => Compatible::responses("v", "http://v.test/v1"),
        _ => Compatible::cohere("v", "http://v.test/v2"),
    };
    let provider = Arc::new(provider.expect("a provider"));
    let mut vendor = Vendor::new(provider, "upstream");
    for name in ["a", "b"] {
        let account = Account::new(name, Secret::new("canary-key")).with_group(name);
        vendor = vendor.account(Arc::new(account), 1);
    }
    let pools = Pools::new().pool("m", Pool::new().vendor(vendor)).home(["v"]);
    let answer = Bytes::copy_from_slice(answer);
    let status = [200, 200, 200, 201, 302, 400, 401, 429, 500, 529][usize::from(status) % 10];
    let streamed = choice >> 15 == 1;
    let client = service_fn(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            assert_eq!(request.uri().host(), Some("v.test"));
            assert!(request.uri().path().starts_with("/v"));
            let kind = if streamed { "text/event-stream" } else { "application/json" };
            let response = Response::builder().status(status).header("content-type", kind);
            Ok::<_, Infallible>(response.body(Body::from(answer)).expect("a response"))
        }
    });
    let buffers = Buffers::new(1 << 20);
    let gateway = ServiceBuilder::new()
        .layer(IngressLayer::new().timeout(Duration::from_secs(60)).buffers(buffers.clone()))
        .layer(SseNormalizeLayer::new())
        .layer(RetryBackoffLayer::new(RetryPolicy::new().max_attempts(2)))
        .layer(PoolLayer::new(pools.clone()))
        .service(Upstream::new(client).with_buffers(buffers.clone()));
    let route = ROUTES[usize::from(choice) % ROUTES.len()];
    let kind = match route {
        "/v1/audio/transcriptions" => "multipart/form-data; boundary=b",
        _ => "application/json",
    };
    let request = Request::post(route)
        .header("content-type", kind)
        .body(Body::from(Bytes::copy_from_slice(body)))
        .expect("a request");
    let response = gateway.oneshot(request).await.expect("it never fails");
    let (parts, body) = response.into_parts();
    let told = body.collect().await.map(|body| body.to_bytes());
    if !parts.status.is_success()
        && let Ok(told) = &told
    {
        // Errors are of our own making, whatever they were made of.
        let text = std::str::from_utf8(told).expect("UTF-8");
        assert!(Json::parse(text).is_ok(), "{route} {}: {text}", parts.status);
        assert!(!text.contains("canary-key"), "{text}");
    }
    drop(told);
    assert_eq!(buffers.held(), 0);
    assert!(pools.snapshot().iter().all(|account| account.in_flight == 0));
}
