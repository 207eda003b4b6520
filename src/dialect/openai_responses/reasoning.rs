//! Reasoning items, and whose reasoning they carry.
//!
//! A caller sends a reasoning item back with its `encrypted_content`, which is opaque to it. What a vendor of this dialect put there
//! stays as it is. Reasoning of other vendors travels in the same member: a tag, the maker's dialect, and the blocks themselves.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::NAME;
use crate::{chat::Thinking, dialect::FOREIGN_SIGNATURE_PREFIX};

/// Dialects whose reasoning may be carried.
const KNOWN: &[&str] = &[
    "anthropic",
    "openai-chat",
    NAME,
    "gemini",
    "bedrock-converse",
    "cohere",
];

/// The version of what is carried.
const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
struct Carried {
    v: u32,
    blocks: Vec<Block>,
}

#[derive(Default, Deserialize, Serialize)]
struct Block {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    thinking: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

/// Whose reasoning it is, and the signature that its maker gave it.
pub(super) fn maker(thinking: &Thinking) -> (Option<&'static str>, Option<&str>) {
    let Some(signature) = thinking.signature.as_deref().filter(|s| !s.is_empty()) else {
        return (thinking.origin, None);
    };
    let tag = signature.strip_prefix(FOREIGN_SIGNATURE_PREFIX);
    // What a vendor of this dialect signed is opaque, even if that vendor is a gateway like this one.
    let own =
        thinking.origin == Some(NAME) && tag.is_some_and(|tag| tag.split('.').next() != Some(NAME));
    let Some(tag) = tag.filter(|_| !own) else {
        return (thinking.origin, Some(signature));
    };
    let (name, inner) = tag.split_once('.').unwrap_or((tag, ""));
    (known(name), Some(inner).filter(|inner| !inner.is_empty()))
}

fn known(name: &str) -> Option<&'static str> {
    KNOWN.iter().find(|known| **known == name).copied()
}

/// Where an answer, or the data of a frame, holds encrypted content. What tools are given is a text here: its quotes are escaped.
pub(super) fn opaque_values(json: &[u8]) -> Vec<usize> {
    const MEMBER: &[u8] = b"\"encrypted_content\"";
    memmem::find_iter(json, MEMBER)
        .filter_map(|at| {
            let rest = json.get(at + MEMBER.len()..)?.trim_ascii_start();
            let rest = rest.strip_prefix(b":")?.trim_ascii_start();
            let value = rest.strip_prefix(b"\"")?;
            (!value.starts_with(b"\"")).then(|| json.len() - value.len())
        })
        .collect()
}

/// The signature in events of a reasoning item of a vendor's.
pub(super) fn tagged(encrypted: &str) -> String {
    let dot = if encrypted.is_empty() { "" } else { "." };
    format!("{FOREIGN_SIGNATURE_PREFIX}{NAME}{dot}{encrypted}")
}

/// `encrypted_content` for a caller; none if there is nothing to carry.
pub(super) fn encrypted(thinking: &Thinking) -> Option<String> {
    let (origin, signature) = maker(thinking);
    // Events do not say whose a signature is: only Anthropic's go without a tag.
    let signed = signature.is_some() || thinking.redacted.is_some();
    let origin = origin.unwrap_or(if signed { "anthropic" } else { "openai-chat" });
    if origin == NAME {
        return signature.map(str::to_owned);
    }
    let carried = Carried {
        v: VERSION,
        blocks: vec![Block {
            thinking: thinking.text.clone(),
            signature: signature.map(str::to_owned),
            data: thinking.redacted.clone(),
        }],
    };
    let text = serde_json::to_vec(&carried).ok()?;
    let text = BASE64_URL_SAFE_NO_PAD.encode(text);
    Some(format!("{FOREIGN_SIGNATURE_PREFIX}{origin}.{text}"))
}

/// The reasoning that a caller sends back: a summary, and what stood in `encrypted_content`.
pub(super) fn restored(summary: String, encrypted: Option<String>) -> Vec<Thinking> {
    let encrypted = encrypted.filter(|text| !text.is_empty());
    let tag = encrypted
        .as_deref()
        .and_then(|text| text.strip_prefix(FOREIGN_SIGNATURE_PREFIX))
        .map(|tag| tag.split_once('.').unwrap_or((tag, "")));
    let Some((name, payload)) = tag else {
        let own = Thinking {
            text: summary,
            signature: encrypted,
            redacted: None,
            origin: Some(NAME),
        };
        return vec![own];
    };
    // A tag nobody has written: no vendor gets it back.
    let origin = known(name).unwrap_or("unknown");
    let carried = BASE64_URL_SAFE_NO_PAD
        .decode(payload)
        .ok()
        .and_then(|text| serde_json::from_slice::<Carried>(&text).ok())
        .filter(|carried| carried.v == VERSION);
    match carried {
        Some(carried) => carried
            .blocks
            .into_iter()
            .map(|block| Thinking {
                text: block.thinking,
                signature: block.signature,
                redacted: block.data,
                origin: Some(origin),
            })
            .collect(),
        None => vec![Thinking {
            text: summary,
            origin: Some("unknown"),
            ..Thinking::default()
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_of_every_maker_comes_back_to_it() {
        let thinking = |signature: Option<&str>, redacted: Option<&str>, origin| Thinking {
            text: redacted.map_or("hm", |_| "").into(),
            signature: signature.map(Into::into),
            redacted: redacted.map(Into::into),
            origin: Some(origin),
        };
        for (given, wanted) in [
            (thinking(Some("sig"), None, "anthropic"), None),
            (thinking(None, Some("data"), "anthropic"), None),
            (thinking(None, None, "openai-chat"), None),
            (thinking(Some("gAAA"), None, NAME), Some("gAAA")),
            (thinking(Some("s"), None, "gemini"), None),
        ] {
            let carried = encrypted(&given).unwrap();
            if let Some(wanted) = wanted {
                assert_eq!(carried, wanted);
            }
            assert_eq!(restored("hm".into(), Some(carried)), [given]);
        }
    }

    #[test]
    fn what_nobody_here_wrote_is_nobodys() {
        for odd in ["tl1.anthropic.%%", "tl1.elsewhere.e30", "tl1."] {
            assert_eq!(
                restored("s".into(), Some(odd.into()))[0].origin,
                Some("unknown"),
                "{odd}"
            );
        }
        assert_eq!(restored("s".into(), None)[0].origin, Some(NAME));
        // An event's signature says whose it is.
        let told = Thinking {
            signature: Some(tagged("x")),
            ..Thinking::default()
        };
        assert_eq!(maker(&told), (Some(NAME), Some("x")));
        assert_eq!(encrypted(&told).as_deref(), Some("x"));
    }
}
