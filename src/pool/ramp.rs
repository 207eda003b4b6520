//! How an account comes back from a limit whose size nobody told: not all who wait for it at once, or most would be refused again.

use std::time::Duration;

use tokio::time::Instant;

/// One call first; whenever one goes well, twice as many as before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ramp {
    granted: u32,
    left: u32,
    ends: Instant,
}

impl Ramp {
    /// Who bears so many at once needs no ramp.
    const ENOUGH: u32 = 64;
    /// The limits that are meant are those of a minute: after one that went well nothing is left of it.
    pub(super) const LENGTH: Duration = Duration::from_secs(60);

    /// It is over at `ends`, whatever comes.
    pub(super) const fn until(ends: Instant) -> Self {
        Self {
            granted: 1,
            left: 1,
            ends,
        }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.granted >= Self::ENOUGH || self.ends <= now
    }

    /// May another call begin?
    pub(super) fn has_room(&self, now: Instant) -> bool {
        self.left > 0 || self.is_over(now)
    }

    pub(super) const fn begin(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// A call went well.
    pub(super) const fn grow(&mut self) {
        self.granted = self.granted.saturating_mul(2);
        self.left = self.granted;
    }

    /// A call is over, well or not: somebody else has to find out.
    pub(super) const fn over(&mut self) {
        if self.left == 0 {
            self.left = 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn twice_as_many_after_each_that_went_well() {
        let now = Instant::now();
        let mut ramp = Ramp::until(now + Ramp::LENGTH);
        let mut begun = Vec::new();
        while !ramp.is_over(now) {
            let mut calls = 0;
            while ramp.has_room(now) {
                ramp.begin();
                calls += 1;
            }
            begun.push(calls);
            ramp.grow();
        }
        assert_eq!(begun, [1, 2, 4, 8, 16, 32]);
        let mut ramp = Ramp::until(now + Ramp::LENGTH);
        ramp.begin();
        assert!(!ramp.has_room(now));
        assert!(
            ramp.has_room(now + Ramp::LENGTH),
            "nothing is held for ever"
        );
        ramp.over();
        assert!(ramp.has_room(now), "the one that was to find out has left");
    }
}
