//! Days and months, as a clock on the wall tells them.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::{dialect::days_from_civil, upstream::Period};

/// Tells what the clock on the wall shows at an instant. It goes on from when it was set, with the instants' own clock, so that tests
/// can turn it. It is set anew when the machine's clock is found to be ahead: the machine slept, or its clock was put right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wall {
    at: Instant,
    shown: SystemTime,
    follows: bool,
}

/// A day or a month, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Leaf(i64);

impl Wall {
    /// Clocks that differ by less agree.
    const SLACK: Duration = Duration::from_secs(2);

    /// The machine's clock.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            at: now,
            shown: SystemTime::now(),
            follows: true,
        }
    }

    /// A clock that shows `shown` at `at`.
    #[cfg(test)]
    pub(super) const fn set(at: Instant, shown: SystemTime) -> Self {
        Self {
            at,
            shown,
            follows: false,
        }
    }

    /// What it shows at `now`, since 1970 in UTC.
    fn shows(&mut self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.at);
        let shown = self.shown.checked_add(passed).unwrap_or(self.shown);
        if self.follows
            && let machine = SystemTime::now()
            && machine.duration_since(shown).unwrap_or_default() > Self::SLACK
        {
            *self = Self::new(now);
            return since_1970(machine);
        }
        since_1970(shown)
    }

    /// The day or month that it is at `now`, and how long it lasts from then on; none if `period` is neither.
    pub(super) fn leaf(&mut self, period: Period, now: Instant) -> Option<(Leaf, Duration)> {
        let (months, offset) = match period {
            Period::Day { offset } => (false, offset),
            Period::Month { offset } => (true, offset),
            _ => return None,
        };
        let shows = self.shows(now);
        let seconds = i64::try_from(shows.as_secs()).unwrap_or(0);
        let local = seconds.saturating_add(i64::from(offset) * 60);
        let day = local.div_euclid(DAY);
        let (leaf, next) = if months {
            let (year, month) = month_of(day);
            let (year_after, month_after) = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
            (
                year * 12 + month,
                days_from_civil(year_after, month_after, 1),
            )
        } else {
            (day, day + 1)
        };
        let whole = u64::try_from(next * DAY - local).unwrap_or(0);
        let fraction = Duration::from_nanos(shows.subsec_nanos().into());
        Some((
            Leaf(leaf),
            Duration::from_secs(whole).saturating_sub(fraction),
        ))
    }
}

const DAY: i64 = 86_400;

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// The year and the month of a day since 1970-01-01.
fn month_of(day: i64) -> (i64, i64) {
    // As in days_from_civil, years begin in March.
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::rfc3339;

    #[tokio::test(start_paused = true)]
    async fn days_and_months_end_when_they_do() {
        let now = Instant::now();
        for (shown, period, left) in [
            ("2024-02-28T23:59:59Z", Period::DAY, 1),
            ("2024-02-28T23:59:59Z", Period::MONTH, 86_401),
            ("2023-02-28T23:59:59Z", Period::MONTH, 1),
            ("2000-02-29T00:00:00Z", Period::MONTH, 86_400),
            ("2100-02-28T00:00:00Z", Period::MONTH, 86_400),
            ("2025-12-31T12:00:00Z", Period::MONTH, 43_200),
            ("2026-01-01T00:00:00Z", Period::MONTH, 31 * 86_400),
            ("2026-11-20T06:00:00Z", Period::Day { offset: -480 }, 7_200),
            (
                "2026-11-20T20:00:00Z",
                Period::Day { offset: 330 },
                22 * 3_600 + 1_800,
            ),
            ("2026-12-31T23:30:00Z", Period::Month { offset: 60 }, {
                31 * 86_400 - 1_800
            }),
        ] {
            let mut wall = Wall::set(now, rfc3339(shown).unwrap());
            let (leaf, until) = wall.leaf(period, now).unwrap();
            assert_eq!(until, Duration::from_secs(left), "{shown}");
            let just_before = now + until - Duration::from_millis(1);
            assert_eq!(wall.leaf(period, just_before).unwrap().0, leaf, "{shown}");
            let (next, _) = wall.leaf(period, now + until).unwrap();
            assert_eq!(next, Leaf(leaf.0 + 1), "{shown}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_month_of_four_centuries_follows_the_one_before() {
        let mut expected = (1970, 1);
        for day in 0..146_097 {
            let found = month_of(day);
            if found != expected {
                expected = match expected {
                    (year, 12) => (year + 1, 1),
                    (year, month) => (year, month + 1),
                };
                assert_eq!(found, expected);
                assert_eq!(days_from_civil(found.0, found.1, 1), day);
            }
        }
        assert_eq!(expected, (2369, 12));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_behind_is_set() {
        let now = Instant::now();
        let mut wall = Wall {
            follows: true,
            ..Wall::set(now, SystemTime::UNIX_EPOCH)
        };
        let behind = since_1970(SystemTime::now()).saturating_sub(wall.shows(now));
        assert!(behind < Duration::from_secs(60), "{behind:?}");
        let ahead = SystemTime::now() + Duration::from_secs(86_400);
        let mut wall = Wall {
            follows: true,
            ..Wall::set(now, ahead)
        };
        assert_eq!(wall.shows(now), since_1970(ahead), "tests turn it forward");
    }
}
