//! Whether bytes are one JSON object: looked at once, nothing kept, nothing allocated. For events that pass by the thousand.

/// Is this one whole object, with nothing but white space around it? Deeper than 128 levels it is not. Texts need not be UTF-8.
pub(crate) fn is_object(bytes: &[u8]) -> bool {
    object(Rest(bytes)).is_some()
}

fn object(mut rest: Rest<'_>) -> Option<()> {
    let mut open = Open::default();
    rest.space();
    rest.take(b'{')?;
    open.push(true)?;
    let mut fresh = true;
    while let Some(in_object) = open.innermost() {
        rest.space();
        if rest.first()? == if in_object { b'}' } else { b']' } {
            rest.skip(1);
            open.pop();
            fresh = false;
            continue;
        }
        if !std::mem::replace(&mut fresh, false) {
            rest.take(b',')?;
            rest.space();
        }
        if in_object {
            rest.string()?;
            rest.space();
            rest.take(b':')?;
            rest.space();
        }
        match rest.first()? {
            byte @ (b'{' | b'[') => {
                rest.skip(1);
                open.push(byte == b'{')?;
                fresh = true;
            }
            b'"' => rest.string()?,
            b't' => rest.word(b"true")?,
            b'f' => rest.word(b"false")?,
            b'n' => rest.word(b"null")?,
            _ => rest.number()?,
        }
    }
    rest.space();
    rest.0.is_empty().then_some(())
}

/// The objects and lists that are open: a bit for each, set for objects.
#[derive(Default)]
struct Open {
    kinds: u128,
    depth: u32,
}

impl Open {
    fn push(&mut self, object: bool) -> Option<()> {
        self.depth = (self.depth < u128::BITS).then_some(self.depth + 1)?;
        self.kinds = (self.kinds << 1) | u128::from(object);
        Some(())
    }

    fn pop(&mut self) {
        self.kinds >>= 1;
        self.depth -= 1;
    }

    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.kinds & 1 == 1)
    }
}

/// How many bytes there are before the quote that ends this text, whose first quote was read already. None if it is none: not ended, or
/// with something in it that is not allowed.
#[inline]
pub(super) fn words_len(text: &[u8]) -> Option<usize> {
    let mut at = plain_len(text);
    loop {
        at += match text.get(at..)? {
            [b'"', ..] => return Some(at),
            [b'\\', b'u', a, b, c, d, ..] => {
                let hex = [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit());
                hex.then_some(6)?
            }
            [
                b'\\',
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                ..,
            ] => 2,
            _ => return None,
        };
        at += plain_len(text.get(at..)?);
    }
}

/// How many bytes at the beginning stand for themselves in a text: no quotes, no backslashes, no control characters.
#[inline]
pub(super) fn plain_len(text: &[u8]) -> usize {
    let mut rest = text;
    // Eight at a time, for most texts of events are shorter than what any search needs to begin.
    while let Some((eight, more)) = rest.split_first_chunk() {
        let special = special(u64::from_le_bytes(*eight));
        if special != 0 {
            return text.len() - rest.len() + special.trailing_zeros() as usize / 8;
        }
        rest = more;
    }
    let is_plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | ..0x20);
    text.len() - rest.len() + rest.iter().take_while(is_plain).count()
}

/// Eight bytes of a text: the lowest bit that is set is in the first byte that does not stand for itself.
#[inline]
const fn special(bytes: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // A byte less than another borrows the high bit. What a borrow makes of the bytes above it does not matter.
    const fn below(bytes: u64, bound: u64) -> u64 {
        bytes.wrapping_sub(ONES * bound) & !bytes
    }
    let quote = bytes ^ (ONES * b'"' as u64);
    let escape = bytes ^ (ONES * b'\\' as u64);
    (below(bytes, 0x20) | below(quote, 1) | below(escape, 1)) & HIGH
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn first(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn skip(&mut self, bytes: usize) {
        self.0 = self.0.get(bytes..).unwrap_or_default();
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        if *first != byte {
            return None;
        }
        self.0 = rest;
        Some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    #[inline]
    fn space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    #[inline]
    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        let words = words_len(self.0)?;
        self.0 = self.0.get(words + 1..)?;
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.first() {
            self.skip(1);
            if let Some(b'+' | b'-') = self.first() {
                self.skip(1);
            }
            self.digits()?;
        }
        Some(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let count = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.skip(count);
        (count > 0).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    /// What the library says.
    fn told(text: &[u8]) -> bool {
        text.trim_ascii_start().starts_with(b"{")
            && serde_json::from_slice::<IgnoredAny>(text).is_ok()
    }

    #[test]
    fn whole_objects_are() {
        for text in [
            "{}",
            " \n{ \"a\" : [ 1 , -0.5e+3 , [] , {} , true , false , null ] , \"b\\u00e9\\\"\" : \"\\\\\" } \r\t",
            r#"{"a":{"b":{"c":[[[0]]]}}}"#,
        ] {
            assert!(
                is_object(text.as_bytes()) && told(text.as_bytes()),
                "{text}"
            );
        }
        for text in [
            "",
            "{",
            "[]",
            "{}}",
            "{}{}",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":-}"#,
            r#"{"a":1e}"#,
            r#"{"a":tru}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            "{\"a\":\"\n\"}",
            r#"{a:1}"#,
            r#"{"a":1 "b":2}"#,
        ] {
            assert!(
                !is_object(text.as_bytes()) && !told(text.as_bytes()),
                "{text}"
            );
        }
    }

    #[test]
    fn the_deepest_has_128_levels() {
        let nest = |levels| format!("{}{}", r#"{"a":"#.repeat(levels), "1") + &"}".repeat(levels);
        assert!(is_object(nest(128).as_bytes()));
        assert!(!is_object(nest(129).as_bytes()));
    }

    proptest! {
        /// The same as the library says, of whole objects with a few bytes changed.
        #[test]
        fn as_the_library_reads_it(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\n\\u00e9\"", "\"\\", "\"", "1", "-2.5e3", "0", "0.", "true", "null", " ", "\n", "\u{1}",
            ]), 0..12),
        ) {
            let inner = pieces.concat();
            for text in [inner.clone(), format!("{{{inner}}}"), format!("{{\"k\":{inner}}}"), format!("{{\"k\":[{inner}]}}")] {
                prop_assert_eq!(is_object(text.as_bytes()), told(text.as_bytes()), "{}", text);
            }
        }
    }
}
