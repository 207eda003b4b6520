//! What vendors tell of their limits with every answer.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use super::{
    rate_names::{Meaning, Name, What},
    retry_after::{MOST, go_duration, reset},
};
use crate::error::Scope;

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
    /// What a subscription allows, in ten-thousandths: its vendor tells shares only.
    Subscription,
}

/// What is left of a limit until it begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateWindow {
    /// How much there is left.
    pub remaining: u64,
    /// How much there is at the beginning; none if that was not told. Never zero.
    pub limit: Option<u64>,
    /// When all of it is there again; none if that was not told.
    pub reset: Option<Instant>,
    /// In which time it fills from nothing, if it fills little by little; none if it begins anew at once, or nobody knows.
    pub refill: Option<Duration>,
    /// How long it is, where its name tells.
    pub per: Option<Duration>,
    /// Is it for the model that was called, or for all of the account?
    pub scope: Scope,
    /// Only for models of this family, if one is named.
    pub family: Option<&'static str>,
}

/// The windows that one answer told of; most vendors tell of none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateWindows {
    all: Vec<(Resource, RateWindow)>,
    /// When the headers were read: what they count down began before.
    read: Option<Instant>,
}

/// What the headers said of one window so far.
#[derive(Clone, Copy, Default)]
struct Told {
    remaining: Option<u64>,
    limit: Option<u64>,
    nothing: bool,
    reset: Option<Duration>,
    /// Is the reset a duration with units, as token buckets are told of?
    counts_down: bool,
    period: Option<Duration>,
    refused: bool,
}

impl Resource {
    /// Its name, for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input tokens",
            Self::OutputTokens => "output tokens",
            Self::Subscription => "subscription",
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
            refill: None,
            per: None,
            scope: Scope::Model,
            family: None,
        }
    }

    /// It fills little by little, from nothing in so long.
    #[must_use]
    pub const fn with_refill(mut self, refill: Duration) -> Self {
        self.refill = Some(refill);
        self
    }

    /// It is for the model that was called, or for all of the account.
    #[must_use]
    pub const fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Is it for this model?
    pub(crate) fn is_for(&self, model: &str) -> bool {
        self.family.is_none_or(|family| model.contains(family))
    }

    /// When something is there again, if nothing is left.
    pub(crate) fn spent_until(&self, resource: Resource) -> Option<Instant> {
        if self.remaining > 0 {
            return None;
        }
        match (self.refill, self.limit) {
            // How many tokens are needed is not known here.
            (Some(refill), Some(limit)) if resource == Resource::Requests => {
                let one = refill.as_secs_f64() / limit.max(1) as f64;
                let one = Instant::now().checked_add(Duration::try_from_secs_f64(one).ok()?)?;
                Some(self.reset.map_or(one, |reset| reset.min(one)))
            }
            _ => self.reset.or_else(|| {
                // It may return piece by piece before its end, but nobody said so.
                let per = self.per.filter(|per| *per <= MINUTE)?;
                Instant::now().checked_add(per)
            }),
        }
    }
}

impl RateWindows {
    /// None.
    pub const fn new() -> Self {
        Self {
            all: Vec::new(),
            read: None,
        }
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, resource: Resource, window: RateWindow) -> Self {
        self.add(resource, window);
        self
    }

    /// Reads `x-ratelimit-{limit,remaining,reset}-*`, `anthropic-ratelimit-*-{limit,remaining,reset}` and
    /// `anthropic-ratelimit-unified-*`, in every vendor's spelling. What is not a number of things left is left out: some vendors say
    /// -1.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut told: Vec<(Name<'_>, Told)> = Vec::new();
        for (header, value) in headers {
            let Some((name, what)) = Name::of(header.as_str()) else {
                continue;
            };
            let Ok(text) = value.to_str() else { continue };
            let index = match told.iter().position(|(known, _)| *known == name) {
                Some(index) => index,
                None => {
                    told.push((name, Told::default()));
                    told.len() - 1
                }
            };
            if let Some((_, told)) = told.get_mut(index) {
                told.add(what, text);
            }
        }
        let mut all = Self {
            read: (!told.is_empty()).then(Instant::now),
            ..Self::new()
        };
        for (name, told) in told {
            if let Some(meaning) = name.meaning(headers)
                && let Some(window) = told.window(&meaning)
            {
                all.add(meaning.resource, window);
            }
        }
        all
    }

    /// When the answer that told came, if it was read from headers.
    pub(crate) const fn read(&self) -> Option<Instant> {
        self.read
    }

    /// Was nothing told?
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The window of a resource; of several, the one with the least left.
    pub fn window(&self, resource: Resource) -> Option<RateWindow> {
        let of_it = self.iter().filter(|(known, _)| *known == resource);
        of_it.map(|(_, window)| window).min_by_key(|w| w.remaining)
    }

    /// All windows.
    pub fn iter(&self) -> impl Iterator<Item = (Resource, RateWindow)> + '_ {
        self.all.iter().copied()
    }

    /// When the last of the windows that have nothing left has something again.
    pub fn spent_until(&self) -> Option<Instant> {
        let ends = self
            .iter()
            .filter_map(|(what, window)| window.spent_until(what));
        ends.max()
    }

    /// Of two of a kind the one with less left counts.
    fn add(&mut self, resource: Resource, window: RateWindow) {
        let key = |w: &RateWindow| (w.per, w.scope, w.family);
        let known =
            |item: &&mut (Resource, RateWindow)| item.0 == resource && key(&item.1) == key(&window);
        match self.all.iter_mut().find(known) {
            Some((_, known)) if known.remaining <= window.remaining => {}
            Some((_, known)) => *known = window,
            None => self.all.push((resource, window)),
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

impl Told {
    fn add(&mut self, what: What, text: &str) {
        // Some write a fraction; more than a thousandth of the largest number is not exact, and need not be.
        let number = || {
            let number: f64 = text.trim().parse().ok()?;
            (number >= 0.0).then_some(number as u64)
        };
        match what {
            What::Remaining => self.remaining = number(),
            What::Limit => {
                self.limit = number().filter(|limit| *limit > 0);
                self.nothing = self.limit.is_none();
            }
            What::Reset => {
                self.reset = reset(text).filter(|after| *after <= MOST);
                self.counts_down = go_duration(text.trim()).is_some();
            }
            What::Period => {
                let seconds = number().map(Duration::from_secs);
                self.period = seconds.filter(|period| !period.is_zero() && *period <= MOST);
            }
            What::Utilization => {
                let share: Option<f64> = text.trim().parse().ok();
                if let Some(share) = share.filter(|share| *share >= 0.0) {
                    // A share of all of it may still be served: whether it is, the status tells.
                    let left = (1.0 - share).max(0.0) * WHOLE as f64;
                    self.remaining = Some((left as u64).max(1));
                    self.limit = Some(WHOLE);
                }
            }
            What::Status => self.refused = text.trim() == "rejected",
        }
    }

    fn window(self, meaning: &Meaning) -> Option<RateWindow> {
        // A limit of nothing is no limit that was told.
        if self.nothing {
            return None;
        }
        let (remaining, limit) = match self.refused {
            true => (0, self.limit.or(Some(WHOLE))),
            false => (self.remaining?, self.limit),
        };
        let per = meaning.per.or(self.period);
        // No window lasts longer than it is: some tell of milliseconds.
        let after = match (self.reset, self.period) {
            (Some(reset), Some(period)) => Some(reset.min(period)),
            (reset, _) => reset,
        };
        Some(RateWindow {
            reset: after.and_then(|after| Instant::now().checked_add(after)),
            refill: self.refill(per),
            per,
            scope: meaning.scope,
            family: meaning.family,
            ..RateWindow::new(remaining, limit, None)
        })
    }

    /// A bucket that fills little by little is full again after a time that shrinks with what is missing. Where all three figures fit
    /// a minute, an hour or a day, it is one.
    fn refill(&self, per: Option<Duration>) -> Option<Duration> {
        const PERIODS: [u64; 3] = [60, 3_600, 86_400];
        let (limit, remaining) = (self.limit?, self.remaining?);
        let after = self.reset.filter(|_| self.counts_down)?.as_secs_f64();
        let missing = limit.checked_sub(remaining)? as f64 / limit as f64;
        // What is left is rounded down.
        let less = missing - 1.0 / limit as f64;
        let periods = PERIODS.into_iter().map(Duration::from_secs);
        let mut fitting = periods.filter(|period| {
            let whole = period.as_secs_f64();
            (less * whole - 0.002..=missing * whole * 1.001 + 0.002).contains(&after)
        });
        fitting.find(|period| per.is_none_or(|per| per == *period))
    }
}

/// All that a subscription allows.
const WHOLE: u64 = 10_000;

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

    /// What each window says: what, how much is left of how much, in how many ms it is full, its length, how it fills.
    fn said(pairs: &[(&'static str, &str)]) -> Vec<String> {
        let line = |(resource, window): (Resource, RateWindow)| {
            let ms = |duration: Duration| duration.as_millis().to_string();
            let or = |text: Option<String>| text.unwrap_or_else(|| "-".into());
            format!(
                "{} {}/{} {} {} {}{}{}",
                resource.as_str(),
                window.remaining,
                or(window.limit.map(|limit| limit.to_string())),
                or(window.reset.map(|reset| ms(reset - Instant::now()))),
                or(window.per.map(|per| per.as_secs().to_string())),
                or(window.refill.map(|refill| refill.as_secs().to_string())),
                match window.scope {
                    Scope::Account => " account",
                    Scope::Model => "",
                },
                window.family.map_or(String::new(), |f| format!(" {f}")),
            )
        };
        let mut said: Vec<_> = of(pairs).iter().map(line).collect();
        said.sort();
        said
    }

    #[tokio::test(start_paused = true)]
    async fn every_vendors_spelling_is_read() {
        for (vendor, pairs, expected) in [
            (
                "OpenAI fills little by little",
                &[
                    ("content-type", "application/json"),
                    ("x-ratelimit-limit-requests", "10000"),
                    ("x-ratelimit-remaining-requests", "9999"),
                    ("x-ratelimit-reset-requests", "6ms"),
                    ("x-ratelimit-limit-tokens", "200000"),
                    ("x-ratelimit-remaining-tokens", "0"),
                    ("x-ratelimit-reset-tokens", "1m0s"),
                    ("x-ratelimit-limit-project-tokens", "1000000"),
                    ("x-ratelimit-remaining-project-tokens", "500000"),
                    ("x-ratelimit-reset-project-tokens", "30s"),
                    ("x-ratelimit-remaining-input-images", "1"),
                ][..],
                &[
                    "requests 9999/10000 6 - 60",
                    "tokens 0/200000 60000 - 60",
                    "tokens 500000/1000000 30000 - 60 account",
                ][..],
            ),
            (
                "and by the day where that is the limit; of two counts of tokens the lower one counts",
                &[
                    ("x-ratelimit-limit-requests", "200"),
                    ("x-ratelimit-remaining-requests", "198"),
                    ("x-ratelimit-reset-requests", "14m24s"),
                    ("x-ratelimit-limit-tokens", "90000"),
                    ("x-ratelimit-remaining-tokens", "90000"),
                    ("x-ratelimit-reset-tokens", "0s"),
                    ("x-ratelimit-limit-tokens_usage_based", "90000"),
                    ("x-ratelimit-remaining-tokens_usage_based", "45000"),
                    ("x-ratelimit-reset-tokens_usage_based", "30s"),
                ],
                &[
                    "requests 198/200 864000 - 86400",
                    "tokens 45000/90000 30000 - 60",
                ],
            ),
            (
                "a duration that does not fit tells of a window that begins anew",
                &[
                    ("x-ratelimit-limit-tokens", "200"),
                    ("x-ratelimit-remaining-tokens", "0"),
                    ("x-ratelimit-reset-tokens", "1m30s"),
                ],
                &["tokens 0/200 90000 - -"],
            ),
            (
                "Groq: requests of a day, tokens of a minute",
                &[
                    ("x-ratelimit-limit-requests", "1000"),
                    ("x-ratelimit-remaining-requests", "988"),
                    ("x-ratelimit-reset-requests", "17m16.8s"),
                    ("x-ratelimit-limit-tokens", "12000"),
                    ("x-ratelimit-remaining-tokens", "11894"),
                    ("x-ratelimit-reset-tokens", "530ms"),
                ],
                &[
                    "requests 988/1000 1036800 - 86400",
                    "tokens 11894/12000 530 - 60",
                ],
            ),
            (
                "Azure: seconds, a period, and sometimes milliseconds",
                &[
                    ("x-ratelimit-limit-requests", "120"),
                    ("x-ratelimit-remaining-requests", "0"),
                    ("x-ratelimit-reset-requests", "500"),
                    ("x-ratelimit-renewalperiod-requests", "60"),
                    ("x-ratelimit-remaining-tokens", "-1"),
                ],
                &["requests 0/120 60000 60 -"],
            ),
            (
                "Mistral",
                &[
                    ("x-ratelimit-limit-req-minute", "120"),
                    ("x-ratelimit-remaining-req-minute", "119"),
                    ("x-ratelimit-limit-req-10-second", "60"),
                    ("x-ratelimit-remaining-req-10-second", "50"),
                    ("x-ratelimit-limit-tokens-month", "1000000000"),
                    ("x-ratelimit-remaining-tokens-month", "999999970"),
                    ("x-ratelimit-tokens-query-cost", "30"),
                ],
                &[
                    "requests 119/120 - 60 -",
                    "requests 50/60 - 10 -",
                    "tokens 999999970/1000000000 - 2592000 -",
                ],
            ),
            (
                "Cerebras: seconds with a fraction",
                &[
                    ("x-ratelimit-limit-requests-day", "14400"),
                    ("x-ratelimit-remaining-requests-day", "14399"),
                    ("x-ratelimit-reset-requests-day", "33011.382867"),
                    ("x-ratelimit-limit-tokens-minute", "60000"),
                    ("x-ratelimit-remaining-tokens-minute", "59000"),
                    ("x-ratelimit-reset-tokens-minute", "11.38"),
                ],
                &[
                    "requests 14399/14400 33011382 86400 -",
                    "tokens 59000/60000 11380 60 -",
                ],
            ),
            (
                "Together, and routers to others",
                &[
                    ("x-ratelimit-limit", "2"),
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1"),
                    ("x-tokenlimit-limit", "3000"),
                    ("x-tokenlimit-remaining", "2910"),
                    ("x-ratelimit-limit-minute", "400"),
                    ("x-ratelimit-remaining-minute", "398"),
                ],
                &[
                    "requests 0/2 1000 - -",
                    "requests 398/400 - 60 -",
                    "tokens 2910/3000 - - -",
                ],
            ),
            (
                "Fireworks",
                &[
                    ("x-ratelimit-remaining-tokens-prompt", "60"),
                    ("x-ratelimit-remaining-tokens-generated", "6"),
                ],
                &["input tokens 60/- - - -", "output tokens 6/- - - -"],
            ),
            (
                "Anthropic",
                &[
                    ("anthropic-ratelimit-input-tokens-limit", "400"),
                    ("anthropic-ratelimit-input-tokens-remaining", "100"),
                    ("anthropic-ratelimit-output-tokens-remaining", "0"),
                    ("anthropic-priority-input-tokens-remaining", "0"),
                ],
                &["input tokens 100/400 - - -", "output tokens 0/- - - -"],
            ),
            (
                "a subscription to Anthropic",
                &[
                    ("anthropic-ratelimit-unified-status", "allowed"),
                    (
                        "anthropic-ratelimit-unified-representative-claim",
                        "five_hour",
                    ),
                    ("anthropic-ratelimit-unified-5h-status", "allowed_warning"),
                    ("anthropic-ratelimit-unified-5h-utilization", "0.75"),
                    ("anthropic-ratelimit-unified-7d-utilization", "1.02"),
                    ("anthropic-ratelimit-unified-7d_opus-status", "rejected"),
                    ("anthropic-ratelimit-unified-7d_opus-utilization", "1.0"),
                    ("anthropic-ratelimit-unified-overage-status", "rejected"),
                ],
                &[
                    "subscription 0/10000 - 604800 - opus",
                    "subscription 1/10000 - 604800 - account",
                    "subscription 2500/10000 - 18000 - account",
                ],
            ),
            (
                "that is used up",
                &[
                    ("anthropic-ratelimit-unified-status", "rejected"),
                    ("anthropic-ratelimit-unified-reset", "1h"),
                    (
                        "anthropic-ratelimit-unified-representative-claim",
                        "seven_day_sonnet",
                    ),
                ],
                &["subscription 0/10000 3600000 - - sonnet"],
            ),
        ] {
            assert_eq!(said(pairs), expected, "{vendor}");
        }
    }

    #[test]
    fn a_time_is_told_in_any_unit() {
        let then = std::time::SystemTime::now() + Duration::from_secs(500);
        let since = then
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        for text in [
            since.as_secs().to_string(),
            since.as_millis().to_string(),
            since.as_micros().to_string(),
            since.as_nanos().to_string(),
            httpdate::fmt_http_date(then),
        ] {
            let after = reset(&text).unwrap().as_secs();
            assert!((490..=500).contains(&after), "{text}: {after}");
        }
        assert_eq!(reset("1699999999999").map(|d| d.as_secs()), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_has_something_again_before_it_is_full() {
        let until = |windows: RateWindows| windows.spent_until().map(|at| at - Instant::now());
        let minute = |reset| {
            of(&[
                ("x-ratelimit-limit-requests", "3"),
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", reset),
            ])
        };
        assert_eq!(until(minute("59s")), Some(Duration::from_secs(20)));
        assert_eq!(until(minute("59")), Some(Duration::from_secs(59)));
        let month = of(&[("x-ratelimit-remaining-tokens-month", "0")]);
        assert_eq!(until(month), None, "no reset was told");
        let minute = of(&[("x-ratelimit-remaining-tokens-minute", "0")]);
        assert_eq!(until(minute), Some(Duration::from_secs(60)));
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
