//! The layer and its service.

use std::{
    collections::HashMap,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::runtime::Handle;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Instrument;

use super::{
    Arms, Drawn, Shadow, Shadows, Splits, copy,
    tally::{Running, Tally},
};
use crate::{
    BoxError,
    error::Error,
    request::{ModelRequest, Operation},
    response::ModelResponse,
    response_future::ResponseFuture,
};

/// Draws an arm for each call whose model is a split. See the [module docs](crate::split) for an example.
#[derive(Clone, Debug)]
pub struct SplitLayer {
    splits: Splits,
    arms: Arms,
    shadows: Shadows,
}

impl SplitLayer {
    /// By these splits.
    pub fn new(splits: Splits) -> Self {
        Self {
            splits,
            arms: Arms::new(),
            shadows: Shadows::new(),
        }
    }

    /// Where results are kept.
    #[must_use]
    pub fn results(mut self, arms: Arms) -> Self {
        self.arms = arms;
        self
    }

    /// What ends copies that are under way.
    #[must_use]
    pub fn shadows(mut self, shadows: Shadows) -> Self {
        self.shadows = shadows;
        self
    }
}

impl<S> Layer<S> for SplitLayer {
    type Service = SplitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SplitService {
            inner,
            table: Arc::new(Table::new(self)),
        }
    }
}

/// The service of [`SplitLayer`].
#[derive(Clone, Debug)]
pub struct SplitService<S> {
    inner: S,
    table: Arc<Table>,
}

impl_inner!(SplitService);

/// The splits, and where each arm's results go.
#[derive(Debug)]
struct Table {
    splits: Splits,
    tallies: HashMap<Arc<str>, Tallies>,
    shadows: Shadows,
}

#[derive(Debug)]
struct Tallies {
    arms: HashMap<Arc<str>, Arc<Tally>>,
    shadow: Option<(Shadow, Arc<Tally>)>,
}

impl Table {
    fn new(layer: &SplitLayer) -> Self {
        let tallies = layer.splits.each().map(|(name, split)| {
            let arms = split.arms.iter();
            let arms = arms.map(|arm| (arm.name.clone(), layer.arms.arm(name, arm)));
            let shadow = split.shadow.as_ref();
            let shadow = shadow.map(|s| (s.clone(), layer.arms.shadow(name, s)));
            let tallies = Tallies {
                arms: arms.collect(),
                shadow,
            };
            (name.clone(), tallies)
        });
        Self {
            tallies: tallies.collect(),
            splits: layer.splits.clone(),
            shadows: layer.shadows.clone(),
        }
    }

    /// The results of these arms, in which a call begins.
    fn begin(&self, drawn: &[Drawn]) -> Vec<Running> {
        let tally = |drawn: &Drawn| self.tallies.get(&drawn.split)?.arms.get(&drawn.arm);
        drawn.iter().filter_map(tally).map(Tally::begin).collect()
    }

    /// Copies the call for the shadows of these splits whose turn it is.
    fn copy<S>(&self, inner: &S, request: &ModelRequest, drawn: &[Drawn])
    where
        S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        let shadow = |drawn: &Drawn| self.tallies.get(&drawn.split)?.shadow.as_ref();
        for (shadow, tally) in drawn.iter().filter_map(shadow) {
            // What it would be compared with is the same model.
            let same = drawn.last().is_some_and(|last| last.model == shadow.model);
            if same || self.splits.fraction() >= shadow.share {
                continue;
            }
            if let Err(why) = self.send(inner, request, shadow, tally) {
                tally.skipped(why);
            }
        }
    }

    /// Makes one copy, if it can be made.
    fn send<S>(
        &self,
        inner: &S,
        request: &ModelRequest,
        shadow: &Shadow,
        tally: &Arc<Tally>,
    ) -> Result<(), &'static str>
    where
        S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        let watch = self.shadows.watch();
        let (Ok(runtime), false) = (Handle::try_current(), watch.is_stopped()) else {
            return Err("stopped");
        };
        if !copy::is_plain(request) {
            return Err("unfit");
        }
        let running = tally.begin_copy(shadow)?;
        // Sharing the body is cheap; whatever costs more is done by the task.
        let (request, shadow) = (request.clone(), shadow.clone());
        let span = tracing::info_span!(parent: None, "copy", model = &*shadow.model);
        let task = copy::run(inner.clone(), request, shadow, running, watch);
        drop(runtime.spawn(task.instrument(span)));
        Ok(())
    }
}

impl<S> Service<ModelRequest> for SplitService<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = ModelResponse;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner
            .poll_ready(cx)
            .map_err(|e| Error::from_box(e.into()))
    }

    fn call(&mut self, request: ModelRequest) -> Self::Future {
        let (model, drawn) = self.table.splits.resolve(&request.model, &request);
        if drawn.is_empty() {
            return ResponseFuture::plain(self.inner.call(request));
        }
        if request.operation == Operation::CountTokens {
            return ResponseFuture::plain(self.inner.call(request.with_model(model)));
        }
        self.table.copy(&self.inner, &request, &drawn);
        let mut running = self.table.begin(&drawn);
        request.trail.drew(drawn);
        let called = self.inner.call(request.with_model(model));
        ResponseFuture::boxed(async move {
            match called.await.map_err(ours) {
                Ok(mut response) => {
                    for running in &mut running {
                        running.answered(&response);
                    }
                    response.reply = response.reply.on_end(move |outcome| {
                        for running in running {
                            running.ended(&outcome);
                        }
                    });
                    Ok(response)
                }
                Err(error) => {
                    for running in running {
                        running.failed(&error);
                    }
                    Err(error)
                }
            }
        })
    }
}

fn ours(error: impl Into<BoxError>) -> Error {
    Error::from_box(error.into())
}
