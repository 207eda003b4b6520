//! What can be known of a body without reading it.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    dialect::Conversation,
    error::Error,
    json::{Limits, Unlimited, places},
};

/// What the stack must know of a body without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Peek {
    pub(super) model: Option<Range<usize>>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

/// The members the stack reads.
const NAMES: [&str; 5] = ["model", "stream", "stream_options", "messages", "input"];

/// Where they stand in a body that is known to be one whole JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known([Option<Range<usize>>; NAMES.len()]);

impl Known {
    /// Looks for them. None says nothing of the body but that it has to be read to be known.
    pub(crate) fn of(json: &[u8], limits: &impl Limits) -> Option<Self> {
        places(json, limits, NAMES).map(Self)
    }
}

/// The members the stack reads, as they are spelled. One that is `null` is not there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Members<'a> {
    pub(super) model: Option<&'a [u8]>,
    stream: Option<&'a [u8]>,
    stream_options: Option<&'a [u8]>,
    messages: Option<&'a [u8]>,
    input: Option<&'a [u8]>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// `known`: where the members stand, if that is known already.
pub(super) fn peek(
    bytes: &[u8],
    known: Option<Known>,
    conversation: Conversation,
) -> Result<Peek, Error> {
    let members = members(bytes, known)?;
    let Some(model) = members.model else {
        return Err(Error::invalid(
            "model",
            "`model` is required: name a model, see GET /v1/models",
        ));
    };
    match text(model).as_deref() {
        Some("") => return Err(Error::invalid("model", "`model` must not be empty")),
        Some(_) => {}
        None => return Err(Error::invalid("model", "`model` must be a string")),
    }
    match conversation {
        Conversation::Messages => check_messages(members.messages)?,
        Conversation::Input => check_input(members.input)?,
        Conversation::Unchecked => {}
    }
    let stream = match members.stream {
        Some(b"true") => true,
        None | Some(b"false") => false,
        Some(_) => return Err(Error::invalid("stream", "`stream` must be true or false")),
    };
    Ok(Peek {
        model: span(bytes, model),
        stream,
        include_usage: members
            .stream_options
            .and_then(|raw| serde_json::from_slice::<StreamOptions>(raw).ok())
            .and_then(|options| options.include_usage)
            .unwrap_or(false),
    })
}

/// What a string says that is spelled so.
pub(super) fn text(json: &[u8]) -> Option<Cow<'_, str>> {
    // It was looked at before: without escapes it says what stands between its quotes.
    let plain = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    match plain.contains(&b'\\') {
        true => serde_json::from_slice(json).ok().map(Cow::Owned),
        false => str::from_utf8(plain).ok().map(Cow::Borrowed),
    }
}

/// A conversation needs somebody to have said something. The items are read by whoever translates them, or by the vendor.
fn check_messages(messages: Option<&[u8]>) -> Result<(), Error> {
    let wrong = |why| Err(Error::invalid("messages", format!("`messages` {why}")));
    match messages {
        None => wrong("is required: a list with at least one message"),
        Some(text) if !text.starts_with(b"[") => wrong("must be a list of messages"),
        Some(text) if is_empty_list(text) => wrong("must not be empty"),
        Some(_) => Ok(()),
    }
}

/// The same where it may be a text, and where the vendor may have it already.
fn check_input(input: Option<&[u8]>) -> Result<(), Error> {
    let wrong = |why| Err(Error::invalid("input", format!("`input` {why}")));
    match input {
        Some(text) if is_empty_list(text) => wrong("must not be empty"),
        None | Some([b'"' | b'[', ..]) => Ok(()),
        Some(_) => wrong("must be a text or a list of items"),
    }
}

fn is_empty_list(json: &[u8]) -> bool {
    json.strip_prefix(b"[")
        .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"]"))
}

/// The object with `model` as its first member.
pub(super) fn insert_model(bytes: &[u8], model: &str) -> Bytes {
    let Some(open) = memchr::memchr(b'{', bytes) else {
        return Bytes::copy_from_slice(bytes);
    };
    let (head, tail) = bytes.split_at(open + 1);
    let name = serde_json::to_string(model).unwrap_or_default();
    let comma = if tail.trim_ascii_start().starts_with(b"}") {
        ""
    } else {
        ","
    };
    let member = format!("\"model\":{name}{comma}");
    [head, member.as_bytes(), tail].concat().into()
}

/// The same for a body that may be anything.
pub(super) fn peek_any(bytes: &[u8]) -> Option<Peek> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let members = members(bytes, None).ok()?;
    Some(Peek {
        model: members
            .model
            .filter(|raw| raw.starts_with(b"\""))
            .and_then(|raw| span(bytes, raw)),
        stream: members.stream == Some(b"true"),
        include_usage: true,
    })
}

/// `known`: as in [`peek`].
pub(super) fn members(bytes: &[u8], known: Option<Known>) -> Result<Members<'_>, Error> {
    let Some(known) = known.or_else(|| Known::of(bytes, &Unlimited)) else {
        return read(bytes);
    };
    let at = |span: Option<Range<usize>>| bytes.get(span?).filter(|raw| *raw != b"null");
    let [model, stream, stream_options, messages, input] = known.0.map(at);
    Ok(Members {
        model,
        stream,
        stream_options,
        messages,
        input,
    })
}

/// The same from the library, which says what is wrong with a body.
fn read(bytes: &[u8]) -> Result<Members<'_>, Error> {
    #[derive(Deserialize)]
    struct Read<'a> {
        #[serde(borrow, default)]
        model: Option<&'a RawValue>,
        #[serde(borrow, default)]
        stream: Option<&'a RawValue>,
        #[serde(borrow, default)]
        stream_options: Option<&'a RawValue>,
        #[serde(borrow, default)]
        messages: Option<&'a RawValue>,
        #[serde(borrow, default)]
        input: Option<&'a RawValue>,
    }
    // serde would take a list for a struct as well.
    if matches!(bytes.trim_ascii_start().first(), Some(byte) if *byte != b'{') {
        return Err(Error::invalid("", "the request body must be a JSON object"));
    }
    let read: Read<'_> = serde_json::from_slice(bytes).map_err(|e| {
        let what = match e.classify() {
            serde_json::error::Category::Data => "must be a JSON object with each member once",
            _ => "is not valid JSON",
        };
        Error::invalid("", format!("the request body {what}: {e}"))
    })?;
    fn text(raw: Option<&RawValue>) -> Option<&[u8]> {
        raw.map(|raw| raw.get().as_bytes())
    }
    Ok(Members {
        model: text(read.model),
        stream: text(read.stream),
        stream_options: text(read.stream_options),
        messages: text(read.messages),
        input: text(read.input),
    })
}

/// Where a borrowed value stands in the body.
fn span(bytes: &[u8], raw: &[u8]) -> Option<Range<usize>> {
    let start = (raw.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
    let end = start.checked_add(raw.len())?;
    (end <= bytes.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_what_is_read() {
        for body in [
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[1],"input":"x","more":1}"#,
            r#"{"messages" : null, "model" : null , "stream":null}"#,
            r#"{"mod\u0065l":"m","messages":[]}"#,
            r#"{"model":"m","more":{"model":"n"},"more":1}"#,
            r#"{"model":"m","model":"n"}"#,
            r#"{"model":"m","mod\u0065l":"n"}"#,
            r#"{"m\u006fre":1,"model":7}"#,
            r#"{"\ud800":1,"model":7}"#,
            r#"{"model":"m"}}"#,
            r#"{"model":"m""#,
            r#"{"model":"m","x":"\ud800"}"#,
            "[1]",
            "",
        ] {
            let bytes = body.as_bytes();
            match (members(bytes, None), read(bytes)) {
                (Ok(known), Ok(read)) => assert_eq!(known, read, "{body}"),
                (Err(known), Err(read)) => assert_eq!(known.message(), read.message(), "{body}"),
                (known, read) => panic!("{body}: {known:?}, {read:?}"),
            }
        }
        let plain = br#"{"model":"m","stream":null,"x":1}"#;
        assert!(
            Known::of(plain, &Unlimited).is_some(),
            "the quick way is taken"
        );
    }
}
