//! Failures in a row, and what follows from them.
//!
//! *Closed*: calls go through and failures are counted. *Open*: enough of them came in a row, so nobody calls for a while.
//! *Half-open*: the while is over, and one call at a time finds out how things are. If that is well, the breaker closes; if it
//! fails, the breaker opens for twice as long.

use std::time::Duration;

use super::cooldown::Rules;
use crate::rng::Rng;

/// Where a breaker stands, see [`BreakerStatus`](super::BreakerStatus).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// Nobody calls, unless there is nobody else to be called.
    Open,
    /// One call at a time finds out.
    HalfOpen,
}

impl BreakerState {
    /// A stable snake-case name, for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The breaker of an account, or of one model there. For how long it is open is told by the cooldown beside it.
#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    /// Calls in a row that failed before content.
    failures: u32,
    /// Streams in a row that broke after content. Apart, because each of them began well.
    broken: u32,
    /// How often it opened since it was last closed.
    openings: u32,
    /// The call that finds out.
    probe: Option<Probe>,
}

/// A call that finds out whether a half-open breaker can close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe(pub(super) u64);

impl Breaker {
    /// Never open for longer than this, unless the pool's own cooldown is longer.
    const LONGEST: Duration = Duration::from_secs(600);

    /// `cooling` says whether the cooldown beside it still runs.
    pub(super) const fn state(&self, cooling: bool) -> BreakerState {
        match self.openings {
            0 => BreakerState::Closed,
            _ if cooling => BreakerState::Open,
            _ => BreakerState::HalfOpen,
        }
    }

    /// Failures in a row, broken streams included.
    pub(super) const fn strikes(&self) -> u32 {
        self.failures.saturating_add(self.broken)
    }

    pub(super) const fn is_clean(&self) -> bool {
        self.openings == 0 && self.strikes() == 0
    }

    /// Is a call finding out?
    pub(super) const fn is_probed(&self) -> bool {
        self.probe.is_some()
    }

    /// This call finds out.
    pub(super) const fn begin(&mut self, probe: Probe) {
        self.probe = Some(probe);
    }

    /// That call is over and has told nothing: the next one may find out.
    pub(super) fn release(&mut self, probe: Probe) {
        self.probe.take_if(|current| *current == probe);
    }

    /// A call failed before content.
    pub(super) const fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// A stream broke after content.
    pub(super) const fn broke(&mut self) {
        self.broken = self.broken.saturating_add(1);
    }

    /// A call began well. Where streams break after that, it has to end well too before this says anything.
    pub(super) fn began(&mut self, finds_out: bool) {
        self.failures = 0;
        if finds_out && self.broken == 0 {
            self.close();
        }
    }

    /// An answer came whole.
    pub(super) fn completed(&mut self, finds_out: bool) {
        self.broken = 0;
        if finds_out {
            self.close();
        }
    }

    /// All is well.
    pub(super) fn close(&mut self) {
        *self = Self::default();
    }

    /// Is it this call that finds out?
    pub(super) fn is_probe(&self, probe: Option<Probe>) -> bool {
        probe.is_some() && self.probe == probe
    }

    /// For how long it opens after the latest failure; none if it does not. `cooling` as in [`state`](Self::state).
    ///
    /// The first time is the pool's cooldown. Each next one in a row is twice as long, less up to a quarter by lot, so that many
    /// gateways do not come back together.
    pub(super) fn judge(&mut self, cooling: bool, rules: &Rules, rng: &Rng) -> Option<Duration> {
        if rules.failures == 0 || rules.cooldown.is_zero() {
            return None;
        }
        match self.state(cooling) {
            BreakerState::Closed if self.strikes() < rules.failures => return None,
            // What fails while it is open was under way, or had nobody else: that is the same outage.
            BreakerState::Open => {}
            BreakerState::Closed | BreakerState::HalfOpen => {
                self.openings = self.openings.saturating_add(1);
            }
        }
        self.probe = None;
        let doublings = self.openings.saturating_sub(1);
        let longest = Self::LONGEST.max(rules.cooldown);
        let length = 2_u32
            .checked_pow(doublings)
            .and_then(|factor| rules.cooldown.checked_mul(factor))
            .map_or(longest, |length| length.min(longest));
        match doublings {
            0 => Some(length),
            _ => Some(length.mul_f64(1.0 - rng.fraction() / 4.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_for_longer_and_longer_up_to_a_cap() {
        let rng = Rng::seeded(3);
        let mut breaker = Breaker::default();
        let mut lengths = Vec::new();
        for _ in 0..40 {
            breaker.failed();
            lengths.extend(breaker.judge(false, &Rules::DEFAULT, &rng));
        }
        assert_eq!(lengths.len(), 38, "the third failure is the first to open");
        assert_eq!(lengths[0], Rules::DEFAULT.cooldown);
        for (n, length) in lengths.iter().enumerate().skip(1) {
            let full = Breaker::LONGEST.min(Rules::DEFAULT.cooldown * (1 << n.min(6)));
            assert!(
                *length <= full && *length >= full.mul_f64(0.75),
                "{n}: {length:?}"
            );
        }
        assert_ne!(lengths[20], lengths[21], "by lot");
    }

    #[test]
    fn one_outage_is_one_opening() {
        let rng = Rng::seeded(3);
        let mut breaker = Breaker::default();
        let mut cooling = false;
        let mut length = None;
        // Fifty calls were under way.
        for _ in 0..50 {
            breaker.failed();
            length = breaker.judge(cooling, &Rules::DEFAULT, &rng);
            cooling |= length.is_some();
        }
        assert_eq!(length, Some(Rules::DEFAULT.cooldown));
    }

    #[test]
    fn a_half_open_breaker_opens_at_one_failure_whatever_came_before() {
        let rng = Rng::seeded(3);
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.failed();
        }
        assert!(breaker.judge(false, &Rules::DEFAULT, &rng).is_some());
        // A call from before the opening.
        breaker.began(false);
        assert_eq!(breaker.state(false), BreakerState::HalfOpen);
        breaker.failed();
        let length = breaker.judge(false, &Rules::DEFAULT, &rng).unwrap();
        assert!(length > Rules::DEFAULT.cooldown);
    }
}
