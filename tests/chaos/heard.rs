//! What an answer says, read from each front's own JSON, whole or in events. It is read here anew, apart from the crate's decoders.

use bytes::Bytes;
use serde_json::Value;
use trunkline::wire::SseSplitter;

use crate::{ask::Front, said::Said};

/// The events of a stream, by name and data.
pub struct Event {
    pub name: Option<String>,
    pub data: Value,
}

/// The events before the end. `[DONE]` is none.
pub fn events(body: &[u8]) -> Result<Vec<Event>, String> {
    let mut splitter = SseSplitter::new();
    splitter.push(Bytes::copy_from_slice(body));
    let mut events = Vec::new();
    while let Some(frame) = splitter.next_frame().map_err(|error| error.to_string())? {
        if !frame.has_data() || frame.data() == "[DONE]" {
            continue;
        }
        let data = serde_json::from_slice(frame.data())
            .map_err(|error| format!("an event is no JSON ({error}): {:?}", frame.data()))?;
        events.push(Event {
            name: frame.name().map(str::to_owned),
            data,
        });
    }
    Ok(events)
}

/// The items of a JSON list, which may have been cut.
pub fn items(body: &[u8], cut: bool) -> Result<Vec<Value>, String> {
    let mut body = body.to_vec();
    if cut {
        body.push(b']');
    }
    serde_json::from_slice(&body).map_err(|error| {
        let text = String::from_utf8_lossy(&body);
        format!("the list is no JSON ({error}): {text}")
    })
}

/// Does this event tell of a failure?
pub fn is_error(front: Front, data: &Value) -> bool {
    match front {
        Front::Chat | Front::Gemini => data["error"].is_object(),
        Front::Messages => data["type"] == "error",
        Front::Responses => matches!(data["type"].as_str(), Some("error" | "response.failed")),
    }
}

/// What a whole answer says.
pub fn whole(front: Front, body: &Value) -> Said {
    let mut said = Said::default();
    match front {
        Front::Chat => {
            let message = &body["choices"][0]["message"];
            said.text = string(&message["content"]);
            for call in list(&message["tool_calls"]) {
                let function = &call["function"];
                said.called(&function["name"], parsed(&function["arguments"]));
            }
            said.usage = counts(&body["usage"], &["prompt_tokens"], &["completion_tokens"]);
        }
        Front::Responses => {
            for item in list(&body["output"]) {
                match item["type"].as_str() {
                    Some("message") => {
                        for part in list(&item["content"]) {
                            said.text += &string(&part["text"]);
                        }
                    }
                    Some("function_call") => {
                        said.called(&item["name"], parsed(&item["arguments"]));
                    }
                    _ => {}
                }
            }
            said.usage = counts(&body["usage"], &["input_tokens"], &["output_tokens"]);
        }
        Front::Messages => {
            for block in list(&body["content"]) {
                match block["type"].as_str() {
                    Some("text") => said.text += &string(&block["text"]),
                    Some("tool_use") => said.called(&block["name"], block["input"].clone()),
                    _ => {}
                }
            }
            said.usage = anthropic_counts(&body["usage"]);
        }
        Front::Gemini => said.gemini(body),
    }
    said
}

/// What a stream says.
pub fn stream(front: Front, events: &[Value]) -> Said {
    let mut said = Said::default();
    // The text of calls that come in pieces, by where they stand.
    let mut pieces: Vec<(u64, Value, String)> = Vec::new();
    for event in events {
        match front {
            Front::Chat => {
                let delta = &event["choices"][0]["delta"];
                said.text += &string(&delta["content"]);
                for call in list(&delta["tool_calls"]) {
                    let at = call["index"].as_u64().unwrap_or_default();
                    let function = &call["function"];
                    if !pieces.iter().any(|(known, ..)| *known == at) {
                        pieces.push((at, function["name"].clone(), String::new()));
                    }
                    for (_, _, text) in pieces.iter_mut().filter(|(known, ..)| *known == at) {
                        text.push_str(&string(&function["arguments"]));
                    }
                }
                let usage = counts(&event["usage"], &["prompt_tokens"], &["completion_tokens"]);
                said.usage = usage.or(said.usage);
            }
            Front::Responses => match event["type"].as_str() {
                Some("response.output_text.delta") => said.text += &string(&event["delta"]),
                Some("response.completed" | "response.incomplete") => {
                    let all = whole(front, &event["response"]);
                    if all.text != said.text {
                        said.text += "\n…but in the end: ";
                        said.text += &all.text;
                    }
                    (said.calls, said.usage) = (all.calls, all.usage);
                }
                _ => {}
            },
            Front::Messages => {
                let at = event["index"].as_u64().unwrap_or_default();
                match event["type"].as_str() {
                    Some("message_start") => {
                        said.usage = anthropic_counts(&event["message"]["usage"])
                    }
                    Some("content_block_start") if event["content_block"]["type"] == "tool_use" => {
                        pieces.push((at, event["content_block"]["name"].clone(), String::new()));
                    }
                    Some("content_block_delta") => {
                        let delta = &event["delta"];
                        said.text += &string(&delta["text"]);
                        for (_, _, text) in pieces.iter_mut().filter(|(known, ..)| *known == at) {
                            text.push_str(&string(&delta["partial_json"]));
                        }
                    }
                    Some("message_delta") => {
                        let output = event["usage"]["output_tokens"].as_u64();
                        let input = anthropic_counts(&event["usage"]).map(|(input, _)| input);
                        let (before, so_far) = said.usage.unwrap_or_default();
                        let input = match event["usage"]["input_tokens"].is_u64() {
                            true => input.unwrap_or(before),
                            false => before,
                        };
                        said.usage = Some((input, output.unwrap_or(so_far)));
                    }
                    _ => {}
                }
            }
            Front::Gemini => said.gemini(event),
        }
    }
    for (_, name, text) in pieces {
        said.called(&name, parsed(&Value::from(text)));
    }
    said
}

impl Said {
    fn called(&mut self, name: &Value, arguments: Value) {
        self.calls.push((string(name), arguments));
    }

    fn gemini(&mut self, body: &Value) {
        for part in list(&body["candidates"][0]["content"]["parts"]) {
            if part["thought"] == true {
                continue;
            }
            self.text += &string(&part["text"]);
            if part["functionCall"].is_object() {
                let call = &part["functionCall"];
                self.called(&call["name"], call["args"].clone());
            }
        }
        let usage = counts(
            &body["usageMetadata"],
            &["promptTokenCount"],
            &["candidatesTokenCount", "thoughtsTokenCount"],
        );
        self.usage = usage.or(self.usage);
    }
}

/// Sums of members; none if the first of them is not there.
fn counts(usage: &Value, input: &[&str], output: &[&str]) -> Option<(u64, u64)> {
    let sum =
        |names: &[&str]| -> u64 { names.iter().filter_map(|name| usage[*name].as_u64()).sum() };
    usage[input[0]].as_u64()?;
    Some((sum(input), sum(output)))
}

fn anthropic_counts(usage: &Value) -> Option<(u64, u64)> {
    let input = [
        "input_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
    ];
    counts(usage, &input, &["output_tokens"])
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Arguments, which some dialects write as text.
fn parsed(text: &Value) -> Value {
    let text = text.as_str().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(format!("no JSON: {text}")))
}
