//! Why a call would go where it goes: the same code, walking through a copy of the world.
//!
//! Accounts, balance and randomness are copied, and the walk of a real call is walked through the copies, with every attempt failing.
//! So there is nothing here that decides; it only tells what was decided, and nobody's counters move.

mod candidate;
mod queued;

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

pub use self::{
    candidate::{CandidateReport, CandidateState, Limit},
    queued::{QueuePlace, QueueReport},
};
use self::{
    candidate::{Open, elsewhere},
    queued::{Arriving, Comes},
};
use super::{
    Pools, account::AccountState, balance::Sampling, cooldown::later, hall::Hall, service::locate,
    table::Found, walk::Walk,
};
use crate::{
    error::{Error, ErrorKind},
    request::ModelRequest,
};

/// Who could serve a call, in what state each is, and whom the call would try in which order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The model asked for.
    pub model: String,
    /// About how many tokens the call's input has.
    pub input_tokens: u64,
    /// Does the pool's balance look at the call's session?
    pub by_session: bool,
    /// Is this what a call would do? False if the pool's balance cannot be asked without counting
    /// ([`Balance::fork`](super::Balance::fork)): then the order is a guess by weight.
    pub exact: bool,
    /// Everybody in the pool: those that would be tried, in that order, then the others as they stand in the pool.
    pub candidates: Vec<CandidateReport>,
    /// How long the call would wait for somebody before it tries the first; none if it would not. Sooner if a running call ends before;
    /// behind others it is at least so long if all of them are served.
    pub waits_ms: Option<u64>,
    /// Set if calls wait for the same already: what comes of this one among them.
    pub queue: Option<QueueReport>,
    /// Set if nobody would be tried: what the caller would be told, after the wait if there is one. What comes of a wait behind others
    /// is not foreseen.
    pub refused: Option<Refusal>,
}

/// What the caller would be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The kind of the error, see [`ErrorKind`](crate::ErrorKind).
    pub kind: &'static str,
    /// Its message.
    pub message: String,
    /// When to come back, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// Nobody makes more attempts than this; a pool may have any number of accounts.
const MOST_TURNS: usize = 256;

impl Pools {
    /// What would become of this call if it came now: who could serve it, in what state each is, and whom it would try in which order
    /// as long as all fail. Nobody is called, and nothing changes: no counter, no turn, no draw.
    ///
    /// It is the code of real calls that decides here, on copies of what it decides by. Other calls that come in between may change
    /// what then happens. Expensive: everything of the pool is copied.
    pub fn explain(&self, request: &ModelRequest) -> Explanation {
        let shared = self.shared();
        let table = shared.table();
        let found = match locate(&table, request) {
            Ok(found) => found,
            Err(error) => return Explanation::refused(request, &error),
        };
        let (route, exact) = found.route.copied();
        let (route, world) = (Arc::new(route), shared.copied());
        let found = Found {
            route: route.clone(),
            ..found
        };
        let others = elsewhere(&table, &route, request);
        let now = Instant::now();

        let mut walk = Walk::new(&world, found, request);
        let mut explanation = Explanation {
            model: request.model.to_string(),
            input_tokens: walk.tokens(),
            by_session: walk.by_session(),
            exact,
            candidates: Vec::new(),
            waits_ms: None,
            queue: None,
            refused: None,
        };
        // First how they stand, then the walk: it changes the copies.
        let sampling = route.pool.balance.sampling();
        let mut open: Vec<Open> = Vec::new();
        for (index, line) in route.lines.iter().enumerate() {
            let mut one = Open::new(line, walk.asked(index), request.priority, now);
            if let (Sampling::Cheapest { answer }, Some(price)) = (sampling, one.price) {
                one.report.cost_micros = Some(price.estimate(walk.tokens(), answer));
            }
            open.push(one);
        }
        let turns = turns(&shared.hall, &mut walk, request, &mut explanation);
        for (turn, (state, model, forced)) in turns.iter().enumerate() {
            let is_it = |o: &&mut Open| Arc::ptr_eq(&o.state, state) && *o.report.model == **model;
            // The same account may stand in the pool twice: the first is the one.
            if let Some(open) = open.iter_mut().find(is_it) {
                open.report.turn = u32::try_from(turn + 1).ok();
                open.forced = *forced;
            }
        }
        let nearest = open
            .iter()
            .filter(|open| open.report.turn == Some(1))
            .map(|open| open.nearness)
            .max();
        for open in &mut open {
            open.report.why = open.why(nearest.unwrap_or(0), &turns, &explanation);
        }
        let mut reports: Vec<_> = open.into_iter().map(|open| open.report).collect();
        reports.sort_by_key(|report| report.turn.unwrap_or(u32::MAX));
        reports.extend(others);
        explanation.candidates = reports;
        explanation
    }
}

impl Explanation {
    /// The account that would be tried first.
    pub fn first(&self) -> Option<&CandidateReport> {
        self.candidates.first().filter(|c| c.turn.is_some())
    }

    /// Do those who wait already keep it from trying?
    fn is_held_back(&self) -> bool {
        let queue = self.queue.as_ref();
        queue.is_some_and(|queue| queue.place != QueuePlace::AtOnce)
    }

    /// Nobody could even be looked for.
    fn refused(request: &ModelRequest, error: &Error) -> Self {
        Self {
            model: request.model.to_string(),
            input_tokens: 0,
            by_session: false,
            exact: true,
            candidates: Vec::new(),
            waits_ms: None,
            queue: None,
            refused: Some(Refusal::of(error)),
        }
    }
}

impl Refusal {
    fn of(error: &Error) -> Self {
        Self {
            kind: error.kind().as_str(),
            message: error.message().to_owned(),
            retry_after_ms: error.retry_after().map(millis),
        }
    }
}

/// An account that has a turn, its model, and whether that is in spite of a soft cooldown.
type Turn = (Arc<AccountState>, Arc<str>, bool);

/// Walks the walk of a call whose every attempt fails.
fn turns(
    hall: &Hall,
    walk: &mut Walk<'_>,
    request: &ModelRequest,
    explanation: &mut Explanation,
) -> Vec<Turn> {
    let mut turns = Vec::new();
    let now = Instant::now();
    let wait = walk.wait().saturating_sub(request.budget.waited());
    let left = request
        .budget
        .remaining()
        .map_or(wait, |left| left.min(wait));
    let end = later(now, left);
    let mut patience = (end > now).then_some(end);
    let arriving = Arriving::new(hall, walk, request, patience);
    match arriving.comes(walk) {
        Comes::Tries => {}
        Comes::Waits(earliest) => {
            explanation.waits_ms = Some(millis(earliest.saturating_duration_since(now)));
            explanation.queue = arriving.report(QueuePlace::Behind);
            return turns;
        }
        Comes::Leaves(error) => {
            explanation.queue = arriving.report(QueuePlace::TurnedAway);
            explanation.refused = Some(Refusal::of(&error));
            return turns;
        }
    }
    explanation.queue = arriving.report(QueuePlace::AtOnce);
    while turns.len() < MOST_TURNS {
        let lease = match walk.next(patience.take()) {
            Ok(picked) => picked,
            Err(outage) if turns.is_empty() => {
                let worth = end > now && outage.is_worth(end);
                if worth && let Err(error) = arriving.joins(walk) {
                    explanation.queue = arriving.report(QueuePlace::TurnedAway);
                    explanation.refused = Some(Refusal::of(&error));
                    break;
                }
                if worth {
                    let until = outage.soonest.map_or(end, |soonest| soonest.min(end));
                    explanation.waits_ms = Some(millis(until.saturating_duration_since(now)));
                }
                explanation.refused = Some(Refusal::of(&arriving.told(outage)));
                break;
            }
            Err(_) => break,
        };
        turns.push((lease.state.clone(), lease.model().clone(), lease.forced));
        // A failure that sends the call on and says little of the account.
        let failure = Error::new(ErrorKind::Server, "");
        let deployment = lease.deployment.clone();
        lease.failed(&failure);
        if !walk.failed(&failure, &deployment) {
            break;
        }
    }
    turns
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
