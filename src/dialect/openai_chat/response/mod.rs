//! Whole answers.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;

use super::{
    NAME, finish, reasoning,
    stream::{Reader, Slot, annotation, length, part_slot},
    usage,
    wire::Chunk,
};
use crate::{
    chat::{
        CallKind, ChatResponse, Collector, Content, EventSink, Stop, StopReason, Thinking, ToolCall,
    },
    dialect::{Asked, Dialect, anthropic::Anthropic, classify, gemini, has_error},
    error::{Error, ErrorKind},
    json::{self, Extra, Json, Value},
};

/// Members of an answer that have no field but mean something to callers of this dialect.
const KEPT: [&str; 4] = ["system_fingerprint", "metadata", "moderation", "provider"];

/// Reads an answer.
pub(super) fn decode(body: &[u8]) -> Result<ChatResponse, Error> {
    let broken = |why: &str| {
        Error::new(
            ErrorKind::Server,
            format!("the vendor's answer cannot be read: {why}"),
        )
    };
    let vendor = || classify(NAME, StatusCode::OK, &HeaderMap::new(), body);
    let mut whole: Chunk<'_> = match serde_json::from_slice(body) {
        Ok(whole) => whole,
        Err(_) if has_error(body) => return Err(vendor()),
        Err(error) => return Err(broken(&error.to_string())),
    };
    if whole.is_error() {
        return Err(vendor());
    }
    if whole.choices.as_ref().is_none_or(Vec::is_empty) {
        if whole.kind.as_str() == "message" {
            // Some proxies answer for Claude models as Anthropic does.
            return Anthropic.decode_response(body);
        }
        return Err(broken("it has no choices"));
    }
    // In a whole answer each call stands by itself, whatever its number and its id: pieces of one come in streams only.
    let messages = whole.choices.iter_mut().flatten();
    for message in messages.filter_map(|choice| choice.message.as_mut()) {
        for (place, call) in message.tool_calls.iter_mut().flatten().enumerate() {
            call.index.0 = u64::try_from(place).ok();
        }
    }
    let mut reader = Reader::default();
    let mut sink = EventSink::new();
    reader.chunk(&whole, &mut sink)?;
    reader.flush(&mut sink);
    sink.end();
    let mut collector = Collector::new();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    let mut response = collector.finish();
    response.created = whole.created.0;
    response.service_tier = Some(whole.service_tier.as_str().to_owned()).filter(|t| !t.is_empty());
    for part in &mut response.content {
        if let Content::Thinking(thinking) = part {
            thinking.origin = Some(match (&thinking.signature, &thinking.redacted) {
                (None, None) => NAME,
                _ => "anthropic",
            });
        }
    }
    response.extra = kept(body)?;
    Ok(response)
}

fn kept(body: &[u8]) -> Result<Extra, Error> {
    let root = Value::root(body)?;
    let mut object = root.object()?;
    let mut extra = Extra::new();
    for name in KEPT {
        let found: Option<&RawValue> = object.take_raw(name);
        if let Some(value) = found.filter(|raw| raw.get() != "null") {
            extra.insert(name, value.into());
        }
    }
    Ok(extra)
}

/// Writes an answer.
pub(super) fn encode(response: &ChatResponse, asked: &Asked<'_>) -> Bytes {
    let created = response.created.unwrap_or(asked.created);
    let choice = json::object(|o| {
        o.field("index", &0)
            .field("message", &message(response))
            .field("logprobs", &response.logprobs)
            .field("finish_reason", finish::word(response.stop.reason));
        if let Ok(value) = Value::root(stop_extras(&response.stop).as_str().as_bytes())
            && let Ok(members) = value.object()
        {
            o.extra(&members.into_extra());
        }
    });
    let body = json::object(|o| {
        o.field("id", &*id(&response.id, created))
            .field("object", "chat.completion")
            .field("created", &created)
            .field("model", model_name(asked.model, &response.model))
            .array("choices", [choice])
            .optional("usage", response.usage.as_ref().map(usage::write))
            .optional("service_tier", response.service_tier.as_deref());
        for name in KEPT {
            o.optional(name, response.extra.get(name));
        }
    });
    body.to_string().into()
}

fn message(response: &ChatResponse) -> Json {
    let mut text: Option<String> = None;
    let mut refusal: Option<String> = None;
    let mut thoughts: Option<String> = None;
    let (mut details, mut annotations) = (Vec::new(), Vec::new());
    let (mut calls, mut images, mut audio) = (Vec::new(), Vec::new(), None);
    let mut chars = 0_u64;
    // Gemini's, of what comes next.
    let mut signature = None;
    for part in &response.content {
        match part {
            Content::Text {
                text: more,
                citations,
                ..
            } => {
                let start = chars;
                chars = chars.saturating_add(length(more));
                text.get_or_insert_default().push_str(more);
                annotations.extend(
                    citations
                        .iter()
                        .filter_map(|c| annotation(c, (start, chars))),
                );
            }
            Content::Refusal(more) => refusal.get_or_insert_default().push_str(more),
            Content::Thinking(thinking) => {
                if !thinking.text.is_empty() {
                    thoughts.get_or_insert_default().push_str(&thinking.text);
                }
                details.extend(detail(thinking, details.len()));
                let own = gemini::signature::own(thinking).filter(|own| !own.is_empty());
                signature = own.or(signature);
            }
            Content::ToolCall(call) => calls.push(tool_call(call, signature.take())),
            Content::Other { dialect, json } if *dialect == NAME => match part_slot(json) {
                Some(Slot::Detail) => details.push(json.clone()),
                Some(Slot::Image) => images.push(json.clone()),
                Some(Slot::Audio(sound)) => audio = Some(sound),
                None => {}
            },
            _ => {}
        }
    }
    if response.stop.reason == StopReason::Refusal && text.is_none() && refusal.is_none() {
        refusal = explanation(&response.stop);
    }
    json::object(|o| {
        o.field("role", "assistant")
            .field("content", &text)
            .field("refusal", &refusal)
            .optional("reasoning_content", thoughts);
        for (name, list) in [
            ("reasoning_details", details),
            ("annotations", annotations),
            ("images", images),
            ("tool_calls", calls),
        ] {
            if !list.is_empty() {
                o.array(name, list);
            }
        }
        o.optional("audio", audio)
            .optional("extra_content", signature.map(reasoning::gemini_extra));
    })
}

/// What carries a signature to the caller and back.
pub(super) fn detail(thinking: &Thinking, index: usize) -> Option<Json> {
    if let Some(data) = &thinking.redacted {
        return Some(reasoning::encrypted(data, index));
    }
    // Gemini's own go with the calls they belong to.
    if gemini::signature::own(thinking).is_some() {
        return None;
    }
    let signature = thinking.told_signature();
    (!signature.is_empty())
        .then(|| reasoning::carried(&thinking.text, &signature, index))
        .flatten()
}

fn tool_call(call: &ToolCall, signature: Option<&str>) -> Json {
    json::object(|o| {
        o.field("id", &call.id);
        match call.kind {
            CallKind::Function => o.field("type", "function").field(
                "function",
                &json::object(|o| {
                    o.field("name", &call.name)
                        .field("arguments", &call.arguments);
                }),
            ),
            CallKind::Custom => o.field("type", "custom").field(
                "custom",
                &json::object(|o| {
                    o.field("name", &call.name).field("input", &call.arguments);
                }),
            ),
        }
        .optional("extra_content", signature.map(reasoning::gemini_extra));
    })
}

/// The id of an answer. Clients need one, and the same in every chunk.
pub(super) fn id(id: &str, created: u64) -> Cow<'_, str> {
    if id.is_empty() {
        Cow::Owned(format!("chatcmpl-{created:x}"))
    } else {
        Cow::Borrowed(id)
    }
}

/// The model's name as the caller knows it.
pub(in crate::dialect) fn model_name<'m>(asked: &'m str, said: &'m str) -> &'m str {
    if asked.is_empty() { said } else { asked }
}

/// What `finish_reason` has no word for, in members that other servers use.
pub(super) fn stop_extras(stop: &Stop) -> Json {
    json::object(|o| {
        o.optional("stop_reason", stop.sequence.as_deref())
            .optional("native_finish_reason", stop.native.as_deref());
    })
}

/// Why the model declined, where only the details tell.
pub(in crate::dialect) fn explanation(stop: &Stop) -> Option<String> {
    let details = stop.details.as_ref()?;
    let value = Value::root(details.as_str().as_bytes()).ok()?;
    let mut object = value.object().ok()?;
    let text = object.take("explanation")?.string().ok()?;
    (!text.is_empty()).then_some(text)
}

/// The list of models.
pub(in crate::dialect) fn models(models: &[&str]) -> Bytes {
    let list = json::object(|o| {
        o.field("object", "list")
            .array("data", models.iter().map(|name| model(name)));
    });
    list.to_string().into()
}

/// One model of the list.
pub(in crate::dialect) fn model(name: &str) -> Json {
    json::object(|o| {
        o.field("id", name)
            .field("object", "model")
            .field("created", &0)
            .field("owned_by", "trunkline");
    })
}

#[cfg(test)]
mod tests;
