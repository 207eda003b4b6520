//! Asking for usage in a stream, without touching any other byte.

use bytes::Bytes;
use memchr::memchr;
use serde_json::value::RawValue;

use crate::json::{self, Object, Value};

const ASK: &str = "\"include_usage\":true";

/// A copy of the body that asks for usage; nothing if it does so anyway, or is no object.
pub(in super::super) fn ask_for_usage(body: &Bytes) -> Option<Bytes> {
    match json::places(body, &json::Unlimited, ["stream_options"]) {
        Some([None]) => ask_first(body),
        Some([Some(options)]) if asks(body.get(options.clone())?) => None,
        _ => ask_somehow(body),
    }
}

/// Does it ask already, as those do who ask in so many words?
fn asks(options: &[u8]) -> bool {
    let found = json::places(options, &json::Unlimited, ["include_usage"]);
    let asked = found.and_then(|[asked]| options.get(asked?));
    asked == Some(b"true")
}

/// The same for a body, a whole object, that has no options.
fn ask_first(body: &Bytes) -> Option<Bytes> {
    let at = memchr(b'{', body)? + 1;
    let is_empty = body.get(at..)?.trim_ascii_start().starts_with(b"}");
    let comma = if is_empty { "" } else { "," };
    splice(
        body,
        at,
        at,
        &format!("\"stream_options\":{{{ASK}}}{comma}"),
    )
}

/// The same for any body.
fn ask_somehow(body: &Bytes) -> Option<Bytes> {
    let root = Value::root(body).ok()?;
    let object = root.object().ok()?;
    let Some(options) = object.peek("stream_options") else {
        return insert(
            body,
            root.text(),
            &object,
            &format!("\"stream_options\":{{{ASK}}}"),
        );
    };
    if options.get() == "null" {
        return replace(body, options, &format!("{{{ASK}}}"));
    }
    let path = root.path().member("stream_options");
    let value = Value::new(options, path);
    let inner = value.object().ok()?;
    match inner.peek("include_usage") {
        Some(asked) if asked.get() == "true" => None,
        Some(asked) => replace(body, asked, "true"),
        None => insert(body, options.get(), &inner, ASK),
    }
}

/// The body with a member more, right after the brace that opens `text`.
fn insert(body: &Bytes, text: &str, object: &Object<'_, '_>, member: &str) -> Option<Bytes> {
    let at = offset(body, text)? + 1;
    let comma = if object.is_empty() { "" } else { "," };
    splice(body, at, at, &format!("{member}{comma}"))
}

fn replace(body: &Bytes, old: &RawValue, new: &str) -> Option<Bytes> {
    let at = offset(body, old.get())?;
    splice(body, at, at + old.get().len(), new)
}

fn splice(body: &Bytes, from: usize, to: usize, middle: &str) -> Option<Bytes> {
    let mut out = Vec::with_capacity(body.len() + middle.len());
    out.extend_from_slice(body.get(..from)?);
    out.extend_from_slice(middle.as_bytes());
    out.extend_from_slice(body.get(to..)?);
    Some(out.into())
}

/// Where a text that was read from the body stands in it.
fn offset(body: &Bytes, text: &str) -> Option<usize> {
    (text.as_ptr() as usize).checked_sub(body.as_ptr() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_byte_stays() {
        for (body, asked) in [
            ("{}", Some(r#"{"stream_options":{"include_usage":true}}"#)),
            (
                " { \"a\" : 1.0 }\n",
                Some(" {\"stream_options\":{\"include_usage\":true}, \"a\" : 1.0 }\n"),
            ),
            (
                r#"{"stream_options" : null,"b":2}"#,
                Some(r#"{"stream_options" : {"include_usage":true},"b":2}"#),
            ),
            (
                r#"{"stream_options":{ }}"#,
                Some(r#"{"stream_options":{"include_usage":true }}"#),
            ),
            (
                r#"{"stream_options":{"include_obfuscation":false}}"#,
                Some(r#"{"stream_options":{"include_usage":true,"include_obfuscation":false}}"#),
            ),
            (
                r#"{"x":1,"stream_options":{"include_usage": false}}"#,
                Some(r#"{"x":1,"stream_options":{"include_usage": true}}"#),
            ),
            (r#"{"stream_options":{"include_usage":true}}"#, None),
            (
                r#"{"stream_options":{"include_usage":true,"a":[]},"b":"{"}"#,
                None,
            ),
            (
                " {\n} ",
                Some(" {\"stream_options\":{\"include_usage\":true}\n} "),
            ),
            (
                r#"{"stream\u005foptions":{}}"#,
                Some(r#"{"stream\u005foptions":{"include_usage":true}}"#),
            ),
            (r#"{"stream_options":7}"#, None),
            ("[]", None),
            ("{", None),
        ] {
            let found = ask_for_usage(&Bytes::from_static(body.as_bytes()));
            assert_eq!(found.as_deref(), asked.map(str::as_bytes), "{body}");
        }
    }
}
