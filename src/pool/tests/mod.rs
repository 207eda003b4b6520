//! Each rule as a short story, with scripted vendors and a stopped clock.

mod adaptive;
mod breakers;
mod cheapest;
mod cooldowns;
mod explain;
mod fastest;
mod headroom;
mod hedging;
mod home;
mod large;
mod leases;
mod limits;
mod origins;
mod queue;
mod selection;
mod sessions;
mod waiting;
mod windows;

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

use super::*;
use crate::{
    Secret,
    chat::Usage,
    dialect::{RateWindow, RateWindows, Resource, openai_chat::OpenAiChat},
    error::{Error, ErrorKind},
    provider::{Compatible, Provider},
    request::{ModelRequest, Operation, Payload},
    response::{EventStream, ModelResponse, Reply},
    stream::FrameSource,
    upstream::{Account, Attempt, Limits},
    wire::Frame,
};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn provider(name: &'static str) -> Arc<dyn Provider> {
    Arc::new(Compatible::openai(name, "https://vendor.example/v1").unwrap())
}

fn account(name: &str) -> Arc<Account> {
    limited(name, Limits::default())
}

fn limited(name: &str, limits: Limits) -> Arc<Account> {
    Arc::new(Account::new(name, Secret::new("sk-canary")).with_limits(limits))
}

/// One vendor `acme` with these accounts, all of weight 1.
fn pool(accounts: &[&str]) -> Pool {
    let vendor = Vendor::new(provider("acme"), "large");
    Pool::new().vendor(
        accounts
            .iter()
            .fold(vendor, |vendor, name| vendor.account(account(name), 1)),
    )
}

fn pools(pool: Pool) -> Pools {
    Pools::with_seed(1).pool("m", pool)
}

fn request() -> ModelRequest {
    sized(0)
}

/// A call for `m` whose body has about this many tokens more than the least.
fn sized(tokens: usize) -> ModelRequest {
    let body = format!(
        r#"{{"model":"m","messages":[{{}}],"x":"{}"}}"#,
        "x".repeat(tokens * 4)
    );
    let payload = Payload::json(&OpenAiChat, Bytes::from(body)).unwrap();
    ModelRequest::new("m", Operation::Chat, payload)
}

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, kind.as_str())
}

fn rate_limited(seconds: u64) -> Error {
    error(ErrorKind::RateLimited).with_retry_after(secs(seconds))
}

/// What a vendor does with an attempt.
enum Act {
    Serve,
    /// Serves so many tokens.
    Usage(u64),
    /// Serves, and tells of the vendor's limits.
    Tell(RateWindows),
    /// Begins well, then breaks.
    Break,
    Fail(Error),
    /// Serves after a while.
    Slow(Duration),
    /// Fails after a while.
    Late(Duration, Error),
    Hang,
}

/// An attempt as the vendors saw it.
#[derive(Clone, Debug)]
struct Seen {
    account: String,
    model: String,
    number: u32,
    at: Instant,
}

/// The vendors. A clone is not ready until it was polled, and a call on what is not ready is a mistake of the caller's.
struct Vendors {
    ready: bool,
    script: Arc<dyn Fn(&Attempt) -> Act + Send + Sync>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Vendors {
    fn new(script: impl Fn(&Attempt) -> Act + Send + Sync + 'static) -> Self {
        Self {
            ready: false,
            script: Arc::new(script),
            seen: Arc::default(),
        }
    }

    /// Everybody does the same.
    fn all(act: impl Fn() -> Act + Send + Sync + 'static) -> Self {
        Self::new(move |_| act())
    }

    /// By account; whoever is not named serves.
    fn by_account(act: impl Fn(&str) -> Option<Error> + Send + Sync + 'static) -> Self {
        Self::new(move |attempt| {
            act(&attempt.deployment.account.name).map_or(Act::Serve, Act::Fail)
        })
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn accounts(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.account).collect()
    }
}

impl Clone for Vendors {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            script: self.script.clone(),
            seen: self.seen.clone(),
        }
    }
}

impl Service<Attempt> for Vendors {
    type Response = ModelResponse;
    type Error = crate::BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<ModelResponse, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, attempt: Attempt) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        self.seen.lock().unwrap().push(Seen {
            account: attempt.deployment.account.name.to_string(),
            model: attempt.deployment.model.to_string(),
            number: attempt.number,
            at: Instant::now(),
        });
        let act = (self.script)(&attempt);
        Box::pin(async move {
            let windows = match &act {
                Act::Tell(windows) => windows.clone(),
                _ => RateWindows::new(),
            };
            let (tokens, breaks) = match act {
                Act::Serve | Act::Tell(_) => (None, false),
                Act::Usage(tokens) => (Some(tokens), false),
                Act::Break => (None, true),
                Act::Fail(error) => return Err(error.into()),
                Act::Slow(after) => {
                    tokio::time::sleep(after).await;
                    (None, false)
                }
                Act::Late(after, error) => {
                    tokio::time::sleep(after).await;
                    return Err(error.into());
                }
                Act::Hang => std::future::pending().await,
            };
            let mut frames = VecDeque::from([Ok(Frame::new(None, "{}"))]);
            if breaks {
                frames.push_back(Err(error(ErrorKind::StreamBroken)));
            }
            let stream = EventStream::new(&OpenAiChat, Script { frames, tokens });
            let served = attempt.deployment.served(attempt.number);
            let mut response = ModelResponse::new(served, Reply::Stream(stream));
            response.windows = windows;
            Ok(response)
        })
    }
}

struct Script {
    frames: VecDeque<Result<Frame, Error>>,
    tokens: Option<u64>,
}

impl FrameSource for Script {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        Poll::Ready(self.frames.pop_front())
    }

    fn usage(&self) -> Option<Usage> {
        self.tokens.map(|tokens| Usage {
            input: Some(tokens),
            ..Usage::default()
        })
    }
}

/// One call, its answer still open.
async fn begin(
    pools: &Pools,
    vendors: &Vendors,
    request: ModelRequest,
) -> Result<ModelResponse, Error> {
    let service = PoolLayer::new(pools.clone()).layer(vendors.clone());
    service.oneshot(request).await
}

/// One call, read to the end; who served it.
async fn call(pools: &Pools, vendors: &Vendors) -> Result<String, Error> {
    call_with(pools, vendors, request()).await
}

async fn call_with(
    pools: &Pools,
    vendors: &Vendors,
    request: ModelRequest,
) -> Result<String, Error> {
    let response = begin(pools, vendors, request).await?;
    let account = response.served.account.to_string();
    finish(response).await;
    Ok(account)
}

async fn finish(response: ModelResponse) {
    let Reply::Stream(mut stream) = response.reply else {
        unreachable!("the vendors stream");
    };
    while stream.next_frame().await.is_some() {}
}

fn status(pools: &Pools, account: &str) -> AccountStatus {
    let all = pools.snapshot();
    all.into_iter()
        .find(|status| &*status.account == account)
        .unwrap()
}

fn nobody_in_flight(pools: &Pools) -> bool {
    pools.snapshot().iter().all(|status| status.in_flight == 0)
}
