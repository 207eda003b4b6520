//! Frames decoded into events, and the policy for what cannot be decoded.

use std::{
    fmt,
    future::poll_fn,
    task::{Context, Poll},
};

use super::EventStream;
use crate::{
    chat::{ChatEvent, EventSink, Usage},
    dialect::{EventDecoder, FrameError},
    error::{Error, ErrorKind},
};

/// The events of a streamed answer.
///
/// After [`ChatEvent::End`] there is nothing; a break is an `Err`, then nothing.
pub struct Events {
    stream: Option<EventStream>,
    decoder: Box<dyn EventDecoder>,
    sink: EventSink,
    read: usize,
}

impl Events {
    pub(super) fn new(stream: EventStream) -> Self {
        Self {
            decoder: stream.dialect().decoder(),
            stream: Some(stream),
            sink: EventSink::new(),
            read: 0,
        }
    }

    /// The next event.
    pub async fn next(&mut self) -> Option<Result<ChatEvent, Error>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next event for somebody who keeps them all.
    ///
    /// # Errors
    /// Also if there is no end to them.
    pub(crate) async fn next_kept(&mut self) -> Option<Result<ChatEvent, Error>> {
        /// Bytes of a stream; what they say is a small part of them.
        const MOST: usize = 256 << 20;
        if self.read > MOST {
            self.stream = None;
            self.read = 0;
            let message = format!(
                "the vendor's stream is larger than {MOST} bytes, the most that is gathered into one answer"
            );
            return Some(Err(Error::new(ErrorKind::Server, message)));
        }
        self.next().await
    }

    /// The next event, polled.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatEvent, Error>>> {
        loop {
            if let Some(event) = self.sink.next_event() {
                return Poll::Ready(Some(Ok(event)));
            }
            let Some(stream) = &mut self.stream else {
                return Poll::Ready(None);
            };
            let frame = match stream.poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    self.stream = None;
                    // The stream vouches that the answer is complete, the vendor's own last word may be missing.
                    self.sink.end();
                    continue;
                }
                Poll::Ready(Some(Err(error))) => {
                    self.stream = None;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    self.read = self.read.saturating_add(frame.raw().len());
                    frame
                }
            };
            match self.decoder.decode(&frame, &mut self.sink) {
                Ok(()) => {}
                Err(FrameError::Unknown) => {
                    tracing::debug!(
                        name = frame.name(),
                        "a frame of unknown kind was passed over"
                    );
                }
                Err(FrameError::Malformed(why)) => {
                    self.stream = None;
                    return Poll::Ready(Some(Err(malformed(&why))));
                }
                Err(FrameError::Vendor(error)) => {
                    self.stream = None;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    /// The latest usage the vendor told.
    pub fn usage(&self) -> Option<Usage> {
        self.sink.known_usage().copied()
    }
}

/// What a frame that cannot be read means, anywhere: the answer cannot be trusted from here on.
pub(crate) fn malformed(why: &str) -> Error {
    Error::new(
        ErrorKind::StreamBroken,
        format!("the vendor sent a stream event that cannot be read: {why}"),
    )
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
