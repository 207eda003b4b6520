//! Timeouts: the general ones, a provider's own and a model's own. What a model says goes before what its provider says, and that
//! before what is said for all.

use std::{collections::HashMap, time::Duration};

use super::{
    Config, Target,
    reader::{At, Fields, Reader},
    server::or_never,
    value::format_duration,
};
use crate::{
    pattern::{Pattern, Patterns},
    upstream::{FirstByte, Timeouts},
};

const KEYS: [&str; 5] = ["connect", "first_token", "first_byte", "idle", "total"];

/// `timeouts`. `None` waits for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeoutsConfig {
    /// To connect to a vendor; 5 seconds.
    pub connect: Duration,
    /// From sending the request to the first content of a stream; 60 seconds.
    pub first_token: Option<Duration>,
    /// From sending the request to the first byte of a whole answer; half of the call's time that is left, if somebody else can be
    /// asked then.
    pub first_byte: FirstByte,
    /// Between two events of a stream, or two pieces of a whole answer; 60 seconds.
    pub idle: Option<Duration>,
    /// The whole call with all its attempts; 10 minutes.
    pub total: Option<Duration>,
}

/// `timeouts` of a provider or a model: what differs from the more general ones. `Some(None)` waits for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnTimeouts {
    /// To connect.
    pub connect: Option<Duration>,
    /// From sending the request to the first content of a stream.
    pub first_token: Option<Option<Duration>>,
    /// From sending the request to the first byte of a whole answer.
    pub first_byte: Option<FirstByte>,
    /// Between two events.
    pub idle: Option<Option<Duration>>,
    /// Of a provider: one attempt there, to the end of its answer. Of a model: the whole call, in place of all others of this name.
    pub total: Option<Option<Duration>>,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Some(Duration::from_secs(60)),
            first_byte: FirstByte::Shared,
            idle: Some(Duration::from_secs(60)),
            total: Some(Duration::from_secs(600)),
        }
    }
}

impl OwnTimeouts {
    /// What `self` says, else what `general` says.
    pub(super) fn over(&self, general: &Self) -> Self {
        Self {
            connect: self.connect.or(general.connect),
            first_token: self.first_token.or(general.first_token),
            first_byte: self.first_byte.or(general.first_byte),
            idle: self.idle.or(general.idle),
            // A model's is the call's own business: no attempt has less.
            total: match self.total {
                Some(_) => None,
                None => general.total,
            },
        }
    }

    /// The time to connect.
    pub(super) fn connect(&self, general: &TimeoutsConfig) -> Duration {
        self.connect.unwrap_or(general.connect)
    }

    /// The clocks of an attempt.
    pub(super) fn attempt(&self, general: &TimeoutsConfig) -> Timeouts {
        let first_token = self.first_token.unwrap_or(general.first_token);
        Timeouts::new(first_token, self.idle.unwrap_or(general.idle))
            .with_first_byte(self.first_byte.unwrap_or(general.first_byte))
            .with_total(self.total.flatten())
    }
}

pub(super) fn general(reader: &mut Reader<'_>, at: &At<'_>) -> Option<TimeoutsConfig> {
    let fields = reader.fields(at, &KEYS)?;
    let usual = TimeoutsConfig::default();
    let own = own(reader, &fields);
    let timeouts = TimeoutsConfig {
        connect: own.connect.unwrap_or(usual.connect),
        first_token: own.first_token.unwrap_or(usual.first_token),
        first_byte: own.first_byte.unwrap_or(usual.first_byte),
        idle: own.idle.unwrap_or(usual.idle),
        total: own.total.unwrap_or(usual.total),
    };
    check(reader, &fields, timeouts.total, timeouts.first_token);
    Some(timeouts)
}

pub(super) fn of_provider(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    general: &TimeoutsConfig,
) -> Option<OwnTimeouts> {
    let fields = reader.fields(at, &KEYS)?;
    let own = own(reader, &fields);
    let total = match (own.total.flatten(), general.total) {
        (Some(own), Some(call)) if own > call => {
            if let Some(at) = fields.get("total") {
                let message = format!(
                    "one attempt cannot take longer than the whole call, whose `total` is {}",
                    format_duration(call)
                );
                reader.problem(at, message);
            }
            None
        }
        (own, call) => own.or(call),
    };
    let first_token = own.first_token.unwrap_or(general.first_token);
    check(reader, &fields, total, first_token);
    Some(own)
}

pub(super) fn of_model(reader: &mut Reader<'_>, at: &At<'_>) -> Option<OwnTimeouts> {
    let fields = reader.fields(at, &KEYS)?;
    let own = own(reader, &fields);
    check(
        reader,
        &fields,
        own.total.flatten(),
        own.first_token.flatten(),
    );
    Some(own)
}

fn own(reader: &mut Reader<'_>, fields: &Fields<'_>) -> OwnTimeouts {
    OwnTimeouts {
        connect: fields.read(reader, "connect", connect),
        first_token: fields.read(reader, "first_token", or_never),
        first_byte: fields.read(reader, "first_byte", first_byte),
        idle: fields.read(reader, "idle", or_never),
        total: fields.read(reader, "total", or_never),
    }
}

fn connect(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Duration> {
    let duration = reader.duration(at)?;
    if duration.is_zero() {
        reader.problem(at, "0s would let no connection succeed; write e.g. `5s`");
        return None;
    }
    Some(duration)
}

fn first_byte(reader: &mut Reader<'_>, at: &At<'_>) -> Option<FirstByte> {
    if reader.peek(at.node).is_some_and(|text| text == "shared") {
        return Some(FirstByte::Shared);
    }
    Some(match or_never(reader, at)? {
        Some(wait) => FirstByte::Within(wait),
        None => FirstByte::Unlimited,
    })
}

/// The whole has to be longer than its part.
fn check(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    total: Option<Duration>,
    first_token: Option<Duration>,
) {
    let at = fields.get("total").or(fields.get("first_token"));
    if let (Some(at), Some(total), Some(first_token)) = (at, total, first_token)
        && total < first_token
    {
        let message = format!(
            "the whole call (`total`, {}) ends before the first token must have come (`first_token`, {})",
            format_duration(total),
            format_duration(first_token),
        );
        reader.problem(at, message);
    }
}

/// The models whose calls may take another time than all others.
pub(super) struct Totals {
    exact: HashMap<String, Option<Duration>>,
    /// Those without a time of their own stand here too: they go before less specific ones.
    wildcards: Patterns<Option<Option<Duration>>>,
    known: bool,
}

impl Totals {
    pub(super) fn of(config: &Config) -> Self {
        let mut totals = Self {
            exact: HashMap::new(),
            wildcards: Patterns::default(),
            known: false,
        };
        for model in &config.models {
            let own = match &model.target {
                Target::Pool(pool) => pool.timeouts.as_deref().and_then(|timeouts| timeouts.total),
                Target::Split { .. } => None,
            };
            totals.known |= own.is_some();
            match Pattern::of(&model.name) {
                Some(pattern) => totals.wildcards.set(pattern, own),
                None => {
                    let total = own.unwrap_or(config.timeouts.total);
                    totals.exact.insert(model.name.clone(), total);
                }
            }
        }
        totals
    }

    /// How long a call for that model may take; none if as long as all others.
    pub(super) fn find(&self, model: &str) -> Option<Option<Duration>> {
        if !self.known {
            return None;
        }
        if let Some(total) = self.exact.get(model) {
            return Some(*total);
        }
        *self.wildcards.find(model)?.0
    }
}
