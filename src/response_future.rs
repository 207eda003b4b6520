//! The future of a call to a layer that mostly leaves calls alone.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use crate::{BoxError, error::Error, response::ModelResponse};

pub(crate) type Boxed = Pin<Box<dyn Future<Output = Result<ModelResponse, Error>> + Send>>;

pin_project! {
    /// The answer of a layer: that of the service below, or what the layer makes of several.
    pub struct ResponseFuture<F> {
        #[pin]
        way: Way<F>,
    }
}

pin_project! {
    #[project = Project]
    enum Way<F> {
        // Most calls have no use for the layer: they pay nothing for it.
        Plain { #[pin] future: F },
        Boxed { future: Boxed },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn plain(future: F) -> Self {
        Self {
            way: Way::Plain { future },
        }
    }

    pub(crate) fn boxed(
        future: impl Future<Output = Result<ModelResponse, Error>> + Send + 'static,
    ) -> Self {
        Self {
            way: Way::Boxed {
                future: Box::pin(future),
            },
        }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ModelResponse, E>>,
    E: Into<BoxError>,
{
    type Output = Result<ModelResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().way.project() {
            Project::Plain { future } => future
                .poll(cx)
                .map_err(|error| Error::from_box(error.into())),
            Project::Boxed { future } => future.as_mut().poll(cx),
        }
    }
}

pin_project! {
    /// The answer of a layer that lets nearly all answers of the service below pass. No box is made for those.
    pub struct LookedFuture<F, L> {
        #[pin]
        stage: Stage<F, L>,
    }
}

pin_project! {
    #[project = StageProject]
    enum Stage<F, L> {
        First { #[pin] future: F, look: Option<L> },
        More { future: Boxed },
    }
}

/// What a layer does about an answer.
pub trait Look {
    /// Is there nothing to be done?
    fn passes(&self, answer: Result<&ModelResponse, &Error>) -> bool;

    /// What is done where an answer does not pass.
    fn act(self, answer: Result<ModelResponse, Error>) -> Looked;
}

/// What comes of an answer that a layer did something about.
#[allow(missing_debug_implementations, reason = "never seen outside")]
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made"
)]
pub enum Looked {
    /// This, at once.
    Done(Result<ModelResponse, Error>),
    /// What comes of this.
    More(Boxed),
}

impl<F, L> LookedFuture<F, L> {
    /// The answer of `future`, with `look`; without it passes whatever it is.
    pub(crate) const fn new(future: F, look: Option<L>) -> Self {
        Self {
            stage: Stage::First { future, look },
        }
    }
}

impl<F, L, E> Future for LookedFuture<F, L>
where
    F: Future<Output = Result<ModelResponse, E>>,
    E: Into<BoxError>,
    L: Look,
{
    type Output = Result<ModelResponse, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let further = match self.as_mut().project().stage.project() {
            StageProject::First { future, look } => {
                // Answers are large: one that passes is moved no more than once.
                let answer = future.poll(cx);
                let answer = answer.map_err(|error| Error::from_box(error.into()));
                let acts = |look: &mut L| match &answer {
                    Poll::Ready(answer) => !look.passes(answer.as_ref()),
                    Poll::Pending => false,
                };
                let Some(look) = look.take_if(acts) else {
                    if answer.is_ready() {
                        *look = None;
                    }
                    return answer;
                };
                let answer = ready!(answer);
                match look.act(answer) {
                    Looked::Done(answer) => return Poll::Ready(answer),
                    Looked::More(further) => further,
                }
            }
            StageProject::More { future } => return future.as_mut().poll(cx),
        };
        // What was asked first is let go of before anything further is done.
        self.as_mut()
            .project()
            .stage
            .set(Stage::More { future: further });
        self.poll(cx)
    }
}

impl<F, L> fmt::Debug for LookedFuture<F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookedFuture")
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
