//! What tower asks of every layer: the service that is called is the one that was polled ready, not a clone of it.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, Ready, ready};
use http::{Request, Response, StatusCode};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use trunkline::{
    Body, BoxError, Error, ErrorKind, FailoverLayer, HedgeLayer, IngressLayer, ModelRequest,
    ModelResponse, PoolLayer, Pools, RetryBackoffLayer, Secret, SseNormalizeLayer, Upstream,
    chat::{ChatRequest, Message},
    credential::Credentials,
    dialect::{anthropic::Anthropic, openai_chat::OpenAiChat},
    failover::Chains,
    hedge::{Hedge, HedgePolicy, Hedges},
    pool::{Pool, Vendor},
    provider::Compatible,
    request::{EmbeddingForm, Operation, Payload},
    response::{Complete, Reply, Served},
    retry::RetryPolicy,
    split::{Arm, Arms, Shadow, Split, SplitLayer, Splits},
    testing::Unready,
    upstream::{Account, Attempt, Deployment, Limits},
};

/// A probe that answers at once.
fn probe<F, R, T, E>(
    mut answer: F,
) -> Unready<
    impl Service<R, Response = T, Error = E, Future = Ready<Result<T, E>>> + Clone + Send + 'static,
>
where
    F: FnMut(R) -> Result<T, E> + Clone + Send + 'static,
{
    Unready::new(service_fn(move |request| ready(answer(request))))
}

fn answer() -> ModelResponse {
    let served = Served::new("v".into(), "a".into(), "m".into(), 1);
    let body = Bytes::from_static(br#"{"id":"1","choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#);
    ModelResponse::new(
        served.into(),
        Reply::Complete(Complete::json(&OpenAiChat, body)),
    )
}

fn request() -> ModelRequest {
    ModelRequest::chat(ChatRequest::new("m", vec![Message::user("hi")]))
}

/// Fails `times` times with this kind, then answers.
fn failing(
    times: usize,
    kind: ErrorKind,
) -> impl FnMut(ModelRequest) -> Result<ModelResponse, BoxError> + Clone + Send {
    let left = Arc::new(AtomicUsize::new(times));
    move |request| {
        assert!(request.budget.try_attempt());
        let before = left.load(Ordering::Relaxed);
        left.store(before.saturating_sub(1), Ordering::Relaxed);
        if before == 0 {
            Ok(answer())
        } else {
            Err(Error::new(kind, "no").into())
        }
    }
}

/// Polls the service ready, calls it, and does so again.
async fn twice<S, R>(mut service: S, request: impl Fn() -> R)
where
    S: Service<R>,
    S::Error: std::fmt::Debug,
{
    for _ in 0..2 {
        let ready = service.ready().await.expect("ready");
        if let Err(error) = ready.call(request()).await {
            panic!("{error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry() {
    let layer = RetryBackoffLayer::new(RetryPolicy::new());
    twice(
        layer.layer(probe(failing(2, ErrorKind::Overloaded))),
        request,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn failover() {
    let layer = FailoverLayer::new(Chains::new().chain("m", ["n", "o"]));
    twice(
        layer.layer(probe(failing(2, ErrorKind::Exhausted))),
        request,
    )
    .await;
}

#[tokio::test]
async fn split() {
    let shadow = Shadow::new("copy", "o");
    let split = Split::new().arm(Arm::new("a", "n", 1)).shadow(shadow);
    let arms = Arms::new();
    let layer = SplitLayer::new(Splits::new().split("m", split)).results(arms.clone());
    let inner = probe(failing(0, ErrorKind::Server));
    twice(layer.layer(inner), request).await;
    // The copies were made by clones, which were polled ready themselves.
    while arms.report().iter().any(|arm| arm.running > 0) {
        tokio::task::yield_now().await;
    }
    let report = arms.report();
    let completed = report.iter().map(|arm| (arm.completed, arm.failed()));
    assert_eq!(completed.collect::<Vec<_>>(), [(2, 0), (2, 0)]);
}

#[tokio::test]
async fn normalize() {
    twice(
        SseNormalizeLayer::new().layer(probe(failing(0, ErrorKind::Server))),
        request,
    )
    .await;
}

fn provider() -> Arc<Compatible> {
    Arc::new(Compatible::openai("v", "http://v.example/v1").expect("a legal URL"))
}

fn account(name: &str) -> Arc<Account> {
    Arc::new(Account::new(name, Secret::new("key")))
}

#[tokio::test]
async fn pool() {
    let vendor = Vendor::new(provider(), "m")
        .account(account("a"), 1)
        .account(account("b"), 1);
    let pools = Pools::new().pool("m", Pool::new().vendor(vendor));
    let mut fails = true;
    let inner = move |_: Attempt| {
        // Every other attempt fails: each call asks both accounts, or only the second.
        fails = !fails;
        if fails {
            Ok(answer())
        } else {
            Err(Error::new(ErrorKind::Unsupported, "no"))
        }
    };
    twice(PoolLayer::new(pools).layer(probe(inner)), request).await;
}

#[tokio::test(start_paused = true)]
async fn pool_after_a_wait() {
    let limits = Limits::none().min_interval(Duration::from_secs(3));
    let account = Account::new("a", Secret::new("key")).with_limits(limits);
    let vendor = Vendor::new(provider(), "m").account(Arc::new(account), 1);
    let pool = Pool::new().vendor(vendor).wait(Duration::from_secs(5));
    let inner = probe(|_: Attempt| Ok::<_, Error>(answer()));
    let pools = Pools::new().pool("m", pool);
    twice(PoolLayer::new(pools).layer(inner), request).await;
}

#[tokio::test(start_paused = true)]
async fn hedge() {
    let vendor = Vendor::new(provider(), "m")
        .account(account("a"), 1)
        .account(account("b"), 1);
    let pools = Pools::new().pool("m", Pool::new().vendor(vendor));
    let policy = HedgePolicy::new().fixed(Duration::from_secs(1)).share(1.0);
    let hedges = Hedges::new().model("m", policy);
    let asked = Arc::new(AtomicUsize::new(0));
    let asks = asked.clone();
    // The first of every two attempts is never answered.
    let silent = Unready::new(service_fn(move |_: Attempt| {
        match asks.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => std::future::pending().boxed(),
            _ => ready(Ok::<_, Error>(answer())).boxed(),
        }
    }));
    let layers = ServiceBuilder::new()
        .layer(HedgeLayer::new(hedges.clone()))
        .layer(PoolLayer::new(pools.clone()));
    twice(layers.service(silent), request).await;
    assert_eq!(asked.load(Ordering::Relaxed), 4, "two attempts, each time");
    // Whoever is not hedged goes by the same way.
    let plain = HedgeLayer::new(Hedges::new());
    twice(plain.layer(probe(failing(0, ErrorKind::Server))), request).await;
}

#[tokio::test]
async fn pool_that_counts() {
    let anthropic = Compatible::anthropic("v", "http://v.example/v1").expect("a legal URL");
    let vendor = Vendor::new(Arc::new(anthropic), "m")
        .account(account("a"), 1)
        .account(account("b"), 1);
    let pools = Pools::new().pool("m", Pool::new().vendor(vendor));
    let asked = Arc::new(AtomicUsize::new(0));
    let asks = asked.clone();
    let inner = move |_: Attempt| {
        asks.fetch_add(1, Ordering::Relaxed);
        Err::<ModelResponse, _>(Error::new(ErrorKind::Overloaded, "no"))
    };
    let counts = || {
        let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
        let payload = Payload::json(&Anthropic, Bytes::from(body)).expect("a legal body");
        ModelRequest::new("m", Operation::CountTokens, payload)
    };
    twice(PoolLayer::new(pools).layer(probe(inner)), counts).await;
    assert_eq!(asked.load(Ordering::Relaxed), 4, "both accounts, each time");
}

fn whole(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    let body = r#"{"id":"1","choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    Ok(Response::new(Body::from(body)))
}

#[tokio::test]
async fn upstream() {
    let plain = Arc::new(Deployment::new(provider(), account("a"), "m"));
    twice(Upstream::new(probe(whole)), || {
        Attempt::new(request(), plain.clone())
    })
    .await;
    let through = Account::new("a", Secret::new("key")).with_egress("proxy");
    let through = Arc::new(Deployment::new(provider(), Arc::new(through), "m"));
    let service = Upstream::new(probe(whole)).with_egress("proxy", probe(whole));
    twice(service, || Attempt::new(request(), through.clone())).await;
}

/// A key that is renewed whenever it is refused.
#[derive(Debug)]
struct Renewed;

impl Credentials for Renewed {
    fn secret(&self) -> BoxFuture<'_, Result<Secret, Error>> {
        ready(Ok(Secret::new("key"))).boxed()
    }

    fn refused(&self, _: &Secret) -> bool {
        true
    }
}

#[tokio::test]
async fn upstream_with_another_key() {
    let calls = Arc::new(AtomicUsize::new(0));
    let refusing = move |request| {
        let mut response = whole(request)?;
        if calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        Ok::<_, Infallible>(response)
    };
    let account = Arc::new(Account::new("a", Renewed));
    let deployment = Arc::new(Deployment::new(provider(), account, "m"));
    twice(Upstream::new(probe(refusing)), || {
        Attempt::new(request(), deployment.clone())
    })
    .await;
}

#[tokio::test]
async fn upstream_that_translates_embeddings() {
    let gemini = Compatible::gemini("v", "http://v.example/v1beta").expect("a legal URL");
    let deployment = Arc::new(Deployment::new(Arc::new(gemini), account("a"), "m"));
    let vectors = |_: Request<Body>| {
        let body = r#"{"embeddings":[{"values":[1.0]},{"values":[2.0]}]}"#;
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(response.body(Body::from(body)).expect("a legal response"))
    };
    twice(Upstream::new(probe(vectors)), || {
        let body = Bytes::from_static(br#"{"model":"m","input":["a","b"]}"#);
        let payload = Payload::opaque(body, None);
        let form = Operation::Embeddings(EmbeddingForm::OpenAi);
        Attempt::new(ModelRequest::new("m", form, payload), deployment.clone())
    })
    .await;
}

/// All of them, one over the other, over a client whose clones are not ready.
#[tokio::test(start_paused = true)]
async fn the_whole_stack() {
    let vendor = Vendor::new(provider(), "m")
        .account(account("a"), 1)
        .account(account("b"), 1);
    let pools = Pools::new().pool("m", Pool::new().vendor(vendor));
    let left = Arc::new(AtomicUsize::new(3));
    let client = move |request| {
        let mut response = whole(request)?;
        if left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
            .is_ok()
        {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Ok::<_, Infallible>(response)
    };
    let stack = ServiceBuilder::new()
        .layer(IngressLayer::new())
        .layer(SseNormalizeLayer::new())
        .layer(FailoverLayer::new(Chains::new()))
        .layer(RetryBackoffLayer::new(RetryPolicy::new()))
        .layer(PoolLayer::new(pools))
        .service(Upstream::new(probe(client)));
    twice(stack, front).await;
}

fn front() -> Request<Body> {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    Request::post("/v1/chat/completions")
        .body(Body::from(body))
        .expect("a legal request")
}

#[tokio::test]
async fn ingress() {
    let inner = probe(failing(0, ErrorKind::Server));
    twice(IngressLayer::new().layer(inner), front).await;
}

/// Services and what travels between them cross threads.
#[test]
fn everything_is_send_sync_and_static() {
    fn check<T: Send + Sync + 'static>() {}
    fn check_send<T: Send + 'static>() {}
    check::<ModelRequest>();
    check::<Attempt>();
    check::<Error>();
    check::<Pools>();
    check::<Deployment>();
    check::<Upstream<trunkline::client::ReqwestClient>>();
    check::<trunkline::pool::PoolService<Upstream<trunkline::client::ReqwestClient>>>();
    check::<trunkline::retry::RetryBackoff<Upstream<trunkline::client::ReqwestClient>>>();
    check::<trunkline::failover::Failover<()>>();
    check::<Hedge<()>>();
    check::<trunkline::normalize::SseNormalize<()>>();
    check::<trunkline::ingress::Ingress<()>>();
    check::<trunkline::config::Config>();
    check::<trunkline::config::Gateway>();
    check_send::<trunkline::config::GatewayService>();
    check_send::<ModelResponse>();
    check_send::<trunkline::response::Events>();
    check_send::<Body>();
}
