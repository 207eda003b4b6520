//! A script as OpenAI's Responses spell it.

use serde_json::{Value, json};

use super::{
    Answer,
    script::{Part, Script, Stop, fragments, words},
};

const ID: &str = "resp_scripted";
const CREATED: u64 = 1_750_000_000;
const REQUEST_ID: (&str, &str) = ("x-request-id", "req_scripted");
/// Opaque to every caller, as the real ones are.
const ENCRYPTED: &str = "gAAAAABzY3JpcHRlZA";

pub(super) fn whole(script: &Script, model: &str) -> Answer {
    let items: Vec<Value> = script
        .parts
        .iter()
        .enumerate()
        .map(|(at, part)| whole_item(script, at, part))
        .collect();
    let body = answer(script, model, status(script), items);
    Answer::json(200, body.to_string()).header(REQUEST_ID.0, REQUEST_ID.1)
}

pub(super) fn stream(script: &Script, model: &str) -> Answer {
    let mut events = Events::default();
    for kind in ["response.created", "response.in_progress"] {
        let response = answer(script, model, "in_progress", Vec::new());
        events.push(kind, json!({"response": response}));
    }
    let mut items = Vec::new();
    for (at, part) in script.parts.iter().enumerate() {
        let item = whole_item(script, at, part);
        events.item(at, part, &item);
        items.push(item);
    }
    let response = answer(script, model, status(script), items);
    let kind = format!("response.{}", status(script));
    events.push(&kind, json!({"response": response}));
    Answer::sse(events.frames).header(REQUEST_ID.0, REQUEST_ID.1)
}

#[derive(Default)]
struct Events {
    frames: Vec<String>,
}

impl Events {
    fn push(&mut self, kind: &str, mut members: Value) {
        members["type"] = kind.into();
        members["sequence_number"] = self.frames.len().into();
        self.frames
            .push(format!("event: {kind}\ndata: {members}\n\n"));
    }

    fn item(&mut self, at: usize, part: &Part, whole: &Value) {
        let id = &whole["id"];
        let begun = match part {
            Part::Text(_) => {
                json!({"id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []})
            }
            Part::Thinking(_) => json!({"id": id, "type": "reasoning", "summary": []}),
            Part::ToolCall { id: call, name, .. } => {
                json!({"id": id, "type": "function_call", "status": "in_progress", "arguments": "", "call_id": call, "name": name})
            }
        };
        self.push(
            "response.output_item.added",
            json!({"output_index": at, "item": begun}),
        );
        let of = |mut more: Value| {
            more["item_id"] = id.clone();
            more["output_index"] = at.into();
            more
        };
        match part {
            Part::Text(text) => {
                let part = |text: &str| json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text});
                self.push(
                    "response.content_part.added",
                    of(json!({"content_index": 0, "part": part("")})),
                );
                for word in words(text) {
                    let delta = json!({"content_index": 0, "delta": word, "logprobs": []});
                    self.push("response.output_text.delta", of(delta));
                }
                let done = json!({"content_index": 0, "text": text, "logprobs": []});
                self.push("response.output_text.done", of(done));
                self.push(
                    "response.content_part.done",
                    of(json!({"content_index": 0, "part": part(text)})),
                );
            }
            Part::Thinking(text) => {
                let part = |text: &str| json!({"type": "summary_text", "text": text});
                self.push(
                    "response.reasoning_summary_part.added",
                    of(json!({"summary_index": 0, "part": part("")})),
                );
                for word in words(text) {
                    let delta = json!({"summary_index": 0, "delta": word});
                    self.push("response.reasoning_summary_text.delta", of(delta));
                }
                self.push(
                    "response.reasoning_summary_text.done",
                    of(json!({"summary_index": 0, "text": text})),
                );
                self.push(
                    "response.reasoning_summary_part.done",
                    of(json!({"summary_index": 0, "part": part(text)})),
                );
            }
            Part::ToolCall { arguments, .. } => {
                for fragment in fragments(arguments) {
                    self.push(
                        "response.function_call_arguments.delta",
                        of(json!({"delta": fragment})),
                    );
                }
                self.push(
                    "response.function_call_arguments.done",
                    of(json!({"arguments": arguments})),
                );
            }
        }
        self.push(
            "response.output_item.done",
            json!({"output_index": at, "item": whole}),
        );
    }
}

fn whole_item(script: &Script, at: usize, part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({
            "id": format!("msg_scripted_{at}"),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": text}],
        }),
        Part::Thinking(text) => json!({
            "id": format!("rs_scripted_{at}"),
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": text}],
            "encrypted_content": script.signature.as_deref().unwrap_or(ENCRYPTED),
        }),
        Part::ToolCall {
            id,
            name,
            arguments,
        } => json!({
            "id": format!("fc_scripted_{at}"),
            "type": "function_call",
            "status": "completed",
            "arguments": arguments,
            "call_id": id,
            "name": name,
        }),
    }
}

fn status(script: &Script) -> &'static str {
    match script.stop {
        Stop::Natural => "completed",
        Stop::Length | Stop::Refusal => "incomplete",
    }
}

fn answer(script: &Script, model: &str, status: &str, output: Vec<Value>) -> Value {
    let reason = match script.stop {
        Stop::Length if status == "incomplete" => json!({"reason": "max_output_tokens"}),
        Stop::Refusal if status == "incomplete" => json!({"reason": "content_filter"}),
        _ => Value::Null,
    };
    let tokens = script.tokens();
    let usage = if status == "in_progress" {
        Value::Null
    } else {
        json!({
            "input_tokens": tokens.input,
            "input_tokens_details": {"cached_tokens": tokens.cached},
            "output_tokens": tokens.output,
            "output_tokens_details": {"reasoning_tokens": tokens.thinking},
            "total_tokens": tokens.input.saturating_add(tokens.output),
        })
    };
    json!({
        "id": script.id_or(ID),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": reason,
        "instructions": null,
        "max_output_tokens": null,
        "model": model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "service_tier": "default",
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "user": null,
        "metadata": {},
    })
}
