//! How a call comes to its first account: at once, or after waiting for it.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    cooldown::later,
    hall::{Full, Hall, Key, Ticket},
    pools::Shared,
    queue::Entry,
    service::find,
    walk::{Outage, Picked, Walk, shown},
};
use crate::{
    error::{Error, ErrorKind},
    request::ModelRequest,
};

/// The first account; waits for it if the pool says so.
pub(super) async fn first<'a>(
    shared: &'a Shared,
    request: &'a ModelRequest,
) -> Result<(Walk<'a>, Picked), Error> {
    let begun = Instant::now();
    let mut stayed = false;
    let result = wait(shared, request, begun, &mut stayed).await;
    // Who tries again, or tries another model, has waited already.
    if stayed {
        request.budget.add_waited(begun.elapsed());
    }
    result
}

async fn wait<'a>(
    shared: &'a Shared,
    request: &'a ModelRequest,
    begun: Instant,
    stayed: &mut bool,
) -> Result<(Walk<'a>, Picked), Error> {
    let waited = request.budget.waited();
    let mut ticket: Option<Ticket> = None;
    let mut yielded = false;
    let mut now = begun;
    loop {
        // The pools may have been replaced meanwhile.
        let mut walk = find(shared, &shared.table(), request)?;
        let end = later(begun, walk.wait().saturating_sub(waited));
        let end = request.budget.deadline().map_or(end, |d| d.min(end));
        let patience = (end > now).then_some(end);
        if ticket.is_some() && ticket.as_ref().map(Ticket::key) != Some(&key(&walk, request)) {
            ticket = None;
        }
        let is_called = ticket.as_ref().is_some_and(Ticket::is_called);
        let may_try = match &ticket {
            Some(_) => is_called || patience.is_none(),
            None if shared.hall.is_empty() => true,
            None => {
                let key = || key(&walk, request);
                patience.is_none() || shared.hall.is_open(&key(), request.priority)
            }
        };
        if may_try && !is_called && !yielded && !shared.hall.is_empty() {
            // Whoever was called elsewhere goes first.
            (yielded, *stayed) = (true, true);
            tokio::task::yield_now().await;
            now = Instant::now();
            continue;
        }
        if may_try {
            let calls = ticket.as_ref().map_or(0, Ticket::calls);
            let outage = match walk.next_at(patience, now) {
                Ok(picked) => {
                    if let Some(ticket) = ticket {
                        ticket.served();
                    }
                    return Ok((walk, picked));
                }
                Err(outage) => outage,
            };
            if patience.is_none() || !outage.is_worth(end) {
                return Err(told(&shared.hall, outage, &key(&walk, request)));
            }
            let watch = watch(&outage).filter(|watch| *watch <= end);
            if let Some(ticket) = &mut ticket {
                ticket.tried(calls, watch);
            }
        }
        match &mut ticket {
            Some(ticket) => ticket.wait(end).await,
            None => {
                let key = key(&walk, request);
                ticket = Some(join(shared, &walk, request, key, end)?);
                *stayed = true;
            }
        }
        now = Instant::now();
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
