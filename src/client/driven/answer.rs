//! The body of an answer, which reads its connection and gives it back.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::{framing::Framing, line::Line, pool::Pool};
use crate::BoxError;

pub(super) struct Answer {
    framing: Framing,
    /// None once it was given back, or is of no use any more.
    line: Option<Box<Line>>,
    pool: Arc<Pool>,
}

impl Answer {
    pub(super) fn new(framing: Framing, line: Box<Line>, pool: &Arc<Pool>) -> Self {
        let mut answer = Self {
            framing,
            line: Some(line),
            pool: pool.clone(),
        };
        answer.give_back_at_end();
        answer
    }

    fn give_back_at_end(&mut self) {
        if self.framing.is_over()
            && let Some(line) = self.line.take()
            && line.is_ready()
        {
            self.pool.put(line);
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
        let Some(line) = &mut this.line else {
            return Poll::Ready(None);
        };
        let next = ready!(line.poll_data(cx, &mut this.framing));
        Poll::Ready(match next {
            Some(Err(error)) => {
                this.framing = Framing::Over;
                this.line = None;
                Some(Err(error.into()))
            }
            next => {
                this.give_back_at_end();
                next.map(|data| data.map(Frame::data).map_err(Into::into))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.framing.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing.left() {
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}
