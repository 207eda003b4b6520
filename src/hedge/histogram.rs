//! Times, counted in steps that grow with them.

use std::time::Duration;

use tokio::time::Instant;

/// How long calls took, from a millisecond to a quarter of an hour, within a tenth. What is old counts less and less.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Box<[f32; STEPS]>,
    total: f32,
    halved: Instant,
}

/// Steps for each doubling of the time.
const FINE: f64 = 8.0;
const STEPS: usize = 160;

impl Histogram {
    /// When so many are counted, all count half.
    const MANY: f32 = 1_000.0;
    /// And when this time has passed: a model that is asked once in a minute is to be known, too.
    const LONG: Duration = Duration::from_secs(3_600);

    pub(super) fn new(now: Instant) -> Self {
        Self {
            counts: Box::new([0.0; STEPS]),
            total: 0.0,
            halved: now,
        }
    }

    /// One more call took so long.
    pub(super) fn add(&mut self, took: Duration, now: Instant) {
        self.forget(now);
        if let Some(count) = self.counts.get_mut(step(took)) {
            *count += 1.0;
            self.total += 1.0;
        }
    }

    /// How many count, those that count in part by their part.
    pub(super) fn samples(&self) -> f64 {
        self.total.into()
    }

    /// The time within which this share of them was done; none of none.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = f64::from(self.total) * share;
        let mut sum = 0.0;
        let mut last = None;
        for (step, count) in self.counts.iter().enumerate() {
            if *count > 0.0 {
                sum += f64::from(*count);
                last = Some(step);
                if sum >= wanted {
                    break;
                }
            }
        }
        last.map(end)
    }

    fn forget(&mut self, now: Instant) {
        let hours = now.saturating_duration_since(self.halved).as_secs() / Self::LONG.as_secs();
        let part = match hours {
            0 if self.total < Self::MANY => return,
            0 => 0.5,
            hours => 0.5_f32.powi(i32::try_from(hours).unwrap_or(i32::MAX)),
        };
        for count in self.counts.iter_mut() {
            *count *= part;
        }
        self.total = self.counts.iter().sum();
        self.halved = now;
    }
}

fn step(took: Duration) -> usize {
    let millis = took.as_secs_f64() * 1e3;
    // What is less than the first step, or nothing, is in the first.
    let step = (millis.max(1.0).log2() * FINE) as usize;
    step.min(STEPS - 1)
}

/// The longest time of a step, in whole milliseconds: clocks have no finer ones.
fn end(step: usize) -> Duration {
    let millis = ((step + 1) as f64 / FINE).exp2();
    Duration::from_millis(millis.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[tokio::test(start_paused = true)]
    async fn quantiles_are_right_within_a_tenth() {
        let now = Instant::now();
        let mut times = Histogram::new(now);
        assert_eq!(times.quantile(0.5), None);
        for n in 1..=900 {
            times.add(ms(n), now);
        }
        for (share, exact) in [(0.05, 45.0), (0.5, 450.0), (0.95, 855.0), (1.0, 900.0)] {
            let found = times.quantile(share).unwrap().as_secs_f64() * 1e3;
            assert!(
                found >= exact * 0.99 && found <= exact * 1.1 + 1.0,
                "{share}: {found}"
            );
        }
        for extreme in [Duration::ZERO, Duration::MAX] {
            times.add(extreme, now);
        }
        assert!(times.quantile(0.0).unwrap() <= ms(2));
        assert!(times.quantile(1.0).unwrap() >= ms(1_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_is_forgotten() {
        let now = Instant::now();
        let mut times = Histogram::new(now);
        for took in [100, 2_000] {
            for _ in 0..5_000 {
                times.add(ms(took), now);
                assert!(times.samples() <= 1_001.0);
            }
        }
        assert!(times.quantile(0.05).unwrap() > ms(1_900), "{times:?}");
        let rare = now + Histogram::LONG * 3;
        times.add(ms(50), rare);
        assert!(times.samples() < 130.0);
        times.add(ms(50), rare + Histogram::LONG * 1_000);
        assert_eq!(times.samples(), 1.0);
    }
}
