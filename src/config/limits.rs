//! The limits of accounts.

use std::time::Duration;

use super::{
    reader::{At, Fields, Reader},
    value::parse_duration,
};
use crate::upstream::{Counted, LimitWindow, Limits, Period};

const ZERO: &str = "0 would let nothing through; leave it out for no limit";

/// What a window may count, by its key.
const COUNTED: [(&str, Counted); 5] = [
    ("requests", Counted::Requests),
    ("tokens", Counted::Tokens),
    ("input_tokens", Counted::InputTokens),
    ("output_tokens", Counted::OutputTokens),
    ("usd", Counted::Money),
];

/// What is written of the time that a window spans.
enum Per {
    Time(Duration),
    Day,
    Month,
}

/// What is written of an account's limits, or of those of all accounts of a provider.
#[derive(Clone, Debug, Default)]
pub(super) struct Stated {
    rpm: Option<u64>,
    tpm: Option<u64>,
    rpd: Option<u64>,
    tpd: Option<u64>,
    concurrency: Option<u32>,
    adaptive: Option<bool>,
    min_interval: Option<Duration>,
    windows: Option<Vec<LimitWindow>>,
    reserve: Option<f64>,
}

impl Stated {
    /// These, and `others` where these say nothing.
    pub(super) fn or(self, others: &Self) -> Self {
        Self {
            rpm: self.rpm.or(others.rpm),
            tpm: self.tpm.or(others.tpm),
            rpd: self.rpd.or(others.rpd),
            tpd: self.tpd.or(others.tpd),
            concurrency: self.concurrency.or(others.concurrency),
            adaptive: self.adaptive.or(others.adaptive),
            min_interval: self.min_interval.or(others.min_interval),
            windows: self.windows.or_else(|| others.windows.clone()),
            reserve: self.reserve.or(others.reserve),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits {
            rpm: self.rpm,
            tpm: self.tpm,
            concurrency: self.concurrency,
            adaptive: self.adaptive.unwrap_or_default(),
            min_interval: self.min_interval.unwrap_or_default(),
            ..Limits::none()
        };
        if let Some(requests) = self.rpd {
            limits = limits.rpd(requests);
        }
        if let Some(tokens) = self.tpd {
            limits = limits.tpd(tokens);
        }
        limits
            .windows
            .extend(self.windows.iter().flatten().cloned());
        limits.reserve(self.reserve.unwrap_or(0.0))
    }
}

pub(super) fn stated_limits(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Stated> {
    let fields = reader.fields(
        at,
        &[
            "rpm",
            "tpm",
            "rpd",
            "tpd",
            "concurrency",
            "adaptive",
            "min_interval",
            "windows",
            "reserve",
        ],
    )?;
    let mut count = |key| fields.read(reader, key, |reader, at| reader.positive(at, ZERO));
    let (rpm, tpm, rpd, tpd) = (count("rpm"), count("tpm"), count("rpd"), count("tpd"));
    let windows = fields.get("windows").map(|at| {
        let items = reader.list(at, "a list of windows").unwrap_or_default();
        let each = items.iter().filter_map(|item| window(reader, item));
        each.collect()
    });
    Some(Stated {
        rpm,
        tpm,
        rpd,
        tpd,
        concurrency: fields.read(reader, "concurrency", |reader, at| {
            reader.positive(at, ZERO)
        }),
        adaptive: fields.read(reader, "adaptive", Reader::boolean),
        min_interval: fields.read(reader, "min_interval", Reader::duration),
        windows,
        reserve: fields.read(reader, "reserve", reserve),
    })
}

fn reserve(reader: &mut Reader<'_>, at: &At<'_>) -> Option<f64> {
    let share = reader.share(at)?;
    if share >= 1.0 {
        reader.problem(
            at,
            "all of it would be kept for calls of high priority; leave the others something",
        );
        return None;
    }
    Some(share)
}

fn window(reader: &mut Reader<'_>, at: &At<'_>) -> Option<LimitWindow> {
    const OTHERS: [&str; 4] = ["per", "sliding", "utc_offset", "models"];
    let counted = COUNTED.map(|(key, _)| key);
    let fields = reader.fields(at, &[&counted[..], &OTHERS].concat())?;
    let mut written = COUNTED
        .iter()
        .filter_map(|(key, what)| Some((*what, fields.get(key)?)));
    let (Some((what, amount)), None) = (written.next(), written.next()) else {
        let message = format!("a window counts one of {}", counted.join(", "));
        reader.problem_at_key(at, message);
        return None;
    };
    let amount = match what {
        Counted::Money => money(reader, amount),
        _ => reader.positive(amount, ZERO),
    };
    let per = period(reader, at, &fields);
    let models = fields.read(reader, "models", models);
    let window = LimitWindow::new(what, amount?, per?);
    Some(match models {
        Some(models) => window.for_models(&models),
        None => window,
    })
}

/// Dollars, in millionths.
fn money(reader: &mut Reader<'_>, at: &At<'_>) -> Option<u64> {
    // More than anybody has, and exact.
    const MOST: f64 = 1e9;
    let text = reader.text(at)?;
    let dollars: Option<f64> = text.trim().parse().ok();
    match dollars.map(|dollars| (dollars, (dollars * 1e6).round())) {
        Some((dollars, micros)) if micros >= 1.0 && dollars <= MOST => Some(micros as u64),
        Some((0.0, _)) => {
            reader.problem(at, ZERO);
            None
        }
        _ => {
            reader.mismatch(at, "dollars such as `25` or `0.5`");
            None
        }
    }
}

fn period(reader: &mut Reader<'_>, at: &At<'_>, fields: &Fields<'_>) -> Option<Period> {
    let per = match fields.get("per") {
        Some(at) => per(reader, at)?,
        None => {
            reader.problem_at_key(
                at,
                "in which time? write e.g. per: 1h, per: day or per: month",
            );
            return None;
        }
    };
    let sliding = fields.read(reader, "sliding", Reader::boolean);
    let offset = fields.read(reader, "utc_offset", offset);
    match (per, fields.get("utc_offset"), fields.get("sliding")) {
        (Per::Time(_), Some(at), _) => {
            reader.problem(at, "only a day or a month begins by a clock");
            None
        }
        (Per::Day | Per::Month, _, Some(at)) => {
            reader.problem(
                at,
                "a day or a month of the calendar does not slide; write a time such as per: 24h",
            );
            None
        }
        (Per::Time(length), _, _) if sliding == Some(false) => Some(Period::Fixed(length)),
        (Per::Time(length), _, _) => Some(Period::Sliding(length)),
        (Per::Day, _, _) => Some(Period::Day {
            offset: offset.unwrap_or(0),
        }),
        (Per::Month, _, _) => Some(Period::Month {
            offset: offset.unwrap_or(0),
        }),
    }
}

fn per(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Per> {
    let text = reader.text(at)?;
    match text.trim() {
        "day" => return Some(Per::Day),
        "month" => return Some(Per::Month),
        _ => {}
    }
    match parse_duration(text.trim()) {
        Ok(Duration::ZERO) => reader.problem(at, "a window lasts longer than nothing"),
        Ok(length) => return Some(Per::Time(length)),
        Err(_) => reader.mismatch(at, "`day`, `month` or a duration such as `1h`"),
    }
    None
}

/// `-08:00`, in minutes.
fn offset(reader: &mut Reader<'_>, at: &At<'_>) -> Option<i16> {
    let text = reader.text(at)?;
    let parsed = parse_offset(text.trim());
    if parsed.is_none() {
        reader.mismatch(at, "an offset from UTC such as `-08:00` or `+05:30`");
    }
    parsed
}

fn parse_offset(text: &str) -> Option<i16> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn models(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let name = reader.text(at)?;
    if name.is_empty() || name.matches('*').count() > 1 {
        reader.problem(
            at,
            "this is a model's name at the vendor; one * in it stands for one or more characters",
        );
        return None;
    }
    Some(name)
}
