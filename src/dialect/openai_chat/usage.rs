//! Usage: one place in OpenAI's answers, five in its imitators'.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::{Count, Groq};
use crate::{
    chat::Usage,
    json::{self, Glance, Json},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wire {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek.
    prompt_cache_hit_tokens: Count,
    /// Moonshot.
    cached_tokens: Count,
    /// SGLang.
    reasoning_tokens: Count,
    /// Proxies before Claude models.
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
    cache_creation_input_tokens: Count,
    audio_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Count,
    audio_tokens: Count,
}

/// Reads a usage object; nothing if it says nothing.
pub(super) fn read(raw: &RawValue) -> Option<Usage> {
    usage(raw.get().as_bytes())
}

/// Reads the text of one.
pub(super) fn usage(json: &[u8]) -> Option<Usage> {
    let mut wire = Wire::default();
    if json::glance(json, |glance| plain(glance, &mut wire)).is_none() {
        wire = serde_json::from_slice(json).ok()?;
    }
    buckets(&wire)
}

fn buckets(wire: &Wire) -> Option<Usage> {
    let none = (&PromptDetails::default(), &CompletionDetails::default());
    let prompt = wire.prompt_tokens_details.as_ref().unwrap_or(none.0);
    let completion = wire.completion_tokens_details.as_ref().unwrap_or(none.1);
    let cache_read = prompt
        .cached_tokens
        .0
        .or(wire.prompt_cache_hit_tokens.0)
        .or(wire.cached_tokens.0)
        .or(wire.cache_read_input_tokens.0);
    let cache_write = prompt
        .cache_write_tokens
        .0
        .or(prompt.cache_creation_input_tokens.0)
        .or(wire.cache_creation_input_tokens.0);
    let reasoning = completion.reasoning_tokens.0.or(wire.reasoning_tokens.0);
    let cached = cache_read
        .unwrap_or_default()
        .saturating_add(cache_write.unwrap_or_default());
    let input = wire.prompt_tokens.0.map(|all| all.saturating_sub(cached));
    let output = wire.completion_tokens.0.map(|all| {
        let thought = reasoning.unwrap_or_default();
        let apart = wire.prompt_tokens.0.and_then(|prompt| {
            let sum = prompt.checked_add(all)?.checked_add(thought)?;
            Some(thought > 0 && wire.total_tokens.0 == Some(sum))
        });
        // xAI counts reasoning beside the completion, OpenAI within it. Only the total tells.
        if apart == Some(true) {
            all
        } else {
            all.saturating_sub(thought)
        }
    });
    let usage = Usage {
        input,
        cache_read,
        cache_write,
        cache_write_long: None,
        output,
        reasoning,
        audio_input: prompt.audio_tokens.0,
        audio_output: completion.audio_tokens.0,
    };
    (usage != Usage::default()).then_some(usage)
}

/// The same where all counts are whole numbers, as they mostly are.
fn plain(glance: &mut Glance<'_>, wire: &mut Wire) -> Option<()> {
    let prompt = wire.prompt_tokens_details.get_or_insert_default();
    let completion = wire.completion_tokens_details.get_or_insert_default();
    glance.object(|glance, name| {
        let count = match name {
            b"prompt_tokens" => &mut wire.prompt_tokens,
            b"completion_tokens" => &mut wire.completion_tokens,
            b"total_tokens" => &mut wire.total_tokens,
            b"prompt_tokens_details" => {
                return glance.inner(|glance, name| {
                    let count = match name {
                        b"cached_tokens" => &mut prompt.cached_tokens,
                        b"cache_write_tokens" => &mut prompt.cache_write_tokens,
                        b"cache_creation_input_tokens" => &mut prompt.cache_creation_input_tokens,
                        b"audio_tokens" => &mut prompt.audio_tokens,
                        _ => return glance.any().map(drop),
                    };
                    glance.count_into(&mut count.0)
                });
            }
            b"completion_tokens_details" => {
                return glance.inner(|glance, name| {
                    let count = match name {
                        b"reasoning_tokens" => &mut completion.reasoning_tokens,
                        b"audio_tokens" => &mut completion.audio_tokens,
                        _ => return glance.any().map(drop),
                    };
                    glance.count_into(&mut count.0)
                });
            }
            b"prompt_cache_hit_tokens" => &mut wire.prompt_cache_hit_tokens,
            b"cached_tokens" => &mut wire.cached_tokens,
            b"reasoning_tokens" => &mut wire.reasoning_tokens,
            b"cache_read_input_tokens" => &mut wire.cache_read_input_tokens,
            b"cache_creation_input_tokens" => &mut wire.cache_creation_input_tokens,
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
        #[serde(borrow, default)]
        x_groq: Option<Groq<'a>>,
    }
    let mut wire = Wire::default();
    if json::member(body, "usage", |glance| plain(glance, &mut wire)).is_some() {
        return buckets(&wire);
    }
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    let groq = || body.x_groq.as_ref()?.usage;
    body.usage.or_else(groq).and_then(read)
}

/// Writes a usage object. What is unknown is left out, where the shape allows it.
pub(in crate::dialect) fn write(usage: &Usage) -> Json {
    let input = usage.total_input().unwrap_or_default();
    let output = usage.total_output().unwrap_or_default();
    json::object(|o| {
        o.field("prompt_tokens", &input)
            .field("completion_tokens", &output)
            .field("total_tokens", &input.saturating_add(output));
        let details = [
            ("cached_tokens", usage.cache_read),
            ("cache_write_tokens", usage.cache_write),
            ("audio_tokens", usage.audio_input),
        ];
        o.optional("prompt_tokens_details", known(&details));
        let details = [
            ("reasoning_tokens", usage.reasoning),
            ("audio_tokens", usage.audio_output),
        ];
        o.optional("completion_tokens_details", known(&details));
    })
}

fn known(details: &[(&str, Option<u64>)]) -> Option<Json> {
    details.iter().any(|(_, count)| count.is_some()).then(|| {
        json::object(|o| {
            for (name, count) in details {
                o.optional(name, *count);
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Usage {
        read(&RawValue::from_string(json.into()).unwrap()).unwrap_or_default()
    }

    #[test]
    fn cached_and_written_tokens_are_part_of_the_prompt() {
        // Mapping case 56.
        let usage = of(
            r#"{"prompt_tokens":115,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":100,"cache_write_tokens":5}}"#,
        );
        assert_eq!(
            (usage.input, usage.cache_read, usage.cache_write),
            (Some(10), Some(100), Some(5))
        );
        let odd = of(r#"{"prompt_tokens":3,"prompt_tokens_details":{"cached_tokens":100}}"#);
        assert_eq!(odd.input, Some(0));
    }

    #[test]
    fn reasoning_within_and_beside_the_completion() {
        let openai = of(
            r#"{"prompt_tokens":10,"completion_tokens":564,"total_tokens":574,"completion_tokens_details":{"reasoning_tokens":561}}"#,
        );
        assert_eq!((openai.output, openai.reasoning), (Some(3), Some(561)));
        // Mapping case 67.
        let xai = of(
            r#"{"prompt_tokens":291,"completion_tokens":26,"total_tokens":513,"completion_tokens_details":{"reasoning_tokens":196}}"#,
        );
        assert_eq!((xai.output, xai.total_output()), (Some(26), Some(222)));
    }

    #[test]
    fn every_place_and_every_type() {
        assert_eq!(
            of(r#"{"prompt_tokens":9,"prompt_cache_hit_tokens":4}"#).cache_read,
            Some(4)
        );
        assert_eq!(
            of(r#"{"prompt_tokens":9,"cached_tokens":4}"#).cache_read,
            Some(4)
        );
        assert_eq!(
            of(r#"{"completion_tokens":"9","reasoning_tokens":4.0}"#).output,
            Some(5)
        );
        assert_eq!(
            of(r#"{"prompt_tokens":1,"prompt_tokens_details":null}"#).input,
            Some(1)
        );
        assert_eq!(of(r#"{"prompt_tokens":null}"#), Usage::default());
        let groq = br#"{"x_groq":{"usage":{"prompt_tokens":3}}}"#;
        assert_eq!(of_body(groq).unwrap().input, Some(3));
    }

    #[test]
    fn what_is_read_quickly_is_read_the_same() {
        let names = "prompt_tokens completion_tokens total_tokens prompt_cache_hit_tokens cached_tokens reasoning_tokens \
                     cache_read_input_tokens cache_creation_input_tokens cache_write_tokens audio_tokens other";
        let object = |from: usize| {
            let members = names.split(' ').enumerate();
            let members: Vec<_> = members
                .map(|(place, name)| format!("\"{name}\":{}", place + from))
                .collect();
            members.join(",")
        };
        let whole = format!(
            r#"{{{},"prompt_tokens_details":{{{}}},"completion_tokens_details":{{{}}}}}"#,
            object(0),
            object(100),
            object(200)
        );
        for (json, quick) in [
            (whole.as_str(), true),
            (&whole.replace("{\"", "{ \"more\" : [ ] , \""), true),
            (
                r#"{"prompt_tokens":1,"prompt_tokens_details":null,"total_tokens":null}"#,
                true,
            ),
            (&whole.replace("\":105", "\":1.5"), true),
            (&whole.replace("\":104", "\":\"4\""), false),
            (&whole.replace("\":1,", "\":-1,"), false),
            (r#"{"prompt_tokens":1,"prompt_tokens":2}"#, false),
            (r#"{"prompt_tokens":1,"prompt_tokens_details":[2]}"#, false),
            (r#"{"prompt_t\u006fkens":1}"#, false),
        ] {
            let read = serde_json::from_str::<Wire>(json).ok();
            let both = |wire: &Wire| {
                let prompt = wire.prompt_tokens_details.as_ref();
                let completion = wire.completion_tokens_details.as_ref();
                let details = prompt.map_or_else(<_>::default, |prompt| {
                    let PromptDetails {
                        cached_tokens,
                        cache_write_tokens,
                        cache_creation_input_tokens,
                        audio_tokens,
                    } = *prompt;
                    [
                        cached_tokens,
                        cache_write_tokens,
                        cache_creation_input_tokens,
                        audio_tokens,
                    ]
                    .map(|count| count.0)
                });
                let more = completion.map_or_else(<_>::default, |completion| {
                    [completion.reasoning_tokens.0, completion.audio_tokens.0]
                });
                let all = [
                    wire.prompt_tokens,
                    wire.completion_tokens,
                    wire.total_tokens,
                    wire.prompt_cache_hit_tokens,
                    wire.cached_tokens,
                    wire.reasoning_tokens,
                    wire.cache_read_input_tokens,
                    wire.cache_creation_input_tokens,
                ];
                (details, more, all.map(|count| count.0))
            };
            let mut wire = Wire::default();
            let plain = json::glance(json.as_bytes(), |glance| plain(glance, &mut wire));
            assert_eq!(plain.is_some(), quick, "{json}");
            if plain.is_some() {
                assert_eq!(both(&wire), both(&read.unwrap()), "{json}");
            }
        }
    }

    #[test]
    fn what_is_unknown_is_not_written_as_zero() {
        let usage = Usage {
            input: Some(10),
            cache_read: Some(100),
            cache_write: Some(5),
            output: Some(7),
            ..Usage::default()
        };
        // Mapping case 55.
        assert_eq!(
            write(&usage).as_str(),
            r#"{"prompt_tokens":115,"completion_tokens":7,"total_tokens":122,"prompt_tokens_details":{"cached_tokens":100,"cache_write_tokens":5}}"#
        );
        assert_eq!(
            write(&Usage::default()).as_str(),
            r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#
        );
    }
}
