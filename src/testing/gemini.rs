//! A script as Google's Gemini spells it.

use super::{
    Answer,
    script::{Part, Script, Stop, Tokens, quote, words},
};

const ID: &str = "scripted";
/// Opaque to every caller, as the real ones are.
const SIGNATURE: &str = "c2NyaXB0ZWQgc2lnbmF0dXJl";

pub(super) fn error(code: u16, status: &str, message: &str) -> Answer {
    let (status, message) = (quote(status), quote(message));
    let body = format!(r#"{{"error":{{"code":{code},"message":{message},"status":{status}}}}}"#);
    Answer::json(code, body)
}

pub(super) fn whole(script: &Script, model: &str) -> Answer {
    let mut signed = false;
    let parts: Vec<String> = script
        .parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => spoken(text),
            Part::Thinking(text) => thought(text),
            Part::ToolCall {
                id,
                name,
                arguments,
            } => call(
                script,
                id,
                name,
                arguments,
                std::mem::replace(&mut signed, true),
            ),
        })
        .collect();
    Answer::json(200, chunk(script, model, &parts.join(","), true))
}

pub(super) fn stream(script: &Script, model: &str) -> Answer {
    let mut signed = false;
    let mut frames = Vec::new();
    for part in &script.parts {
        match part {
            Part::Text(text) => frames.extend(words(text).iter().map(|word| spoken(word))),
            Part::Thinking(text) => frames.extend(words(text).iter().map(|word| thought(word))),
            Part::ToolCall {
                id,
                name,
                arguments,
            } => frames.push(call(
                script,
                id,
                name,
                arguments,
                std::mem::replace(&mut signed, true),
            )),
        }
    }
    let mut frames: Vec<String> = frames
        .iter()
        .map(|part| chunk(script, model, part, false))
        .collect();
    // The last frame of the real vendor holds an empty text.
    frames.push(chunk(script, model, &spoken(""), true));
    Answer::sse(
        frames
            .into_iter()
            .map(|frame| format!("data: {frame}\r\n\r\n")),
    )
}

fn spoken(text: &str) -> String {
    format!(r#"{{"text":{}}}"#, quote(text))
}

fn thought(text: &str) -> String {
    format!(r#"{{"text":{},"thought":true}}"#, quote(text))
}

/// Only the first call of a turn is signed.
fn call(script: &Script, id: &str, name: &str, arguments: &str, signed: bool) -> String {
    let args = match serde_json::from_str::<serde_json::Value>(arguments) {
        Ok(value) if value.is_object() => arguments,
        _ => "{}",
    };
    let id = if id.is_empty() {
        String::new()
    } else {
        format!(r#""id":{},"#, quote(id))
    };
    let proof = if signed {
        String::new()
    } else {
        format!(r#","thoughtSignature":{}"#, script.signature_or(SIGNATURE))
    };
    format!(
        r#"{{"functionCall":{{{id}"name":{},"args":{args}}}{proof}}}"#,
        quote(name)
    )
}

fn chunk(script: &Script, model: &str, parts: &str, last: bool) -> String {
    let finish = match script.stop {
        _ if !last => String::new(),
        Stop::Natural => r#""finishReason":"STOP","#.to_owned(),
        Stop::Length => r#""finishReason":"MAX_TOKENS","#.to_owned(),
        Stop::Refusal => r#""finishReason":"SAFETY","#.to_owned(),
    };
    format!(
        r#"{{"candidates":[{{"content":{{"parts":[{parts}],"role":"model"}},{finish}"index":0}}],"usageMetadata":{},"modelVersion":{},"responseId":{}}}"#,
        usage(&script.tokens(), last),
        quote(model),
        quote(script.id_or(ID))
    )
}

fn usage(tokens: &Tokens, last: bool) -> String {
    let input = tokens.input;
    if !last {
        return format!(r#"{{"promptTokenCount":{input},"totalTokenCount":{input}}}"#);
    }
    let mut members = vec![format!(r#""promptTokenCount":{input}"#)];
    for (name, count) in [
        ("cachedContentTokenCount", tokens.cached),
        ("candidatesTokenCount", tokens.output - tokens.thinking),
        ("thoughtsTokenCount", tokens.thinking),
    ] {
        if count > 0 {
            members.push(format!(r#""{name}":{count}"#));
        }
    }
    let total = input.saturating_add(tokens.output);
    members.push(format!(r#""totalTokenCount":{total}"#));
    format!("{{{}}}", members.join(","))
}
