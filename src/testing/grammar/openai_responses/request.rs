//! Requests, as api.openai.com takes them.

use std::collections::HashSet;

use super::super::{
    node::{At, Kind::*, Unique},
    schema,
};

pub(super) fn check(at: &At<'_>) {
    at.shape(
        &[("model", Name), ("input", Or(&Name, &Full))],
        &[
            ("instructions", Or(&Text, &Null)),
            ("max_output_tokens", Count),
            ("max_tool_calls", Count),
            ("metadata", Or(&Object, &Null)),
            ("parallel_tool_calls", Bool),
            ("previous_response_id", Text),
            ("conversation", Any),
            ("prompt", Object),
            ("prompt_cache_key", Text),
            ("prompt_cache_options", Object),
            ("prompt_cache_retention", Text),
            ("reasoning", Or(&Object, &Null)),
            ("text", Object),
            ("tools", List),
            (
                "tool_choice",
                Or(&Object, &OneOf(&["none", "auto", "required"])),
            ),
            ("include", List),
            ("store", Bool),
            ("stream", Bool),
            ("stream_options", Object),
            ("temperature", Number),
            ("top_p", Number),
            ("top_logprobs", Count),
            ("truncation", OneOf(&["auto", "disabled"])),
            ("background", Bool),
            ("context_management", List),
            ("service_tier", Text),
            ("safety_identifier", Text),
            ("user", Text),
            ("moderation", Object),
            ("image", Object),
            ("access_programs", Object),
            ("client_metadata", Object),
        ],
    );
    if at.has("max_output_tokens") {
        at.must(at.count("max_output_tokens") >= 16, "fewer than 16 tokens");
    }
    if let Some(format) = at.get("text").and_then(|text| text.get("format")) {
        match format.text("type") {
            "json_schema" => {
                format.shape(
                    &[("type", Name), ("name", Name), ("schema", Object)],
                    &[("description", Text), ("strict", Or(&Bool, &Null))],
                );
                if let Some(name) = format.get("name") {
                    name.word("_-", 64);
                }
            }
            _ => format.shape(&[("type", OneOf(&["text", "json_object"]))], &[]),
        }
    }
    tools(at);
    items(at);
}

fn tools(at: &At<'_>) {
    let mut names = Unique::default();
    let mut known = HashSet::new();
    for tool in at.list("tools") {
        match tool.text("type") {
            "function" => {
                tool.shape(
                    &[
                        ("type", Name),
                        ("name", Name),
                        ("parameters", Or(&Object, &Null)),
                        ("strict", Or(&Bool, &Null)),
                    ],
                    &[
                        ("description", Text),
                        ("defer_loading", Bool),
                        ("output_schema", Object),
                        ("allowed_callers", List),
                    ],
                );
                if let Some(parameters) = tool.some("parameters") {
                    schema::of_arguments(&parameters);
                }
            }
            "custom" => tool.shape(
                &[("type", Name), ("name", Name)],
                &[("description", Text), ("format", Object)],
            ),
            // The vendor's own.
            _ => continue,
        }
        if let Some(name) = tool.get("name") {
            name.word("_-", 128);
            names.add(&name, name.as_text());
            known.insert(name.as_text());
        }
    }
    if let Some(choice) = at.some("tool_choice") {
        choice.must(!at.list("tools").is_empty(), "a choice without tools");
        if matches!(choice.text("type"), "function" | "custom") {
            choice.shape(&[("type", Name), ("name", Name)], &[]);
            choice.must(
                known.contains(choice.text("name")),
                "a tool nobody declared",
            );
        }
    }
}

fn items(at: &At<'_>) {
    let (mut ids, mut calls) = (Unique::default(), Unique::default());
    let mut open: Vec<&str> = Vec::new();
    for item in at.list("input") {
        let kind = item.text("type");
        let id = item.text("id");
        if !id.is_empty() && kind != "item_reference" {
            ids.add(&item, id);
        }
        match kind {
            "" | "message" => message(&item),
            "function_call" | "custom_tool_call" => {
                let text = if kind == "function_call" {
                    "arguments"
                } else {
                    "input"
                };
                item.shape(
                    &[
                        ("type", Name),
                        ("call_id", Name),
                        ("name", Name),
                        (text, Text),
                    ],
                    &[
                        ("id", Name),
                        ("status", Name),
                        ("namespace", Name),
                        ("caller", Object),
                    ],
                );
                let prefix = if text == "input" { "ctc" } else { "fc" };
                item.must(
                    id.is_empty() || id.starts_with(prefix),
                    "its id has another prefix",
                );
                short(&item);
                calls.add(&item, item.text("call_id"));
                open.push(item.text("call_id"));
            }
            "function_call_output" | "custom_tool_call_output" => {
                item.shape(
                    &[
                        ("type", Name),
                        ("call_id", Name),
                        ("output", Or(&Text, &Full)),
                    ],
                    &[("id", Name), ("status", Name)],
                );
                for part in item.list("output") {
                    input_part(&part);
                }
                short(&item);
                let id = item.text("call_id");
                match open.iter().position(|call| *call == id) {
                    Some(at) => drop(open.remove(at)),
                    None => item.say(format!("no call `{id}` waits for it")),
                }
            }
            "reasoning" => {
                item.shape(
                    &[("type", Name), ("summary", List)],
                    &[
                        ("id", Name),
                        ("encrypted_content", Name),
                        ("status", Or(&Text, &Null)),
                        ("content", List),
                    ],
                );
                let kept = at.value.get("store") != Some(&false.into());
                item.must(
                    item.has("encrypted_content") || (kept && !id.is_empty()),
                    "reasoning that nobody can read",
                );
                item.must(item.list("content").is_empty(), "reasoning in plain text");
            }
            // The vendor's own.
            _ => {}
        }
    }
    at.must(open.is_empty(), "calls have no results");
}

fn short(at: &At<'_>) {
    at.must(
        at.text("call_id").chars().count() <= 64,
        "call_id is longer than 64 characters",
    );
}

fn message(at: &At<'_>) {
    at.shape(
        &[
            ("role", OneOf(&["user", "assistant", "system", "developer"])),
            ("content", Or(&Text, &Full)),
        ],
        &[
            ("type", Is("message")),
            ("id", Name),
            ("status", Text),
            ("phase", Or(&Text, &Null)),
        ],
    );
    for part in at.list("content") {
        match (at.text("role"), part.text("type")) {
            ("assistant", "output_text") => part.shape(
                &[("type", Name), ("text", Text)],
                &[("annotations", List), ("logprobs", List)],
            ),
            ("assistant", "refusal") => part.shape(&[("type", Name), ("refusal", Text)], &[]),
            ("assistant", other) => part.say(format!("a part `{other}` is not taken here")),
            _ => input_part(&part),
        }
    }
}

fn input_part(at: &At<'_>) {
    const CACHE: (&str, super::super::node::Kind) = ("prompt_cache_breakpoint", Object);
    match at.text("type") {
        "input_text" => at.shape(&[("type", Name), ("text", Text)], &[CACHE]),
        "input_image" => {
            at.shape(
                &[("type", Name)],
                &[
                    ("image_url", Name),
                    ("file_id", Name),
                    ("detail", Text),
                    CACHE,
                ],
            );
            at.must(at.has("image_url") != at.has("file_id"), "not one source");
        }
        "input_file" => {
            at.shape(
                &[("type", Name)],
                &[
                    ("file_data", Name),
                    ("file_id", Name),
                    ("file_url", Name),
                    ("filename", Name),
                    ("detail", Text),
                    CACHE,
                ],
            );
            let sources = ["file_data", "file_id", "file_url"];
            let held = sources.iter().filter(|name| at.has(name)).count();
            at.must(held == 1, "not one source");
        }
        "input_audio" => at.shape(&[("type", Name), ("input_audio", Object)], &[CACHE]),
        other => at.say(format!("a part `{other}` is not taken here")),
    }
}
