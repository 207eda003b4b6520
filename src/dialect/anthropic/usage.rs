//! Token counts: the vendor's members, and the disjoint buckets they stand for.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{
    chat::Usage,
    json::{self, Glance},
};

/// What the vendor says. Streams repeat it, and a member that is present wins over its earlier value.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    #[serde(deserialize_with = "count")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    cache_read_input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    output_tokens: Option<u64>,
    #[serde(deserialize_with = "maybe")]
    cache_creation: Option<CacheCreation>,
    #[serde(deserialize_with = "maybe")]
    output_tokens_details: Option<OutputDetails>,
    #[serde(deserialize_with = "maybe")]
    iterations: Option<Iterations>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    #[serde(deserialize_with = "count")]
    ephemeral_5m_input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    #[serde(deserialize_with = "count")]
    thinking_tokens: Option<u64>,
}

/// Several passes of one answer, added up: each is billed, and the figures beside them count only some.
#[derive(Clone, Copy, Debug)]
struct Iterations(Option<Pass>);

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Pass {
    #[serde(deserialize_with = "count")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    cache_read_input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    output_tokens: Option<u64>,
}

impl<'de> Deserialize<'de> for Iterations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let passes = Vec::<Pass>::deserialize(deserializer)?;
        Ok(Self(passes.into_iter().reduce(|a, b| Pass {
            input_tokens: add(a.input_tokens, b.input_tokens),
            cache_creation_input_tokens: add(
                a.cache_creation_input_tokens,
                b.cache_creation_input_tokens,
            ),
            cache_read_input_tokens: add(a.cache_read_input_tokens, b.cache_read_input_tokens),
            output_tokens: add(a.output_tokens, b.output_tokens),
        })))
    }
}

impl Counts {
    pub(super) fn revise(&mut self, later: &Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens = later
            .cache_creation_input_tokens
            .or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = later
            .cache_read_input_tokens
            .or(self.cache_read_input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
        self.iterations = later.iterations.or(self.iterations);
    }

    /// The buckets.
    pub(super) fn usage(&self) -> Usage {
        let passes = self.iterations.and_then(|all| all.0).unwrap_or_default();
        let (short, long) = self.cache_creation.map_or((None, None), |c| {
            (c.ephemeral_5m_input_tokens, c.ephemeral_1h_input_tokens)
        });
        let output = passes.output_tokens.or(self.output_tokens);
        let reasoning = self.output_tokens_details.and_then(|d| d.thinking_tokens);
        Usage {
            input: passes.input_tokens.or(self.input_tokens),
            cache_read: passes
                .cache_read_input_tokens
                .or(self.cache_read_input_tokens),
            cache_write: passes
                .cache_creation_input_tokens
                .or(self.cache_creation_input_tokens)
                .or(add(short, long)),
            cache_write_long: long,
            output: output.map(|output| output.saturating_sub(reasoning.unwrap_or(0))),
            // Reasoning is a part of the output: more than the whole cannot be.
            reasoning: reasoning.map(|r| output.map_or(r, |output| r.min(output))),
            ..Usage::default()
        }
    }
}

/// The usage in a whole answer.
pub(super) fn of_response(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Top {
        usage: Option<Counts>,
    }
    let mut counts = Counts::default();
    if json::member(body, "usage", |glance| plain(glance, &mut counts)).is_some() {
        return Some(counts.usage());
    }
    let top: Top = serde_json::from_slice(body).ok()?;
    top.usage.map(|counts| counts.usage())
}

/// The counts, where all of them are whole numbers and there was one pass, as mostly.
fn plain(glance: &mut Glance<'_>, counts: &mut Counts) -> Option<()> {
    let creation = counts.cache_creation.get_or_insert_default();
    let details = counts.output_tokens_details.get_or_insert_default();
    glance.object(|glance, name| {
        let count = match name {
            b"input_tokens" => &mut counts.input_tokens,
            b"cache_creation_input_tokens" => &mut counts.cache_creation_input_tokens,
            b"cache_read_input_tokens" => &mut counts.cache_read_input_tokens,
            b"output_tokens" => &mut counts.output_tokens,
            b"cache_creation" => {
                return glance.inner(|glance, name| match name {
                    b"ephemeral_5m_input_tokens" => {
                        glance.count_into(&mut creation.ephemeral_5m_input_tokens)
                    }
                    b"ephemeral_1h_input_tokens" => {
                        glance.count_into(&mut creation.ephemeral_1h_input_tokens)
                    }
                    _ => glance.any().map(drop),
                });
            }
            b"output_tokens_details" => {
                return glance.inner(|glance, name| match name {
                    b"thinking_tokens" => glance.count_into(&mut details.thinking_tokens),
                    _ => glance.any().map(drop),
                });
            }
            b"iterations" => return (glance.any()? == b"null").then_some(()),
            _ => return glance.any().map(drop),
        };
        glance.count_into(count)
    })
}

/// The members as they are written. SDKs need `input_tokens` and `output_tokens` always; what else is unknown stays out.
#[derive(Debug, Serialize)]
pub(super) struct Written<'a> {
    input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<WrittenCreation>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<WrittenDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct WrittenCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Serialize)]
struct WrittenDetails {
    thinking_tokens: u64,
}

impl<'a> Written<'a> {
    pub(super) fn new(usage: &Usage, service_tier: Option<&'a str>) -> Self {
        let creation = usage.cache_write_long.map(|long| WrittenCreation {
            ephemeral_5m_input_tokens: usage.cache_write.unwrap_or(long).saturating_sub(long),
            ephemeral_1h_input_tokens: long,
        });
        Self {
            input_tokens: usage.input.unwrap_or(0),
            cache_creation_input_tokens: usage.cache_write,
            cache_read_input_tokens: usage.cache_read,
            cache_creation: creation,
            output_tokens: usage.total_output().unwrap_or(0),
            output_tokens_details: usage
                .reasoning
                .map(|thinking_tokens| WrittenDetails { thinking_tokens }),
            service_tier: match service_tier {
                Some("default") => Some("standard"),
                Some(tier @ ("standard" | "priority" | "batch")) => Some(tier),
                _ => None,
            },
        }
    }
}

fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    }
}

/// A count. Anything that is none is unknown: a strange figure must not cost the answer.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    maybe(deserializer)
}

fn maybe<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Counts {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn buckets_are_disjoint() {
        let usage = read(
            r#"{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":7,
                "cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},
                "output_tokens_details":{"thinking_tokens":4}}"#,
        )
        .usage();
        assert_eq!(usage.total_input(), Some(115));
        assert_eq!(usage.cache_write_long, Some(3));
        assert_eq!(
            (usage.output, usage.reasoning, usage.total()),
            (Some(3), Some(4), Some(122))
        );
    }

    #[test]
    fn a_member_present_wins_and_details_never_count_twice() {
        let mut counts = read(
            r#"{"input_tokens":43,"output_tokens":9,"output_tokens_details":{"thinking_tokens":2}}"#,
        );
        counts.revise(&read(
            r#"{"input_tokens":61,"output_tokens":20,"cache_read_input_tokens":null}"#,
        ));
        let usage = counts.usage();
        assert_eq!(usage.input, Some(61));
        assert_eq!(usage.cache_read, None);
        assert_eq!(usage.total_output(), Some(20));
    }

    #[test]
    fn passes_are_added_up() {
        let usage = read(
            r#"{"input_tokens":220,"output_tokens":8,"iterations":[
                {"input_tokens":55196,"output_tokens":125},{"input_tokens":220,"output_tokens":8}]}"#,
        )
        .usage();
        assert_eq!(usage.input, Some(55416));
        assert_eq!(usage.output, Some(133));
        assert_eq!(
            read(r#"{"input_tokens":1,"iterations":[]}"#).usage().input,
            Some(1)
        );
    }

    #[test]
    fn what_is_read_quickly_is_read_the_same() {
        let whole = r#"{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":7,"service_tier":"standard",
            "cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},"output_tokens_details":{"thinking_tokens":4}}"#;
        for (from, to, quick) in [
            ("", "", true),
            ("{\"in", "{\"server_tool_use\":{\"a\":[1.5]},\"in", true),
            (":100", ":null", true),
            ("{\"thinking_tokens\":4}", "null", true),
            ("}}", "},\"iterations\":null}", true),
            ("}}", "},\"iterations\":[{\"input_tokens\":7}]}", false),
            (":7", ":\"7\"", false),
            (":7", ":7.0", false),
            (":2,", ":-1,", false),
        ] {
            let json = whole.replacen(from, to, 1);
            let mut counts = Counts::default();
            let plain = json::glance(json.as_bytes(), |glance| plain(glance, &mut counts));
            assert_eq!(plain.is_some(), quick, "{json}");
            if plain.is_some() {
                assert_eq!(counts.usage(), read(&json).usage(), "{json}");
            }
        }
    }

    #[test]
    fn strange_figures_are_unknown() {
        let usage =
            read(r#"{"input_tokens":"many","output_tokens":-1,"cache_creation":7}"#).usage();
        assert_eq!(usage, Usage::default());
    }

    #[test]
    fn the_breakdown_stands_in_for_a_missing_sum() {
        let usage = read(
            r#"{"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3}}"#,
        )
        .usage();
        assert_eq!(usage.cache_write, Some(5));
    }
}
