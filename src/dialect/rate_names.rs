//! How vendors call their limits in headers.

use std::time::Duration;

use http::HeaderMap;

use super::Resource;
use crate::error::Scope;

/// Which window a header is about, as the vendor calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// `x-ratelimit-remaining-tokens-day`: `tokens-day`. Nothing if there is but one window.
    Plain(&'a str),
    /// `x-tokenlimit-remaining`.
    Tokens,
    /// `anthropic-ratelimit-unified-5h-utilization`: `5h`. Nothing if all windows of the subscription are meant.
    Unified(&'a str),
}

/// What a header tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Limit,
    Remaining,
    Reset,
    /// How long the window is, in seconds.
    Period,
    /// The share that is used.
    Utilization,
    Status,
}

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) resource: Resource,
    pub(super) per: Option<Duration>,
    pub(super) scope: Scope,
    pub(super) family: Option<&'static str>,
}

impl<'a> Name<'a> {
    /// The window that a header is about, and what it tells of it. The header's name is in small letters.
    pub(super) fn of(header: &'a str) -> Option<(Self, What)> {
        if let Some(rest) = header.strip_prefix("anthropic-ratelimit-") {
            let (name, what) = rest.rsplit_once('-')?;
            let what = What::of(what)?;
            if name == "unified" {
                return Some((Self::Unified(""), what));
            }
            return Some(match name.strip_prefix("unified-") {
                Some(name) => (Self::Unified(name), what),
                None => (Self::Plain(name), what),
            });
        }
        if let Some(what) = header.strip_prefix("x-tokenlimit-") {
            return Some((Self::Tokens, What::of(what)?));
        }
        let rest = header
            .strip_prefix("x-ratelimit-")
            .or_else(|| header.strip_prefix("ratelimit-"))?;
        let (what, name) = rest.split_once('-').unwrap_or((rest, ""));
        Some((Self::Plain(name), What::of(what)?))
    }

    /// What it means; none if it counts nothing that is counted here, such as pictures.
    pub(super) fn meaning(&self, headers: &HeaderMap) -> Option<Meaning> {
        match self {
            Self::Plain(name) => plain(name),
            Self::Tokens => Some(Meaning::new(Resource::Tokens)),
            Self::Unified(name) => unified(name, headers),
        }
    }
}

impl What {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "limit" => Self::Limit,
            "remaining" => Self::Remaining,
            "reset" => Self::Reset,
            "renewalperiod" => Self::Period,
            "utilization" => Self::Utilization,
            "status" => Self::Status,
            _ => return None,
        })
    }
}

impl Meaning {
    const fn new(resource: Resource) -> Self {
        Self {
            resource,
            per: None,
            scope: Scope::Model,
            family: None,
        }
    }
}

const fn secs(n: u64) -> Option<Duration> {
    Some(Duration::from_secs(n))
}

fn plain(name: &str) -> Option<Meaning> {
    let (name, scope) = match name.strip_prefix("project-") {
        Some(rest) => (rest, Scope::Account),
        None => (name, Scope::Model),
    };
    let (name, per) = span(name);
    // The same tokens, counted in another way.
    let name = name
        .strip_suffix("-usage-based")
        .or_else(|| name.strip_suffix("_usage_based"))
        .unwrap_or(name);
    let resource = match name {
        "" | "requests" | "request" | "req" => Resource::Requests,
        "tokens" | "token" => Resource::Tokens,
        "input-tokens" | "tokens-prompt" | "prompt-tokens" => Resource::InputTokens,
        "output-tokens" | "tokens-generated" | "completion-tokens" => Resource::OutputTokens,
        _ => return None,
    };
    Some(Meaning {
        per,
        scope,
        ..Meaning::new(resource)
    })
}

/// `tokens-day` is `tokens`, a day.
fn span(name: &str) -> (&str, Option<Duration>) {
    const SPANS: [(&str, u64); 7] = [
        ("10-second", 10),
        ("second", 1),
        ("minute", 60),
        ("hour", 3_600),
        ("day", 86_400),
        ("week", 7 * 86_400),
        ("month", 30 * 86_400),
    ];
    for (word, seconds) in SPANS {
        if let Some(rest) = name.strip_suffix(word) {
            if rest.is_empty() {
                return ("", secs(seconds));
            }
            if let Some(rest) = rest.strip_suffix('-') {
                return (rest, secs(seconds));
            }
        }
    }
    (name, None)
}

/// The windows of a subscription hold for the account, but for those of a model's family.
fn unified(name: &str, headers: &HeaderMap) -> Option<Meaning> {
    // All of them are refused: which of them is why stands elsewhere.
    const WHY: &str = "anthropic-ratelimit-unified-representative-claim";
    let why = headers.get(WHY).and_then(|value| value.to_str().ok());
    let (claim, family) = match name {
        "" => why.unwrap_or_default(),
        name => name,
    }
    .trim()
    .rsplit_once('_')
    .map_or((name, None), |(claim, last)| match family(last) {
        Some(family) => (claim, Some(family)),
        None => (name, None),
    });
    let per = match claim {
        "5h" => secs(5 * 3_600),
        "7d" => secs(7 * 86_400),
        _ if name.is_empty() => None,
        // What is paid beyond the subscription, and what is not known.
        _ => return None,
    };
    Some(Meaning {
        per,
        scope: match family {
            Some(_) => Scope::Model,
            None => Scope::Account,
        },
        family,
        ..Meaning::new(Resource::Subscription)
    })
}

fn family(name: &str) -> Option<&'static str> {
    ["opus", "sonnet", "haiku"]
        .into_iter()
        .find(|family| *family == name)
}
