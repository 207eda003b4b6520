//! Reasoning blocks: whose they are, and the second wrapping of what is encrypted.

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::NAME;
use crate::{
    Json,
    chat::{FOREIGN_SIGNATURE_PREFIX, Thinking},
    json,
    origin::parted,
};

/// The dialect whose models sign.
pub(super) const MAKER: &str = "anthropic";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How reasoning without a signature is marked in events, which do not say whose it is.
pub(super) fn unsigned() -> String {
    format!("{FOREIGN_SIGNATURE_PREFIX}{NAME}")
}

/// Writes the block for Claude; none if it is not Claude's.
pub(super) fn block(thinking: &Thinking) -> Option<Json> {
    let theirs = matches!(thinking.origin, None | Some(MAKER | NAME));
    let content = match (&thinking.redacted, thinking.signature.as_deref()) {
        _ if !theirs => return None,
        (Some(data), _) => json::object(|o| {
            match thinking.origin {
                Some(NAME) => o.field("redactedContent", data),
                _ => o.field("redactedContent", &wrapped(data)),
            };
        }),
        (None, Some(signature))
            if !signature.is_empty() && !signature.starts_with(FOREIGN_SIGNATURE_PREFIX) =>
        {
            let text = json::object(|o| {
                o.field("text", &thinking.text)
                    .field("signature", signature);
            });
            super::wire::member("reasoningText", &text)
        }
        _ => return None,
    };
    Some(super::wire::member("reasoningContent", &content))
}

/// Reads encrypted reasoning: Anthropic's own text in the vendor's base64. If it is not there, the text stays as it came.
/// A mark in front of it stays there.
pub(super) fn redacted(data: &str) -> Thinking {
    let (mark, there) = parted(data);
    let own = base64_within(there).map(|own| format!("{mark}{own}"));
    Thinking {
        origin: Some(if own.is_some() { MAKER } else { NAME }),
        redacted: Some(own.unwrap_or_else(|| data.to_owned())),
        ..Thinking::default()
    }
}

/// Reads reasoning in plain words.
pub(super) fn plain(text: &str, signature: Option<&str>) -> Thinking {
    let signature = signature.filter(|signature| !signature.is_empty());
    Thinking {
        text: text.to_owned(),
        signature: signature.map(str::to_owned),
        origin: Some(if signature.is_some() { MAKER } else { NAME }),
        ..Thinking::default()
    }
}

/// Wraps once, and not again what an old conversation kept in its wrapping.
fn wrapped(data: &str) -> String {
    let (mark, own) = parted(data);
    match base64_within(own) {
        Some(_) => data.to_owned(),
        None => format!("{mark}{}", BASE64.encode(own)),
    }
}

/// What the base64 text holds, if that is base64 text again. Anthropic's own text holds bytes that are none.
fn base64_within(data: &str) -> Option<String> {
    let text = String::from_utf8(BASE64.decode(data).ok()?).ok()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    (text.len() > 3 && text.chars().all(fits)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_is_wrapped_once() {
        // Mapping case E52.
        let own = "Eu8ECkgIBRABGAIiQL8S";
        let there = BASE64.encode(own);
        let read = redacted(&there);
        assert_eq!(read.redacted.as_deref(), Some(own));
        assert_eq!(read.origin, Some(MAKER));
        let block = |data: &str| {
            block(&Thinking {
                redacted: Some(data.to_owned()),
                origin: Some(MAKER),
                ..Thinking::default()
            })
        };
        let expected = format!(r#"{{"reasoningContent":{{"redactedContent":"{there}"}}}}"#);
        assert_eq!(block(own).unwrap().as_str(), expected);
        assert_eq!(block(&there).unwrap().as_str(), expected);
        let mark = format!("tlo1.{}.", "A".repeat(16));
        let marked = redacted(&format!("{mark}{there}"));
        assert_eq!(marked.redacted, Some(format!("{mark}{own}")));
        assert_eq!(
            super::block(&marked).unwrap().as_str(),
            expected.replace(&there, &format!("{mark}{there}"))
        );
        let odd = redacted("not base64!");
        assert_eq!(
            super::block(&odd).unwrap().as_str(),
            r#"{"reasoningContent":{"redactedContent":"not base64!"}}"#
        );
    }

    #[test]
    fn only_signed_reasoning_of_claude_goes_back() {
        let of = |origin, signature: Option<&str>| Thinking {
            text: "t".into(),
            signature: signature.map(str::to_owned),
            origin,
            ..Thinking::default()
        };
        assert!(block(&of(Some(MAKER), Some("s"))).is_some());
        assert!(block(&of(None, Some("s"))).is_some());
        for thinking in [
            of(Some(NAME), None),
            of(Some("gemini"), Some("s")),
            of(None, Some("tl1.openai-chat")),
            of(None, None),
        ] {
            assert!(block(&thinking).is_none(), "{thinking:?}");
        }
    }
}
