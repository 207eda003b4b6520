//! A body's weight, at a glance.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input};
use memchr::memchr;

/// Bytes of a token.
const BYTES: usize = 4;

/// What stands before inline media: as data URLs; as members called `data`, in Anthropic's dialect and in Google's.
const MARKS: [&str; 3] = [";base64,", "\"data\"", "\"bytes\""];

static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(MARKS).ok());

/// Smaller bodies have no media worth looking for.
const SMALL: usize = 8 << 10;

/// Shorter texts are not taken for media.
const SHORT: usize = 1 << 10;

/// What a picture, or a page, comes to.
const MEDIUM: usize = 1_000;

/// About how many tokens a request body has: four bytes each, and a thousand for each inline medium, however large.
pub(crate) fn of_body(body: &[u8]) -> u64 {
    if body.len() < SMALL {
        return (body.len() / BYTES) as u64;
    }
    let (mut media, mut bytes) = (0, 0);
    let mut from = 0;
    let next = |from| {
        let search = SEARCH.as_ref()?;
        search.find(Input::new(body).range(from..body.len()))
    };
    while let Some(mark) = next(from) {
        from = mark.end();
        let rest = body.get(from..).unwrap_or_default();
        let value = if body.get(mark.start()) == Some(&b';') {
            rest
        } else {
            match opened(rest) {
                Some(value) => value,
                None => continue,
            }
        };
        let length = memchr(b'"', value).unwrap_or(value.len());
        let text = value.get(..length).unwrap_or_default();
        // A data URL is found by its own mark.
        if length >= SHORT && is_base64(text) {
            media += 1;
            bytes += length;
            from = body.len() - value.len() + length;
        }
    }
    (body.len().saturating_sub(bytes) / BYTES + media * MEDIUM) as u64
}

/// What is behind `: "`.
fn opened(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    rest.trim_ascii_start().strip_prefix(b"\"")
}

/// Does it look like it, at its beginning?
fn is_base64(text: &[u8]) -> bool {
    text.iter()
        .take(64)
        .all(|b| b.is_ascii_alphanumeric() || b"+/-_=".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_do_not_count_by_their_bytes() {
        let picture = "iVBORw0KGgo".repeat(100_000);
        for body in [
            format!(r#"{{"url":"data:image/png;base64,{picture}","x":1}}"#),
            format!(r#"{{"type":"base64","media_type":"image/png","data": "{picture}"}}"#),
            format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{picture}"}}}}"#),
        ] {
            let tokens = of_body(body.as_bytes());
            assert!((1_000..1_050).contains(&tokens), "{tokens}");
        }
        let prose = format!(r#"{{"data":"{}"}}"#, "some words, ".repeat(1_000));
        assert_eq!(of_body(prose.as_bytes()), prose.len() as u64 / 4);
        assert_eq!(of_body(b"{}"), 0);
        let cut = format!(r#"{{"data":"{picture}"#);
        assert!(of_body(cut.as_bytes()) < 1_010);
    }
}
