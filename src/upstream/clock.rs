//! The clocks of an attempt, each with an error of its own.
//!
//! | code | what ran out | kind before content | after |
//! | --- | --- | --- | --- |
//! | `connect_timeout` | the client's time to connect | `Timeout`, surely unsent | |
//! | `first_token_timeout` | [`Timeouts::first_token`]: a stream had no content | `Timeout` | |
//! | `first_byte_timeout` | [`Timeouts::first_byte`]: a whole answer did not begin | `Timeout` | |
//! | `next_target_timeout` | what is left of the call's time belongs to the next account or model | `Timeout` | |
//! | `idle_timeout` | [`Timeouts::idle`]: an answer stopped on its way | `Timeout` | `StreamBroken` |
//! | `attempt_timeout` | [`Timeouts::total`]: this attempt took too long | `Timeout` | `StreamBroken` |
//! | `total_timeout` | the call's own deadline | `Timeout` | `StreamBroken` |

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Attempt, FirstByte, exchange::Room};
use crate::{
    Body,
    buffers::Hold,
    error::{Error, ErrorKind},
};

/// How an answer comes, as far as the clocks are concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// Event by event: the first content is waited for.
    Streamed,
    /// All at once, after all its tokens.
    Whole,
    /// Bytes nobody reads here.
    Unread,
}

/// What ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    FirstToken,
    FirstByte,
    NextTarget,
    Idle,
    Attempt,
    Total,
}

/// The time before the first content, and the [`Rest`] after it.
pub(super) struct Clock {
    first: Option<(Instant, Limit)>,
    pub(super) rest: Rest,
}

/// The clocks of an answer that has begun.
#[derive(Clone, Copy, Default)]
pub(super) struct Rest {
    pub(super) idle: Option<Duration>,
    /// When this attempt has to be over.
    pub(super) attempt: Option<Instant>,
    /// When the call has to be over.
    pub(super) call: Option<Instant>,
}

impl Clock {
    pub(super) fn new(attempt: &Attempt, answers: Answers) -> Self {
        let now = Instant::now();
        let (timeouts, budget) = (&attempt.deployment.timeouts, &attempt.request.budget);
        let after = |wait: Option<Duration>| wait.and_then(|wait| now.checked_add(wait));
        let rest = Rest {
            idle: timeouts.idle,
            attempt: after(timeouts.total),
            call: budget.deadline(),
        };
        let left = rest.call.map(|at| at.saturating_duration_since(now));
        let left = left.filter(|_| attempt.others);
        let own = match answers {
            Answers::Streamed => after(timeouts.first_token).map(|at| (at, Limit::FirstToken)),
            Answers::Whole => match timeouts.first_byte {
                FirstByte::Within(wait) => after(Some(wait)).map(|at| (at, Limit::FirstByte)),
                FirstByte::Unlimited => None,
                // Half for this one, half of the rest for the next: a silent account does not use up the whole call.
                FirstByte::Shared => {
                    after(left.map(|left| left / 2)).map(|at| (at, Limit::NextTarget))
                }
            },
            Answers::Unread => None,
        };
        let others = match answers {
            Answers::Unread => None,
            // A call that has less than that at all keeps what it has.
            _ => left
                .and_then(|left| left.checked_sub(budget.room()))
                .filter(|left| !left.is_zero() && !budget.room().is_zero()),
        };
        let others = after(others).map(|at| (at, Limit::NextTarget));
        let first = sooner(sooner(own, others), rest.ends());
        Self { first, rest }
    }

    /// Only the call's own deadline.
    pub(super) fn of_call(attempt: &Attempt) -> Self {
        let call = attempt.request.budget.deadline();
        let rest = Rest {
            call,
            ..Rest::default()
        };
        Self {
            first: call.map(|at| (at, Limit::Total)),
            rest,
        }
    }

    /// Work before the first content.
    pub(super) const fn run<F>(&self, work: F) -> Within<F> {
        Within {
            work,
            limit: self.first,
            timer: None,
        }
    }

    /// A whole body, up to a limit. It has begun with its first byte that is no white space: some vendors send spaces to keep the
    /// connection open.
    pub(super) fn read(&self, body: Body, max: usize) -> Reading {
        self.reading(body, max, None)
    }

    /// The same, as long as there is memory for it.
    pub(super) fn read_held(&self, body: Body, room: &Room) -> Reading {
        self.reading(body, room.max_body, Some(room.buffers.hold()))
    }

    fn reading(&self, body: Body, max: usize, hold: Option<Hold>) -> Reading {
        Reading {
            body,
            max,
            hold,
            read: Read::default(),
            rest: self.rest,
            limit: self.first,
            moved: false,
            timer: None,
        }
    }
}

pin_project! {
    /// Work that has to be done by a time.
    pub(super) struct Within<F> {
        #[pin]
        work: F,
        limit: Option<(Instant, Limit)>,
        // Made when there is something to wait for.
        #[pin]
        timer: Option<Sleep>,
    }
}

impl<F, T> Future for Within<F>
where
    F: Future<Output = Result<T, Error>>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(done) = this.work.poll(cx) {
            return Poll::Ready(done);
        }
        let Some((until, limit)) = *this.limit else {
            return Poll::Pending;
        };
        if this.timer.is_none() {
            this.timer.set(Some(sleep_until(until)));
        }
        if let Some(timer) = this.timer.as_pin_mut() {
            ready!(timer.poll(cx));
        }
        Poll::Ready(Err(limit.error()))
    }
}

/// A whole body on its way.
pub(super) struct Reading {
    body: Body,
    max: usize,
    /// The room that it takes, where that is counted.
    hold: Option<Hold>,
    read: Read,
    rest: Rest,
    limit: Option<(Instant, Limit)>,
    /// Something came since `limit` was told. It is told when there is nothing more to read, not with every piece.
    moved: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Reading {
    /// Takes whatever is there.
    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            let frame = frame.map_err(|source| match source.downcast::<Error>() {
                Ok(ours) => *ours,
                Err(source) => Error::new(
                    ErrorKind::Server,
                    "the vendor's answer broke off before its end",
                )
                .with_source(source),
            })?;
            if let Ok(data) = frame.into_data() {
                if let Some(hold) = &mut self.hold {
                    hold.grow(data.len())?;
                }
                self.read.push(data, self.max)?;
                self.moved = self.read.begun;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Future for Reading {
    type Output = Result<Bytes, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.poll_all(cx)?.is_ready() {
            let bytes = mem::take(&mut this.read).finish();
            return Poll::Ready(Ok(match this.hold.take() {
                Some(hold) => hold.on(bytes),
                None => bytes,
            }));
        }
        if mem::take(&mut this.moved) {
            this.limit = this.rest.next(Instant::now());
            this.timer = None;
        }
        let Some((until, limit)) = this.limit else {
            return Poll::Pending;
        };
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(limit.error()))
    }
}

impl Rest {
    /// What ends it whatever comes.
    fn ends(self) -> Option<(Instant, Limit)> {
        let attempt = self.attempt.map(|at| (at, Limit::Attempt));
        // Of two that are over at once, the call's own is told: nothing is left to try.
        sooner(self.call.map(|at| (at, Limit::Total)), attempt)
    }

    /// What is over first if nothing comes from `now` on.
    pub(super) fn next(self, now: Instant) -> Option<(Instant, Limit)> {
        let idle = self.idle.and_then(|idle| now.checked_add(idle));
        sooner(self.ends(), idle.map(|at| (at, Limit::Idle)))
    }
}

/// The one of these that is over first; of two at once the first one.
fn sooner(
    one: Option<(Instant, Limit)>,
    other: Option<(Instant, Limit)>,
) -> Option<(Instant, Limit)> {
    match (one, other) {
        (Some((at, _)), Some((sooner, _))) if sooner < at => other,
        (None, _) => other,
        _ => one,
    }
}

impl Limit {
    const fn code(self) -> &'static str {
        match self {
            Self::FirstToken => "first_token_timeout",
            Self::FirstByte => "first_byte_timeout",
            Self::NextTarget => "next_target_timeout",
            Self::Idle => "idle_timeout",
            Self::Attempt => "attempt_timeout",
            Self::Total => "total_timeout",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::FirstToken => "no content came from the vendor within the first-token timeout",
            Self::FirstByte => "the vendor's answer did not begin within the first-byte timeout",
            Self::NextTarget => {
                "the vendor was silent until what is left of the call's time belonged to the next one"
            }
            Self::Idle => "the vendor's answer fell silent for longer than the idle timeout",
            Self::Attempt => "the vendor took longer than one attempt may take there",
            Self::Total => "the call's total timeout was reached before the answer was complete",
        }
    }

    pub(super) fn error(self) -> Error {
        Error::new(ErrorKind::Timeout, self.message()).with_code(self.code())
    }
}

/// The call's time was over before anybody was asked.
pub(crate) fn call_is_over() -> Error {
    Limit::Total.error()
}

/// What of a body has come.
#[derive(Default)]
struct Read {
    /// Most answers come in one piece, which need not be copied.
    only: Option<Bytes>,
    all: BytesMut,
    begun: bool,
}

impl Read {
    fn push(&mut self, data: Bytes, max: usize) -> Result<(), Error> {
        self.begun |= !data.trim_ascii_start().is_empty();
        if self.all.len() + data.len() + self.only.as_ref().map_or(0, Bytes::len) > max {
            return Err(Error::new(
                ErrorKind::Server,
                format!(
                    "the vendor's answer is larger than {max} bytes, the most this gateway reads"
                ),
            ));
        }
        match self.only.take() {
            None if self.all.is_empty() => self.only = Some(data),
            None => self.all.extend_from_slice(&data),
            Some(first) => {
                self.all.extend_from_slice(&first);
                self.all.extend_from_slice(&data);
            }
        }
        Ok(())
    }

    fn finish(self) -> Bytes {
        self.only.unwrap_or_else(|| self.all.freeze())
    }
}
