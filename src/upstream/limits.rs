//! What may be asked of an account.

use std::{sync::Arc, time::Duration};

use crate::{pattern::Pattern, request::Priority};

/// What may be asked of an account. `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Requests in any minute.
    pub rpm: Option<u64>,
    /// Tokens in any minute, input and output.
    pub tpm: Option<u64>,
    /// Calls at the same time, streams to their end.
    pub concurrency: Option<u32>,
    /// Is the number of calls at the same time found out by trying, with [`concurrency`](Self::concurrency) as the most? It shrinks
    /// when the vendor pushes back without naming a window, or becomes very slow, and grows again.
    pub adaptive: bool,
    /// The least time between the starts of two calls.
    pub min_interval: Duration,
    /// Further windows; a call needs room in each that counts its model.
    pub windows: Vec<LimitWindow>,
    /// The part of every limit that is kept for calls of [high priority](Priority::High), in thousandths, at most 999. It is kept of
    /// the vendor's own windows too. At least one of everything is left to the others.
    pub reserve: u16,
}

/// So much of something in a time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitWindow {
    /// What is counted.
    pub what: Counted,
    /// How much of it there is.
    pub amount: u64,
    /// In which time.
    pub per: Period,
    models: Option<Models>,
}

/// What a [`LimitWindow`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Counted {
    /// Requests.
    Requests,
    /// Tokens, in and out.
    Tokens,
    /// Tokens of the prompt, without those that are read from a cache: vendors that limit the input alone do not count them.
    InputTokens,
    /// Tokens of the answer, reasoning included.
    OutputTokens,
    /// Money, in millionths of a US dollar. Calls without a known [price](super::Price) are free.
    Money,
}

/// The time that a [`LimitWindow`] spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Period {
    /// Any time of this length: what was used comes back piece by piece.
    Sliding(Duration),
    /// So long from the first call after the one before was over: all comes back at once.
    Fixed(Duration),
    /// A day of the calendar.
    Day {
        /// How far the clock there is ahead of UTC, in minutes; what is behind is less than nothing.
        offset: i16,
    },
    /// A month of the calendar.
    Month {
        /// As for a day.
        offset: i16,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Models {
    One(Arc<str>),
    Like(Pattern),
}

impl Limits {
    const DAY: Duration = Duration::from_secs(86_400);

    /// No limits.
    pub const fn none() -> Self {
        Self {
            rpm: None,
            tpm: None,
            concurrency: None,
            adaptive: false,
            min_interval: Duration::ZERO,
            windows: Vec::new(),
            reserve: 0,
        }
    }

    /// Requests in any minute.
    #[must_use]
    pub const fn rpm(mut self, requests: u64) -> Self {
        self.rpm = Some(requests);
        self
    }

    /// Tokens in any minute, input and output.
    #[must_use]
    pub const fn tpm(mut self, tokens: u64) -> Self {
        self.tpm = Some(tokens);
        self
    }

    /// Requests in any 24 hours: one more [window](Self::windows).
    #[must_use]
    pub fn rpd(self, requests: u64) -> Self {
        let day = Period::Sliding(Self::DAY);
        self.window(LimitWindow::new(Counted::Requests, requests, day))
    }

    /// Tokens in any 24 hours, input and output: one more [window](Self::windows).
    #[must_use]
    pub fn tpd(self, tokens: u64) -> Self {
        let day = Period::Sliding(Self::DAY);
        self.window(LimitWindow::new(Counted::Tokens, tokens, day))
    }

    /// Calls at the same time, streams to their end.
    #[must_use]
    pub const fn concurrency(mut self, calls: u32) -> Self {
        self.concurrency = Some(calls);
        self
    }

    /// Finds out by trying how many calls at the same time it can bear, at most [`concurrency`](Self::concurrency).
    #[must_use]
    pub const fn adaptive(mut self) -> Self {
        self.adaptive = true;
        self
    }

    /// The least time between the starts of two calls.
    #[must_use]
    pub const fn min_interval(mut self, interval: Duration) -> Self {
        self.min_interval = interval;
        self
    }

    /// One more window.
    #[must_use]
    pub fn window(mut self, window: LimitWindow) -> Self {
        self.windows.push(window);
        self
    }

    /// The share that is kept for calls of high priority, from 0 to 1.
    #[must_use]
    pub fn reserve(mut self, share: f64) -> Self {
        // What is less than nothing, or no number, is nothing.
        self.reserve = ((share * 1_000.0) as u16).min(999);
        self
    }

    /// What is kept of `limit` from a call of this priority.
    pub(crate) fn kept(&self, limit: u64, priority: Priority) -> u64 {
        if priority == Priority::High {
            return 0;
        }
        let kept = u128::from(limit) * u128::from(self.reserve.min(999)) / 1_000;
        u64::try_from(kept).unwrap_or(limit)
    }

    /// What there is of `limit` for a call of this priority.
    pub(crate) fn open(&self, limit: u64, priority: Priority) -> u64 {
        limit.saturating_sub(self.kept(limit, priority))
    }
}

impl LimitWindow {
    /// `amount` of something in a time, all models together.
    pub const fn new(what: Counted, amount: u64, per: Period) -> Self {
        Self {
            what,
            amount,
            per,
            models: None,
        }
    }

    /// Only for these models, by their names at the vendor, together; one `*` stands for one or more characters.
    #[must_use]
    pub fn for_models(mut self, name: &str) -> Self {
        self.models = Some(match Pattern::of(name) {
            Some(pattern) => Models::Like(pattern),
            None => Models::One(name.into()),
        });
        self
    }

    /// The models that it counts, as [`for_models`](Self::for_models) was told; none if it is all.
    pub fn models(&self) -> Option<String> {
        Some(match self.models.as_ref()? {
            Models::One(name) => name.to_string(),
            Models::Like(pattern) => pattern.name(),
        })
    }

    /// Does it count this model?
    pub(crate) fn counts(&self, model: &str) -> bool {
        match &self.models {
            None => true,
            Some(Models::One(name)) => &**name == model,
            Some(Models::Like(pattern)) => pattern.matched(model).is_some(),
        }
    }

    /// Do both count the same, whatever there is of it?
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.what, self.per) == (other.what, other.per) && self.models == other.models
    }
}

impl Counted {
    /// Its name, for logs: `requests`, `tokens`, `input tokens`, `output tokens`, `micro-usd`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input tokens",
            Self::OutputTokens => "output tokens",
            Self::Money => "micro-usd",
        }
    }
}

impl Period {
    /// A day in UTC.
    pub const DAY: Self = Self::Day { offset: 0 };
    /// A month in UTC.
    pub const MONTH: Self = Self::Month { offset: 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_for_high_priority_and_leaves_the_others_something() {
        let limits = Limits::none().reserve(0.25);
        assert_eq!(limits.open(100, Priority::High), 100);
        assert_eq!(limits.open(100, Priority::Normal), 75);
        assert_eq!(limits.open(100, Priority::Low), 75);
        assert_eq!(limits.open(3, Priority::Normal), 3);
        let all = Limits::none().reserve(7.0);
        assert_eq!(all.open(1, Priority::Normal), 1);
        assert_eq!(all.open(u64::MAX, Priority::High), u64::MAX);
        assert_eq!(Limits::none().reserve(-1.0), Limits::none());
        assert_eq!(Limits::none().reserve(f64::NAN), Limits::none());
    }

    #[test]
    fn a_window_counts_its_models() {
        let window = LimitWindow::new(Counted::Requests, 1, Period::DAY);
        assert!(window.counts("gpt-4o") && window.models().is_none());
        let family = window.clone().for_models("gpt-4*");
        assert!(family.counts("gpt-4o") && !family.counts("gpt-5"));
        assert_eq!(family.models().as_deref(), Some("gpt-4*"));
        assert!(!window.is_same(&family));
        let one = window.clone().for_models("o3");
        assert!(one.counts("o3") && !one.counts("o3-pro"));
    }
}
