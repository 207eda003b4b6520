//! How each account of the pool stands towards the call.

use std::sync::Arc;

use serde::Serialize;
use tokio::time::Instant;

use super::{Explanation, Turn, millis};
use crate::{
    pool::{
        BreakerState,
        account::{AccountState, AccountStatus, Ask},
        table::{Line, Route, Table},
    },
    request::{ModelRequest, Priority},
    upstream::{Deployment, Price},
};

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

/// A line of the pool that the call might use, and what is told of it.
pub(super) struct Open {
    pub(super) state: Arc<AccountState>,
    pub(super) report: CandidateReport,
    pub(super) nearness: u8,
    pub(super) price: Option<Price>,
    spare: bool,
    /// It would be tried in spite of a soft cooldown.
    pub(super) forced: bool,
}

impl Open {
    pub(super) fn new(
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

    pub(super) fn why(&self, nearest: u8, turns: &[Turn], explanation: &Explanation) -> String {
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
            (CandidateState::Free, None) if explanation.is_held_back() => {
                "free, but those who wait already go first".to_owned()
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
        let breaker = status
            .breakers
            .iter()
            .any(|breaker| breaker.model == longest.model && breaker.state != BreakerState::Closed);
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
pub(super) fn elsewhere(
    table: &Table,
    used: &Route,
    request: &ModelRequest,
) -> Vec<CandidateReport> {
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
