//! A body's weight, at a glance.

use memchr::memchr;

use crate::marks;

/// Bytes of a token.
const BYTES: usize = 4;

/// Smaller bodies have no media worth looking for.
const SMALL: usize = 8 << 10;

/// Shorter texts are not taken for media.
const SHORT: usize = 1 << 10;

/// What a picture, or a page, comes to.
const MEDIUM: usize = 1_000;

/// About how many tokens a request body has: four bytes each, and a thousand for each inline medium, however large. `first` tells where
/// the first one [may begin](marks::medium).
pub(crate) fn of_body(body: &[u8], first: impl FnOnce() -> Option<usize>) -> u64 {
    let (mut media, mut bytes) = (0, 0);
    let first = if body.len() < SMALL { None } else { first() };
    let mut next = first.and_then(|first| marks::medium(body, first));
    while let Some(mark) = next {
        let mut from = mark.end;
        let rest = body.get(from..).unwrap_or_default();
        let value = match body.get(mark.start) {
            Some(b';') => Some(rest),
            _ => opened(rest),
        };
        // A data URL is found by its own mark.
        if let Some(value) = value
            && let length = memchr(b'"', value).unwrap_or(value.len())
            && length >= SHORT
            && is_base64(value)
        {
            media += 1;
            bytes += length;
            from = body.len() - value.len() + length;
        }
        next = marks::medium(body, from);
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

    fn weigh(body: &[u8]) -> u64 {
        of_body(body, || marks::look(body).medium)
    }

    #[test]
    fn media_do_not_count_by_their_bytes() {
        let picture = "iVBORw0KGgo".repeat(100_000);
        for body in [
            format!(r#"{{"url":"data:image/png;base64,{picture}","x":1}}"#),
            format!(r#"{{"type":"base64","media_type":"image/png","data": "{picture}"}}"#),
            format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{picture}"}}}}"#),
        ] {
            let tokens = weigh(body.as_bytes());
            assert!((1_000..1_050).contains(&tokens), "{tokens}");
        }
        let prose = format!(r#"{{"data":"{}"}}"#, "some words, ".repeat(1_000));
        assert_eq!(weigh(prose.as_bytes()), prose.len() as u64 / 4);
        assert_eq!(weigh(b"{}"), 0);
        let cut = format!(r#"{{"data":"{picture}"#);
        assert!(weigh(cut.as_bytes()) < 1_010);
    }
}
