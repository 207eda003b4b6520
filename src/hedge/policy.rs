//! When a call is hedged, and how often.

use std::{fmt, time::Duration};

/// When the calls for a model are hedged, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct HedgePolicy {
    after: After,
    min_samples: u32,
    min: Duration,
    max: Duration,
    /// In millionths.
    share: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// In hundredths of a percent.
    Percentile(u16),
    Fixed(Duration),
}

impl HedgePolicy {
    /// After the 95th percentile, of at least 50 calls, not before 100 ms and not later than 30 s; one call in twenty at most.
    pub const fn new() -> Self {
        Self {
            after: After::Percentile(9_500),
            min_samples: 50,
            min: Duration::from_millis(100),
            max: Duration::from_secs(30),
            share: 50_000,
        }
    }

    /// After so many of a hundred calls have their first content, e.g. 95. Values outside 50…99.99 are clamped.
    pub fn percentile(mut self, percent: f64) -> Self {
        let percent = if percent.is_finite() { percent } else { 95.0 };
        self.after = After::Percentile((percent.clamp(50.0, 99.99) * 100.0).round() as u16);
        self
    }

    /// Always after so long, whatever is usual.
    pub const fn fixed(mut self, after: Duration) -> Self {
        self.after = After::Fixed(after);
        self
    }

    /// How many calls of a model have to be known before their percentile is trusted. Until then none is hedged.
    pub const fn min_samples(mut self, calls: u32) -> Self {
        self.min_samples = calls;
        self
    }

    /// A percentile below `min` counts as `min`, one above `max` as `max`.
    pub const fn bounds(mut self, min: Duration, max: Duration) -> Self {
        self.min = min;
        self.max = max;
        self
    }

    /// The largest share of the calls that may be hedged, e.g. 0.05. Values outside 0…1 are clamped.
    pub fn share(mut self, share: f64) -> Self {
        let share = if share.is_finite() { share } else { 0.0 };
        self.share = (share.clamp(0.0, 1.0) * 1e6).round() as u32;
        self
    }

    /// The percentile to wait for, as a share of 1; none if the time is fixed.
    pub(super) fn quantile(&self) -> Option<f64> {
        match self.after {
            After::Percentile(hundredths) => Some(f64::from(hundredths) / 1e4),
            After::Fixed(_) => None,
        }
    }

    /// How long to wait if the percentile of so many calls is this.
    pub(super) fn delay(&self, percentile: Option<Duration>, samples: f64) -> Option<Duration> {
        match self.after {
            After::Fixed(after) => Some(after),
            After::Percentile(_) if samples < f64::from(self.min_samples) => None,
            // Not `clamp`, which panics if the bounds are the wrong way round.
            After::Percentile(_) => percentile.map(|usual| usual.min(self.max).max(self.min)),
        }
    }

    /// The bounds of the delay.
    #[cfg(feature = "config")]
    pub(crate) const fn delays(&self) -> (Duration, Duration) {
        (self.min, self.max)
    }

    pub(super) const fn millionths(&self) -> u32 {
        self.share
    }
}

impl Default for HedgePolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// E.g. `hedged after p95 (100ms to 30s, of 50 calls or more), 5% at most`.
impl fmt::Display for HedgePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            After::Percentile(hundredths) => write!(
                f,
                "hedged after p{} ({:?} to {:?}, of {} calls or more)",
                f64::from(hundredths) / 100.0,
                self.min,
                self.max,
                self.min_samples
            )?,
            After::Fixed(after) => write!(f, "hedged after {after:?}")?,
        }
        write!(f, ", {}% at most", f64::from(self.share) / 1e4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_trusted_within_bounds() {
        let ms = Duration::from_millis;
        let policy = HedgePolicy::new()
            .bounds(ms(200), ms(900))
            .min_samples(20)
            .percentile(99.5);
        assert_eq!(policy.quantile(), Some(0.995));
        for (samples, usual, delay) in [
            (19.9, 500, None),
            (20.0, 500, Some(500)),
            (90.0, 10, Some(200)),
            (90.0, 5_000, Some(900)),
        ] {
            assert_eq!(policy.delay(Some(ms(usual)), samples), delay.map(ms));
        }
        assert_eq!(policy.fixed(ms(7)).delay(None, 0.0), Some(ms(7)));
        let strange = HedgePolicy::new().percentile(f64::NAN).share(f64::INFINITY);
        assert_eq!((strange.quantile(), strange.millionths()), (Some(0.95), 0));
        assert_eq!(
            HedgePolicy::new().to_string(),
            "hedged after p95 (100ms to 30s, of 50 calls or more), 5% at most"
        );
    }
}
