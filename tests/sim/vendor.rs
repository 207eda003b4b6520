//! Vendors at the place of the HTTP client: accounts with limits, moods and prompt caches of their own.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hasher},
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
    stream,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::time::{Instant, sleep};
use tower::Service;
use trunkline::{Body, BoxError};

use crate::{
    chance::Chance,
    meter::{Meter, Shape},
};

/// An account as its vendor has it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub key: &'static str,
    pub rpm: u64,
    pub tpm: u64,
    pub shape: Shape,
    pub concurrency: u32,
    /// Median seconds to the first token.
    pub first_token: f64,
    pub tells: Tells,
    pub mood: fn(f64) -> Mood,
}

/// What a vendor says of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// What is left, with every answer, and when to come back, with every refusal.
    All,
    /// When to come back.
    RetryAfter,
    Nothing,
}

/// How an account is at some second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mood {
    Well,
    /// So many times slower.
    Slow(f64),
    /// Fails at once.
    Failing,
    /// Never answers.
    Silent,
}

impl Plan {
    pub const fn new(key: &'static str) -> Self {
        Self {
            key,
            rpm: 1_000_000,
            tpm: 1_000_000_000,
            shape: Shape::Bucket,
            concurrency: 1_000,
            first_token: 0.4,
            tells: Tells::All,
            mood: |_| Mood::Well,
        }
    }
}

/// All accounts. Clones are the same.
#[derive(Clone, Debug)]
pub struct Vendors(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    begun: Instant,
    accounts: BTreeMap<&'static str, Mutex<Account>>,
    chance: Chance,
}

#[derive(Debug)]
struct Account {
    plan: Plan,
    requests: Meter,
    tokens: Meter,
    in_flight: u32,
    /// Sent, but not there yet.
    on_the_way: (f64, f64),
    /// How much longer the answers under way might have been: nobody else knows before they end.
    unsaid: f64,
    /// Blocks of prompts, and until when they are kept.
    cache: HashMap<u64, f64>,
    tally: Tally,
}

/// What an account did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub calls: u64,
    pub served: u64,
    pub limited: u64,
    pub prompt_tokens: u64,
    pub cached_tokens: u64,
}

impl Vendors {
    pub fn new(plans: &[Plan], seed: u64) -> Self {
        let account = |plan: &Plan| Account {
            plan: *plan,
            requests: Meter::new(plan.shape, plan.rpm),
            tokens: Meter::new(plan.shape, plan.tpm),
            in_flight: 0,
            on_the_way: (0.0, 0.0),
            unsaid: 0.0,
            cache: HashMap::new(),
            tally: Tally::default(),
        };
        Self(Arc::new(Inner {
            begun: Instant::now(),
            accounts: plans
                .iter()
                .map(|plan| (plan.key, Mutex::new(account(plan))))
                .collect(),
            chance: Chance::new(seed),
        }))
    }

    /// Seconds since the beginning.
    pub fn now(&self) -> f64 {
        self.0.begun.elapsed().as_secs_f64()
    }

    /// Has some account had room for a call of so many bytes for a second, and is it well? Answers under way are taken to be as long as
    /// they may be: how long they will be is known to nobody.
    pub fn any_open(&self, bytes: usize) -> Option<&'static str> {
        let now = self.now();
        let most = input(bytes) + MOST_OUTPUT;
        let open = |account: &&'static str| {
            let account = self.account(account);
            (account.plan.mood)(now) == Mood::Well
                && account.in_flight < account.plan.concurrency
                && [now, now - 1.0].into_iter().all(|at| {
                    account.requests.left(at) - account.on_the_way.0 >= 1.0
                        && account.tokens.left(at) - account.on_the_way.1 - account.unsaid >= most
                })
        };
        self.0.accounts.keys().copied().find(open)
    }

    /// What part of what the windows allow in an hour was used: of each account's scarcer one, by how many calls of so many tokens
    /// that would be.
    pub fn used(&self, tokens: f64) -> f64 {
        let (mut used, mut allowed) = (0.0, 0.0);
        for account in self.0.accounts.values() {
            let account = account.lock().unwrap();
            let share = |meter: &Meter| meter.total() / meter.hour();
            let calls = account.requests.hour().min(account.tokens.hour() / tokens);
            used += calls * share(&account.requests).max(share(&account.tokens));
            allowed += calls;
        }
        used / allowed
    }

    pub fn tally(&self) -> Tally {
        let mut all = Tally::default();
        for account in self.0.accounts.values() {
            let one = account.lock().unwrap().tally;
            all.calls += one.calls;
            all.served += one.served;
            all.limited += one.limited;
            all.prompt_tokens += one.prompt_tokens;
            all.cached_tokens += one.cached_tokens;
        }
        all
    }

    /// Of each account, the share used of its requests and of its tokens, in hundredths, and the calls that it refused.
    pub fn shares(&self) -> Vec<(&'static str, u32, u32, u64)> {
        let accounts = self.0.accounts.iter();
        let of = |(key, account): (&&'static str, &Mutex<Account>)| {
            let account = account.lock().unwrap();
            let share = |meter: &Meter| (meter.total() / meter.hour() * 1e4) as u32;
            let refused = account.tally.limited;
            (
                *key,
                share(&account.requests),
                share(&account.tokens),
                refused,
            )
        };
        accounts.map(of).collect()
    }

    fn account(&self, key: &str) -> MutexGuard<'_, Account> {
        self.0.accounts[key].lock().unwrap()
    }

    async fn serve(self, key: String, body: Bytes) -> Result<Response<Body>, BoxError> {
        let (input, output) = (
            input(body.len()),
            self.0.chance.between(40.0, MOST_OUTPUT).floor(),
        );
        let travelling = OnTheWay::new(&self, &key, input + MOST_OUTPUT);
        sleep(seconds(self.0.chance.between(0.002, 0.030))).await;
        drop(travelling);
        let admitted = self.account(&key).admit(&body, input, output, self.now());
        let (pace, headers, cached) = match admitted {
            Admitted::Yes(pace, headers, cached) => (pace, headers, cached),
            Admitted::No(refusal) => return Ok(refusal),
            Admitted::Silent => return std::future::pending().await,
        };
        let place = Place::new(&self, &key, MOST_OUTPUT - output);
        let plan = self.account(&key).plan;
        let first = self.0.chance.lognormal(plan.first_token, 0.4);
        let rest = seconds(pace * output * 0.01);
        sleep(seconds(pace * first)).await;
        let usage = usage(input, output, cached);
        if body.ends_with(br#""stream":true}"#) {
            // The place goes with the stream.
            let end = async move {
                sleep(rest).await;
                self.account(&key).tally.served += 1;
                drop(place);
                let frame = format!(
                    r#"data: {{"id":"1","choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}],"usage":{usage}}}"#
                );
                Ok::<_, BoxError>(Frame::data(Bytes::from(frame + "\n\ndata: [DONE]\n\n")))
            };
            let begin = stream::once(ready(Ok(Frame::data(Bytes::from_static(BEGIN)))));
            let body = Body::new(StreamBody::new(begin.chain(stream::once(end).boxed())));
            return Ok(response(StatusCode::OK, headers, "text/event-stream", body));
        }
        sleep(rest).await;
        drop(place);
        self.account(&key).tally.served += 1;
        let body = format!(
            r#"{{"id":"1","choices":[{{"index":0,"message":{{"role":"assistant","content":"ok"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
        );
        Ok(response(
            StatusCode::OK,
            headers,
            "application/json",
            body.into(),
        ))
    }
}

const BEGIN: &[u8] = b"data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"ok\"}}]}\n\n";

/// What becomes of a call.
enum Admitted {
    /// How slow it will be, what is said of limits, how much of the prompt was in the cache.
    Yes(f64, HeaderMap, u64),
    No(Response<Body>),
    Silent,
}

impl Account {
    fn admit(&mut self, body: &[u8], input: f64, output: f64, now: f64) -> Admitted {
        self.tally.calls += 1;
        let pace = match (self.plan.mood)(now) {
            Mood::Well => 1.0,
            Mood::Slow(times) => times,
            Mood::Failing => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Admitted::No(refusal(status, HeaderMap::new()));
            }
            Mood::Silent => return Admitted::Silent,
        };
        if let Some(wait) = self.refuses(input + output, now) {
            self.tally.limited += 1;
            let headers = self.headers(Some(wait), now);
            return Admitted::No(refusal(StatusCode::TOO_MANY_REQUESTS, headers));
        }
        self.requests.spend(1.0, now);
        self.tokens.spend(input + output, now);
        let cached = self.cached(body, now);
        self.tally.prompt_tokens += input as u64;
        self.tally.cached_tokens += cached;
        Admitted::Yes(pace, self.headers(None, now), cached)
    }

    /// After how many seconds there is room, if there is none now.
    fn refuses(&self, tokens: f64, now: f64) -> Option<f64> {
        if self.in_flight >= self.plan.concurrency {
            return Some(1.0);
        }
        let wait = self
            .requests
            .wait(1.0, now)
            .max(self.tokens.wait(tokens, now));
        (wait > 0.0).then_some(wait)
    }

    fn headers(&self, refused: Option<f64>, now: f64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut tell = |name: &'static str, value: String| {
            headers.insert(name, HeaderValue::from_str(&value).unwrap());
        };
        if let Some(wait) = refused
            && self.plan.tells != Tells::Nothing
        {
            tell("retry-after", format!("{}", wait.ceil().max(1.0)));
        }
        if self.plan.tells == Tells::All {
            let left = |meter: &Meter| format!("{}", meter.left(now).max(0.0).floor());
            let reset = |meter: &Meter| format!("{}ms", (meter.reset(now) * 1e3).ceil());
            tell(
                "x-ratelimit-limit-requests",
                self.requests.limit().to_string(),
            );
            tell("x-ratelimit-remaining-requests", left(&self.requests));
            tell("x-ratelimit-reset-requests", reset(&self.requests));
            tell("x-ratelimit-limit-tokens", self.tokens.limit().to_string());
            tell("x-ratelimit-remaining-tokens", left(&self.tokens));
            tell("x-ratelimit-reset-tokens", reset(&self.tokens));
        }
        headers
    }

    /// How many tokens of this prompt are in the cache, where it now is for five minutes: blocks of 128 tokens, from 1024 on.
    fn cached(&mut self, body: &[u8], now: f64) -> u64 {
        const BLOCK: usize = 512;
        const KEPT: f64 = 300.0;
        if body.len() < 8 * BLOCK {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        let (mut hits, mut whole) = (0, true);
        for block in body.chunks_exact(BLOCK) {
            hasher.write(block);
            let kept = self.cache.insert(hasher.finish(), now + KEPT);
            whole &= kept.is_some_and(|until| until > now);
            hits += u64::from(whole);
        }
        if hits < 8 { 0 } else { hits * 128 }
    }
}

impl Service<Request<Body>> for Vendors {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let key = request.headers()["authorization"].to_str().unwrap();
        let key = key.strip_prefix("Bearer ").unwrap().to_owned();
        let body = request.into_body().try_into_bytes().unwrap();
        self.clone().serve(key, body).boxed()
    }
}

/// A call in service; its place is free again when it is over or the caller has left.
struct Place(Vendors, String, f64);

impl Place {
    fn new(vendors: &Vendors, key: &str, unsaid: f64) -> Self {
        let mut account = vendors.account(key);
        account.in_flight += 1;
        account.unsaid += unsaid;
        drop(account);
        Self(vendors.clone(), key.to_owned(), unsaid)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut account = self.0.account(&self.1);
        account.in_flight -= 1;
        account.unsaid -= self.2;
    }
}

/// A call between the gateway and the vendor.
struct OnTheWay<'a>(&'a Vendors, &'a str, f64);

impl<'a> OnTheWay<'a> {
    fn new(vendors: &'a Vendors, key: &'a str, input: f64) -> Self {
        let mut account = vendors.account(key);
        account.on_the_way.0 += 1.0;
        account.on_the_way.1 += input;
        drop(account);
        Self(vendors, key, input)
    }
}

impl Drop for OnTheWay<'_> {
    fn drop(&mut self) {
        let mut account = self.0.account(self.1);
        account.on_the_way.0 -= 1.0;
        account.on_the_way.1 -= self.2;
    }
}

/// No answer is longer.
const MOST_OUTPUT: f64 = 160.0;

/// The prompt as the vendor counts it: near what four bytes to a token give, but not the same.
fn input(bytes: usize) -> f64 {
    (bytes as f64 / 4.0 * 1.05).floor()
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn usage(input: f64, output: f64, cached: u64) -> String {
    let total = input + output;
    format!(
        r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{total},"prompt_tokens_details":{{"cached_tokens":{cached}}}}}"#
    )
}

fn refusal(status: StatusCode, headers: HeaderMap) -> Response<Body> {
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
        _ => "server_error",
    };
    let body = format!(r#"{{"error":{{"message":"not now","type":"{kind}","code":"{kind}"}}}}"#);
    response(status, headers, "application/json", body.into())
}

fn response(
    status: StatusCode,
    headers: HeaderMap,
    kind: &'static str,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert("content-type", kind);
    response
}
