//! Why a call would go where it goes: the same code, walking through a copy of the world.
//!
//! Accounts, balance and randomness are copied, and the walk of a real call is walked through the copies, with every attempt failing.
//! So there is nothing here that decides; it only tells what was decided, and nobody's counters move.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

use super::{
    Pools,
    account::{AccountState, AccountStatus, Ask},
    balance::Sampling,
    service::locate,
    table::{Found, Line, Route, Table},
    walk::{Picked, Walk},
};
use crate::{
    error::{Error, ErrorKind},
    request::{ModelRequest, Priority},
    upstream::{Deployment, Price},
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
    /// How long the call would wait for somebody before it tries the first; none if it would not.
    pub waits_ms: Option<u64>,
    /// Set if nobody would be tried: what the caller would be told, after the wait if there is one.
    pub refused: Option<Refusal>,
}

/// One account of a pool, as a call would find it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CandidateReport {
    /// The vendor's name.
    pub provider: String,
    /// The account's name.
    pub account: String,
    /// The model's name at the vendor.
    pub model: String,
    /// The vendor's weight.
    pub vendor_weight: u32,
    /// The account's weight among the vendor's.
    pub weight: u32,
    /// How many tokens the model can hold; none if unknown.
    pub context_window: Option<u64>,
    /// Calls the account is serving now.
    pub in_flight: u32,
    /// Calls begun in the last minute.
    pub requests_last_minute: u64,
    /// Tokens of the last minute.
    pub tokens_last_minute: u64,
    /// About what the call costs there, in millionths of a US dollar; none if no price is known, or the pool's balance does not ask.
    pub cost_micros: Option<u64>,
    /// How it stands.
    pub state: CandidateState,
    /// Whose turn it is, from 1, if all before it fail; none if it would not be tried.
    pub turn: Option<u32>,
    /// Why it would be tried then, or not at all, in words.
    pub why: String,
}

/// How an account stands towards a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CandidateState {
    /// Nothing stands in the way.
    Free,
    /// It is at a limit.
    Busy {
        /// Which one.
        limit: Limit,
        /// When there is room again, in milliseconds; none if a call has to end first.
        free_in_ms: Option<u64>,
    },
    /// It is left alone.
    Cooling {
        /// What for, see [`ErrorKind`](crate::ErrorKind).
        reason: &'static str,
        /// Did the vendor name the end? Then nothing is sent before.
        firm: bool,
        /// Did a breaker open, or is it about the limits, the key or the purse?
        breaker: bool,
        /// Is it the whole account, or this model there?
        whole_account: bool,
        /// How much of it is left, in milliseconds.
        remaining_ms: u64,
    },
    /// Its breaker is half-open, and a call is finding out.
    Probed,
    /// Its context window is too small for the call.
    WindowTooSmall,
    /// It is switched off, or may be asked for nothing.
    Disabled,
    /// The call names what another account keeps.
    PinnedElsewhere,
}

/// A limit of an account, see [`Limits`](crate::upstream::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Limit {
    /// Requests in any minute.
    Rpm,
    /// Tokens in any minute.
    Tpm,
    /// Calls at the same time.
    Concurrency,
    /// The least time between the starts of two calls.
    MinInterval,
    /// A window that its limits [declare](crate::upstream::Limits::windows).
    Window,
    /// A window that the vendor told of.
    VendorWindow,
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
        let turns = turns(&mut walk, request, &mut explanation);
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

    /// Nobody could even be looked for.
    fn refused(request: &ModelRequest, error: &Error) -> Self {
        Self {
            model: request.model.to_string(),
            input_tokens: 0,
            by_session: false,
            exact: true,
            candidates: Vec::new(),
            waits_ms: None,
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
fn turns(walk: &mut Walk<'_>, request: &ModelRequest, explanation: &mut Explanation) -> Vec<Turn> {
    let mut turns = Vec::new();
    let wait = walk.wait().saturating_sub(request.budget.waited());
    let left = request
        .budget
        .remaining()
        .map_or(wait, |left| left.min(wait));
    let mut patience = (!left.is_zero()).then(|| Instant::now() + left);
    while turns.len() < MOST_TURNS {
        let Picked { lease, deployment } = match walk.next(patience.take()) {
            Ok(picked) => picked,
            Err(outage) if turns.is_empty() => {
                let soonest = outage.soonest;
                let now = Instant::now();
                if !left.is_zero() && outage.is_worth(now + left) {
                    let until = soonest.map_or(left, |at| at.saturating_duration_since(now));
                    explanation.waits_ms = Some(millis(until.min(left)));
                }
                let error = outage.into_error(&request.model);
                explanation.refused = Some(Refusal::of(&error));
                break;
            }
            Err(_) => break,
        };
        turns.push((lease.state.clone(), lease.model.clone(), lease.forced));
        // A failure that sends the call on and says little of the account.
        let failure = Error::new(ErrorKind::Server, "");
        lease.failed(&failure);
        if !walk.failed(&failure, &deployment) {
            break;
        }
    }
    turns
}

/// A line of the pool that the call might use, and what is told of it.
struct Open {
    state: Arc<AccountState>,
    report: CandidateReport,
    nearness: u8,
    price: Option<Price>,
    spare: bool,
    /// It would be tried in spite of a soft cooldown.
    forced: bool,
}

impl Open {
    fn new(
        line: &Line,
        asked: Option<(Arc<Deployment>, u64, u8)>,
        priority: Priority,
        now: Instant,
    ) -> Self {
        let status = line.state.status();
        let mut report = report(line, &status);
        let (mut nearness, mut price) = (0, None);
        report.state = match asked {
            None => CandidateState::WindowTooSmall,
            Some((deployment, tokens, near)) => {
                let ask = Ask {
                    model: &deployment.model,
                    limits: &deployment.account.limits,
                    tokens,
                    priority,
                    price: deployment.price,
                };
                (nearness, price) = (near, ask.price);
                report.context_window = deployment.context_window;
                report.model = ask.model.to_string();
                state(&line.state, &status, &ask, now)
            }
        };
        Self {
            state: line.state.clone(),
            report,
            nearness,
            price,
            spare: line.is_spare(),
            forced: false,
        }
    }

    fn why(&self, nearest: u8, turns: &[Turn], explanation: &Explanation) -> String {
        let report = &self.report;
        let again = |turn: &Turn| Arc::ptr_eq(&turn.0, &self.state) && *turn.1 == *report.model;
        match (&report.state, report.turn) {
            (_, Some(turn)) if self.forced => format!(
                "turn {turn}: nobody else is left, so one account is tried in spite of a cooldown whose end is a guess"
            ),
            (_, Some(1)) if self.nearness > 0 => {
                "turn 1: the conversation's reasoning was made there".to_owned()
            }
            (_, Some(1)) if explanation.by_session => {
                "turn 1: free, and the session's own".to_owned()
            }
            (_, Some(1)) => "turn 1: free, and the balance's choice".to_owned(),
            (_, Some(turn)) if self.spare => {
                format!("turn {turn}: a spare (weight 0), for when no other account is left")
            }
            (_, Some(turn)) if self.nearness < nearest => format!(
                "turn {turn}: free, but the conversation's reasoning was made at another account, which comes first"
            ),
            (_, Some(turn)) => format!("turn {turn}: free, and the balance's choice of those left"),
            (CandidateState::Free, None) if turns.iter().any(again) => {
                "the same account and model stand in the pool twice: once is enough".to_owned()
            }
            (CandidateState::Free, None) => "free, but the walk ends before its turn".to_owned(),
            (CandidateState::Busy { free_in_ms, .. }, None) => match free_in_ms {
                Some(ms) => format!("passed over: at a limit of its own for {ms} ms more"),
                None => "passed over: as many calls as it may serve; one has to end".to_owned(),
            },
            (
                CandidateState::Cooling {
                    firm: true,
                    remaining_ms,
                    ..
                },
                None,
            ) => {
                format!("passed over: the vendor said not to come back for {remaining_ms} ms more")
            }
            (CandidateState::Cooling { remaining_ms, .. }, None) => format!(
                "passed over: left alone for {remaining_ms} ms more, by this gateway's guess"
            ),
            (CandidateState::Probed, None) => {
                "passed over: a call is finding out whether it is well again".to_owned()
            }
            (CandidateState::WindowTooSmall, None) => format!(
                "passed over: about {} input tokens do not fit its context window",
                explanation.input_tokens
            ),
            (CandidateState::Disabled | CandidateState::PinnedElsewhere, None) => String::new(),
        }
    }
}

fn report(line: &Line, status: &AccountStatus) -> CandidateReport {
    CandidateReport {
        provider: status.provider.to_string(),
        account: status.account.to_string(),
        model: line.model().to_string(),
        vendor_weight: line.vendor_weight,
        weight: line.weight,
        context_window: line.context_window(),
        in_flight: status.in_flight,
        requests_last_minute: status.requests_last_minute,
        tokens_last_minute: status.tokens_last_minute,
        cost_micros: None,
        state: CandidateState::Free,
        turn: None,
        why: String::new(),
    }
}

/// The obstacle that stands longest, by what the walk goes by.
fn state(
    account: &AccountState,
    status: &AccountStatus,
    ask: &Ask<'_>,
    now: Instant,
) -> CandidateState {
    let holds = account.holds(ask, now);
    let cooldown = |firm: bool| {
        let mine = status.cooldowns.iter().filter(|cooldown| {
            cooldown.firm == firm && cooldown.model.as_deref().is_none_or(|m| *m == **ask.model)
        });
        let longest = mine.max_by_key(|cooldown| cooldown.remaining)?;
        let breaker = status.breakers.iter().any(|breaker| {
            breaker.model == longest.model && breaker.state != super::BreakerState::Closed
        });
        Some(CandidateState::Cooling {
            reason: longest.reason.as_str(),
            firm,
            breaker: breaker && !firm,
            whole_account: longest.model.is_none(),
            remaining_ms: millis(longest.remaining),
        })
    };
    let limits = [
        (holds.interval, Limit::MinInterval),
        (holds.requests, Limit::Rpm),
        (holds.tokens, Limit::Tpm),
        (holds.declared, Limit::Window),
        (holds.told, Limit::VendorWindow),
    ];
    let limit = limits
        .into_iter()
        .filter_map(|(until, limit)| Some((until.filter(|until| *until > now)?, limit)))
        .max_by_key(|(until, _)| *until);
    let busy = limit.map(|(until, limit)| CandidateState::Busy {
        limit,
        free_in_ms: Some(millis(until.saturating_duration_since(now))),
    });
    let full = holds.full.then_some(CandidateState::Busy {
        limit: Limit::Concurrency,
        free_in_ms: None,
    });
    let probed = holds.held.probed.then_some(CandidateState::Probed);
    cooldown(true)
        .or(busy)
        .or(full)
        .or_else(|| cooldown(false))
        .or(probed)
        .unwrap_or(CandidateState::Free)
}

/// Those of the model's pool that the call cannot use whatever happens: they are switched off, or it is bound to another.
fn elsewhere(table: &Table, used: &Route, request: &ModelRequest) -> Vec<CandidateReport> {
    let mut reports = Vec::new();
    let Some(found) = table.find(&request.model) else {
        return reports;
    };
    if request.pin.is_some() {
        let others = found.route.lines.iter().filter(|line| {
            let same = |other: &Line| other.state.tag == line.state.tag;
            !used.lines.iter().any(same)
        });
        reports.extend(others.map(|line| CandidateReport {
            state: CandidateState::PinnedElsewhere,
            why: "passed over: what the call names is kept by another account".to_owned(),
            ..report(line, &line.state.status())
        }));
    }
    for (vendor, member) in found.route.pool.closed() {
        let Some(state) = table.account(vendor.provider.name(), &member.account.name) else {
            continue;
        };
        let status = state.status();
        reports.push(CandidateReport {
            provider: status.provider.to_string(),
            account: status.account.to_string(),
            model: vendor.model.to_string(),
            vendor_weight: vendor.weight,
            weight: member.weight,
            context_window: vendor.context_window,
            in_flight: status.in_flight,
            requests_last_minute: status.requests_last_minute,
            tokens_last_minute: status.tokens_last_minute,
            cost_micros: None,
            state: CandidateState::Disabled,
            turn: None,
            why: "passed over: it is switched off, or its limits allow nothing".to_owned(),
        });
    }
    reports
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
