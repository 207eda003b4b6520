//! How many calls may be hedged.

use std::sync::atomic::{AtomicU64, Ordering};

/// Every call puts a part of a hedge in, and every hedge takes a whole one out: of all calls since the beginning, no more are hedged
/// than the share says.
#[derive(Debug, Default)]
pub(super) struct Share(AtomicU64);

impl Share {
    /// A whole one, in millionths.
    const ONE: u64 = 1_000_000;
    /// So many are saved up at most, for when many calls are slow at once.
    const MOST: u64 = 10 * Self::ONE;

    pub(super) fn deposit(&self, millionths: u32) {
        let _ = self.update(|saved| Some((saved + u64::from(millionths)).min(Self::MOST)));
    }

    /// May one more call be hedged?
    pub(super) fn take(&self) -> bool {
        self.update(|saved| saved.checked_sub(Self::ONE)).is_ok()
    }

    /// It was not, after all.
    pub(super) fn give_back(&self) {
        let _ = self.update(|saved| Some((saved + Self::ONE).min(Self::MOST)));
    }

    fn update(&self, change: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_share() {
        let share = Share::default();
        assert!(!share.take(), "nobody has called yet");
        let mut hedged = 0;
        for call in 1..=10_000_u32 {
            share.deposit(50_000);
            // Hardly anybody is slow at first, and later all are.
            hedged += u32::from((call > 5_000 || call % 100 == 0) && share.take());
            assert!(hedged * 20 <= call);
        }
        // The few of the first half, what was saved up by then, and what came in since.
        assert_eq!(hedged, 50 + 9 + 250);
        share.give_back();
        assert!(share.take() && !share.take());
    }
}
