//! What the demo vendor says to a conversation, in either dialect.
//!
//! A missing member of a `Value` reads as null, so indexing by name cannot fail here.

use serde_json::{Value, json};

use super::{Script, script::words};

/// The reply to a chat request, with usage that fits the request.
pub(super) fn reply(body: &Value, model: &str) -> Script {
    let script = say(body, model);
    let output = script.tokens().output;
    script.usage(input_tokens(body), output)
}

/// Four bytes to a token, over everything a model would read.
pub(super) fn input_tokens(body: &Value) -> u64 {
    let bytes: usize = ["system", "instructions", "messages", "tools"]
        .iter()
        .filter(|name| !body[**name].is_null())
        .map(|name| body[*name].to_string().len())
        .sum();
    bytes.div_ceil(4) as u64
}

fn say(body: &Value, model: &str) -> Script {
    let last = body["messages"]
        .as_array()
        .and_then(|messages| messages.last())
        .unwrap_or(&Value::Null);
    let said = text_of(&last["content"]);
    let limit = ["max_completion_tokens", "max_output_tokens", "max_tokens"]
        .iter()
        .find_map(|name| body[*name].as_u64())
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX);

    if let Some(result) = tool_result(last) {
        return limited(format!("The tool answered: {result}"), limit);
    }
    if let Some(tool) = wanted_tool(body, &said) {
        let name = tool_name(tool);
        let schema = [&tool["function"]["parameters"], &tool["input_schema"]]
            .into_iter()
            .find(|schema| schema.is_object())
            .unwrap_or(&tool["parameters"]);
        let id = format!(
            "call_demo_{}",
            body["messages"].as_array().map_or(0, Vec::len)
        );
        return Script::new()
            .text(format!("I will ask the tool {name}."))
            .tool_call(id, name, example(schema, 4).to_string());
    }
    limited(
        format!(
            "Hello from {model}, a demo model that costs nothing. You said: \u{201c}{said}\u{201d}"
        ),
        limit,
    )
}

fn limited(text: String, limit: usize) -> Script {
    let pieces = words(&text);
    if pieces.len() <= limit {
        return Script::new().text(text);
    }
    let kept: String = pieces.into_iter().take(limit).collect();
    Script::new().text(kept).stop_length()
}

/// The text of a content: a string, or parts of which some are text.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// The result, if a message brings one back: a `tool` message, or a `tool_result` block.
fn tool_result(message: &Value) -> Option<String> {
    if message["role"] == "tool" {
        return Some(text_of(&message["content"]));
    }
    let block = message["content"]
        .as_array()?
        .iter()
        .find(|block| block["type"] == "tool_result")?;
    Some(text_of(&block["content"]))
}

/// The tool that is forced, or else the first one the user names.
fn wanted_tool<'a>(body: &'a Value, said: &str) -> Option<&'a Value> {
    let choice = &body["tool_choice"];
    if choice == "none" || choice["type"] == "none" {
        return None;
    }
    let tools = body["tools"].as_array()?;
    let forced = choice["function"]["name"]
        .as_str()
        .or_else(|| choice["name"].as_str());
    let is_named = |tool: &&Value| match forced {
        Some(forced) => tool_name(tool) == forced,
        None => !tool_name(tool).is_empty() && said.contains(tool_name(tool)),
    };
    let any = choice == "required" || choice["type"] == "any";
    tools
        .iter()
        .find(is_named)
        .or_else(|| if any { tools.first() } else { None })
}

fn tool_name(tool: &Value) -> &str {
    tool["function"]["name"]
        .as_str()
        .or_else(|| tool["name"].as_str())
        .unwrap_or_default()
}

/// A value that fits a simple JSON schema. `depth` bounds the nesting.
fn example(schema: &Value, depth: usize) -> Value {
    if let Some(choices) = schema["enum"].as_array() {
        return choices.first().cloned().unwrap_or(Value::Null);
    }
    match schema["type"].as_str() {
        Some("string") => json!("demo"),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some("array") => json!([]),
        _ if depth == 0 => json!({}),
        _ => schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, property)| (name.clone(), example(property, depth - 1)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
