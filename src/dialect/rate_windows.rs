//! What vendors tell of their limits with every answer.

use http::HeaderMap;
use tokio::time::Instant;

use super::retry_after::{MOST, reset};

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Requests.
    Requests,
    /// Tokens, in and out.
    Tokens,
    /// Tokens of the prompt.
    InputTokens,
    /// Tokens of the answer.
    OutputTokens,
}

/// What is left of a limit until it begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateWindow {
    /// How much there is left.
    pub remaining: u64,
    /// How much there is at the beginning; none if that was not told. Never zero.
    pub limit: Option<u64>,
    /// When it begins anew; none if that was not told.
    pub reset: Option<Instant>,
}

/// The windows that one answer told of; most vendors tell of none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateWindows([Option<RateWindow>; 4]);

/// What the headers said of one window so far.
#[derive(Clone, Copy, Default)]
struct Told {
    remaining: Option<u64>,
    limit: Option<u64>,
    nothing: bool,
    reset: Option<Instant>,
}

impl Resource {
    const ALL: [Self; 4] = [
        Self::Requests,
        Self::Tokens,
        Self::InputTokens,
        Self::OutputTokens,
    ];

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "requests" => Self::Requests,
            "tokens" => Self::Tokens,
            "input-tokens" => Self::InputTokens,
            "output-tokens" => Self::OutputTokens,
            _ => return None,
        })
    }

    const fn index(self) -> usize {
        match self {
            Self::Requests => 0,
            Self::Tokens => 1,
            Self::InputTokens => 2,
            Self::OutputTokens => 3,
        }
    }
}

impl RateWindow {
    /// So much is left.
    pub const fn new(remaining: u64, limit: Option<u64>, reset: Option<Instant>) -> Self {
        Self {
            remaining,
            limit,
            reset,
        }
    }
}

impl RateWindows {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, resource: Resource, window: RateWindow) -> Self {
        if let Some(slot) = self.0.get_mut(resource.index()) {
            *slot = Some(window);
        }
        self
    }

    /// Reads `x-ratelimit-{limit,remaining,reset}-*` and `anthropic-ratelimit-*-{limit,remaining,reset}`. What is not a number of
    /// things left is left out: some vendors say -1.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut all = [Told::default(); 4];
        for (name, value) in headers {
            let name = name.as_str();
            let Some((what, resource)) = name
                .strip_prefix("x-ratelimit-")
                .and_then(|rest| rest.split_once('-'))
                .or_else(|| {
                    let rest = name.strip_prefix("anthropic-ratelimit-")?;
                    let (resource, what) = rest.rsplit_once('-')?;
                    Some((what, resource))
                })
            else {
                continue;
            };
            if let Some(resource) = Resource::named(resource)
                && let Some(told) = all.get_mut(resource.index())
                && let Ok(text) = value.to_str()
            {
                told.add(what, text);
            }
        }
        Self(all.map(Told::window))
    }

    /// Was nothing told?
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The window of a resource.
    pub fn window(&self, resource: Resource) -> Option<RateWindow> {
        *self.0.get(resource.index())?
    }

    /// All windows.
    pub fn iter(&self) -> impl Iterator<Item = (Resource, RateWindow)> + '_ {
        Resource::ALL
            .into_iter()
            .filter_map(|resource| Some((resource, self.window(resource)?)))
    }

    /// When the last of the windows that have nothing left begins anew.
    pub fn spent_until(&self) -> Option<Instant> {
        self.iter()
            .filter(|(_, window)| window.remaining == 0)
            .filter_map(|(_, window)| window.reset)
            .max()
    }
}

impl Told {
    fn add(&mut self, what: &str, text: &str) {
        // Some write a fraction; more than a thousandth of the largest number is not exact, and need not be.
        let number = || {
            let number: f64 = text.trim().parse().ok()?;
            (number >= 0.0).then_some(number as u64)
        };
        match what {
            "remaining" => self.remaining = number(),
            "limit" => {
                self.limit = number().filter(|limit| *limit > 0);
                self.nothing = self.limit.is_none();
            }
            "reset" => {
                self.reset = reset(text)
                    .filter(|after| *after <= MOST)
                    .and_then(|after| Instant::now().checked_add(after));
            }
            _ => {}
        }
    }

    fn window(self) -> Option<RateWindow> {
        // A limit of nothing is no limit that was told.
        if self.nothing {
            return None;
        }
        Some(RateWindow::new(self.remaining?, self.limit, self.reset))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(pairs: &[(&'static str, &str)]) -> RateWindows {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        RateWindows::of(&headers)
    }

    #[tokio::test(start_paused = true)]
    async fn both_spellings_are_read() {
        let at = |ms| Some(Instant::now() + Duration::from_millis(ms));
        let windows = of(&[
            ("content-type", "application/json"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-limit-tokens", "200"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1m30s"),
            ("x-ratelimit-remaining-requests-day", "0"),
        ]);
        let requests = RateWindow::new(9999, Some(10_000), at(6));
        assert_eq!(windows.window(Resource::Requests), Some(requests));
        assert_eq!(windows.spent_until(), at(90_000));
        assert_eq!(windows.iter().count(), 2);
        let windows = of(&[
            ("anthropic-ratelimit-input-tokens-limit", "400"),
            ("anthropic-ratelimit-input-tokens-remaining", "100"),
            ("anthropic-ratelimit-output-tokens-remaining", "0"),
            ("anthropic-ratelimit-unified-status", "allowed"),
        ]);
        let input = RateWindow::new(100, Some(400), None);
        assert_eq!(windows.window(Resource::InputTokens), Some(input));
        assert_eq!(windows.iter().count(), 2);
        assert_eq!(windows.spent_until(), None, "no reset was told");
    }

    #[test]
    fn nonsense_is_left_out() {
        for pairs in [
            &[("x-ratelimit-remaining-tokens", "-1")][..],
            &[("x-ratelimit-remaining-tokens", "XXX")],
            &[("x-ratelimit-reset-tokens", "6s")],
            &[
                ("x-ratelimit-limit-tokens", "-1"),
                ("x-ratelimit-remaining-tokens", "0"),
            ],
            &[
                ("x-ratelimit-limit-tokens", "0"),
                ("x-ratelimit-remaining-tokens", "0"),
            ],
            &[],
        ] {
            assert!(of(pairs).is_empty(), "{pairs:?}");
        }
        let forever = of(&[
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "99999999"),
        ]);
        assert_eq!(forever.spent_until(), None);
    }
}
