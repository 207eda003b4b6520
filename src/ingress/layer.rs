//! The layer and its settings.

use std::{fmt, sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{BodyShape, Closing, Ingress};
use crate::{Buffers, trail::Calls};

/// Serves the front dialects over HTTP. See the [module docs](crate::ingress) for an example.
#[derive(Clone)]
#[must_use]
pub struct IngressLayer {
    pub(super) settings: Arc<Settings>,
}

/// Tells which dialects the vendors of a model speak.
pub(super) type Dialects = Arc<dyn Fn(&str) -> Vec<&'static str> + Send + Sync>;

/// Tells how long a call for a model may take.
pub(super) type TimeoutOf = Arc<dyn Fn(&str) -> Option<Option<Duration>> + Send + Sync>;

/// What one gateway's door is set to.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) body_limit: usize,
    pub(super) shape: BodyShape,
    pub(super) buffers: Buffers,
    pub(super) heartbeat: Option<Duration>,
    pub(super) json_heartbeat: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) timeout_of: Option<TimeoutOf>,
    pub(super) closing: Option<Closing>,
    pub(super) models: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    pub(super) dialects: Dialects,
    pub(super) calls: Option<Calls>,
}

impl IngressLayer {
    /// Bodies up to 32 MiB, heartbeats every 15 s, ten minutes for a call, an empty list of models.
    pub fn new() -> Self {
        Self {
            settings: Arc::new(Settings {
                body_limit: 32 << 20,
                shape: BodyShape::new(),
                buffers: Buffers::unlimited(),
                heartbeat: Some(Duration::from_secs(15)),
                json_heartbeat: None,
                timeout: Some(Duration::from_secs(600)),
                timeout_of: None,
                closing: None,
                models: Arc::new(Vec::new),
                dialects: Arc::new(|_| Vec::new()),
                calls: None,
            }),
        }
    }

    /// The most bytes of a request's body. More is answered with 413.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.edit().body_limit = bytes;
        self
    }

    /// The most that a JSON body may hold apart from its bytes. More is answered with 400.
    pub fn shape(mut self, shape: BodyShape) -> Self {
        self.edit().shape = shape;
        self
    }

    /// The memory for the bodies of all calls together. A call that finds none is answered with 503. Not limited unless set.
    pub fn buffers(mut self, buffers: Buffers) -> Self {
        self.edit().buffers = buffers;
        self
    }

    /// How long a stream may be silent before the caller hears a heartbeat; `None` for never.
    pub fn heartbeat(mut self, every: impl Into<Option<Duration>>) -> Self {
        self.edit().heartbeat = every.into().filter(|every| !every.is_zero());
        self
    }

    /// How often a caller who waits for a whole conversation, embeddings or the like hears a space, which JSON allows before it; never
    /// unless set. From the first one on the status is 200: an error that comes later is the dialect's error object as the body.
    pub fn json_heartbeat(mut self, every: impl Into<Option<Duration>>) -> Self {
        self.edit().json_heartbeat = every.into().filter(|every| !every.is_zero());
        self
    }

    /// The most time a call may take, stream and all; `None` for as long as it likes.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.edit().timeout = timeout.into();
        self
    }

    /// The same for the calls that ask for some models, by their names; the outer `None` is as for all others.
    pub fn timeout_of(
        mut self,
        timeout: impl Fn(&str) -> Option<Option<Duration>> + Send + Sync + 'static,
    ) -> Self {
        self.edit().timeout_of = Some(Arc::new(timeout));
        self
    }

    /// The switch that ends running calls when the process has to go.
    pub fn closing(mut self, closing: Closing) -> Self {
        self.edit().closing = Some(closing);
        self
    }

    /// Where the list of models comes from. It is asked at every `GET /models`.
    pub fn models(mut self, models: impl Fn() -> Vec<String> + Send + Sync + 'static) -> Self {
        self.edit().models = Arc::new(models);
        self
    }

    /// Which dialects the vendors of a model speak, by their names. It is asked at every `GET /capabilities`, for each of the
    /// [`models`](Self::models).
    pub fn dialects(
        mut self,
        dialects: impl Fn(&str) -> Vec<&'static str> + Send + Sync + 'static,
    ) -> Self {
        self.edit().dialects = Arc::new(dialects);
        self
    }

    /// Where calls are remembered when they are over. Nowhere unless set.
    pub fn calls(mut self, calls: Calls) -> Self {
        self.edit().calls = Some(calls);
        self
    }

    fn edit(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}

impl Default for IngressLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for IngressLayer {
    type Service = Ingress<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Ingress::new(inner, self.settings.clone())
    }
}

impl fmt::Debug for IngressLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl Settings {
    /// How long a call for this model may take.
    pub(super) fn timeout(&self, model: &str) -> Option<Duration> {
        let own = self.timeout_of.as_ref().and_then(|of| of(model));
        own.unwrap_or(self.timeout)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IngressLayer")
            .field("body_limit", &self.body_limit)
            .field("heartbeat", &self.heartbeat)
            .field("json_heartbeat", &self.json_heartbeat)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
