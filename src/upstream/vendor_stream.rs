//! A vendor's stream, driven: split, watched, timed, committed at the first content.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body::Body as HttpBody;
use tokio::time::Instant;

use super::{
    alive::is_ping,
    clock::{Limit, Rest},
    exchange::Room,
};
use crate::{
    Body,
    alarm::Alarm,
    buffers::Hold,
    chat::Usage,
    dialect::{Dialect, FrameError, Observed, Observer, Twins},
    error::{Error, ErrorKind},
    origin::Marker,
    stream::{FrameSource, Run},
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
    twins: Twins,
    /// The latest frame is one that others are known by, or was known itself.
    alike: bool,
    /// Frames read while waiting for the first content.
    ahead: VecDeque<Frame>,
    /// The most bytes of these.
    max_ahead: usize,
    /// Their bytes.
    held_ahead: usize,
    /// The room that these and an unfinished frame take, where that is worth counting.
    hold: Hold,
    committed: bool,
    rest: Rest,
    /// Rings when the stream has been silent for too long, or the time of the attempt or the call is over; what it is that is over
    /// then. There is one once committed.
    clock: Option<(Alarm, Limit)>,
    /// Data came since the clock was set; pings are none. It is set when there is nothing more to read, not with every frame of a
    /// burst.
    moved: bool,
}

impl VendorStream {
    pub(super) fn new(
        dialect: &'static dyn Dialect,
        framing: Framing,
        body: Body,
        rest: Rest,
        room: &Room,
    ) -> Self {
        let max_event = room.max_body;
        Self {
            body: Some(body),
            splitter: Splitter::new(framing, max_event),
            observer: dialect.observer(),
            marker: None,
            seen: Observed::default(),
            twins: Twins::default(),
            alike: false,
            ahead: VecDeque::new(),
            held_ahead: 0,
            hold: room.buffers.hold(),
            max_ahead: max_event,
            committed: false,
            rest,
            clock: None,
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
        while !self.seen.content {
            match poll_fn(|cx| self.poll_read(cx, |_| None::<Frame>)).await {
                Some(frame) => {
                    let frame = frame?;
                    self.held_ahead += frame.raw().len();
                    // A vendor that never stops clearing its throat is not to fill the memory.
                    if self.held_ahead > self.max_ahead && !self.seen.content {
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

    /// What comes next off the wire: `several` frames at once, if there are any, or else one.
    fn poll_read<T: From<Frame>>(
        &mut self,
        cx: &mut Context<'_>,
        several: impl Fn(&mut Self) -> Option<T>,
    ) -> Poll<Option<Result<T, Error>>> {
        loop {
            if self.body.is_none() {
                return Poll::Ready(None);
            }
            if !self.splitter.has_read_all() {
                if let Some(frames) = several(self) {
                    return Poll::Ready(Some(Ok(frames)));
                }
                match self.splitter.next_frame() {
                    Ok(Some(frame)) => return Poll::Ready(Some(self.watch(frame).map(T::from))),
                    Ok(None) => {}
                    Err(error) => {
                        let error = self.fail(ErrorKind::Server, error.to_string());
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        let more = data.len();
                        self.splitter.push(data);
                        if let Err(error) = self.account(more) {
                            self.body = None;
                            return Poll::Ready(Some(Err(self.late(error))));
                        }
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
                None => return Poll::Ready(self.at_end().map(|last| last.map(T::from))),
            }
        }
    }

    /// Counts what is held of the vendor's bytes. A frame that comes in one piece, as nearly all do, is not worth it.
    fn account(&mut self, more: usize) -> Result<(), Error> {
        const WORTH: usize = 64 << 10;
        let held = self.splitter.pending() + more + self.held_ahead;
        match held.saturating_sub(self.hold.bytes()) >= WORTH || self.hold.bytes() > 0 {
            true => self.hold.set(if held < WORTH { 0 } else { held }),
            false => Ok(()),
        }
    }

    /// What comes next, in time.
    #[inline]
    fn poll_next<T: From<Frame>>(
        &mut self,
        cx: &mut Context<'_>,
        several: impl Fn(&mut Self) -> Option<T>,
    ) -> Poll<Option<Result<T, Error>>> {
        if let Some(frame) = self.ahead.pop_front() {
            self.held_ahead = self.held_ahead.saturating_sub(frame.raw().len());
            // Others were read behind it, and the latest of those is not what was handed out last.
            self.alike = false;
            return Poll::Ready(Some(Ok(frame.into())));
        }
        if let Poll::Ready(next) = self.poll_read(cx, several) {
            return Poll::Ready(next);
        }
        if std::mem::take(&mut self.moved) {
            self.arm();
        }
        ready!(self.poll_clock(cx));
        Poll::Ready(self.expire())
    }

    /// Frames that are like the one that was handed out last.
    fn take_alike(&mut self) -> Option<Run> {
        if !self.alike {
            return None;
        }
        let twins = &mut self.twins;
        let (bytes, frames) = self.splitter.take_run(|bytes| twins.len_of_known(bytes))?;
        self.moved = true;
        let last = false;
        Some(Run::Alike {
            bytes,
            frames,
            last,
        })
    }

    /// Notes what a frame means.
    fn watch(&mut self, frame: Frame) -> Result<Frame, Error> {
        self.alike = false;
        if !frame.has_data() {
            return Ok(frame);
        }
        if self.seen.content && self.twins.knows(&frame) {
            self.alike = true;
            self.moved = true;
            return Ok(frame);
        }
        let is_ping = is_ping(&frame);
        self.moved |= !is_ping;
        self.seen.plain = false;
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
        let frame = match &self.marker {
            Some(marker) => match marker.frame(&frame) {
                Some(marked) => return Ok(marked),
                None => frame,
            },
            None => frame,
        };
        self.alike = self.seen.plain && !is_ping && self.twins.learn(&frame, None);
        Ok(frame)
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
        let mut rest = self.rest;
        if self.seen.stopped {
            rest.idle = Some(GRACE);
        }
        match (&mut self.clock, rest.next(Instant::now())) {
            (Some((alarm, limit)), Some((until, next))) => {
                alarm.set(until);
                *limit = next;
            }
            (clock, next) => *clock = next.map(|(until, limit)| (Alarm::new(until), limit)),
        }
    }

    /// Ready when the time is over.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.clock {
            Some((alarm, _)) => alarm.poll(cx),
            None => Poll::Pending,
        }
    }

    /// The clock has run out.
    fn expire<T>(&mut self) -> Option<Result<T, Error>> {
        if self.seen.stopped {
            self.body = None;
            return None;
        }
        let limit = self.clock.as_ref().map(|(_, limit)| *limit)?;
        self.body = None;
        Some(Err(self.late(limit.error())))
    }
}

impl FrameSource for VendorStream {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        self.poll_next(cx, |_| None)
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Run, Error>>> {
        self.poll_next(cx, Self::take_alike)
    }

    fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }
}

#[cfg(test)]
mod tests;
