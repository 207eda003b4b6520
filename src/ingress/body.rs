//! A streamed answer as an HTTP body, with heartbeats and an honest end.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use super::route::Form;
use crate::{BoxError, dialect::Front, error::Error, response::EventStream, wire};

/// What is still to come of an answer whose headers have gone out.
pub(super) type Late = Pin<Box<dyn Future<Output = Result<EventStream, Error>> + Send>>;

pub(super) struct StreamBody {
    state: State,
    front: &'static dyn Front,
    form: Form,
    /// Was an item of the list sent?
    begun: bool,
    heartbeat: Option<Heartbeat>,
    /// The first frame with data, and how many there were: some dialects' errors refer to them.
    first: Option<wire::Frame>,
    sent: u64,
}

enum State {
    /// The vendor has not begun.
    Waiting(Late),
    Streaming(EventStream),
    /// The error has been told; the connection is to be cut once that is on its way.
    Cutting {
        flushed: bool,
        error: Error,
    },
    Over,
}

struct Heartbeat {
    every: Duration,
    bytes: Bytes,
    clock: Pin<Box<Sleep>>,
    /// Something was sent since the clock was set.
    sent: bool,
}

impl StreamBody {
    pub(super) fn waiting(
        late: Late,
        front: &'static dyn Front,
        form: Form,
        every: Option<Duration>,
    ) -> Self {
        let mut this = Self::new(State::Waiting(late), front, form, every);
        // The headers go out because a heartbeat is due: so it goes with them.
        if let Some(heartbeat) = &mut this.heartbeat {
            heartbeat.clock.as_mut().reset(Instant::now());
        }
        this
    }

    pub(super) fn streaming(
        stream: EventStream,
        front: &'static dyn Front,
        form: Form,
        every: Option<Duration>,
    ) -> Self {
        Self::new(State::Streaming(stream), front, form, every)
    }

    fn new(state: State, front: &'static dyn Front, form: Form, every: Option<Duration>) -> Self {
        Self {
            state,
            front,
            form,
            begun: false,
            first: None,
            sent: 0,
            heartbeat: every
                .zip(front.heartbeat())
                .map(|(every, bytes)| Heartbeat {
                    every,
                    bytes,
                    clock: Box::pin(sleep_until(Instant::now() + every)),
                    sent: false,
                }),
        }
    }

    /// Tells the error in the stream; what follows is a cut connection, for a clean end would pass as success.
    fn fail(&mut self, error: Error) -> Bytes {
        let bytes = match self.form {
            Form::Frames => self
                .front
                .last_words(&error, self.first.as_ref(), self.sent),
            Form::List => written(self.form, &mut self.begun, self.front.error_frame(&error)),
        };
        self.state = State::Cutting {
            flushed: false,
            error,
        };
        bytes
    }
}

/// A frame as the caller reads it.
fn written(form: Form, begun: &mut bool, frame: wire::Frame) -> Bytes {
    match form {
        Form::Frames => frame.into_raw(),
        Form::List if !frame.has_data() => Bytes::new(),
        Form::List => {
            let before: &[u8] = if std::mem::replace(begun, true) {
                b",\r\n"
            } else {
                b"["
            };
            [before, frame.data()].concat().into()
        }
    }
}

impl Heartbeat {
    /// The next beat is due a whole interval from now.
    fn rest(&mut self) {
        if let Some(next) = Instant::now().checked_add(self.every) {
            self.clock.as_mut().reset(next);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        // Set when the stream falls silent, not with every frame: frames that come in a burst do not pay for it.
        if std::mem::take(&mut self.sent) {
            self.rest();
        }
        if self.clock.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.rest();
        // Registers for the next beat, lest nobody wakes us.
        let _ = self.clock.as_mut().poll(cx);
        Poll::Ready(self.bytes.clone())
    }
}

impl HttpBody for StreamBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let sent = loop {
            match &mut this.state {
                State::Waiting(late) => match late.as_mut().poll(cx) {
                    Poll::Pending => break None,
                    Poll::Ready(Ok(stream)) => this.state = State::Streaming(stream),
                    Poll::Ready(Err(error)) => break Some(this.fail(error)),
                },
                State::Streaming(stream) => match stream.poll_frame(cx) {
                    Poll::Pending => break None,
                    Poll::Ready(Some(Ok(frame))) => {
                        if frame.has_data() {
                            this.sent += 1;
                            if this.first.is_none() {
                                this.first = Some(frame.clone());
                            }
                        }
                        break Some(written(this.form, &mut this.begun, frame));
                    }
                    Poll::Ready(Some(Err(error))) => break Some(this.fail(error)),
                    Poll::Ready(None) => {
                        this.state = State::Over;
                        if this.form == Form::List {
                            let end: &[u8] = if this.begun { b"]" } else { b"[]" };
                            break Some(Bytes::from_static(end));
                        }
                        return Poll::Ready(None);
                    }
                },
                State::Cutting { flushed, error } => {
                    if !std::mem::replace(flushed, true) {
                        // hyper writes out what it has when a body has nothing more for now, and drops it when a body fails.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    let error = error.clone();
                    this.state = State::Over;
                    return Poll::Ready(Some(Err(error.into())));
                }
                State::Over => return Poll::Ready(None),
            }
        };
        match (sent, &mut this.heartbeat) {
            (Some(bytes), heartbeat) => {
                if let Some(heartbeat) = heartbeat {
                    heartbeat.sent = true;
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            (None, Some(heartbeat)) => heartbeat.poll(cx).map(|beat| Some(Ok(Frame::data(beat)))),
            (None, None) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
    }
}
