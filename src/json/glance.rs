//! Small objects read at a glance: what vendors write at the end of an answer.
//!
//! Texts without escapes and numbers that are whole are read; whoever meets anything else reads it in another way.

use super::skim::{Unlimited, behind, number, places, space};

/// How many objects and lists may be open in one another.
const DEPTH: u8 = 16;

/// What is left to be read. None of any step says nothing but that it was not read.
pub(crate) struct Glance<'a>(&'a [u8]);

/// Reads the value of the member of this name in one whole JSON object. None says nothing: `read` may have given up, the member may be there
/// twice, or the JSON may be broken anywhere.
pub(crate) fn member<'a, T>(
    json: &'a [u8],
    name: &str,
    read: impl FnOnce(&mut Glance<'a>) -> Option<T>,
) -> Option<T> {
    let [value] = places(json, &Unlimited, [name])?;
    glance(json.get(value?)?, read)
}

/// Reads one value, which is all there is.
pub(crate) fn glance<'a, T>(
    json: &'a [u8],
    read: impl FnOnce(&mut Glance<'a>) -> Option<T>,
) -> Option<T> {
    let mut glance = Glance(space(json));
    let value = read(&mut glance)?;
    space(glance.0).is_empty().then_some(value)
}

impl<'a> Glance<'a> {
    /// The next value, which is a whole number or `null`.
    pub(crate) fn count(&mut self) -> Option<Option<u64>> {
        if let Some(rest) = self.0.strip_prefix(b"null") {
            self.0 = rest;
            return Some(None);
        }
        let (first, mut rest) = self.0.split_first()?;
        let digit = |byte: u8| Some(u64::from(byte.wrapping_sub(b'0'))).filter(|digit| *digit < 10);
        let mut count = digit(*first)?;
        while let Some((byte, more)) = rest.split_first()
            && let Some(digit) = digit(*byte)
        {
            // No number begins with a needless zero.
            if *first == b'0' {
                return None;
            }
            count = count.checked_mul(10)?.checked_add(digit)?;
            rest = more;
        }
        // Of one that is not whole the rest is left, which is neither the end nor another member.
        self.0 = rest;
        Some(Some(count))
    }

    /// The same, of a member that was not there before.
    pub(crate) fn count_into(&mut self, count: &mut Option<u64>) -> Option<()> {
        let read = self.count()?;
        count.is_none().then(|| *count = read)
    }

    /// The next value, which is an object, member by member.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        self.inside(DEPTH, &mut member)
    }

    /// The same; `null` has no members.
    pub(crate) fn inner(
        &mut self,
        member: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        match self.0.strip_prefix(b"null") {
            Some(rest) => self.0 = rest,
            None => self.object(member)?,
        }
        Some(())
    }

    /// The next value, whatever it is.
    pub(crate) fn any(&mut self) -> Option<&'a [u8]> {
        self.skip(DEPTH)
    }

    fn skip(&mut self, depth: u8) -> Option<&'a [u8]> {
        let from = self.0;
        let (first, inner) = from.split_first()?;
        match first {
            b'"' => {
                self.text()?;
            }
            b'{' => self.inside(depth, &mut |glance, _| {
                glance.skip(depth.checked_sub(1)?).map(drop)
            })?,
            b'[' => {
                self.0 = space(inner);
                self.items(depth.checked_sub(1)?)?;
            }
            b't' => self.0 = from.strip_prefix(b"true")?,
            b'f' => self.0 = from.strip_prefix(b"false")?,
            b'n' => self.0 = from.strip_prefix(b"null")?,
            _ => self.0 = number(from)?,
        }
        from.get(..from.len() - self.0.len())
    }

    fn inside(
        &mut self,
        depth: u8,
        member: &mut dyn FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        self.0 = space(behind(self.0, b'{')?);
        match behind(self.0, b'}') {
            Some(rest) => self.0 = rest,
            None => self.members(depth, member)?,
        }
        Some(())
    }

    /// An object from the name of one of its members on.
    fn members(
        &mut self,
        depth: u8,
        member: &mut dyn FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        depth.checked_sub(1)?;
        loop {
            let name = self.text()?;
            self.0 = space(behind(space(self.0), b':')?);
            member(self, name)?;
            if !self.goes_on(b'}')? {
                return Some(());
            }
        }
    }

    /// A list behind its bracket.
    fn items(&mut self, depth: u8) -> Option<()> {
        if let Some(rest) = behind(self.0, b']') {
            self.0 = rest;
            return Some(());
        }
        loop {
            self.skip(depth)?;
            if !self.goes_on(b']')? {
                return Some(());
            }
        }
    }

    /// Behind a value: is there another, or the end?
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let (next, rest) = space(self.0).split_first()?;
        let goes_on = *next == b',';
        self.0 = match goes_on {
            true => space(rest),
            false => rest,
        };
        (goes_on || *next == end).then_some(goes_on)
    }

    /// A text without escapes.
    fn text(&mut self) -> Option<&'a [u8]> {
        let text = behind(self.0, b'"')?;
        let (text, rest) = text.split_at_checked(mark(text)?)?;
        self.0 = behind(rest, b'"')?;
        Some(text)
    }
}

/// Where the first byte is that does not stand for itself in a text.
fn mark(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xFF;
    let (words, rest) = text.as_chunks();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // Of each byte that is less than that the highest bit; some behind the first may be wrong.
        let less = |word: u64, than: u64| word.wrapping_sub(ONES * than) & !word;
        let is = |byte: u8| less(word ^ (ONES * u64::from(byte)), 1);
        let marks = (less(word, 0x20) | is(b'"') | is(b'\\')) & (ONES << 7);
        if marks != 0 {
            return Some(number * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let is_mark = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..b' ');
    Some(text.len() - rest.len() + rest.iter().position(is_mark)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_in_what_is_whole() {
        let read = |json: &str| {
            let found = member(json.as_bytes(), "usage", Glance::any);
            found.map(|value| str::from_utf8(value).unwrap().to_owned())
        };
        for (json, found) in [
            (r#"{"usage":{"a":1}}"#, r#"{"a":1}"#),
            (
                r#"{"x":[{"y":"} \"usage\": {"}],"usage":{"a":[1.5e3,{},[],true,false,null]}}"#,
                r#"{"a":[1.5e3,{},[],true,false,null]}"#,
            ),
            (
                "\n{ \"x\" : 1 ,\n \"usage\" : { \"a\" : 1 } , \"b\":\"c\",\"d\":null }\n",
                r#"{ "a" : 1 }"#,
            ),
            (r#"{"x":"ä","usage":{},"d":{"e":"f"}}"#, "{}"),
        ] {
            assert_eq!(read(json).as_deref(), Some(found), "{json}");
            let whole: serde_json::Value = serde_json::from_str(json).unwrap();
            let value: serde_json::Value = serde_json::from_str(found).unwrap();
            assert_eq!(whole["usage"], value);
            // A part of it is not the whole.
            let text = json.trim_end();
            for (end, _) in text.char_indices() {
                assert_eq!(read(&text[..end]), None, "{}", &text[..end]);
            }
        }
        for json in [
            // Of something within, a value, a part of a text.
            r#"{"x":{"usage":{"a":1}}}"#,
            r#"{"x":{"usage":{"a":1}},"y":1}"#,
            r#"{"x":[{"usage":{"a":1}}]}"#,
            r#"{"x":["usage"]}"#,
            r#"{"x":"usage"}"#,
            r#"{"x":"\"usage","y":"\"usage\":{}"}"#,
            r#"{"x \"usage":{"a":1}}"#,
            r#"{"x,\"usage":{"a":1}}"#,
            // Twice, or not at all.
            r#"{"usage":{"a":1},"usage":{"a":2}}"#,
            r#"{"x":1}"#,
            // No JSON, or not read here.
            r#"{{"x":1,"usage":{"a":1}}"#,
            r#"{"x":"a"b","usage":{"a":1}}"#,
            r#"["usage":{"a":1}}"#,
            r#"{"usage":{"a":1}}}"#,
            r#"{"usage":{"a":1}} x"#,
            r#"{"usage":{"a":1},}"#,
            r#"{"usage":{"a":1,}}"#,
            r#"{"usage":{"a":[1,]}}"#,
            r#"{"usage":{"a":01}}"#,
            r#"{"usage" {"a":1}}"#,
            r#"{"usage":{"a":tru}}"#,
            r#"{"usage":{"a":"\u0061"}}"#,
            "{\"usage\":{\"a\":\"\n\"}}",
        ] {
            assert_eq!(read(json), None, "{json}");
        }
        assert_eq!(
            member(b"{\"x\":\"\xff\",\"usage\":{}}", "usage", Glance::any),
            None
        );
        assert_eq!(member(b"{\"usage\":{}}", "usage", |_| None::<()>), None);
        let deep = |n: usize| format!("{{\"usage\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(read(&deep(10)).is_some());
        assert_eq!(read(&deep(100_000)), None);
    }

    #[test]
    fn texts_end_where_they_do() {
        for length in 0..40 {
            for end in ["\"", "\\", "\n", "\0", "\u{1f}"] {
                for plain in ["a", "!", " ", "#", "[", "]", "\u{7f}", "\u{ff}"] {
                    let text = plain.repeat(length);
                    for behind in ["", "\"", "b\"", "\\\n\"bbbbbbbbbbbbbbbb"] {
                        let found = mark(format!("{text}{end}{behind}").as_bytes());
                        assert_eq!(found, Some(text.len()), "{text}{end:?}{behind}");
                    }
                    assert_eq!(mark(text.as_bytes()), None);
                }
            }
        }
    }

    #[test]
    fn counts_are_whole() {
        let read = |json: &str| {
            let mut sum = 0;
            let mut add = |count: Option<u64>| sum += count.unwrap_or(1000);
            glance(json.as_bytes(), |glance| {
                glance.object(|glance, name| match name {
                    b"n" => glance.count().map(&mut add),
                    b"in" => glance.inner(|glance, _| glance.count().map(&mut add)),
                    _ => glance.any().map(drop),
                })
            })?;
            Some(sum)
        };
        let most = format!(r#"{{"n":{}}}"#, u64::MAX);
        for (json, sum) in [
            (r#"{"n":17,"in":{"a":0,"b":20},"x":{"n":5}}"#, Some(37)),
            (r#" { "n" : null , "in" : null } "#, Some(1000)),
            ("{}", Some(0)),
            (&most, Some(u64::MAX)),
            (r#"{"n":18446744073709551616}"#, None),
            (r#"{"n":-1}"#, None),
            (r#"{"n":1.5}"#, None),
            (r#"{"n":1e3}"#, None),
            (r#"{"n":00}"#, None),
            (r#"{"n":"1"}"#, None),
            (r#"{"n":}"#, None),
            (r#"{"in":[1]}"#, None),
            (r#"{"n":1"#, None),
            (r#"[1]"#, None),
        ] {
            assert_eq!(read(json), sum, "{json}");
        }
    }
}
