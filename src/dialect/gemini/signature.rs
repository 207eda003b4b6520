//! Signatures of thoughts: whose they are, and how they travel through other dialects.
//!
//! In the canonical conversation a signature stands in a [`Thinking`] directly before the part it is on, with the thought's text
//! if that came right before, else without any; one that follows a text and has no part after it stands at the end.
//! In events, which name no origin, it is tagged (`tl1.gemini.…`), as it is for callers of Anthropic's dialect. Callers of this dialect
//! get other vendors' signatures the other way round, as bytes their SDKs can decode and encode again.

use std::fmt::Write;

use super::NAME;
use crate::{chat::Thinking, dialect::FOREIGN_SIGNATURE_PREFIX};

/// What the vendor takes in place of a signature where another vendor's model made the call.
pub(super) const SKIP: &str = "skip_thought_signature_validator";

/// Dialects whose reasoning may be carried.
const FOREIGN: &[&str] = &[
    "anthropic",
    "openai-chat",
    "openai-responses",
    "bedrock-converse",
    "cohere",
];

/// A signature as it travels in events; an empty one tells only whose thought it is.
pub(super) fn tagged(signature: &str) -> String {
    match signature {
        "" => format!("{FOREIGN_SIGNATURE_PREFIX}{NAME}"),
        _ => format!("{FOREIGN_SIGNATURE_PREFIX}{NAME}.{signature}"),
    }
}

/// The signature in one that travelled in events; empty if it only tells whose thought it is; none if it is not of this dialect.
pub(crate) fn untagged(signature: &str) -> Option<&str> {
    let rest = signature
        .strip_prefix(FOREIGN_SIGNATURE_PREFIX)?
        .strip_prefix(NAME)?;
    match rest {
        "" => Some(""),
        _ => rest.strip_prefix('.'),
    }
}

/// The signature of a thought that this dialect's vendor made; empty if it gave none.
pub(crate) fn own(thinking: &Thinking) -> Option<&str> {
    let signature = thinking.signature.as_deref();
    match (thinking.origin, signature) {
        (Some(NAME), signature) => Some(signature.unwrap_or_default()),
        (None, Some(signature)) => untagged(signature),
        _ => None,
    }
}

/// A thought without text: the signature of the part that follows.
pub(crate) fn of_next_part(signature: impl Into<String>) -> Thinking {
    Thinking {
        signature: Some(signature.into()),
        origin: Some(NAME),
        ..Thinking::default()
    }
}

/// Whose a thought is, once its events are gathered.
pub(super) fn settle(thinking: &mut Thinking) {
    if let Some(own) = thinking.signature.as_deref().and_then(untagged) {
        thinking.signature = Some(own.to_owned()).filter(|s| !s.is_empty());
        thinking.origin = Some(NAME);
    }
}

/// Another vendor's proof, as the base64 that this dialect's clients insist on: pairs of bytes in hexadecimal digits, which
/// any reader and writer of base64 keeps.
pub(super) fn carried(thinking: &Thinking) -> String {
    let signature = thinking.signature.as_deref().unwrap_or_default();
    let mut text = match (&thinking.redacted, thinking.origin) {
        (Some(data), origin) => {
            format!(
                "{FOREIGN_SIGNATURE_PREFIX}{}!{data}",
                origin.unwrap_or("anthropic")
            )
        }
        (None, _) if signature.starts_with(FOREIGN_SIGNATURE_PREFIX) => signature.to_owned(),
        // Only Anthropic's vendors sign without saying who they are.
        (None, origin) if !signature.is_empty() => {
            format!(
                "{FOREIGN_SIGNATURE_PREFIX}{}.{signature}",
                origin.unwrap_or("anthropic")
            )
        }
        (None, origin) => format!(
            "{FOREIGN_SIGNATURE_PREFIX}{}",
            origin.unwrap_or("openai-chat")
        ),
    };
    if text.len() % 2 == 1 {
        text.push(' ');
    }
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Reads a signature a caller sends: the vendor's own is for the next part, another vendor's belongs to `text`.
pub(super) fn read(text: String, signature: &str) -> Thinking {
    let Some(carried) = unhex(signature) else {
        return Thinking {
            text,
            ..of_next_part(signature)
        };
    };
    let carried = carried
        .trim_end()
        .strip_prefix(FOREIGN_SIGNATURE_PREFIX)
        .unwrap_or_default();
    let at = carried.find(['.', '!']).unwrap_or(carried.len());
    let (name, rest) = carried.split_at(at);
    let origin = FOREIGN.iter().find(|known| **known == name).copied();
    let mut thinking = Thinking {
        text,
        // A name nobody has: no vendor gets it back.
        origin: Some(origin.unwrap_or("unknown")),
        ..Thinking::default()
    };
    if let Some(data) = rest.strip_prefix('!') {
        thinking.redacted = Some(data.to_owned());
    } else if let Some(signature) = rest.strip_prefix('.') {
        thinking.signature = Some(signature.to_owned());
    }
    thinking
}

fn unhex(text: &str) -> Option<String> {
    let prefix: String = FOREIGN_SIGNATURE_PREFIX
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if !text.starts_with(&prefix) {
        return None;
    }
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let bytes = digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_proof_comes_back_to_its_maker() {
        for thinking in [
            Thinking {
                text: "t".into(),
                signature: Some("EqQB+/=".into()),
                origin: Some("anthropic"),
                ..Thinking::default()
            },
            Thinking {
                redacted: Some("ab!.c".into()),
                origin: Some("anthropic"),
                ..Thinking::default()
            },
            Thinking {
                text: "t".into(),
                origin: Some("openai-chat"),
                ..Thinking::default()
            },
        ] {
            let carried = carried(&thinking);
            assert!(
                carried.len().is_multiple_of(4) && carried.bytes().all(|b| b.is_ascii_hexdigit())
            );
            assert_eq!(read(thinking.text.clone(), &carried), thinking);
        }
        assert_eq!(read(String::new(), "746c312e6f64").origin, Some("unknown"));
    }

    #[test]
    fn its_own_is_for_the_next_part() {
        let own_one = read(String::new(), "CiQB+/8=");
        assert_eq!(own_one, of_next_part("CiQB+/8="));
        assert_eq!(own(&own_one), Some("CiQB+/8="));
        assert_eq!(untagged(&tagged("x.y")), Some("x.y"));
        assert_eq!(untagged(&tagged("")), Some(""));
        assert_eq!(untagged("tl1.openai-chat"), None);
    }
}
