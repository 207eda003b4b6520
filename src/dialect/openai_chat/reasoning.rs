//! Reasoning in OpenAI-like messages: one thought, four spellings.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::{Message, Text};
use crate::{
    dialect::FOREIGN_SIGNATURE_PREFIX,
    json::{self, Json},
};

/// The `format` of reasoning that Claude models made: its signatures and its encrypted data are Anthropic's.
const CLAUDE: &str = "anthropic-claude-v1";

/// The `format` of reasoning that vendors of OpenAI's Responses encrypted.
pub(in crate::dialect) const RESPONSES: &str = "openai-responses-v1";

/// A piece of reasoning.
#[derive(Debug, PartialEq)]
pub(super) enum Thought<'a> {
    Text(Cow<'a, str>),
    /// Anthropic's, of the text before.
    Signature(Cow<'a, str>),
    /// Anthropic's, instead of a text.
    Redacted(Cow<'a, str>),
    /// A vendor's own block, to be sent back as it is.
    Other(Json),
}

#[derive(Debug, Default, Deserialize)]
struct Detail<'a> {
    #[serde(borrow, default)]
    format: Text<'a>,
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow, default)]
    summary: Text<'a>,
    #[serde(borrow, default)]
    thinking: Text<'a>,
    #[serde(borrow, default)]
    signature: Text<'a>,
    #[serde(borrow, default)]
    data: Text<'a>,
}

/// The reasoning in a message or in what is added to one.
///
/// Vendors say the same in several members at once: `reasoning_details`, else `thinking_blocks`, else `reasoning_content`, else
/// `reasoning` is believed.
pub(super) fn read<'a>(message: &'a Message<'_>) -> Vec<Thought<'a>> {
    let details = message.reasoning_details.or(message.thinking_blocks);
    let plain = [&message.reasoning_content, &message.reasoning];
    let plain = plain.into_iter().find(|text| !text.is_empty());
    of_parts(details, plain.map_or("", Text::as_str))
}

/// The reasoning in a list of blocks, or in `plain` if they have no text.
pub(super) fn of_parts<'a>(details: Option<&'a RawValue>, plain: &'a str) -> Vec<Thought<'a>> {
    let list: Vec<&RawValue> = details
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default();
    let mut thoughts = Vec::new();
    let mut has_text = false;
    for raw in list {
        let Ok(detail) = serde_json::from_str::<Detail<'a>>(raw.get()) else {
            continue;
        };
        // Only what Claude made, or what nobody claims, may be shown to Anthropic as its own.
        let claude = matches!(detail.format.as_str(), "" | CLAUDE);
        let texts = [detail.text, detail.summary, detail.thinking];
        if let Some(text) = texts.into_iter().find(|text| !text.is_empty()) {
            has_text = true;
            thoughts.push(Thought::Text(text.into_cow()));
        }
        if detail.signature.is_empty() && detail.data.is_empty() {
            continue;
        }
        thoughts.push(if !claude {
            Thought::Other(raw.into())
        } else if detail.data.is_empty() {
            Thought::Signature(detail.signature.into_cow())
        } else {
            Thought::Redacted(detail.data.into_cow())
        });
    }
    if !has_text && !plain.is_empty() {
        thoughts.insert(0, Thought::Text(Cow::Borrowed(plain)));
    }
    thoughts
}

/// A `reasoning_details` item for a text that Anthropic signed.
pub(super) fn signed(text: &str, signature: &str, index: usize) -> Json {
    json::object(|o| {
        o.field("type", "reasoning.text")
            .field("text", text)
            .field("signature", signature)
            .field("format", CLAUDE)
            .field("index", &index);
    })
}

/// A `reasoning_details` item for reasoning that Anthropic encrypted.
pub(super) fn encrypted(data: &str, index: usize) -> Json {
    encrypted_as(CLAUDE, data, index)
}

/// A `reasoning_details` item for a signature in events: signed text, or what a vendor of OpenAI's Responses wants back. None for
/// reasoning of others, which needs no more than its text.
pub(super) fn carried(text: &str, signature: &str, index: usize) -> Option<Json> {
    let Some(tag) = signature.strip_prefix(FOREIGN_SIGNATURE_PREFIX) else {
        return Some(signed(text, signature, index));
    };
    let data = tag.strip_prefix("openai-responses.")?;
    Some(encrypted_as(RESPONSES, data, index))
}

fn encrypted_as(format: &str, data: &str, index: usize) -> Json {
    json::object(|o| {
        o.field("type", "reasoning.encrypted")
            .field("data", data)
            .field("format", format)
            .field("index", &index);
    })
}

/// A signature of Gemini's, on a call or on a whole message, as Google's own OpenAI-compatible endpoint spells it.
pub(super) fn gemini_extra(signature: &str) -> Json {
    let google = json::object(|o| {
        o.field("thought_signature", signature);
    });
    json::object(|o| {
        o.field("google", &google);
    })
}

/// Reads what [`gemini_extra`] writes.
pub(super) fn gemini_signature(extra: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Extra {
        google: Google,
    }
    #[derive(Deserialize)]
    struct Google {
        thought_signature: String,
    }
    let extra: Extra = serde_json::from_str(extra).ok()?;
    Some(extra.google.thought_signature).filter(|s| !s.is_empty())
}

/// The `type` of a part kept as it came.
pub(super) fn kind(part: &Json) -> String {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Text<'a>,
    }
    serde_json::from_str::<Typed<'_>>(part.as_str())
        .map(|typed| typed.kind.as_str().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &'static str) -> Vec<Thought<'static>> {
        let message: &'static Message<'static> =
            Box::leak(Box::new(serde_json::from_str(json).unwrap()));
        read(message)
    }

    #[test]
    fn the_same_thought_said_twice_is_one() {
        assert_eq!(
            of(
                r#"{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a","signature":"s"}]}"#
            ),
            [Thought::Text("a".into()), Thought::Signature("s".into())]
        );
        assert_eq!(
            of(r#"{"reasoning":"a","reasoning_content":"a"}"#),
            [Thought::Text("a".into())]
        );
    }

    #[test]
    fn signatures_of_strangers_are_kept_apart() {
        let found = of(
            r#"{"reasoning":"a","reasoning_details":[{"type":"reasoning.encrypted","data":"x","format":"openai-responses-v1"},{"type":"reasoning.encrypted","data":"y","format":"anthropic-claude-v1"}]}"#,
        );
        assert_eq!(found[0], Thought::Text("a".into()));
        assert!(matches!(&found[1], Thought::Other(json) if kind(json) == "reasoning.encrypted"));
        assert_eq!(found[2], Thought::Redacted("y".into()));
    }

    #[test]
    fn blocks_in_anthropics_own_shape() {
        assert_eq!(
            of(
                r#"{"reasoning_content":"a","thinking_blocks":[{"type":"thinking","thinking":"a","signature":"s"},{"type":"redacted_thinking","data":"d"}]}"#
            ),
            [
                Thought::Text("a".into()),
                Thought::Signature("s".into()),
                Thought::Redacted("d".into())
            ]
        );
    }
}
