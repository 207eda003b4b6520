//! A streamed answer: frames of one dialect, untouched, and the events they mean.

mod events;
mod hook;
mod run;

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    task::{Context, Poll},
};

pub use self::{events::Events, hook::Outcome};
pub(crate) use self::{
    hook::{EndHook, HookedBody},
    run::Run,
};
use crate::{chat::Usage, dialect::Dialect, error::Error, wire::Frame};

/// A streamed answer in one dialect.
///
/// Ends with `None` only if the answer is complete. A break is an `Err` (once), then `None`. Dropping it cancels the call.
pub struct EventStream {
    dialect: &'static dyn Dialect,
    source: Option<Box<dyn FrameSource>>,
    usage: Option<Usage>,
    hooks: Vec<EndHook>,
}

/// Where the frames come from.
pub(crate) trait FrameSource: Send {
    /// The next frame; `None` after a complete answer only.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>>;

    /// The next frame, or several at once if they are there and alike; see [`Run`].
    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Run, Error>>> {
        let next = self.poll_frame(cx);
        next.map(|next| next.map(|frame| frame.map(Run::One)))
    }

    /// The latest usage seen.
    fn usage(&self) -> Option<Usage>;
}

impl EventStream {
    pub(crate) fn new(dialect: &'static dyn Dialect, source: impl FrameSource + 'static) -> Self {
        Self::boxed(dialect, Box::new(source))
    }

    /// Of a source that has its place already.
    pub(crate) fn boxed(dialect: &'static dyn Dialect, source: Box<dyn FrameSource>) -> Self {
        Self {
            dialect,
            source: Some(source),
            usage: None,
            hooks: Vec::new(),
        }
    }

    /// A stream of frames that are already there, e.g. from a cache or in a test.
    pub fn from_frames(
        dialect: &'static dyn Dialect,
        frames: impl IntoIterator<Item = Frame>,
    ) -> Self {
        Self::from_results(dialect, frames.into_iter().map(Ok))
    }

    /// The same of a stream that may break: what comes after the first error is never seen.
    pub fn from_results(
        dialect: &'static dyn Dialect,
        frames: impl IntoIterator<Item = Result<Frame, Error>>,
    ) -> Self {
        Self::new(
            dialect,
            Ready {
                frames: frames.into_iter().collect(),
            },
        )
    }

    /// The dialect of the frames.
    pub fn dialect(&self) -> &'static dyn Dialect {
        self.dialect
    }

    /// The latest usage the vendor told.
    pub fn usage(&self) -> Option<Usage> {
        self.source.as_ref().map_or(self.usage, |s| s.usage())
    }

    /// Calls `hook` exactly once: at the end, at the break, or when the stream is dropped before.
    #[must_use]
    pub fn on_end(mut self, hook: impl FnOnce(Outcome) + Send + 'static) -> Self {
        self.hooks.push(Box::new(hook));
        self
    }

    /// The next frame.
    pub async fn next_frame(&mut self) -> Option<Result<Frame, Error>> {
        poll_fn(|cx| self.poll_frame(cx)).await
    }

    /// The next frame, polled.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        self.poll(cx, |source, cx| source.poll_frame(cx))
    }

    /// The next frame, or several at once.
    #[inline]
    pub(crate) fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Run, Error>>> {
        self.poll(cx, |source, cx| source.poll_run(cx))
    }

    #[inline]
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        next: impl FnOnce(&mut dyn FrameSource, &mut Context<'_>) -> Poll<Option<Result<T, Error>>>,
    ) -> Poll<Option<Result<T, Error>>> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        let next = next(&mut **source, cx);
        match &next {
            Poll::Pending | Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => self.finish(&Outcome::Broken {
                error: error.clone(),
                usage: None,
            }),
            Poll::Ready(None) => self.finish(&Outcome::Completed { usage: None }),
        }
        next
    }

    /// The same answer as typed events.
    pub fn into_events(self) -> Events {
        Events::new(self)
    }

    /// Lets go of the vendor at once, then tells the hooks.
    fn finish(&mut self, outcome: &Outcome) {
        self.usage = self.usage();
        self.source = None;
        for hook in self.hooks.drain(..) {
            hook(outcome.clone().with_usage(self.usage));
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if self.source.is_some() {
            self.finish(&Outcome::Cancelled { usage: None });
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("dialect", &self.dialect.name())
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}

struct Ready {
    frames: VecDeque<Result<Frame, Error>>,
}

impl FrameSource for Ready {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        Poll::Ready(self.frames.pop_front())
    }

    fn usage(&self) -> Option<Usage> {
        None
    }
}
