//! What tower asks of every layer: the service that is called is the one that was polled ready, not a clone of it.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::{Ready, ready};
use http::{Request, Response};
use tower::{Layer, Service, ServiceExt};
use trunkline::{
    Body, BoxError, Error, ErrorKind, FailoverLayer, IngressLayer, ModelRequest, ModelResponse,
    PoolLayer, Pools, RetryBackoffLayer, Secret, SseNormalizeLayer, Upstream,
    chat::{ChatRequest, Message},
    dialect::openai_chat::OpenAiChat,
    failover::Chains,
    pool::{Pool, Vendor},
    provider::Compatible,
    response::{Complete, Reply, Served},
    retry::RetryPolicy,
    upstream::{Account, Attempt, Deployment},
};

/// Panics if it is called without having been polled ready itself. A clone starts unready, as tower allows.
struct Probe<F> {
    answer: F,
    ready: bool,
}

impl<F> Probe<F> {
    fn new(answer: F) -> Self {
        Self {
            answer,
            ready: false,
        }
    }
}

impl<F: Clone> Clone for Probe<F> {
    fn clone(&self) -> Self {
        Self::new(self.answer.clone())
    }
}

impl<F, R, T, E> Service<R> for Probe<F>
where
    F: FnMut(R) -> Result<T, E>,
{
    type Response = T;
    type Error = E;
    type Future = Ready<Result<T, E>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without having been ready"
        );
        ready((self.answer)(request))
    }
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
    let left = Arc::new(std::sync::atomic::AtomicUsize::new(times));
    move |request| {
        assert!(request.budget.try_attempt());
        let before = left.load(std::sync::atomic::Ordering::Relaxed);
        left.store(
            before.saturating_sub(1),
            std::sync::atomic::Ordering::Relaxed,
        );
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
        assert!(
            service
                .ready()
                .await
                .expect("ready")
                .call(request())
                .await
                .is_ok()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn retry() {
    let layer = RetryBackoffLayer::new(RetryPolicy::new());
    twice(
        layer.layer(Probe::new(failing(2, ErrorKind::Overloaded))),
        request,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn failover() {
    let layer = FailoverLayer::new(Chains::new().chain("m", ["n", "o"]));
    twice(
        layer.layer(Probe::new(failing(2, ErrorKind::Exhausted))),
        request,
    )
    .await;
}

#[tokio::test]
async fn normalize() {
    twice(
        SseNormalizeLayer::new().layer(Probe::new(failing(0, ErrorKind::Server))),
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
    twice(PoolLayer::new(pools).layer(Probe::new(inner)), request).await;
}

fn whole(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    let body = r#"{"id":"1","choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    Ok(Response::new(Body::from(body)))
}

#[tokio::test]
async fn upstream() {
    let plain = Arc::new(Deployment::new(provider(), account("a"), "m"));
    twice(Upstream::new(Probe::new(whole)), || {
        Attempt::new(request(), plain.clone())
    })
    .await;
    let through = Account::new("a", Secret::new("key")).with_egress("proxy");
    let through = Arc::new(Deployment::new(provider(), Arc::new(through), "m"));
    let service = Upstream::new(Probe::new(whole)).with_egress("proxy", Probe::new(whole));
    twice(service, || Attempt::new(request(), through.clone())).await;
}

#[tokio::test]
async fn ingress() {
    let inner = Probe::new(failing(0, ErrorKind::Server));
    twice(IngressLayer::new().layer(inner), || {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
        Request::post("/v1/chat/completions")
            .body(Body::from(body))
            .expect("a legal request")
    })
    .await;
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
    check::<trunkline::normalize::SseNormalize<()>>();
    check::<trunkline::ingress::Ingress<()>>();
    check::<trunkline::config::Config>();
    check::<trunkline::config::Gateway>();
    check_send::<trunkline::config::GatewayService>();
    check_send::<ModelResponse>();
    check_send::<trunkline::response::Events>();
    check_send::<Body>();
}
