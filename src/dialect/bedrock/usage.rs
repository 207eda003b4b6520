//! What an answer cost: the vendor's counts and our disjoint buckets.

use serde::Deserialize;

use crate::{
    chat::Usage,
    json::{self, Glance},
};

/// `usage`. `inputTokens` leaves out what was read from and written to a cache, and the two are not there for models without one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_token_count: Option<u64>,
    #[serde(default)]
    cache_write_input_tokens: Option<u64>,
    #[serde(default)]
    cache_write_input_token_count: Option<u64>,
    #[serde(default)]
    cache_details: Option<Vec<Detail>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    #[serde(default)]
    ttl: Option<String>,
    #[serde(default)]
    input_tokens: Option<u64>,
}

impl Counts {
    /// In buckets. The vendor does not tell reasoning apart: it is part of the output.
    pub(super) fn usage(&self) -> Usage {
        let long = self.cache_details.as_ref().map(|details| {
            details
                .iter()
                .filter(|detail| detail.ttl.as_deref() == Some("1h"))
                .filter_map(|detail| detail.input_tokens)
                .fold(0, u64::saturating_add)
        });
        Usage {
            input: self.input_tokens,
            cache_read: self
                .cache_read_input_tokens
                .or(self.cache_read_input_token_count),
            cache_write: self
                .cache_write_input_tokens
                .or(self.cache_write_input_token_count),
            cache_write_long: long,
            output: self.output_tokens,
            ..Usage::default()
        }
    }
}

/// The usage in a whole answer.
pub(super) fn of_body(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Top {
        usage: Option<Counts>,
    }
    if let Some(json) = json::member(body, "usage", Glance::any) {
        return Some(serde_json::from_slice::<Counts>(json).ok()?.usage());
    }
    let top: Top = serde_json::from_slice(body).ok()?;
    Some(top.usage?.usage())
}
