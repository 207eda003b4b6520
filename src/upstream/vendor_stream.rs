//! A vendor's stream, driven: split, watched, timed, committed at the first content.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body::Body as HttpBody;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    Body,
    chat::Usage,
    dialect::{Dialect, FrameError, Observed, Observer},
    error::{Error, ErrorKind},
    origin::Marker,
    stream::FrameSource,
    wire::{Frame, Framing, Splitter},
};

/// How long after its logical end a stream may stay open before it is closed from here.
const GRACE: Duration = Duration::from_secs(1);

pub(super) struct VendorStream {
    body: Option<Body>,
    splitter: Splitter,
    observer: Box<dyn Observer>,
    marker: Option<Marker>,
    seen: Observed,
    /// Frames read while waiting for the first content.
    ahead: VecDeque<Frame>,
    /// The most bytes of these.
    max_ahead: usize,
    committed: bool,
    idle: Option<Duration>,
    deadline: Option<Instant>,
    /// Armed once committed. It may ring early, and is then set to `until`: setting it at every event would cost each of them.
    clock: Option<Pin<Box<Sleep>>>,
    /// When the stream has been silent for too long, or the call's time is over.
    until: Option<Instant>,
    /// Data came since `until` was told. It is told when there is nothing more to read, not with every frame of a burst.
    moved: bool,
}

impl VendorStream {
    pub(super) fn new(
        dialect: &'static dyn Dialect,
        framing: Framing,
        body: Body,
        idle: Option<Duration>,
        deadline: Option<Instant>,
        max_event: usize,
    ) -> Self {
        Self {
            body: Some(body),
            splitter: Splitter::new(framing, max_event),
            observer: dialect.observer(),
            marker: None,
            seen: Observed::default(),
            ahead: VecDeque::new(),
            max_ahead: max_event,
            committed: false,
            idle,
            deadline,
            clock: None,
            until: None,
            moved: false,
        }
    }

    /// Says in every opaque value where it comes from.
    pub(super) fn marked(mut self, marker: Marker) -> Self {
        self.marker = Some(marker);
        self
    }

    /// Reads on until there is content, or a clean end.
    pub(super) async fn commit(&mut self) -> Result<(), Error> {
        let mut held = 0;
        while !self.seen.content {
            match poll_fn(|cx| self.poll_read(cx)).await {
                Some(frame) => {
                    let frame = frame?;
                    held += frame.raw().len();
                    // A vendor that never stops clearing its throat is not to fill the memory.
                    if held > self.max_ahead && !self.seen.content {
                        let most = self.max_ahead;
                        return Err(self.fail(
                            ErrorKind::Server,
                            format!("the vendor's stream had no content within {most} bytes"),
                        ));
                    }
                    self.ahead.push_back(frame);
                }
                None if !self.ahead.iter().any(Frame::has_data) => {
                    return Err(Error::new(
                        ErrorKind::Server,
                        "the vendor's stream ended before any content",
                    ));
                }
                None => break,
            }
        }
        self.committed = true;
        self.moved = true;
        Ok(())
    }

    /// The next frame off the wire.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        loop {
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            match self.splitter.next_frame() {
                Ok(Some(frame)) => return Poll::Ready(Some(self.watch(frame))),
                Ok(None) => {}
                Err(error) => {
                    return Poll::Ready(Some(Err(self.fail(ErrorKind::Server, error.to_string()))));
                }
            }
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.splitter.push(data);
                    }
                }
                Some(Err(source)) => {
                    // A cut after the logical end loses nothing.
                    if self.seen.stopped {
                        self.body = None;
                        return Poll::Ready(None);
                    }
                    self.body = None;
                    let error = match source.downcast::<Error>() {
                        Ok(ours) => *ours,
                        Err(source) => {
                            Error::new(ErrorKind::Connection, "the vendor's stream was cut")
                                .with_source(source)
                        }
                    };
                    return Poll::Ready(Some(Err(self.late(error))));
                }
                None => return Poll::Ready(self.at_end()),
            }
        }
    }

    /// Notes what a frame means.
    fn watch(&mut self, frame: Frame) -> Result<Frame, Error> {
        if !frame.has_data() {
            return Ok(frame);
        }
        match self.observer.observe(&frame, &mut self.seen) {
            Ok(()) => {}
            Err(FrameError::Unknown) => {
                tracing::debug!(name = frame.name(), "a frame of unknown kind was passed on");
            }
            Err(FrameError::Malformed(why)) => {
                return Err(self.fail(
                    ErrorKind::Server,
                    format!("the vendor sent a stream event that cannot be read: {why}"),
                ));
            }
            Err(FrameError::Vendor(error)) => {
                self.body = None;
                // What it was shows in its status, for its kind will not tell any more.
                let status = error
                    .vendor_status()
                    .filter(|status| !status.is_success())
                    .unwrap_or(error.status());
                return Err(self.late(error.with_status(status)));
            }
        }
        if self.seen.ended {
            // Some vendors keep the connection open after their last word.
            self.body = None;
        }
        Ok(match &self.marker {
            Some(marker) => marker.frame(frame),
            None => frame,
        })
    }

    /// The body is over: was the answer?
    fn at_end(&mut self) -> Option<Result<Frame, Error>> {
        if let Some(frame) = self.splitter.finish() {
            return Some(self.watch(frame));
        }
        self.body = None;
        if self.seen.stopped || self.seen.ended {
            return None;
        }
        if !self.committed && !self.ahead.iter().any(Frame::has_data) {
            return None;
        }
        Some(Err(self.fail(
            ErrorKind::Server,
            "the vendor's stream ended without saying why: the answer is incomplete".into(),
        )))
    }

    fn fail(&mut self, kind: ErrorKind, message: String) -> Error {
        self.body = None;
        self.late(Error::new(kind, message))
    }

    /// After content nothing can be tried again: the same failure is another kind.
    fn late(&self, error: Error) -> Error {
        if self.committed {
            error.with_kind(ErrorKind::StreamBroken)
        } else {
            error
        }
    }

    /// Waits for whatever comes first: too long a silence, or the call's deadline.
    fn arm(&mut self) {
        let pause = if self.seen.stopped {
            Some(GRACE)
        } else {
            self.idle
        };
        let silence = pause.and_then(|pause| Instant::now().checked_add(pause));
        self.until = match (silence, self.deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        match (&mut self.clock, self.until) {
            (Some(clock), Some(until)) if until < clock.deadline() => clock.as_mut().reset(until),
            (Some(_), Some(_)) => {}
            (clock, Some(until)) => *clock = Some(Box::pin(sleep_until(until))),
            (clock, None) => *clock = None,
        }
    }

    /// Ready when the time is over.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Some(clock), Some(until)) = (&mut self.clock, self.until) else {
            return Poll::Pending;
        };
        ready!(clock.as_mut().poll(cx));
        if clock.deadline() >= until {
            return Poll::Ready(());
        }
        clock.as_mut().reset(until);
        clock.as_mut().poll(cx)
    }

    /// The clock has run out.
    fn expire(&mut self) -> Option<Result<Frame, Error>> {
        if self.seen.stopped {
            self.body = None;
            return None;
        }
        let total = self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now());
        let (code, message) = if total {
            (
                "total_timeout",
                "the call's total timeout was reached during the stream",
            )
        } else {
            (
                "idle_timeout",
                "the vendor's stream fell silent for longer than the idle timeout",
            )
        };
        Some(Err(self
            .fail(ErrorKind::Timeout, message.into())
            .with_code(code)))
    }
}

impl FrameSource for VendorStream {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        if let Some(frame) = self.ahead.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match self.poll_read(cx) {
            Poll::Ready(next) => {
                self.moved |= matches!(&next, Some(Ok(frame)) if frame.has_data());
                Poll::Ready(next)
            }
            Poll::Pending => {
                if std::mem::take(&mut self.moved) {
                    self.arm();
                }
                ready!(self.poll_clock(cx));
                Poll::Ready(self.expire())
            }
        }
    }

    fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{anthropic::Anthropic, openai_chat::OpenAiChat};

    fn stream(dialect: &'static dyn Dialect, body: String) -> VendorStream {
        VendorStream::new(dialect, Framing::Sse, Body::from(body), None, None, 1_000)
    }

    #[tokio::test]
    async fn pings_without_end_are_not_gathered_without_end() {
        let comments = ": still here\n\n".repeat(200);
        let pings = "event: ping\ndata: {\"type\":\"ping\"}\n\n".repeat(200);
        let dialects: [&'static dyn Dialect; 2] = [&OpenAiChat, &Anthropic];
        for (dialect, text) in dialects.into_iter().zip([comments, pings]) {
            let mut stream = stream(dialect, text);
            let error = stream.commit().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Server);
            assert!(error.message().contains("within 1000 bytes"), "{error}");
            assert!(stream.body.is_none(), "the vendor is let go");
        }
    }

    #[tokio::test]
    async fn content_after_some_pings_is_committed_to() {
        let text = r#"data: {"id":"1","choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
        let mut stream = stream(&OpenAiChat, format!(": ping\n\n: ping\n\n{text}\n\n"));
        stream.commit().await.unwrap();
        assert_eq!(stream.ahead.len(), 3);
    }
}
