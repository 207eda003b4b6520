//! Telling whoever holds a resource that the answer is over.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::{
    Body, BoxError,
    chat::Usage,
    error::{Error, ErrorKind},
};

/// How an answer ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Whole.
    Completed {
        /// What it cost, if the vendor said.
        usage: Option<Usage>,
    },
    /// Broken after content.
    Broken {
        /// How.
        error: Error,
        /// What was told of the cost by then.
        usage: Option<Usage>,
    },
    /// The caller left.
    Cancelled {
        /// What was told of the cost by then.
        usage: Option<Usage>,
    },
}

impl Outcome {
    /// What it cost, as far as known.
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::Completed { usage } | Self::Broken { usage, .. } | Self::Cancelled { usage } => {
                *usage
            }
        }
    }

    pub(super) fn with_usage(mut self, known: Option<Usage>) -> Self {
        match &mut self {
            Self::Completed { usage } | Self::Broken { usage, .. } | Self::Cancelled { usage } => {
                *usage = known;
            }
        }
        self
    }
}

/// What is called when an answer is over.
pub(crate) type EndHook = Box<dyn FnOnce(Outcome) + Send>;

/// A body passed through unread that tells when it is over.
pub(crate) struct HookedBody {
    body: Body,
    hook: Option<EndHook>,
}

impl HookedBody {
    pub(crate) fn new(body: Body, hook: impl FnOnce(Outcome) + Send + 'static) -> Self {
        let mut this = Self {
            body,
            hook: Some(Box::new(hook)),
        };
        // Nobody polls an empty body.
        if this.body.is_end_stream() {
            this.finish(Outcome::Completed { usage: None });
        }
        this
    }

    fn finish(&mut self, outcome: Outcome) {
        if let Some(hook) = self.hook.take() {
            hook(outcome);
        }
    }
}

impl HttpBody for HookedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(cx) else {
            return Poll::Pending;
        };
        match &next {
            Some(Err(_)) => self.finish(Outcome::Broken {
                error: Error::new(ErrorKind::StreamBroken, "the vendor's answer broke off"),
                usage: None,
            }),
            None => self.finish(Outcome::Completed { usage: None }),
            // The consumer may never poll again once the last frame has come.
            Some(Ok(_)) if self.body.is_end_stream() => {
                self.finish(Outcome::Completed { usage: None });
            }
            Some(Ok(_)) => {}
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for HookedBody {
    fn drop(&mut self) {
        self.finish(Outcome::Cancelled { usage: None });
    }
}
