//! Where in the caller's body something of the canonical conversation stands.
//!
//! Encoders know the canonical conversation only and name its places: `messages[1].content[0]`, `stop`, `reasoning`. A caller has
//! other words for them, and some dialects number messages otherwise. A place that cannot be told exactly is told by what it is in.

use serde_json::Value;

use crate::chat::{ChatRequest, Content, Role};

/// The places of one body.
pub(super) struct Places<'c> {
    front: &'c str,
    body: Value,
    chat: &'c ChatRequest,
    /// By message: its place, and those of its parts, as far as they can be told.
    messages: Vec<Message>,
}

#[derive(Default)]
struct Message {
    path: String,
    parts: Vec<String>,
}

/// What a member of the canonical conversation is called elsewhere, the likeliest name first.
const NAMES: &[(&str, &[&str])] = &[
    (
        "reasoning_effort",
        &[
            "reasoning_effort",
            "reasoning.effort",
            "reasoning",
            "output_config.effort",
            "thinking",
            "generationConfig.thinkingConfig",
            "generation_config.thinking_config",
            "enable_thinking",
            "thinking_budget",
        ],
    ),
    (
        "reasoning.budget",
        &[
            "thinking.budget_tokens",
            "reasoning.max_tokens",
            "thinking_budget",
            "generationConfig.thinkingConfig.thinkingBudget",
            "generation_config.thinking_config.thinking_budget",
        ],
    ),
    (
        "response_format.name",
        &["response_format.json_schema.name", "text.format.name"],
    ),
    (
        "response_format.description",
        &[
            "response_format.json_schema.description",
            "text.format.description",
        ],
    ),
    (
        "max_tokens",
        &[
            "max_completion_tokens",
            "max_tokens",
            "max_output_tokens",
            "generationConfig.maxOutputTokens",
            "generation_config.max_output_tokens",
        ],
    ),
    (
        "stop",
        &[
            "stop",
            "stop_sequences",
            "generationConfig.stopSequences",
            "generation_config.stop_sequences",
        ],
    ),
    ("user", &["user", "safety_identifier", "metadata.user_id"]),
    (
        "response_format.schema",
        &[
            "response_format.json_schema.schema",
            "response_format.schema",
            "text.format.schema",
            "output_config.format.schema",
            "output_format.schema",
            "generationConfig.responseJsonSchema",
            "generationConfig.responseSchema",
            "generation_config.response_json_schema",
            "generation_config.response_schema",
        ],
    ),
    (
        "response_format",
        &[
            "response_format",
            "text.format",
            "output_config.format",
            "output_format",
            "generationConfig.responseJsonSchema",
            "generationConfig.responseSchema",
            "generationConfig.responseMimeType",
            "generation_config",
        ],
    ),
    (
        "parallel_tool_calls",
        &[
            "parallel_tool_calls",
            "tool_choice.disable_parallel_tool_use",
        ],
    ),
    ("n", &["n", "generationConfig.candidateCount"]),
    (
        "tool_choice",
        &[
            "tool_choice",
            "function_call",
            "toolConfig.functionCallingConfig",
            "tool_config.function_calling_config",
        ],
    ),
    (
        "logprobs",
        &["logprobs", "include", "generationConfig.responseLogprobs"],
    ),
    (
        "top_logprobs",
        &["top_logprobs", "generationConfig.logprobs", "logprobs"],
    ),
    ("service_tier", &["service_tier", "serviceTier"]),
    ("top_p", &["top_p", "generationConfig.topP"]),
    ("top_k", &["top_k", "generationConfig.topK"]),
    ("seed", &["seed", "generationConfig.seed"]),
    (
        "temperature",
        &["temperature", "generationConfig.temperature"],
    ),
    (
        "presence_penalty",
        &["presence_penalty", "generationConfig.presencePenalty"],
    ),
    (
        "frequency_penalty",
        &["frequency_penalty", "generationConfig.frequencyPenalty"],
    ),
];

/// What a member of a part is called elsewhere.
const MEMBERS: &[(&str, &[&str])] = &[
    (
        ".title",
        &[
            ".file.filename",
            ".filename",
            ".document_name",
            ".inlineData.displayName",
            ".inline_data.display_name",
        ],
    ),
    (".detail", &[".image_url.detail"]),
    (".citations", &[".annotations"]),
    (
        ".arguments",
        &[
            ".function.arguments",
            ".custom.input",
            ".input",
            ".functionCall.args",
        ],
    ),
    (".cache_control", &[".prompt_cache_breakpoint"]),
];

impl<'c> Places<'c> {
    pub(super) fn of(front: &'c str, body: &[u8], chat: &'c ChatRequest) -> Self {
        let body = serde_json::from_slice(body).unwrap_or_default();
        let messages = match front {
            "openai-chat" => openai_chat(&body, chat),
            "anthropic" => turns(&body, chat, &["system"], "messages", "content", is_result),
            "gemini" => turns(
                &body,
                chat,
                &["systemInstruction", "system_instruction"],
                "contents",
                "parts",
                is_response,
            ),
            "openai-responses" => responses(&body, chat),
            "openai-completions" => vec![whole("prompt", "prompt", &Value::Null)],
            _ => Vec::new(),
        };
        Self {
            front,
            body,
            chat,
            messages,
        }
    }

    /// The caller's path for a canonical one.
    pub(super) fn find(&self, path: &str) -> String {
        if self.body.is_null() {
            return path.to_owned();
        }
        if let Some(found) = self.message(path).or_else(|| self.tool(path)) {
            return found;
        }
        if path == "system[0]" {
            return self.find("messages[0].content[0]");
        }
        if path == "user" && self.front == "openai-responses" && self.exists("safety_identifier") {
            return "safety_identifier".to_owned();
        }
        // Wherever the thinking is asked for.
        let asked = self.chat.reasoning.as_ref();
        let by_budget = asked.is_some_and(|r| r.effort.is_none() && r.budget.is_some());
        let wanted = match path {
            "reasoning" | "reasoning_effort" if by_budget => "reasoning.budget",
            "reasoning" | "reasoning.effort" => "reasoning_effort",
            path => path,
        };
        for (canonical, names) in NAMES {
            let Some(rest) = below(wanted, canonical) else {
                continue;
            };
            if let Some(name) = names.iter().find(|name| self.exists(name)) {
                return format!("{name}{rest}");
            }
        }
        path.to_owned()
    }

    fn message(&self, path: &str) -> Option<String> {
        let (index, rest) = indexed(path, "messages")?;
        let message = self.messages.get(index)?;
        let Some((part, tail)) = rest
            .strip_prefix('.')
            .and_then(|rest| indexed(rest, "content"))
        else {
            return Some(match rest {
                "" | ".content" => message.path.clone(),
                rest => format!("{}{rest}", message.path),
            });
        };
        Some(match message.parts.get(part) {
            Some(part) => self.inside(part, tail),
            None => message.path.clone(),
        })
    }

    /// A member of a part, by the caller's name for it.
    fn inside(&self, part: &str, tail: &str) -> String {
        let known = MEMBERS.iter().find(|(canonical, _)| *canonical == tail);
        let names = known.map_or(&[][..], |(_, names)| names);
        std::iter::once(&tail)
            .chain(names)
            .map(|name| format!("{part}{name}"))
            .find(|path| self.exists(path))
            .unwrap_or_else(|| part.to_owned())
    }

    fn tool(&self, path: &str) -> Option<String> {
        let (index, rest) = indexed(path, "tools")?;
        let tool = self.chat.tools.get(index)?;
        let at = match self.front {
            "gemini" => self.named(
                &tool.name,
                &["functionDeclarations", "function_declarations"],
            ),
            "openai-responses" => self.named(&tool.name, &["tools"]),
            _ => None,
        }
        .unwrap_or_else(|| format!("tools[{index}]"));
        if !self.exists(&at) {
            return Some("tools".to_owned());
        }
        let Some(member) = rest.strip_prefix('.') else {
            return Some(at);
        };
        let nested = ["", ".function", ".custom"]
            .into_iter()
            .map(|inner| format!("{at}{inner}.{member}"))
            .find(|path| self.exists(path));
        // A keyword of the schema is told by its tool.
        Some(nested.unwrap_or(at))
    }

    /// The tool of this name, in a list of `lists` inside the tools or among the tools themselves.
    fn named(&self, name: &str, lists: &[&str]) -> Option<String> {
        let is_it = |tool: &Value| {
            let own = tool.get("name").or_else(|| tool.get("type"));
            own.and_then(Value::as_str) == Some(name)
                || (tool.get("name").is_none() && tool.get(name).is_some())
        };
        for (i, entry) in self.body.get("tools")?.as_array()?.iter().enumerate() {
            for list in lists {
                let Some(tools) = entry.get(*list).and_then(Value::as_array) else {
                    continue;
                };
                let found = tools.iter().position(|tool| {
                    is_it(tool)
                        || tool
                            .get("name")
                            .and_then(Value::as_str)
                            .is_some_and(|own| name.ends_with(own))
                });
                if let Some(j) = found {
                    return Some(format!("tools[{i}].{list}[{j}]"));
                }
            }
            if is_it(entry) {
                return Some(format!("tools[{i}]"));
            }
        }
        None
    }

    fn exists(&self, path: &str) -> bool {
        look_up(&self.body, path).is_some()
    }
}

/// `path` without `whole`, if it is that or inside of it.
fn below<'p>(path: &'p str, whole: &str) -> Option<&'p str> {
    path.strip_prefix(whole)
        .filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// `name[3].rest` → `(3, ".rest")`.
fn indexed<'p>(path: &'p str, name: &str) -> Option<(usize, &'p str)> {
    let (index, rest) = path
        .strip_prefix(name)?
        .strip_prefix('[')?
        .split_once(']')?;
    Some((index.parse().ok()?, rest))
}

fn look_up<'v>(body: &'v Value, path: &str) -> Option<&'v Value> {
    let mut at = body;
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        at = match step.strip_suffix(']') {
            Some(index) => at.get(index.parse::<usize>().ok()?)?,
            None => at.get(step)?,
        };
    }
    Some(at).filter(|value| !value.is_null())
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Messages as they stand; of an assistant's, the parts are in several members.
fn openai_chat(body: &Value, chat: &ChatRequest) -> Vec<Message> {
    let there = items(body, "messages").iter().enumerate();
    there
        .zip(&chat.messages)
        .map(|((i, given), read)| {
            let path = format!("messages[{i}]");
            let (mut texts, mut calls) = (0, 0);
            let parts = read.content.iter().map(|part| match part {
                Content::ToolCall(_) => {
                    calls += 1;
                    format!("{path}.tool_calls[{}]", calls - 1)
                }
                Content::Thinking(_) | Content::ToolResult(_) => path.clone(),
                Content::Other { .. } if read.role == Role::Assistant => path.clone(),
                Content::Refusal(_) if given.get("refusal").is_some_and(|r| !r.is_null()) => {
                    format!("{path}.refusal")
                }
                _ if given.get("content").is_some_and(Value::is_array) => {
                    texts += 1;
                    format!("{path}.content[{}]", texts - 1)
                }
                _ => format!("{path}.content"),
            });
            let mut parts: Vec<String> = parts.collect();
            if read.role == Role::Assistant && given.get("tool_calls").is_none() && calls > 0 {
                parts.iter_mut().for_each(|part| part.clone_from(&path));
            }
            Message { path, parts }
        })
        .collect()
}

/// Turns of parts, of which results have become messages of their own before the rest.
fn turns(
    body: &Value,
    chat: &ChatRequest,
    system: &[&str],
    list: &str,
    parts: &str,
    is_result: fn(&Value) -> bool,
) -> Vec<Message> {
    let mut out = Vec::new();
    if chat
        .messages
        .first()
        .is_some_and(|m| m.role == Role::System)
        && let Some(name) = system.iter().find(|name| body.get(**name).is_some())
    {
        let inner = body.get(*name).and_then(|system| system.get(parts));
        let (list, path) = match inner {
            Some(inner) => (inner, format!("{name}.{parts}")),
            None => (body.get(*name).unwrap_or(&Value::Null), (*name).to_owned()),
        };
        out.push(whole(name, &path, list));
    }
    for (i, turn) in items(body, list).iter().enumerate() {
        let path = format!("{list}[{i}]");
        let content = turn.get(parts).unwrap_or(&Value::Null);
        let at = format!("{path}.{parts}");
        let given = content.as_array().map_or(&[][..], Vec::as_slice);
        let (results, rest): (Vec<_>, Vec<_>) = given
            .iter()
            .enumerate()
            .map(|(j, part)| (is_result(part), format!("{at}[{j}]")))
            .partition(|(result, _)| *result);
        let strip = |list: Vec<(bool, String)>| list.into_iter().map(|(_, path)| path).collect();
        match (results.is_empty(), rest.is_empty()) {
            (true, _) => out.push(whole(&path, &at, content)),
            (false, only) => {
                out.push(Message {
                    path: path.clone(),
                    parts: strip(results),
                });
                if !only {
                    out.push(Message {
                        path,
                        parts: strip(rest),
                    });
                }
            }
        }
    }
    // Parts that were read as one, or not at all, leave the others without a number to go by; so do signatures, which are read as
    // thoughts of their own.
    for (message, read) in out.iter_mut().zip(&chat.messages) {
        let signed = look_up(body, &message.path)
            .is_some_and(|turn| items(turn, parts).iter().any(is_signed));
        if signed || message.parts.len() != read.content.len() {
            message.parts.clear();
        }
    }
    out
}

fn whole(path: &str, at: &str, content: &Value) -> Message {
    Message {
        path: path.to_owned(),
        parts: match content.as_array() {
            Some(list) => (0..list.len()).map(|j| format!("{at}[{j}]")).collect(),
            None => vec![at.to_owned()],
        },
    }
}

fn is_result(part: &Value) -> bool {
    part.get("type").and_then(Value::as_str) == Some("tool_result")
}

fn is_response(part: &Value) -> bool {
    part.get("functionResponse").is_some() || part.get("function_response").is_some()
}

/// A signature beside anything but a thought.
fn is_signed(part: &Value) -> bool {
    let has = |name: &str| part.get(name).is_some();
    !has("thought") && (has("thoughtSignature") || has("thought_signature"))
}

/// Items, of which those of the same speaker in a row have become one message.
fn responses(body: &Value, chat: &ChatRequest) -> Vec<Message> {
    let mut out: Vec<(Role, Message)> = Vec::new();
    let instructions = body.get("instructions").and_then(Value::as_str);
    if instructions.is_some_and(|text| !text.is_empty()) {
        out.push((
            Role::System,
            whole("instructions", "instructions", &Value::Null),
        ));
    }
    if body.get("input").is_some_and(Value::is_string) {
        out.push((Role::User, whole("input", "input", &Value::Null)));
    }
    for (i, item) in items(body, "input").iter().enumerate() {
        let path = format!("input[{i}]");
        let kind = item
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("message");
        let role = item.get("role").and_then(Value::as_str);
        let (role, joins, message) = match (kind, role) {
            ("additional_tools", _) => continue,
            ("message", role) => {
                let content = item.get("content").unwrap_or(&Value::Null);
                let message = whole(&path, &format!("{path}.content"), content);
                match role {
                    Some("assistant") => (Role::Assistant, true, message),
                    Some("user") => (Role::User, false, message),
                    _ => (Role::System, false, message),
                }
            }
            ("function_call_output" | "custom_tool_call_output", _) => {
                (Role::Tool, true, whole(&path, &path, &Value::Null))
            }
            _ => (Role::Assistant, true, whole(&path, &path, &Value::Null)),
        };
        match out.last_mut() {
            Some((last, there)) if joins && *last == role => {
                // It is of several items: only their list holds them all.
                there.path = "input".to_owned();
                there.parts.extend(message.parts);
            }
            _ => out.push((role, message)),
        }
    }
    let mut out: Vec<Message> = out.into_iter().map(|(_, message)| message).collect();
    for (message, read) in out.iter_mut().zip(&chat.messages) {
        if message.parts.len() != read.content.len() {
            message.parts.clear();
        }
    }
    out
}
