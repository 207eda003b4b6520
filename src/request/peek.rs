//! What can be known of a body without reading it.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{dialect::Conversation, error::Error};

/// What the stack must know of a body without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Peek {
    pub(super) model: Option<Range<usize>>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

/// The members the stack reads; serde skips the others without building them.
#[derive(Deserialize)]
pub(super) struct Members<'a> {
    #[serde(borrow, default)]
    pub(super) model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) stream: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) stream_options: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) messages: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

pub(super) fn peek(bytes: &[u8], conversation: Conversation) -> Result<Peek, Error> {
    let members = members(bytes)?;
    let Some(model) = members.model.filter(|raw| raw.get() != "null") else {
        return Err(Error::invalid(
            "model",
            "`model` is required: name a model, see GET /v1/models",
        ));
    };
    match serde_json::from_str::<String>(model.get()) {
        Ok(name) if !name.is_empty() => {}
        Ok(_) => return Err(Error::invalid("model", "`model` must not be empty")),
        Err(_) => return Err(Error::invalid("model", "`model` must be a string")),
    }
    match conversation {
        Conversation::Messages => check_messages(members.messages.map(RawValue::get))?,
        Conversation::Input => check_input(members.input.map(RawValue::get))?,
        Conversation::Unchecked => {}
    }
    let stream = match members.stream.map(RawValue::get) {
        Some("true") => true,
        None | Some("false" | "null") => false,
        Some(_) => return Err(Error::invalid("stream", "`stream` must be true or false")),
    };
    Ok(Peek {
        model: span(bytes, model),
        stream,
        include_usage: members
            .stream_options
            .and_then(|raw| serde_json::from_str::<StreamOptions>(raw.get()).ok())
            .and_then(|options| options.include_usage)
            .unwrap_or(false),
    })
}

/// A conversation needs somebody to have said something. The items are read by whoever translates them, or by the vendor.
fn check_messages(messages: Option<&str>) -> Result<(), Error> {
    let wrong = |why| Err(Error::invalid("messages", format!("`messages` {why}")));
    match messages {
        None | Some("null") => wrong("is required: a list with at least one message"),
        Some(text) if !text.starts_with('[') => wrong("must be a list of messages"),
        Some(text) if is_empty_list(text) => wrong("must not be empty"),
        Some(_) => Ok(()),
    }
}

/// The same where it may be a text, and where the vendor may have it already.
fn check_input(input: Option<&str>) -> Result<(), Error> {
    let wrong = |why| Err(Error::invalid("input", format!("`input` {why}")));
    match input {
        Some(text) if is_empty_list(text) => wrong("must not be empty"),
        None | Some("null") => Ok(()),
        Some(text) if text.starts_with(['"', '[']) => Ok(()),
        Some(_) => wrong("must be a text or a list of items"),
    }
}

fn is_empty_list(json: &str) -> bool {
    json.strip_prefix('[')
        .is_some_and(|rest| rest.trim_start().starts_with(']'))
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
    let members = members(bytes).ok()?;
    Some(Peek {
        model: members
            .model
            .filter(|raw| raw.get().starts_with('"'))
            .and_then(|raw| span(bytes, raw)),
        stream: members.stream.is_some_and(|raw| raw.get() == "true"),
        include_usage: true,
    })
}

pub(super) fn members(bytes: &[u8]) -> Result<Members<'_>, Error> {
    // serde would take a list for a struct as well.
    if matches!(bytes.trim_ascii_start().first(), Some(byte) if *byte != b'{') {
        return Err(Error::invalid("", "the request body must be a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|e| {
        let what = match e.classify() {
            serde_json::error::Category::Data => "must be a JSON object with each member once",
            _ => "is not valid JSON",
        };
        Error::invalid("", format!("the request body {what}: {e}"))
    })
}

/// Where a borrowed value stands in the body.
fn span(bytes: &[u8], raw: &RawValue) -> Option<Range<usize>> {
    let start = (raw.get().as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
    let end = start.checked_add(raw.get().len())?;
    (end <= bytes.len()).then_some(start..end)
}
