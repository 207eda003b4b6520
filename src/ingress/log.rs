//! What is told of a call when it is over: one line of log, one record, however many notice.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tokio::time::Instant;

use super::{closing::Closing, layer::Settings, reply};
use crate::{
    Body,
    chat::Usage,
    dialect::Dialect,
    error::Error,
    request::ModelRequest,
    response::{Outcome, Served},
    trail::{Calls, Ended, Trail, wall_clock},
};

/// One line of log for each call, whenever and however it ends. Clones are the same.
#[derive(Clone)]
pub(super) struct Log(Arc<Told>);

struct Told {
    model: Arc<str>,
    caller: Option<Arc<str>>,
    /// How often the client has asked the same before, if it says so.
    repeats: Option<u32>,
    start: Instant,
    trail: Trail,
    id: HeaderValue,
    /// Where the call is remembered.
    calls: Option<Calls>,
    /// Whoever is sent away at the end has not left.
    closing: Option<Closing>,
    /// Was its end told? It has one only.
    told: AtomicBool,
}

/// A call whose answer has not begun.
pub(super) struct Waiting(Option<Log>);

impl Waiting {
    pub(super) const fn new(log: Log) -> Self {
        Self(Some(log))
    }

    /// It has begun, or failed: somebody else tells.
    pub(super) fn over(mut self) {
        self.0 = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(log) = self.0.take() {
            log.left();
        }
    }
}

impl Log {
    pub(super) fn new(
        request: &ModelRequest,
        headers: &HeaderMap,
        id: &HeaderValue,
        start: Instant,
        settings: &Settings,
    ) -> Self {
        Self(Arc::new(Told {
            model: request.model.clone(),
            caller: request.caller.id.clone(),
            repeats: repeats(headers),
            start,
            trail: request.trail.clone(),
            id: id.clone(),
            calls: settings.calls.clone(),
            closing: settings.closing.clone(),
            told: AtomicBool::new(false),
        }))
    }

    pub(super) fn start(&self) -> Instant {
        self.0.start
    }

    pub(super) fn done(
        &self,
        served: &Served,
        status: u16,
        first: std::time::Duration,
        lossy: Option<&str>,
        cost: Option<u64>,
        outcome: &Outcome,
    ) {
        if self.was_told() {
            return;
        }
        let usage = outcome.usage().unwrap_or_default();
        let (ending, kind) = match outcome {
            Outcome::Completed { .. } => ("completed", None),
            Outcome::Broken { error, .. } => ("broken", Some(error.kind().as_str())),
            Outcome::Cancelled { .. } => ("cancelled", None),
        };
        let arm = self.arm();
        tracing::info!(
            model = &*self.0.model,
            arm = arm.as_deref(),
            caller = self.0.caller.as_deref(),
            repeats = self.0.repeats,
            provider = &*served.provider,
            account = &*served.account,
            upstream_model = &*served.model,
            attempts = served.attempts,
            status,
            first_token_ms = first.as_millis() as u64,
            total_ms = self.0.start.elapsed().as_millis() as u64,
            input_tokens = usage.total_input(),
            output_tokens = usage.total_output(),
            cost_micros = cost,
            lossy,
            ending,
            kind,
            continued = self.0.trail.continued(),
            hedge = self.0.trail.hedge(),
            way = %self.0.trail,
            "served"
        );
        self.remember(ending, kind, &usage, cost);
    }

    /// The arm of the split that was asked for.
    fn arm(&self) -> Option<String> {
        self.0.trail.drawn().first().map(ToString::to_string)
    }

    /// The caller did not wait for the answer.
    fn left(&self) {
        if self.0.closing.as_ref().is_some_and(Closing::is_cut) {
            return self.failed(&Closing::error());
        }
        if self.was_told() {
            return;
        }
        let arm = self.arm();
        tracing::info!(
            model = &*self.0.model,
            arm = arm.as_deref(),
            caller = self.0.caller.as_deref(),
            repeats = self.0.repeats,
            total_ms = self.0.start.elapsed().as_millis() as u64,
            ending = "cancelled",
            hedge = self.0.trail.hedge(),
            way = %self.0.trail,
            "left"
        );
        self.remember("cancelled", None, &Usage::default(), None);
    }

    /// Every call ends once, however many notice.
    fn was_told(&self) -> bool {
        self.0.told.swap(true, Ordering::Relaxed)
    }

    pub(super) fn failed(&self, error: &Error) {
        if self.was_told() {
            return;
        }
        let served = error.served();
        let arm = self.arm();
        tracing::warn!(
            model = &*self.0.model,
            arm = arm.as_deref(),
            caller = self.0.caller.as_deref(),
            repeats = self.0.repeats,
            provider = served.map(|s| &*s.provider),
            account = served.map(|s| &*s.account),
            attempts = served.map(|s| s.attempts),
            status = error.status().as_u16(),
            vendor_status = error.vendor_status().map(|s| s.as_u16()),
            total_ms = self.0.start.elapsed().as_millis() as u64,
            kind = %error.kind(),
            error = error.message(),
            hedge = self.0.trail.hedge(),
            way = %self.0.trail,
            "failed"
        );
        let kind = Some(error.kind().as_str());
        self.remember("failed", kind, &Usage::default(), None);
    }

    fn remember(
        &self,
        ending: &'static str,
        kind: Option<&'static str>,
        usage: &Usage,
        cost: Option<u64>,
    ) {
        let Some(calls) = &self.0.calls else {
            return;
        };
        calls.add(Ended {
            request_id: self.0.id.clone(),
            model: self.0.model.clone(),
            caller: self.0.caller.clone(),
            ended_at: wall_clock(),
            total_ms: self.0.start.elapsed().as_millis() as u64,
            ending,
            kind,
            usage: *usage,
            cost_micros: cost,
            trail: self.0.trail.clone(),
        });
    }

    pub(super) fn refused(&self, dialect: &'static dyn Dialect, error: &Error) -> Response<Body> {
        self.failed(error);
        reply::error(dialect, error)
    }
}

/// OpenAI's and Anthropic's SDKs count their repeats.
fn repeats(headers: &HeaderMap) -> Option<u32> {
    const REPEATS: HeaderName = HeaderName::from_static("x-stainless-retry-count");
    let value = headers.get(REPEATS)?;
    value.to_str().ok()?.trim().parse().ok()
}
