//! Thinking blocks and whose they are.

use std::borrow::Cow;

use super::NAME;
use crate::{chat::Thinking, dialect::FOREIGN_SIGNATURE_PREFIX};

/// Dialects whose reasoning may be carried in a thinking block.
const FOREIGN: &[&str] = &[
    "openai-chat",
    "openai-responses",
    "gemini",
    "bedrock-converse",
    "cohere",
];

/// Reads a thinking block: a signature of ours says whose reasoning it really is.
pub(super) fn read(text: String, signature: Option<String>) -> Thinking {
    let signature = signature.filter(|s| !s.is_empty());
    let Some(tag) = signature
        .as_deref()
        .and_then(|s| s.strip_prefix(FOREIGN_SIGNATURE_PREFIX))
    else {
        return Thinking {
            text,
            signature,
            origin: Some(NAME),
            ..Thinking::default()
        };
    };
    let (name, inner) = tag.split_once('.').unwrap_or((tag, ""));
    Thinking {
        text,
        signature: Some(inner.to_owned()).filter(|s| !s.is_empty()),
        // A name nobody has: no vendor gets it back.
        origin: Some(
            FOREIGN
                .iter()
                .find(|known| **known == name)
                .copied()
                .unwrap_or("unknown"),
        ),
        ..Thinking::default()
    }
}

/// Reads a block of encrypted reasoning.
pub(super) fn redacted(data: String) -> Thinking {
    Thinking {
        redacted: Some(data),
        origin: Some(NAME),
        ..Thinking::default()
    }
}

/// The signature a caller is given, and sends back: the vendor's own, or one that names whose reasoning it is.
pub(super) fn signature<'a>(own: Option<&'a str>, origin: Option<&str>) -> Cow<'a, str> {
    let own = own.filter(|s| !s.is_empty());
    match (own, origin) {
        (Some(own), None | Some(NAME)) => Cow::Borrowed(own),
        (None, None | Some(NAME)) => format!("{FOREIGN_SIGNATURE_PREFIX}openai-chat").into(),
        (None, Some(name)) => format!("{FOREIGN_SIGNATURE_PREFIX}{name}").into(),
        (Some(own), Some(name)) => format!("{FOREIGN_SIGNATURE_PREFIX}{name}.{own}").into(),
    }
}

/// May this block go to a vendor of this dialect?
pub(super) fn is_ours(thinking: &Thinking) -> bool {
    let ours = matches!(thinking.origin, None | Some(NAME));
    let proved = thinking.redacted.is_some()
        || thinking
            .signature
            .as_deref()
            .is_some_and(|s| !s.is_empty() && !s.starts_with(FOREIGN_SIGNATURE_PREFIX));
    ours && proved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_reasoning_comes_back_to_its_maker() {
        for (own, origin) in [
            (None, Some("openai-chat")),
            (Some("x.y"), Some("openai-chat")),
            (Some("sig"), Some(NAME)),
        ] {
            let carried = signature(own, origin).into_owned();
            let back = read("t".into(), Some(carried));
            assert_eq!((back.signature.as_deref(), back.origin), (own, origin));
        }
        assert_eq!(signature(None, None), "tl1.openai-chat");
        assert_eq!(
            read(String::new(), Some("tl1.odd".into())).origin,
            Some("unknown")
        );
    }
}
