//! Requests: a prompt as a user's turn, and back.

use std::cell::RefCell;

use bytes::Bytes;

use super::NAME;
use crate::{
    chat::{ChatRequest, Content, Fidelity, Message, Role},
    dialect::{
        Target,
        openai_chat::request::{read, texts},
    },
    error::{Error, ErrorKind},
    json::{ObjectWriter, Value},
};

/// Members that no chat can stand in for: only a vendor with this endpoint serves them.
const NATIVE_ONLY: [(&str, &str); 3] = [
    ("suffix", "a text to be filled in before a suffix"),
    ("echo", "an answer that repeats the prompt"),
    ("best_of", "the best of several answers"),
];

/// Reads a request.
///
/// # Errors
/// If a member has the wrong type, or asks for what only a native endpoint has.
pub(super) fn decode(body: &[u8]) -> Result<ChatRequest, Error> {
    let unread = RefCell::default();
    let mut request = conversation(&Value::accounted(body, &unread)?)?;
    request.unread = Fidelity::of_unread(unread.into_inner());
    Ok(request)
}

fn conversation(root: &Value<'_, '_>) -> Result<ChatRequest, Error> {
    if !root.is_object() {
        return Err(root.error("must be a JSON object"));
    }
    let mut o = root.object()?;
    let mut request = ChatRequest::new(o.require("model")?.string()?, Vec::new());
    request.dialect = Some(NAME);
    request
        .messages
        .push(Message::user(prompt(&o.require("prompt")?)?));
    for (name, what) in NATIVE_ONLY {
        let asked = o
            .take_raw(name)
            .is_some_and(|raw| !matches!(raw.get(), "null" | "false" | "\"\"" | "1"));
        if asked {
            let message = format!(
                "`{name}` asks for {what}: only a vendor with its own completions endpoint can do that, and this model's has none"
            );
            return Err(Error::new(ErrorKind::Unsupported, message).with_param(name));
        }
    }
    request.max_tokens = read(o.take("max_tokens"), |v| v.u64())?;
    request.temperature = read(o.take("temperature"), |v| v.f64())?;
    request.top_p = read(o.take("top_p"), |v| v.f64())?;
    request.frequency_penalty = read(o.take("frequency_penalty"), |v| v.f64())?;
    request.presence_penalty = read(o.take("presence_penalty"), |v| v.f64())?;
    request.seed = read(o.take("seed"), |v| v.i64())?;
    request.stop = read(o.take("stop"), |v| texts(&v))?.unwrap_or_default();
    request.n = read(o.take("n"), |v| v.u64())?;
    request.top_logprobs = read(o.take("logprobs"), |v| v.u64())?;
    request.logprobs = request.top_logprobs.map(|_| true);
    request.user = read(o.take("user"), |v| v.string())?;
    request.stream = read(o.take("stream"), |v| v.bool())?.unwrap_or_default();
    request.include_usage = read(o.take("stream_options"), |v| {
        read(v.object()?.take("include_usage"), |v| v.bool())
    })?
    .flatten()
    .unwrap_or_default();
    request.extra = o.into_extra();
    Ok(request)
}

/// The one prompt.
fn prompt(value: &Value<'_, '_>) -> Result<String, Error> {
    if value.is_string() {
        return value.string();
    }
    if !value.is_array() {
        return Err(value.error("must be a string or an array"));
    }
    let items: Vec<_> = value.items()?.collect();
    let tokens = |item: &Value<'_, '_>| !item.is_string();
    match items.as_slice() {
        [] => Err(value.error("must not be empty")),
        [only] if !tokens(only) => only.string(),
        [first, ..] if tokens(first) => Err(unsupported(
            value,
            "holds token ids, which mean something only to the model they were made for; send the text",
        )),
        _ => Err(unsupported(
            value,
            "holds several prompts, and a chat continues one: send a request for each",
        )),
    }
}

fn unsupported(value: &Value<'_, '_>, why: &str) -> Error {
    let path = value.path().to_string();
    Error::new(ErrorKind::Unsupported, format!("`{path}` {why}")).with_param(path)
}

/// Writes a request for a vendor that has the endpoint.
///
/// # Errors
/// If the conversation is more than one text.
pub(super) fn encode(
    request: &ChatRequest,
    target: &Target<'_>,
    report: &mut Fidelity,
) -> Result<Bytes, Error> {
    let [only] = request.messages.as_slice() else {
        return Err(no_prompt("messages", "is a conversation of several turns"));
    };
    if only.role != Role::User {
        return Err(no_prompt("messages[0].role", "is not the user's"));
    }
    let mut prompt = String::new();
    for part in &only.content {
        let Content::Text { text, .. } = part else {
            return Err(no_prompt("messages[0].content", "is more than text"));
        };
        prompt.push_str(text);
    }
    if !request.tools.is_empty() {
        return Err(no_prompt("tools", "cannot be called"));
    }
    for (path, said) in [
        ("messages[0].name", only.name.is_some()),
        ("response_format", request.response_format.is_some()),
        ("reasoning", request.reasoning.is_some()),
        ("tool_choice", request.tool_choice.is_some()),
        ("top_k", request.top_k.is_some()),
        ("service_tier", request.service_tier.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
    ] {
        if said {
            report.dropped(path, "completions have no such member");
        }
    }
    let mut o = ObjectWriter::new();
    o.field("model", target.model)
        .field("prompt", &prompt)
        .optional("max_tokens", request.max_tokens)
        .optional("temperature", request.temperature)
        .optional("top_p", request.top_p)
        .optional("frequency_penalty", request.frequency_penalty)
        .optional("presence_penalty", request.presence_penalty)
        .optional("seed", request.seed)
        .optional("stop", Some(&request.stop).filter(|stop| !stop.is_empty()))
        .optional("n", request.n)
        .optional("logprobs", request.top_logprobs)
        .optional("user", request.user.as_deref());
    if request.stream {
        o.field("stream", &true);
        if target.quirks.stream_options {
            o.field(
                "stream_options",
                &crate::json::object(|o| {
                    o.field("include_usage", &true);
                }),
            );
        }
    }
    if request.dialect == Some(NAME) {
        o.extra(&request.extra);
    } else {
        for (name, _) in request.extra.iter() {
            report.dropped(name, "completions have no such member");
        }
    }
    Ok(o.finish().into())
}

fn no_prompt(path: &str, why: &str) -> Error {
    let message =
        format!("`{path}` {why}: this vendor's endpoint for the model continues one text");
    Error::new(ErrorKind::Unsupported, message).with_param(path)
}
