//! The parts of a form, where they stand.
//!
//! The body stays as it came: only where a part's value begins and ends is found out, so that one value can be replaced.

use std::ops::Range;

use memchr::memmem;

use crate::error::Error;

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    /// Does it carry a file?
    pub(super) file: bool,
    pub(super) value: Range<usize>,
}

/// More parts than any endpoint takes.
const MAX_PARTS: usize = 1024;

/// The boundary in a content type, if it is that of a form.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(parameters, "boundary").filter(|boundary| !boundary.is_empty())
}

/// All parts of a form.
///
/// # Errors
/// If it is not put together as a form is.
pub(super) fn parts(body: &[u8], boundary: &str) -> Result<Vec<Part>, Error> {
    let wrong = |why: &str| Error::invalid("", format!("the form {why}"));
    let delimiter = format!("\r\n--{boundary}");
    let delimiter = memmem::Finder::new(delimiter.as_bytes());
    let length = delimiter.needle().len();
    // The first one may stand at the very beginning, without a line before it.
    let first = delimiter.needle().get(2..).unwrap_or_default();
    let mut at = if body.starts_with(first) && ends_line(body, first.len()) {
        first.len()
    } else {
        let start = next(&delimiter, body, 0);
        start.ok_or_else(|| wrong("does not hold the boundary that its content-type names"))?
            + length
    };
    let mut parts = Vec::new();
    loop {
        let rest = body.get(at..).unwrap_or_default();
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        // Blanks may stand behind a boundary.
        let blanks = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let line = rest.get(blanks..).unwrap_or_default();
        if !line.starts_with(b"\r\n") {
            return Err(wrong("breaks off before its last boundary"));
        }
        if parts.len() >= MAX_PARTS {
            return Err(wrong("has too many parts"));
        }
        // The line break stays: a part without headers begins with the one that ends them.
        let head = at + blanks;
        let from = body.get(head..).unwrap_or_default();
        let end = memmem::find(from, b"\r\n\r\n")
            .ok_or_else(|| wrong("has a part whose headers do not end"))?;
        let headers = from.get(..end).unwrap_or_default();
        let start = head + end + 4;
        let end = next(&delimiter, body, start)
            .ok_or_else(|| wrong("breaks off before its last boundary"))?;
        let (name, file) = disposition(headers);
        parts.push(Part {
            name,
            file,
            value: start..end,
        });
        at = end + length;
    }
}

/// Where the next boundary begins. What only begins like it is a part's own.
fn next(delimiter: &memmem::Finder<'_>, body: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let found = from + delimiter.find(body.get(from..)?)?;
        from = found + delimiter.needle().len();
        if ends_line(body, from) {
            return Some(found);
        }
    }
}

/// Is there nothing more in the line, or the dashes that end the form?
fn ends_line(body: &[u8], at: usize) -> bool {
    let rest = body.get(at..).unwrap_or_default();
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let after = rest.iter().find(|byte| !blank(byte));
    rest.starts_with(b"--") || matches!(after, Some(b'\r'))
}

/// What a part's headers say of it.
fn disposition(headers: &[u8]) -> (String, bool) {
    let headers = String::from_utf8_lossy(headers);
    let found = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    });
    let Some((_, parameters)) = found.and_then(|value| value.split_once(';')) else {
        return (String::new(), false);
    };
    let file =
        parameter(parameters, "filename").is_some() || parameter(parameters, "filename*").is_some();
    (parameter(parameters, "name").unwrap_or_default(), file)
}

/// The value of `wanted` in `a=b; c="d;\"e"`.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_matches([' ', '\t', ';']);
        let after = after.trim_start();
        let mut value = String::new();
        rest = match after.strip_prefix('"') {
            Some(quoted) => {
                let mut chars = quoted.char_indices();
                loop {
                    match chars.next() {
                        // Browsers write `%22` for a quote; others escape it.
                        Some((_, '\\')) => value.extend(chars.next().map(|(_, c)| c)),
                        Some((end, '"')) => break quoted.get(end + 1..).unwrap_or_default(),
                        Some((_, c)) => value.push(c),
                        None => break "",
                    }
                }
            }
            None => {
                let (plain, rest) = after.split_once(';').unwrap_or((after, ""));
                value.push_str(plain.trim());
                rest
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_where_they_stand() {
        let body: &[u8] = b"preamble\r\n--b\r\nContent-Type: audio/x-m4a\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\"; name=model.m4a\"\r\n\r\n\x00\r\n--bb\r\n\xff\r\n--b \r\ncontent-disposition: form-data; NAME=model\r\n\r\nwhisper-1\r\n--b\r\n\r\nbare\r\n--b--\r\nepilogue";
        let found = parts(body, "b").unwrap();
        let seen: Vec<_> = found
            .iter()
            .map(|p| (p.name.as_str(), p.file, &body[p.value.clone()]))
            .collect();
        assert_eq!(
            seen,
            [
                ("file", true, &b"\x00\r\n--bb\r\n\xff"[..]),
                ("model", false, b"whisper-1"),
                ("", false, b"bare"),
            ]
        );
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in [
            &b""[..],
            b"--x\r\n\r\n--x--",
            b"--b",
            b"--b\r\n",
            b"--b\r\nA: b",
            b"--b\r\n\r\nvalue",
        ] {
            assert!(parts(body, "b").is_err(), "{body:?}");
        }
        assert_eq!(parts(b"--b--", "b").unwrap(), []);
    }

    #[test]
    fn a_boundary_is_read_from_the_content_type() {
        for (text, want) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            (
                "Multipart/Form-Data; charset=utf-8; Boundary=\"a b;c\"",
                Some("a b;c"),
            ),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("application/json; boundary=x", None),
        ] {
            assert_eq!(boundary(text).as_deref(), want, "{text}");
        }
    }
}
