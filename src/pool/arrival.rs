//! How a call comes to its first account: at once, or after waiting for it.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    cooldown::later,
    hall::{Full, Hall, Key, Ticket},
    lease::Lease,
    pools::Shared,
    queue::Entry,
    service::find,
    walk::{Outage, Walk, shown},
};
use crate::{
    error::{Error, ErrorKind},
    request::ModelRequest,
};

/// A call that has no account yet.
pub(super) struct Arrival<'a> {
    shared: &'a Shared,
    request: &'a ModelRequest,
    begun: Instant,
    /// How long the call had waited before.
    waited: Duration,
    ticket: Option<Ticket>,
    yielded: bool,
}

/// What becomes of it next.
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every turn is the large one, and a box would cost more than to move it once"
)]
pub(super) enum Turn<'a> {
    Served(Walk<'a>, Lease),
    /// Whoever was called elsewhere goes first.
    Yields,
    /// It waits until somebody may be back, but not beyond this.
    Waits(Instant),
}

impl<'a> Arrival<'a> {
    /// It comes now.
    pub(super) fn new(shared: &'a Shared, request: &'a ModelRequest) -> Self {
        Self {
            shared,
            request,
            begun: Instant::now(),
            waited: request.budget.waited(),
            ticket: None,
            yielded: false,
        }
    }

    /// Looks for an account at once. What is not served by that has to [stay](Self::stay).
    pub(super) fn come(&mut self) -> Result<Turn<'a>, Error> {
        self.turn(self.begun)
    }

    /// The first account, after waiting for it.
    pub(super) async fn stay(mut self, mut turn: Turn<'a>) -> Result<(Walk<'a>, Lease), Error> {
        let served = loop {
            match turn {
                Turn::Served(walk, lease) => break Ok((walk, lease)),
                Turn::Yields => tokio::task::yield_now().await,
                Turn::Waits(end) => {
                    if let Some(ticket) = &mut self.ticket {
                        ticket.wait(end).await;
                    }
                }
            }
            turn = match self.turn(Instant::now()) {
                Ok(turn) => turn,
                Err(error) => break Err(error),
            };
        };
        // Who tries again, or tries another model, has waited already.
        self.request.budget.add_waited(self.begun.elapsed());
        served
    }

    fn turn(&mut self, now: Instant) -> Result<Turn<'a>, Error> {
        let (shared, request) = (self.shared, self.request);
        // The pools may have been replaced meanwhile.
        let mut walk = find(shared, &shared.table(), request)?;
        let end = match walk.wait().saturating_sub(self.waited) {
            Duration::ZERO => self.begun,
            left => later(self.begun, left),
        };
        let end = request.budget.deadline().map_or(end, |d| d.min(end));
        let patience = (end > now).then_some(end);
        if self.ticket.is_some() || !shared.hall.is_empty() {
            let key = key(&walk, request);
            self.ticket.take_if(|ticket| *ticket.key() != key);
            let is_called = self.ticket.as_ref().is_some_and(Ticket::is_called);
            let may_try = patience.is_none()
                || match &self.ticket {
                    Some(_) => is_called,
                    None => shared.hall.is_open(&key, request.priority),
                };
            if !may_try {
                return self.wait(&walk, key, end);
            }
            if !is_called && !self.yielded && !shared.hall.is_empty() {
                self.yielded = true;
                return Ok(Turn::Yields);
            }
        }
        let calls = self.ticket.as_ref().map_or(0, Ticket::calls);
        let outage = match walk.next_at(patience, now) {
            Ok(lease) => {
                if let Some(ticket) = self.ticket.take() {
                    ticket.served();
                }
                return Ok(Turn::Served(walk, lease));
            }
            Err(outage) => outage,
        };
        let key = key(&walk, request);
        if patience.is_none() || !outage.is_worth(end) {
            return Err(told(&shared.hall, outage, &key));
        }
        let watch = watch(&outage).filter(|watch| *watch <= end);
        if let Some(ticket) = &mut self.ticket {
            ticket.tried(calls, watch);
        }
        self.wait(&walk, key, end)
    }

    /// Waits, in the queue.
    fn wait(&mut self, walk: &Walk<'_>, key: Key, end: Instant) -> Result<Turn<'a>, Error> {
        if self.ticket.is_some() {
            return Ok(Turn::Waits(end));
        }
        self.ticket = Some(join(self.shared, walk, self.request, key, end)?);
        self.turn(Instant::now())
    }
}

/// When to look again whether somebody is back.
fn watch(outage: &Outage) -> Option<Instant> {
    /// Where it might be now already, because a call is finding out, the end of that call tells. It is enough to look now and then.
    const NOW_AND_THEN: Duration = Duration::from_millis(50);
    let now = Instant::now();
    let due = outage.soonest.filter(|soonest| *soonest <= now);
    let again = due.map(|_| later(now, NOW_AND_THEN));
    outage.next.into_iter().chain(again).min()
}

pub(super) fn key(walk: &Walk<'_>, request: &ModelRequest) -> Key {
    Key {
        model: request.model.clone(),
        pin: request.pin.as_ref().map(|pin| pin.account),
        deployments: walk.deployments(),
    }
}

/// The call as its queue sees it.
pub(super) fn entry(walk: &Walk<'_>, request: &ModelRequest) -> Entry {
    let weight = walk.weigh(&request.caller);
    let caller = request.caller.clone();
    Entry::new(request.priority, caller, weight, walk.tokens())
}

/// A place in the queue, if it can be served in time.
fn join(
    shared: &Shared,
    walk: &Walk<'_>,
    request: &ModelRequest,
    key: Key,
    end: Instant,
) -> Result<Ticket, Error> {
    let (hall, entry) = (&shared.hall, entry(walk, request));
    let earliest = in_time(walk, &key, hall.ahead(&key, &entry), end)?;
    let backlog = hall.backlog(&key);
    let joined = hall.join(key.clone(), entry, walk.room(), walk.accounts());
    joined.map_err(|full| overfull(full, &key, backlog, earliest))
}

/// What [`join`] would say, without joining: when at the earliest the call could be served.
pub(super) fn admit(
    hall: &Hall,
    walk: &Walk<'_>,
    (key, entry): (&Key, &Entry),
    end: Instant,
) -> Result<Instant, Error> {
    let earliest = in_time(walk, key, hall.ahead(key, entry), end)?;
    match hall.full(key, &entry.caller, walk.room()) {
        Some(full) => Err(overfull(full, key, hall.backlog(key), earliest)),
        None => Ok(earliest),
    }
}

/// When at the earliest it could be served behind so many others, if that is not too late.
fn in_time(walk: &Walk<'_>, key: &Key, ahead: u64, end: Instant) -> Result<Instant, Error> {
    let earliest = walk.earliest(ahead);
    if earliest <= end {
        return Ok(earliest);
    }
    let model = shown(&key.model);
    let seconds = seconds(earliest.saturating_duration_since(Instant::now()));
    let message = match ahead {
        0 => {
            format!(
                "nobody has room for a call for `{model}` in time; the first has in {seconds} s"
            )
        }
        _ => format!(
            "{ahead} calls wait for `{model}` before this one, and the limits leave no room for it in time: it could be served in {seconds} s at the earliest"
        ),
    };
    Err(refused(message, seconds, "queue_too_slow"))
}

fn overfull(full: Full, key: &Key, backlog: Option<Duration>, earliest: Instant) -> Error {
    let least = earliest.saturating_duration_since(Instant::now());
    let seconds = seconds(backlog.unwrap_or_default().max(least));
    let (who, calls) = match full {
        Full::All(calls) => ("", calls),
        Full::Caller(calls) => (" of this caller", calls),
    };
    let model = shown(&key.model);
    let message = format!(
        "{calls} calls{who} wait for `{model}` already, and no more may; try again in {seconds} s"
    );
    refused(message, seconds, "queue_full")
}

/// Nobody is back in time.
pub(super) fn told(hall: &Hall, outage: Outage, key: &Key) -> Error {
    let error = outage.into_error(&key.model);
    // Those who wait go first.
    match hall.backlog(key) {
        Some(backlog) if error.retry_after().is_some_and(|after| after < backlog) => {
            error.with_retry_after(Duration::from_secs(seconds(backlog)))
        }
        _ => error,
    }
}

fn refused(message: String, seconds: u64, code: &str) -> Error {
    Error::new(ErrorKind::Exhausted, message)
        .with_code(code)
        .with_retry_after(Duration::from_secs(seconds))
}

/// As a header can say it: not too early, and not at once.
fn seconds(after: Duration) -> u64 {
    (after.as_secs() + u64::from(after.subsec_nanos() > 0)).max(1)
}
