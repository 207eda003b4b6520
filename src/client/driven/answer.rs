//! The body of an answer, which drives its connection and gives it back.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use super::{line::Line, pool::Pool};
use crate::BoxError;

pub(super) struct Answer {
    body: Incoming,
    /// None once it was given back, or is of no use any more.
    line: Option<Box<Line>>,
    pool: Arc<Pool>,
}

impl Answer {
    pub(super) fn new(body: Incoming, line: Box<Line>, pool: &Arc<Pool>) -> Self {
        let mut answer = Self {
            body,
            line: Some(line),
            pool: pool.clone(),
        };
        answer.give_back_at_end();
        answer
    }

    fn give_back_at_end(&mut self) {
        if self.body.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some(mut line) = self.line.take() {
            // One more turn, in which it finds that the answer is over. Whoever takes it next polls it with a waker of theirs.
            let mut cx = Context::from_waker(Waker::noop());
            if line.drive(&mut cx).is_ok() && line.is_ready() {
                self.pool.put(line);
            }
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let mut next = Pin::new(&mut this.body).poll_frame(cx);
        if next.is_pending()
            && let Some(line) = &mut this.line
        {
            let driven = line.drive(cx);
            next = Pin::new(&mut this.body).poll_frame(cx);
            if let (Poll::Pending, Err(error)) = (&next, driven) {
                this.line = None;
                return Poll::Ready(Some(Err(error.into())));
            }
        }
        match &next {
            Poll::Ready(None) => this.give_back(),
            Poll::Ready(Some(Ok(_))) => this.give_back_at_end(),
            Poll::Ready(Some(Err(_))) => this.line = None,
            Poll::Pending => {}
        }
        next.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
