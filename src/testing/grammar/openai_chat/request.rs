//! Requests, as api.openai.com takes them.

use std::collections::HashSet;

use super::{
    super::{
        node::{At, Kind::*, Member, Unique},
        schema,
    },
    call_body,
};

/// Members beside `model` and `messages`.
const MEMBERS: &[Member] = &[
    ("audio", Object),
    ("frequency_penalty", Number),
    ("presence_penalty", Number),
    ("logit_bias", Object),
    ("logprobs", Bool),
    ("top_logprobs", Count),
    ("max_completion_tokens", Count),
    ("max_tokens", Count),
    ("metadata", Object),
    ("modalities", Full),
    ("moderation", Object),
    ("n", Count),
    ("parallel_tool_calls", Bool),
    ("prediction", Object),
    ("prompt_cache_key", Text),
    ("prompt_cache_options", Object),
    ("prompt_cache_retention", Text),
    (
        "reasoning_effort",
        OneOf(&["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    ),
    ("response_format", Object),
    ("safety_identifier", Text),
    ("seed", Number),
    ("service_tier", Text),
    ("stop", Or(&Text, &Full)),
    ("store", Bool),
    ("stream", Bool),
    ("stream_options", Object),
    ("temperature", Number),
    ("top_p", Number),
    (
        "tool_choice",
        Or(&Object, &OneOf(&["none", "auto", "required"])),
    ),
    ("tools", Full),
    ("user", Text),
    ("verbosity", OneOf(&["low", "medium", "high"])),
    ("web_search_options", Object),
];

pub(super) fn check(at: &At<'_>) {
    at.shape(&[("model", Name), ("messages", Full)], MEMBERS);
    if at.has("stream_options") {
        at.must(
            at.value.get("stream") == Some(&true.into()),
            "stream_options without stream",
        );
    }
    if at.has("top_logprobs") {
        at.must(
            at.value.get("logprobs") == Some(&true.into()),
            "top_logprobs without logprobs",
        );
    }
    at.must(at.list("stop").len() <= 4, "more than four stop texts");
    at.must(
        !(at.has("max_tokens") && at.has("max_completion_tokens")),
        "two limits of tokens",
    );
    for (name, most) in [("max_tokens", 1), ("max_completion_tokens", 1)] {
        at.must(
            !at.has(name) || at.count(name) >= most,
            "a limit of no tokens",
        );
    }
    tools(at);
    format(at);
    messages(at);
}

fn tools(at: &At<'_>) {
    let mut names = Unique::default();
    let mut known = HashSet::new();
    for tool in at.list("tools") {
        let body = match tool.text("type") {
            "custom" => {
                tool.shape(&[("type", Name), ("custom", Object)], &[]);
                let body = tool.get("custom");
                if let Some(body) = &body {
                    body.shape(
                        &[("name", Name)],
                        &[("description", Text), ("format", Object)],
                    );
                }
                body
            }
            _ => {
                tool.shape(&[("type", Is("function")), ("function", Object)], &[]);
                let body = tool.get("function");
                if let Some(body) = &body {
                    body.shape(
                        &[("name", Name)],
                        &[
                            ("description", Text),
                            ("parameters", Object),
                            ("strict", Or(&Bool, &Null)),
                        ],
                    );
                    if let Some(schema) = body.get("parameters") {
                        schema::of_arguments(&schema);
                    }
                }
                body
            }
        };
        if let Some(name) = body.and_then(|body| body.get("name")) {
            name.word("_-", 64);
            names.add(&name, name.as_text());
            known.insert(name.as_text());
        }
    }
    if let Some(choice) = at.some("tool_choice") {
        choice.must(!known.is_empty(), "a choice without tools");
        let named = ["function", "custom"]
            .iter()
            .find_map(|kind| choice.get(kind));
        if let Some(named) = named {
            named.must(known.contains(named.text("name")), "a tool nobody declared");
        }
    }
    at.must(
        !at.has("parallel_tool_calls") || !known.is_empty(),
        "parallel_tool_calls without tools",
    );
}

fn format(at: &At<'_>) {
    let Some(format) = at.some("response_format") else {
        return;
    };
    match format.text("type") {
        "json_schema" => {
            format.shape(&[("type", Name), ("json_schema", Object)], &[]);
            if let Some(inner) = format.get("json_schema") {
                inner.shape(
                    &[("name", Name)],
                    &[
                        ("schema", Object),
                        ("description", Text),
                        ("strict", Or(&Bool, &Null)),
                    ],
                );
                if let Some(name) = inner.get("name") {
                    name.word("_-", 64);
                }
            }
        }
        _ => format.shape(&[("type", OneOf(&["text", "json_object"]))], &[]),
    }
}

fn messages(at: &At<'_>) {
    let mut ids = Unique::default();
    // Calls that wait for their results.
    let mut open: Vec<&str> = Vec::new();
    for message in at.list("messages") {
        let role = message.text("role");
        if role != "tool" && !open.is_empty() {
            message.say(format!("the calls {open:?} have no results before it"));
            open.clear();
        }
        match role {
            "system" | "developer" => {
                message.shape(
                    &[("role", Name), ("content", Or(&Text, &Full))],
                    &[("name", Text)],
                );
                parts(&message, &["text"]);
            }
            "user" => {
                message.shape(
                    &[("role", Name), ("content", Or(&Text, &Full))],
                    &[("name", Text)],
                );
                parts(&message, &["text", "image_url", "input_audio", "file"]);
            }
            "assistant" => {
                message.shape(
                    &[("role", Name)],
                    &[
                        ("content", Or(&Null, &Or(&Text, &Full))),
                        ("refusal", Or(&Text, &Null)),
                        ("tool_calls", Full),
                        ("audio", Or(&Object, &Null)),
                        ("name", Text),
                    ],
                );
                parts(&message, &["text", "refusal"]);
                let calls = message.list("tool_calls");
                message.must(
                    ["content", "refusal", "tool_calls", "audio"]
                        .iter()
                        .any(|n| message.has(n)),
                    "says nothing",
                );
                for call in calls {
                    check_call(&call);
                    ids.add(&call, call.text("id"));
                    open.push(call.text("id"));
                }
            }
            "tool" => {
                message.shape(
                    &[
                        ("role", Name),
                        ("content", Or(&Text, &Full)),
                        ("tool_call_id", Name),
                    ],
                    &[],
                );
                parts(&message, &["text"]);
                let id = message.text("tool_call_id");
                match open.iter().position(|call| *call == id) {
                    Some(at) => drop(open.remove(at)),
                    None => message.say(format!("no call `{id}` waits for it")),
                }
            }
            other => message.say(format!("nobody is called `{other}`")),
        }
    }
    at.must(open.is_empty(), "the last calls have no results");
}

fn check_call(at: &At<'_>) {
    at.shape(
        &[("id", Name), ("type", OneOf(&["function", "custom"]))],
        &[("function", Object), ("custom", Object)],
    );
    if let Some(id) = at.get("id") {
        id.must(
            id.as_text().chars().count() <= 40,
            "is longer than 40 characters",
        );
    }
    match call_body(at) {
        Some((body, text)) => {
            body.shape(&[("name", Name), (text, Text)], &[]);
            if let Some(name) = body.get("name") {
                name.word("_-", 64);
            }
        }
        None => at.say("neither a function nor a custom call"),
    }
}

fn parts(message: &At<'_>, kinds: &[&str]) {
    for part in message.list("content") {
        let kind = part.text("type");
        if !kinds.contains(&kind) {
            part.say(format!("a part `{kind}` is not taken here"));
            continue;
        }
        match kind {
            "text" => part.shape(
                &[("type", Name), ("text", Name)],
                &[("prompt_cache_breakpoint", Object)],
            ),
            "refusal" => part.shape(&[("type", Name), ("refusal", Text)], &[]),
            "image_url" => {
                part.shape(
                    &[("type", Name), ("image_url", Object)],
                    &[("prompt_cache_breakpoint", Object)],
                );
                if let Some(url) = part.get("image_url") {
                    url.shape(&[("url", Name)], &[("detail", Text)]);
                }
            }
            "input_audio" => {
                part.shape(
                    &[("type", Name), ("input_audio", Object)],
                    &[("prompt_cache_breakpoint", Object)],
                );
                if let Some(audio) = part.get("input_audio") {
                    audio.shape(&[("data", Name), ("format", OneOf(&["wav", "mp3"]))], &[]);
                }
            }
            _ => {
                part.shape(
                    &[("type", Name), ("file", Object)],
                    &[("prompt_cache_breakpoint", Object)],
                );
                if let Some(file) = part.get("file") {
                    file.shape(
                        &[],
                        &[("file_data", Name), ("file_id", Name), ("filename", Name)],
                    );
                }
            }
        }
    }
}
