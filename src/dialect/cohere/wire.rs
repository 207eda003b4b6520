//! An answer's members, whole or one frame of it: borrowed, and read with patience.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{chat::Usage, dialect::openai_chat::wire::Count};

/// A whole answer, or one frame.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) index: Option<usize>,
    #[serde(borrow)]
    pub(super) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Cow<'a, str>>,
    pub(super) usage: Option<Counts>,
    #[serde(borrow)]
    pub(super) logprobs: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Cow<'a, str>>,
    pub(super) usage: Option<Counts>,
    #[serde(borrow)]
    pub(super) error: Option<Cow<'a, str>>,
}

/// In a frame a list's only item stands alone.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Several<T> {
    List(Vec<T>),
    One(T),
}

impl<T> Several<T> {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        match self {
            Self::List(list) => list.iter(),
            Self::One(one) => std::slice::from_ref(one).iter(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Several<Part<'a>>>,
    #[serde(borrow)]
    pub(super) tool_plan: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Several<Call<'a>>>,
    #[serde(borrow)]
    pub(super) citations: Option<&'a RawValue>,
}

impl Message<'_> {
    /// The sources, each as it came.
    pub(super) fn citations(&self) -> Vec<&RawValue> {
        match self.citations {
            Some(raw) if raw.get().starts_with('[') => {
                serde_json::from_str(raw.get()).unwrap_or_default()
            }
            Some(raw) if raw.get().starts_with('{') => vec![raw],
            _ => Vec::new(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) thinking: Option<Cow<'a, str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) function: Option<Function<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) arguments: Option<Cow<'a, str>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    billed_units: Option<Units>,
    tokens: Option<Units>,
    cached_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Units {
    input_tokens: Count,
    output_tokens: Count,
}

impl Counts {
    /// What the model read and wrote. The units billed are fewer: the vendor's own preamble is free.
    pub(super) fn usage(&self) -> Option<Usage> {
        let units = self.tokens.or(self.billed_units)?;
        let cached = self.cached_tokens.0;
        let mut usage = Usage::default();
        usage.cache_read = cached.map(|cached| cached.min(units.input_tokens.0.unwrap_or(cached)));
        usage.input = units
            .input_tokens
            .0
            .map(|all| all.saturating_sub(usage.cache_read.unwrap_or_default()));
        usage.output = units.output_tokens.0;
        Some(usage)
    }
}
