//! Where the strings of a JSON text are, found without reading it.

use std::ops::Range;

use memchr::memchr2;

/// One string value.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// The name of the member it stands in, or in whose list.
    pub(crate) key: &'a [u8],
    /// The name of the member that the object around it stands in, or in whose list; empty at the root.
    pub(crate) parent: &'a [u8],
    /// How many objects and lists are around it.
    pub(crate) depth: usize,
    /// The text between the quotes, escapes and all.
    pub(crate) text: &'a [u8],
    /// Where that is.
    pub(crate) span: Range<usize>,
}

/// Deeper than this nobody looks: no body that anybody reads is.
const MAX_DEPTH: usize = 128;

/// An object or a list that has begun.
struct Open<'a> {
    object: bool,
    key: &'a [u8],
}

/// Shows every string value, in order, but none inside an object called `metadata`, which is the caller's own, or `input`, which is
/// what a model gave a tool. Broken JSON is looked at as far as it goes.
pub(crate) fn strings<'a>(json: &'a [u8], mut visit: impl FnMut(Place<'a>)) {
    let mut open: Vec<Open<'a>> = Vec::new();
    let mut key: &'a [u8] = b"";
    let mut is_key = false;
    // As deep as the caller's own data begin.
    let mut own: Option<usize> = None;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let Some(end) = string_end(json, at + 1) else {
                    return;
                };
                let text = json.get(at + 1..end).unwrap_or_default();
                if is_key {
                    key = text;
                    is_key = false;
                } else if own.is_none() {
                    let mut around = open.iter().rev();
                    let parent = around
                        .find(|open| open.object)
                        .map_or(&b""[..], |open| open.key);
                    visit(Place {
                        key,
                        parent,
                        depth: open.len(),
                        text,
                        span: at + 1..end,
                    });
                }
                at = end;
            }
            b'{' | b'[' => {
                if open.len() >= MAX_DEPTH {
                    return;
                }
                let object = *byte == b'{';
                // In a list there are several, which is the conversation itself.
                let alone = open.last().is_none_or(|open| open.object);
                if own.is_none() && object && alone && matches!(key, b"metadata" | b"input") {
                    own = Some(open.len());
                }
                open.push(Open { object, key });
                is_key = object;
            }
            b'}' | b']' => {
                // What follows in a list belongs to the list's name again.
                key = open.pop().map_or(&b""[..], |open| open.key);
                if own.is_some_and(|depth| open.len() <= depth) {
                    own = None;
                }
                is_key = false;
            }
            b',' => is_key = open.last().is_some_and(|open| open.object),
            _ => {}
        }
        at += 1;
    }
}

/// The place of the quote that ends the string whose text begins at `from`.
fn string_end(json: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let found = from + memchr2(b'"', b'\\', json.get(from..)?)?;
        if json.get(found) == Some(&b'"') {
            return Some(found);
        }
        from = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(json: &str) -> Vec<String> {
        let mut seen = Vec::new();
        strings(json.as_bytes(), |place| {
            assert_eq!(&json.as_bytes()[place.span.clone()], place.text);
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            seen.push(format!(
                "{}>{}@{}={}",
                text(place.parent),
                text(place.key),
                place.depth,
                text(place.text)
            ));
        });
        seen
    }

    #[test]
    fn every_string_has_its_names() {
        let json = r#" {"id" : "a","l":["b",{"x":"c"},["d"],"e"],"n":1,"o":{"p":{"q":"f\"}"},"r":"g"},"s":"h","metadata":{"id":"no","l":[{"x":"no"}]},"t":"i","input":[{"u":"j","input":{"id":"no"}}]}"#;
        assert_eq!(
            seen(json),
            [
                ">id@1=a",
                ">l@2=b",
                "l>x@3=c",
                ">l@3=d",
                ">l@2=e",
                "p>q@3=f\\\"}",
                "o>r@2=g",
                ">s@1=h",
                ">t@1=i",
                "input>u@3=j"
            ]
        );
        assert_eq!(seen(r#"["a",{"b":"c"}]"#), [">@1=a", ">b@2=c"]);
    }

    #[test]
    fn what_is_broken_ends_it() {
        for json in [
            "",
            "\"",
            "\"\\",
            "{\"a",
            "}}}]",
            "{\"a\":\"b",
            &"[".repeat(1000),
        ] {
            let _ = seen(json);
        }
        assert_eq!(seen(r#"]}"a""#), [">@0=a"]);
    }
}
