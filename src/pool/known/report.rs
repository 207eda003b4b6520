//! What a vendor told of a window, and what had been begun then.

use std::time::Duration;

use tokio::time::Instant;

use super::{Known, Log, signed};
use crate::{
    dialect::{RateWindow, Resource},
    pool::cooldown::later,
};

/// What a vendor told with the answer to a call.
#[derive(Clone, Copy, Debug)]
pub(in crate::pool) struct Report {
    pub(in crate::pool) resource: Resource,
    pub(in crate::pool) window: RateWindow,
    /// What was begun before that call, in requests.
    pub(in crate::pool) requests_before: u64,
    /// What was begun before that call.
    pub(in crate::pool) before: u64,
    /// What that call takes.
    pub(in crate::pool) amount: u64,
    /// What was begun up to now.
    pub(in crate::pool) begun: u64,
    /// When that call began.
    pub(in crate::pool) sent: Instant,
    /// When its answer came.
    pub(in crate::pool) read: Instant,
}

impl Report {
    /// What was begun up to that call, and by it.
    pub(super) const fn up_to(&self) -> u64 {
        self.before.saturating_add(self.amount)
    }

    /// The figures may be as old as this.
    pub(super) fn age(&self) -> Duration {
        self.read.saturating_duration_since(self.sent)
    }

    /// Calls overtake each other on their way by about so much.
    pub(super) fn grace(&self) -> Duration {
        self.age().min(Known::GRACE)
    }

    /// Of all that was begun, the least and the most that the vendor had counted when it told.
    pub(super) fn counted(&self, log: &Log) -> (i64, i64) {
        if self.age().is_zero() {
            let counted = log.counted(self.up_to());
            return (counted, counted);
        }
        let before = log.until(self.sent.checked_sub(self.grace()));
        let by_then = log.until(Some(later(self.sent, self.grace())));
        (
            before.saturating_add(signed(self.amount)).min(by_then),
            by_then,
        )
    }
}
