//! Which of the accounts that are free takes the next call.

mod cheapest;
mod fastest;
mod headroom;
mod least_busy;
mod round_robin;
mod sticky;
mod use_before_reset;
mod weighted;

use std::{
    fmt::{self, Debug},
    sync::Arc,
    time::Duration,
};

pub(super) use self::weighted::Share;
pub use self::{
    cheapest::Cheapest, fastest::Fastest, headroom::Headroom, least_busy::LeastBusy,
    round_robin::RoundRobin, sticky::Sticky, use_before_reset::UseBeforeReset, weighted::Weighted,
};
use super::{
    account::AccountState,
    session::{Hash, Session},
};
pub use crate::rng::Rng;
use crate::upstream::{Limits, Price};

/// Picks one of several accounts that could all take the call. Object-safe; keeps whatever state it needs itself.
///
/// ```
/// use trunkline::pool::{Balance, Candidate, Rng};
///
/// /// Fills one account before it touches the next.
/// #[derive(Debug)]
/// struct Busiest;
///
/// impl Balance for Busiest {
///     fn pick(&self, candidates: &[Candidate<'_>], _rng: &Rng) -> usize {
///         let busiest = candidates.iter().enumerate().max_by_key(|(_, c)| c.in_flight);
///         busiest.map_or(0, |(index, _)| index)
///     }
/// }
/// ```
pub trait Balance: Debug + Send + Sync + 'static {
    /// The index of the one to call. There is at least one candidate; an index out of range counts as 0.
    ///
    /// Candidates are those that are free right now and were not yet tried by this call, so their number and order change from
    /// pick to pick: tell them apart by [`vendor`](Candidate::vendor) and [`place`](Candidate::place). Those of weight 0 are
    /// only shown when there is nobody else.
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize;

    /// Does it keep sessions together? Then [`pick_for`](Self::pick_for) is asked for calls that belong to one. Telling a call's
    /// session costs a look at its body.
    fn keeps_sessions(&self) -> bool {
        false
    }

    /// As [`pick`](Self::pick), for a call of a session. Those of weight 0 are always shown.
    fn pick_for(&self, session: &Session<'_>, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        let _ = session;
        self.pick(candidates, rng)
    }

    /// Does it look at [`requests_last_minute`](Candidate::requests_last_minute) and
    /// [`tokens_last_minute`](Candidate::tokens_last_minute)? If not, both are shown as 0: to sum them up takes a lock at each account.
    fn reads_minute(&self) -> bool {
        true
    }

    /// Set if it picks by these shares and nothing else: then nobody needs to be shown.
    #[doc(hidden)]
    fn shares(&self) -> Option<&Weighted> {
        None
    }

    /// What it is shown of a pool of more than 32 accounts, where not all of them can be looked at for each call.
    fn sampling(&self) -> Sampling {
        Sampling::Some
    }

    /// The [identity](Candidate::identity) of who had this session last, if it remembers: in a large pool nobody else could name it.
    fn owner(&self, session: u64) -> Option<u64> {
        let _ = session;
        None
    }

    /// Another that will pick as this one would have from here on, for [`Pools::explain`](super::Pools::explain): asking it changes
    /// nothing here. None, unless it is implemented: then an explanation lists everybody, but can only guess the order.
    fn fork(&self) -> Option<Arc<dyn Balance>> {
        None
    }
}

/// Whom of a large pool a [`Balance`] is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sampling {
    /// One, drawn by weight: the vendor first, then its account. What is to be picked is decided by that.
    Weighted,
    /// One: whoever comes next. What is to be picked is decided by that.
    InTurn,
    /// Up to [`Sampling::SOME`] that are free, drawn at random whatever their weights. The best of so many is nearly always among the
    /// better ones of all, and many gateways do not crowd the very best.
    Some,
    /// Up to [`Sampling::SOME`] of those that are free and cost least for the call at hand, if its answer has so many tokens. Of those
    /// that cost the same they are drawn at random.
    Cheapest {
        /// How long answers are taken to be, in tokens.
        answer: u64,
    },
}

impl Sampling {
    /// How many a balance chooses among.
    pub const SOME: usize = 8;
}

// Pools hold balances as trait objects.
const _: fn(&dyn Balance) = |_| ();

/// An account that could take the call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// The vendor's name.
    pub provider: &'a str,
    /// The account's name.
    pub account: &'a str,
    /// The model's name at the vendor.
    pub model: &'a str,
    /// Which vendor of the pool this is, from 0, in the order they were added.
    pub vendor: usize,
    /// Which account of the vendor this is, from 0, in the order they were added.
    pub place: usize,
    /// The vendor's weight.
    pub vendor_weight: u32,
    /// The account's weight among the vendor's.
    pub weight: u32,
    /// Calls the account is serving now, for any pool, streams to their end.
    pub in_flight: u32,
    /// How many tokens the model can hold; none if unknown.
    pub context_window: Option<u64>,
    /// Calls begun in the last minute.
    pub requests_last_minute: u64,
    /// Tokens of the last minute, running calls by estimate.
    pub tokens_last_minute: u64,
    /// What the model costs there; none if unknown.
    pub price: Option<Price>,
    /// About how many tokens the call's input has.
    pub input_tokens: u64,
    pub(super) past: Past<'a>,
}

/// Where more is known of a candidate. Looked up when somebody asks.
#[derive(Clone, Copy, Default)]
pub(super) struct Past<'a>(pub(super) Option<(&'a AccountState, &'a Limits)>);

impl Debug for Past<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Past")
    }
}

impl Candidate<'_> {
    /// The account and model as a number, the same in every process, whatever their place in the pool.
    pub fn identity(&self) -> u64 {
        identity(self.provider, self.model, self.account)
    }

    /// How long the first content of this model there is to be expected to take, where answers come whole the answer; none if
    /// nothing came yet.
    pub fn first_content(&self) -> Option<Duration> {
        let (state, _) = self.past.0?;
        state.expected(self.model)
    }

    /// The share left of its scarcest limit, from 0 to 1: of the vendor's windows, as the last answers told, and of the account's
    /// own [limits](crate::upstream::Limits). 1 if there is none.
    pub fn headroom(&self) -> f64 {
        let state = self.past.0;
        state.map_or(1.0, |(state, limits)| state.share_left(self.model, limits))
    }

    /// How much is lost if nobody calls it: of the vendor's windows and the account's own that begin anew at once and last five
    /// minutes or more, the share left divided by the hours left; the largest. 0 if there is none.
    pub fn waste(&self) -> f64 {
        let state = self.past.0;
        state.map_or(0.0, |(state, limits)| state.waste(self.model, limits))
    }
}

pub(super) fn identity(provider: &str, model: &str, account: &str) -> u64 {
    let mut hash = Hash::default();
    hash.add(&0_u64.to_le_bytes());
    for name in [provider, model, account] {
        hash.add(name.as_bytes());
    }
    hash.finish()
}

/// The index of the least item, ties broken at random, so that equals share the load from the first call on.
pub(super) fn least<T: Ord>(items: impl IntoIterator<Item = T>, rng: &Rng) -> usize {
    let mut best: Option<(usize, T)> = None;
    let mut ties = 1;
    for (index, item) in items.into_iter().enumerate() {
        match &best {
            Some((_, least)) if item > *least => continue,
            Some((_, least)) if item == *least => {
                ties += 1;
                if rng.below(ties) != 0 {
                    continue;
                }
            }
            _ => ties = 1,
        }
        best = Some((index, item));
    }
    best.map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests;
