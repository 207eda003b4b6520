//! A vendor's limits, played.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use serde_json::json;
use tokio::time::Instant;

use super::{Answer, Recorded, wrongs};
use crate::provider::aws::civil;

/// So many requests and so many tokens in a window of time. What is beyond gets 429 and does not use up the script.
///
/// The limits are told in the dialect's own way: OpenAI's and Anthropic's headers with every answer, `retry-after` with refusals,
/// Google's `RetryInfo` in the body. A window begins with the first request after the last one has ended.
///
/// ```
/// use std::time::Duration;
///
/// use tower::ServiceExt;
/// use trunkline::{
///     Body, BoxError,
///     testing::{RateLimit, Vendor},
/// };
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), BoxError> {
/// let vendor = Vendor::echo();
/// vendor.limit(RateLimit::new("openai-chat").requests(1).per(Duration::from_secs(20)));
/// let ask = || {
///     let body = r#"{"model":"demo","messages":[{"role":"user","content":"Hi"}]}"#;
///     let request = http::Request::post("https://vendor.test/v1/chat/completions").body(Body::from(body));
///     vendor.clone().oneshot(request.expect("a legal request"))
/// };
/// assert_eq!(ask().await?.headers()["x-ratelimit-remaining-requests"], "0");
/// assert_eq!(ask().await?.headers()["retry-after"], "20");
/// tokio::time::sleep(Duration::from_secs(20)).await;
/// assert_eq!(ask().await?.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct RateLimit {
    dialect: &'static str,
    requests: Option<u64>,
    tokens: Option<u64>,
    per: Duration,
    cost: Arc<dyn Fn(&Recorded) -> u64 + Send + Sync>,
    window: Arc<Mutex<Option<Window>>>,
}

/// The window that runs.
#[derive(Clone, Copy)]
struct Window {
    ends: Instant,
    requests: u64,
    tokens: u64,
}

/// What a request has come to.
pub(super) enum Verdict {
    /// Answer it, and tell this with the answer.
    Admitted(Vec<(String, String)>),
    Refused(Box<Answer>),
}

impl RateLimit {
    /// No limits yet, told as this dialect does; a window is a minute.
    pub fn new(dialect: &'static str) -> Self {
        Self {
            dialect,
            requests: None,
            tokens: None,
            per: Duration::from_secs(60),
            cost: Arc::new(|request| request.body.len().div_ceil(4) as u64),
            window: Arc::default(),
        }
    }

    /// The most requests in a window.
    pub fn requests(mut self, most: u64) -> Self {
        self.requests = Some(most);
        self
    }

    /// The most tokens in a window.
    pub fn tokens(mut self, most: u64) -> Self {
        self.tokens = Some(most);
        self
    }

    /// How long a window is.
    pub fn per(mut self, window: Duration) -> Self {
        self.per = window;
        self
    }

    /// The tokens that a request counts for. A quarter of its body's bytes, unless set otherwise.
    pub fn cost(mut self, cost: impl Fn(&Recorded) -> u64 + Send + Sync + 'static) -> Self {
        self.cost = Arc::new(cost);
        self
    }

    pub(super) fn judge(&self, request: &Recorded) -> Verdict {
        let cost = (self.cost)(request);
        let now = Instant::now();
        let mut running = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Window {
            ends: now + self.per,
            requests: 0,
            tokens: 0,
        };
        let mut window = running.filter(|window| now < window.ends).unwrap_or(fresh);
        let fits = |used: u64, more: u64, most: Option<u64>| {
            most.is_none_or(|most| used.saturating_add(more) <= most)
        };
        let admitted =
            fits(window.requests, 1, self.requests) && fits(window.tokens, cost, self.tokens);
        if admitted {
            window.requests += 1;
            window.tokens = window.tokens.saturating_add(cost);
        }
        *running = Some(window);
        drop(running);

        let headers = self.headers(&window, now);
        if admitted {
            return Verdict::Admitted(headers);
        }
        let left = window.ends.saturating_duration_since(now);
        let refusal = match self.dialect {
            "gemini" => gemini(left),
            dialect => wrongs::rate_limited(Some(dialect))
                .header("retry-after", &left.as_secs_f64().ceil().to_string()),
        };
        Verdict::Refused(Box::new(told(refusal, headers)))
    }

    fn headers(&self, window: &Window, now: Instant) -> Vec<(String, String)> {
        let left = window.ends.saturating_duration_since(now);
        let (requests, tokens) = (
            self.requests.map(|most| (most, window.requests)),
            self.tokens.map(|most| (most, window.tokens)),
        );
        let mut headers = Vec::new();
        for (name, counted) in [("requests", requests), ("tokens", tokens)] {
            let Some((most, used)) = counted else {
                continue;
            };
            let remaining = most.saturating_sub(used).to_string();
            let most = most.to_string();
            match self.dialect {
                "anthropic" => {
                    let reset = rfc3339(SystemTime::now() + left);
                    let name = |what: &str| format!("anthropic-ratelimit-{name}-{what}");
                    headers.push((name("limit"), most));
                    headers.push((name("remaining"), remaining));
                    headers.push((name("reset"), reset));
                }
                "openai-chat" | "openai-responses" => {
                    let reset = format!("{}ms", left.as_millis());
                    headers.push((format!("x-ratelimit-limit-{name}"), most));
                    headers.push((format!("x-ratelimit-remaining-{name}"), remaining));
                    headers.push((format!("x-ratelimit-reset-{name}"), reset));
                }
                _ => {}
            }
        }
        headers
    }
}

pub(super) fn told(answer: Answer, headers: Vec<(String, String)>) -> Answer {
    headers
        .iter()
        .fold(answer, |answer, (name, value)| answer.header(name, value))
}

/// A moment, to the second; part of one counts as a whole one.
fn rfc3339(at: SystemTime) -> String {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = since.as_secs() + u64::from(since.subsec_nanos() > 0);
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn gemini(left: Duration) -> Answer {
    let body = json!({"error": {
        "code": 429,
        "message": "Too many requests to the scripted vendor.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [{
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{:.3}s", left.as_secs_f64()),
        }],
    }});
    Answer::json(429, body.to_string())
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("dialect", &self.dialect)
            .field("requests", &self.requests)
            .field("tokens", &self.tokens)
            .field("per", &self.per)
            .finish_non_exhaustive()
    }
}
