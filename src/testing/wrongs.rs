//! What faults write into answers, in each dialect's words.

use serde_json::{Value, json};

use super::{
    Answer,
    events::{Event, Form},
};

const OVERLOADED: &str = "The scripted vendor is overloaded.";

pub(super) fn rate_limited(dialect: Option<&str>) -> Answer {
    let message = "Too many requests to the scripted vendor.";
    match dialect.unwrap_or_default() {
        "anthropic" => Answer::anthropic_error(429, "rate_limit_error", message),
        "gemini" => Answer::gemini_error(429, "RESOURCE_EXHAUSTED", message),
        "bedrock-converse" => Answer::bedrock_error(429, "ThrottlingException", message),
        "cohere" => Answer::cohere_error(429, message),
        _ => Answer::openai_error(429, "requests", "rate_limit_exceeded", message),
    }
}

pub(super) fn server_error(dialect: Option<&str>) -> Answer {
    let message = "The scripted vendor had an error.";
    match dialect.unwrap_or_default() {
        "anthropic" => Answer::anthropic_error(500, "api_error", message),
        "gemini" => Answer::gemini_error(500, "INTERNAL", message),
        "bedrock-converse" => Answer::bedrock_error(500, "InternalServerException", message),
        "cohere" => Answer::cohere_error(500, message),
        _ => Answer::openai_error(500, "server_error", "", message),
    }
}

pub(super) fn overloaded(dialect: Option<&str>) -> Answer {
    match dialect.unwrap_or_default() {
        "anthropic" => Answer::anthropic_error(529, "overloaded_error", OVERLOADED),
        "gemini" => Answer::gemini_error(503, "UNAVAILABLE", OVERLOADED),
        "bedrock-converse" => Answer::bedrock_error(503, "ServiceUnavailableException", OVERLOADED),
        "cohere" => Answer::cohere_error(503, OVERLOADED),
        _ => Answer::openai_error(503, "server_error", "overloaded", OVERLOADED),
    }
}

/// The same inside a stream of server-sent events.
pub(super) fn error_event(dialect: Option<&str>) -> Event {
    let (name, data) = match dialect.unwrap_or_default() {
        "anthropic" => (
            Some("error"),
            json!({"type": "error", "error": {"type": "overloaded_error", "message": OVERLOADED}}),
        ),
        "openai-responses" => (
            Some("error"),
            json!({"type": "error", "sequence_number": 0, "code": "server_error", "message": OVERLOADED, "param": null}),
        ),
        "gemini" => (
            None,
            json!({"error": {"code": 503, "message": OVERLOADED, "status": "UNAVAILABLE"}}),
        ),
        "cohere" => (
            Some("message-end"),
            json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": OVERLOADED}}),
        ),
        _ => (
            None,
            json!({"error": {"message": OVERLOADED, "type": "server_error", "param": null, "code": "overloaded"}}),
        ),
    };
    Event {
        name: name.map(str::to_owned),
        data: data.to_string(),
    }
}

pub(super) fn unknown_event(form: Form) -> Event {
    let name = match form {
        Form::Messages => "brandNewEvent",
        Form::Whole | Form::Sse => "brand_new",
    };
    Event {
        name: Some(name.to_owned()),
        data: json!({"type": name, "brand_new": {"depth": [1, null]}}).to_string(),
    }
}

pub(super) fn add_member(data: &mut String) {
    let Some(value) = object(data) else {
        return;
    };
    let comma = if value.as_object().is_some_and(serde_json::Map::is_empty) {
        ""
    } else {
        ","
    };
    if let Some((head, rest)) = data.split_once('{') {
        *data = format!(r#"{head}{{"brand_new":{{"depth":[1,null]}}{comma}{rest}"#);
    }
}

pub(super) fn break_json(events: &mut [Event], place: f64) {
    let objects: Vec<usize> = (0..events.len())
        .filter(|n| events.get(*n).is_some_and(|e| e.data.starts_with('{')))
        .collect();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in an answer need not be exact"
    )]
    let nth = (objects.len().saturating_sub(1) as f64 * place.clamp(0.0, 1.0)) as usize;
    if let Some(event) = objects.get(nth).and_then(|n| events.get_mut(*n)) {
        event.data.insert(0, '{');
    }
}

/// Gives every tool call the id of the first.
pub(super) fn same_ids(events: &mut Vec<Event>) {
    let mut first = None;
    for event in events {
        if let Some(mut value) = object(&event.data)
            && rename(&mut value, &mut first)
        {
            event.data = value.to_string();
        }
    }
}

/// Whether anything was changed.
fn rename(value: &mut Value, first: &mut Option<String>) -> bool {
    let mut changed = false;
    match value {
        Value::Array(items) => {
            for item in items {
                changed |= rename(item, first);
            }
        }
        Value::Object(members) => {
            let kind = members.get("type").and_then(Value::as_str);
            let member = if members.contains_key("toolUseId") {
                Some("toolUseId")
            } else if members.contains_key("call_id") {
                Some("call_id")
            } else if matches!(kind, Some("function" | "tool_use")) {
                Some("id")
            } else {
                None
            };
            if let Some(Value::String(id)) = member.and_then(|name| members.get_mut(name)) {
                let first = first.get_or_insert_with(|| id.clone());
                changed = id != first;
                id.clone_from(first);
            }
            for member in members.values_mut() {
                changed |= rename(member, first);
            }
        }
        _ => {}
    }
    changed
}

/// Whether a text is a JSON object.
fn object(text: &str) -> Option<Value> {
    serde_json::from_str::<Value>(text)
        .ok()
        .filter(Value::is_object)
}
