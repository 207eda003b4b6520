//! Usage as Responses tell it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::Count;
use crate::{
    chat::Usage,
    json::{self, Glance, Json},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wire {
    input_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    input_tokens_details: Option<Input>,
    output_tokens_details: Option<Output>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Input {
    cached_tokens: Count,
    cache_write_tokens: Count,
    cache_write_tokens_details: Option<Written>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    ttl_12h_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Output {
    reasoning_tokens: Count,
}

/// Reads a usage object; nothing if it says nothing.
pub(super) fn read(raw: &RawValue) -> Option<Usage> {
    usage(raw.get().as_bytes())
}

fn usage(json: &[u8]) -> Option<Usage> {
    let mut wire = Wire::default();
    if json::glance(json, |glance| plain(glance, &mut wire)).is_none() {
        wire = serde_json::from_slice(json).ok()?;
    }
    buckets(&wire)
}

fn buckets(wire: &Wire) -> Option<Usage> {
    let none = Input::default();
    let input = wire.input_tokens_details.as_ref().unwrap_or(&none);
    let reasoning = wire
        .output_tokens_details
        .as_ref()
        .and_then(|d| d.reasoning_tokens.0);
    let (cache_read, cache_write) = (input.cached_tokens.0, input.cache_write_tokens.0);
    let cached = cache_read
        .unwrap_or_default()
        .saturating_add(cache_write.unwrap_or_default());
    let thought = reasoning.unwrap_or_default();
    // Some count reasoning beside the output. Only the total tells.
    let apart = thought > 0
        && wire.total_tokens.0.is_some_and(|total| {
            let parts = [wire.input_tokens.0, wire.output_tokens.0, Some(thought)];
            let sum = parts
                .into_iter()
                .flatten()
                .try_fold(0_u64, u64::checked_add);
            sum == Some(total)
        });
    let usage = Usage {
        input: wire.input_tokens.0.map(|all| all.saturating_sub(cached)),
        cache_read,
        cache_write,
        cache_write_long: input
            .cache_write_tokens_details
            .as_ref()
            .and_then(|written| written.ttl_12h_tokens.0),
        output: wire.output_tokens.0.map(|all| {
            if apart {
                all
            } else {
                all.saturating_sub(thought)
            }
        }),
        reasoning,
        ..Usage::default()
    };
    (usage != Usage::default()).then_some(usage)
}

/// The same where all counts are whole numbers, as they mostly are.
fn plain(glance: &mut Glance<'_>, wire: &mut Wire) -> Option<()> {
    let input = wire.input_tokens_details.get_or_insert_default();
    let output = wire.output_tokens_details.get_or_insert_default();
    glance.object(|glance, name| {
        let count = match name {
            b"input_tokens" => &mut wire.input_tokens,
            b"output_tokens" => &mut wire.output_tokens,
            b"total_tokens" => &mut wire.total_tokens,
            b"input_tokens_details" => {
                return glance.inner(|glance, name| match name {
                    b"cached_tokens" => glance.count_into(&mut input.cached_tokens.0),
                    b"cache_write_tokens" => glance.count_into(&mut input.cache_write_tokens.0),
                    // Rare, and with members of its own.
                    b"cache_write_tokens_details" => None,
                    _ => glance.any().map(drop),
                });
            }
            b"output_tokens_details" => {
                return glance.inner(|glance, name| match name {
                    b"reasoning_tokens" => glance.count_into(&mut output.reasoning_tokens.0),
                    _ => glance.any().map(drop),
                });
            }
            _ => return glance.any().map(drop),
        };
        glance.count_into(&mut count.0)
    })
}

/// The usage in a whole answer, without reading the rest.
pub(super) fn of_body(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow, default)]
        usage: Option<&'a RawValue>,
    }
    let mut wire = Wire::default();
    if json::member(body, "usage", |glance| plain(glance, &mut wire)).is_some() {
        return buckets(&wire);
    }
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    body.usage.and_then(read)
}

/// Writes a usage object. The details are members that strict clients insist on: unknown ones are zero.
pub(super) fn write(usage: &Usage) -> Json {
    let input = usage.total_input().unwrap_or_default();
    let output = usage.total_output().unwrap_or_default();
    json::object(|o| {
        let read = json::object(|o| {
            o.field("cached_tokens", &usage.cache_read.unwrap_or_default())
                .optional("cache_write_tokens", usage.cache_write);
        });
        let thought = json::object(|o| {
            o.field("reasoning_tokens", &usage.reasoning.unwrap_or_default());
        });
        o.field("input_tokens", &input)
            .field("input_tokens_details", &read)
            .field("output_tokens", &output)
            .field("output_tokens_details", &thought)
            .field("total_tokens", &input.saturating_add(output));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Usage {
        read(&RawValue::from_string(json.into()).unwrap()).unwrap_or_default()
    }

    #[test]
    fn buckets_are_disjoint_and_come_back() {
        let text = r#"{"input_tokens":115,"input_tokens_details":{"cached_tokens":100,"cache_write_tokens":5},"output_tokens":564,"output_tokens_details":{"reasoning_tokens":561},"total_tokens":679}"#;
        let usage = of(text);
        assert_eq!(
            (
                usage.input,
                usage.cache_read,
                usage.cache_write,
                usage.output,
                usage.reasoning
            ),
            (Some(10), Some(100), Some(5), Some(3), Some(561))
        );
        assert_eq!(write(&usage).as_str(), text);
    }

    #[test]
    fn what_is_read_quickly_is_read_the_same() {
        let whole = r#"{"input_tokens":115,"input_tokens_details":{"cached_tokens":100,"cache_write_tokens":5,"x":[1.5]},
            "output_tokens":564,"output_tokens_details":{"reasoning_tokens":561},"total_tokens":679,"cost":{"usd":1.5}}"#;
        for (from, to, quick) in [
            ("", "", true),
            (":100", ":null", true),
            ("{\"reasoning_tokens\":561}", "null", true),
            ("\"x\"", "\"cache_write_tokens_details\"", false),
            (":564", ":\"564\"", false),
            (":564", ":564.0", false),
        ] {
            let json = whole.replacen(from, to, 1);
            let mut wire = Wire::default();
            let plain = json::glance(json.as_bytes(), |glance| plain(glance, &mut wire));
            assert_eq!(plain.is_some(), quick, "{json}");
            if plain.is_some() {
                let read: Wire = serde_json::from_str(&json).unwrap();
                assert_eq!(buckets(&wire), buckets(&read), "{json}");
            }
        }
    }

    #[test]
    fn odd_figures_do_not_underflow() {
        let usage = of(
            r#"{"input_tokens":3,"input_tokens_details":{"cached_tokens":9},"output_tokens":"4"}"#,
        );
        assert_eq!((usage.input, usage.output), (Some(0), Some(4)));
        let beside = of(
            r#"{"input_tokens":291,"output_tokens":26,"total_tokens":513,"output_tokens_details":{"reasoning_tokens":196}}"#,
        );
        assert_eq!(beside.total_output(), Some(222));
        assert_eq!(of(r#"{"input_tokens":null}"#), Usage::default());
    }
}
