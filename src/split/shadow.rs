//! Copies of calls, for another model.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::watch;

/// A share of a split's calls is copied to another model. See the [module docs](crate::split#shadows).
#[derive(Clone, Debug)]
#[must_use]
pub struct Shadow {
    pub(super) name: Arc<str>,
    pub(super) model: Arc<str>,
    pub(super) share: f64,
    pub(super) concurrency: u32,
    pub(super) timeout: Duration,
    pub(super) most_bytes: u64,
    /// Millionths of a dollar.
    pub(super) budget: Option<u64>,
}

impl Shadow {
    /// How many copies may be under way unless set.
    pub const CONCURRENCY: u32 = 4;
    /// How long a copy may take unless set.
    pub const TIMEOUT: Duration = Duration::from_secs(60);
    /// How many bytes of an answer are read unless set.
    pub const MOST_BYTES: u64 = 4 << 20;

    /// `name` is what its results are told under; `model` is one that the layers below know. All calls are copied, unless a
    /// [share](Self::share) is set.
    pub fn new(name: impl Into<Arc<str>>, model: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            model: model.into(),
            share: 1.0,
            concurrency: Self::CONCURRENCY,
            timeout: Self::TIMEOUT,
            most_bytes: Self::MOST_BYTES,
            budget: None,
        }
    }

    /// Which share of the calls is copied, from 0 to 1, drawn for each call. Others are clamped.
    pub const fn share(mut self, share: f64) -> Self {
        self.share = if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        };
        self
    }

    /// How many copies may be under way at the same time; those beyond are not made.
    pub const fn concurrency(mut self, copies: u32) -> Self {
        self.concurrency = copies;
        self
    }

    /// How long a copy may take, to the end of its answer.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes of an answer are read before the rest is given up; then it counts as cancelled.
    pub const fn most_bytes(mut self, bytes: u64) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// What the copies of a day may cost, in millionths of a US dollar; not limited unless set. A day begins with the first copy after
    /// the last day. Those that are under way when it is spent still end; models without a known price cost nothing.
    pub const fn budget(mut self, micros_per_day: u64) -> Self {
        self.budget = Some(micros_per_day);
        self
    }

    /// What its results are told under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model that it copies to.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The share of the calls that it copies, from 0 to 1.
    pub const fn copied(&self) -> f64 {
        self.share
    }
}

/// Ends the copies that are under way: when a process stops, they are not waited for. Clones are the same switch; when all are gone,
/// the layer's own among them, the copies end too.
#[derive(Clone)]
pub struct Shadows(Arc<watch::Sender<bool>>);

impl Shadows {
    /// Copies may be made.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Ends all copies that are under way. None is made any more.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn watch(&self) -> Watch {
        Watch(self.0.subscribe())
    }
}

impl Default for Shadows {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Shadows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shadows").field(&*self.0.borrow()).finish()
    }
}

/// A copy's view of the switch.
pub(super) struct Watch(watch::Receiver<bool>);

impl Watch {
    pub(super) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Ready once copies are to end.
    pub(super) async fn stopped(&mut self) {
        // That nobody is left to say so means the same.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}
