//! How a window comes back, as its answers show.

use tokio::time::Instant;

use super::{Known, Report};
use crate::pool::cooldown::later;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Unknown,
    Whole,
    Pieces,
}

/// A window was over, and calls began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) at: Instant,
    /// What was begun before.
    pub(super) begun: u64,
    /// What was left of the last one.
    pub(super) left: f64,
    /// When the last one ended.
    pub(super) ended: Instant,
    /// Has nothing been told since?
    pub(super) guess: bool,
}

impl Known {
    /// What it says of how the window comes back.
    pub(super) fn learn(&mut self, report: &Report, now: Instant) {
        let Some(limit) = report
            .window
            .limit
            .filter(|_| report.window.refill.is_none())
        else {
            return;
        };
        let (half, quarter) = (limit as f64 / 2.0, limit as f64 / 4.0);
        let remaining = report.window.remaining as f64;
        let old = self.window.reset;
        match (self.shape, self.turn) {
            (Shape::Pieces, _) => {
                let limit = limit as f64;
                let before = self.level(report.begun, now);
                let over = old.is_some_and(|old| old <= report.sent);
                if over && before <= quarter && remaining >= limit - quarter {
                    self.shape = Shape::Whole;
                    self.turn = None;
                    let begun = report.sent.checked_sub(report.grace());
                    self.mark = self.log.until(begun);
                    self.since = begun.unwrap_or(now);
                }
            }
            (Shape::Unknown, Some(turn)) => {
                if report.before < turn.begun || turn.left > half {
                    return;
                }
                let expected = limit.saturating_sub(report.up_to() - turn.begun) as f64;
                let at_least = limit.saturating_sub(report.begun - turn.begun) as f64;
                let again = report
                    .window
                    .reset
                    .is_some_and(|reset| reset <= later(turn.ended, Self::ROUNDED));
                if remaining + 1.0 >= expected * 0.9 {
                    self.shape = Shape::Whole;
                } else if again && turn.guess && !self.counts_late {
                    // It was not over yet.
                    self.counts_late = true;
                } else if remaining + quarter <= at_least {
                    self.in_pieces();
                }
            }
            _ => {
                let moved = old.zip(report.window.reset).is_some_and(|(old, new)| {
                    old > later(report.read, Self::ROUNDED)
                        && new > later(later(old, report.age()), Self::ROUNDED)
                });
                if moved {
                    self.in_pieces();
                }
            }
        }
    }

    fn in_pieces(&mut self) {
        if self.span() <= Self::LONG {
            self.shape = Shape::Pieces;
            self.turn = None;
            self.left = 0.0;
        }
    }
}
