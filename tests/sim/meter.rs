//! A vendor's own count of what an account may spend in a minute.

use std::collections::VecDeque;

/// How a vendor's minute passes.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Filled again bit by bit, up to the limit.
    Bucket,
    /// Begins anew at every full minute.
    Fixed,
    /// Any sixty seconds.
    Sliding,
}

/// What was spent of one limit. Times are seconds since the simulation began.
#[derive(Debug)]
pub struct Meter {
    shape: Shape,
    limit: f64,
    /// When, and how much: of a bucket what is missing, of a fixed minute its sum, of a sliding one all entries.
    spent: VecDeque<(f64, f64)>,
    total: f64,
}

const MINUTE: f64 = 60.0;

impl Meter {
    pub fn new(shape: Shape, limit: u64) -> Self {
        Self {
            shape,
            limit: limit as f64,
            spent: VecDeque::new(),
            total: 0.0,
        }
    }

    /// What there is to spend in an hour that begins with all of it.
    pub fn hour(&self) -> f64 {
        match self.shape {
            Shape::Bucket => self.limit * 61.0,
            Shape::Fixed | Shape::Sliding => self.limit * 60.0,
        }
    }

    /// All that was ever spent.
    pub fn total(&self) -> f64 {
        self.total
    }

    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// What is left, below zero if more was spent than there was.
    pub fn left(&self, now: f64) -> f64 {
        let missing: f64 = match self.shape {
            Shape::Bucket => self.spent.back().map_or(0.0, |(at, missing)| {
                (missing - (now - at) * self.limit / MINUTE).max(0.0)
            }),
            Shape::Fixed => self
                .spent
                .back()
                .filter(|(at, _)| (at / MINUTE).floor() == (now / MINUTE).floor())
                .map_or(0.0, |(_, sum)| *sum),
            Shape::Sliding => {
                let counts = |(at, _): &&(f64, f64)| now - at < MINUTE;
                self.spent
                    .iter()
                    .rev()
                    .take_while(counts)
                    .map(|(_, amount)| amount)
                    .sum()
            }
        };
        self.limit - missing
    }

    pub fn spend(&mut self, amount: f64, now: f64) {
        self.total += amount;
        let missing = self.limit - self.left(now);
        match self.shape {
            Shape::Bucket | Shape::Fixed => {
                self.spent.clear();
                self.spent.push_back((now, missing + amount));
            }
            Shape::Sliding => {
                while self.spent.front().is_some_and(|(at, _)| now - at >= MINUTE) {
                    self.spent.pop_front();
                }
                self.spent.push_back((now, amount));
            }
        }
    }

    /// After how many seconds there is `amount`.
    pub fn wait(&self, amount: f64, now: f64) -> f64 {
        let short = amount - self.left(now);
        if short <= 0.0 {
            return 0.0;
        }
        match self.shape {
            Shape::Bucket => short * MINUTE / self.limit,
            Shape::Fixed => MINUTE - now % MINUTE,
            Shape::Sliding => {
                let mut freed = 0.0;
                let counting = self.spent.iter().filter(|(at, _)| now - at < MINUTE);
                for (at, amount) in counting {
                    freed += amount;
                    if freed >= short {
                        return at + MINUTE - now;
                    }
                }
                MINUTE
            }
        }
    }

    /// What vendors call the reset, in seconds: when all of it is there again; where any sixty seconds count, when the next of it is.
    pub fn reset(&self, now: f64) -> f64 {
        match self.shape {
            Shape::Fixed => MINUTE - now % MINUTE,
            Shape::Bucket => self.wait(self.limit, now),
            Shape::Sliding => self.wait(self.left(now) + 1.0, now),
        }
    }
}

#[test]
fn the_three_shapes_of_a_minute() {
    for (shape, half_later, full_after) in [
        (Shape::Bucket, 5.0, 60.0),
        (Shape::Fixed, 0.0, 50.0),
        (Shape::Sliding, 0.0, 60.0),
    ] {
        let mut meter = Meter::new(shape, 10);
        assert_eq!(meter.left(10.0), 10.0);
        meter.spend(10.0, 10.0);
        assert_eq!(meter.left(10.0), 0.0);
        assert_eq!(meter.left(40.0), half_later, "{shape:?}");
        assert_eq!(meter.reset(10.0), full_after, "{shape:?}");
        assert_eq!(meter.left(10.0 + full_after), 10.0, "{shape:?}");
    }
}
