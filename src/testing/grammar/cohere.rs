//! Requests of Cohere's Chat, version 2. Nobody is served in this dialect.

use super::{
    Grammar,
    node::{At, Kind::*, Unique},
    schema,
};

pub(super) const GRAMMAR: Grammar = Grammar {
    dialect: "cohere",
    request,
    told: None,
};

fn request(at: &At<'_>) {
    at.shape(
        &[("model", Name), ("messages", Full)],
        &[
            ("stream", Bool),
            ("tools", Full),
            ("strict_tools", Bool),
            ("tool_choice", OneOf(&["REQUIRED", "NONE"])),
            ("documents", List),
            ("citation_options", Object),
            ("response_format", Object),
            ("safety_mode", OneOf(&["CONTEXTUAL", "STRICT", "OFF"])),
            ("max_tokens", Count),
            ("stop_sequences", List),
            ("temperature", Number),
            ("seed", Number),
            ("frequency_penalty", Number),
            ("presence_penalty", Number),
            ("k", Count),
            ("p", Number),
            ("logprobs", Bool),
            ("thinking", Object),
            ("priority", Count),
        ],
    );
    for name in ["temperature", "frequency_penalty", "presence_penalty"] {
        if let Some(number) = at.get(name) {
            let within = number
                .value
                .as_f64()
                .is_some_and(|n| (0.0..=1.0).contains(&n));
            number.must(within, "is not within 0 and 1");
        }
    }
    at.must(
        at.list("stop_sequences").len() <= 5,
        "more than five texts to stop at",
    );
    for text in at.list("stop_sequences") {
        text.is(Name);
    }
    if let Some(format) = at.some("response_format") {
        format.shape(
            &[("type", OneOf(&["text", "json_object"]))],
            &[("json_schema", Object)],
        );
        format.must(!at.has("tools"), "a format beside tools");
    }
    if let Some(thinking) = at.some("thinking") {
        thinking.shape(
            &[("type", OneOf(&["enabled", "disabled"]))],
            &[("token_budget", Count)],
        );
    }
    tools(at);
    messages(at);
}

fn tools(at: &At<'_>) {
    at.must(
        !at.has("tool_choice") || at.has("tools"),
        "a choice without tools",
    );
    let mut names = Unique::default();
    for tool in at.list("tools") {
        tool.shape(&[("type", Is("function")), ("function", Object)], &[]);
        let Some(function) = tool.get("function") else {
            continue;
        };
        function.shape(
            &[("name", Name), ("parameters", Object)],
            &[("description", Text)],
        );
        if let Some(name) = function.get("name") {
            name.word("_-", 64);
            names.add(&name, name.as_text());
        }
        if let Some(parameters) = function.get("parameters") {
            schema::of_arguments(&parameters);
        }
    }
}

fn messages(at: &At<'_>) {
    let mut ids = Unique::default();
    // All calls so far that have no result.
    let mut open: Vec<&str> = Vec::new();
    for message in at.list("messages") {
        match message.text("role") {
            "assistant" => {
                message.shape(
                    &[("role", Name)],
                    &[
                        ("content", Or(&Or(&Text, &List), &Null)),
                        ("tool_plan", Or(&Text, &Null)),
                        ("tool_calls", List),
                        ("citations", List),
                    ],
                );
                message.must(
                    message.has("content") || message.has("tool_calls"),
                    "neither words nor calls",
                );
                for call in message.list("tool_calls") {
                    self::call(&call);
                    ids.add(&call, call.text("id"));
                    open.push(call.text("id"));
                }
            }
            "tool" => {
                message.shape(
                    &[
                        ("role", Name),
                        ("tool_call_id", Name),
                        ("content", Or(&Text, &Full)),
                    ],
                    &[],
                );
                let id = message.text("tool_call_id");
                match open.iter().position(|known| *known == id) {
                    Some(at) => drop(open.swap_remove(at)),
                    None => message.say(format!("no call `{id}` waits for it")),
                }
            }
            _ => message.shape(
                &[
                    ("role", OneOf(&["system", "user"])),
                    ("content", Or(&Text, &Full)),
                ],
                &[],
            ),
        }
        for part in message.list("content") {
            self::part(&part, message.text("role"));
        }
    }
}

fn call(at: &At<'_>) {
    at.shape(
        &[("id", Name), ("type", Is("function")), ("function", Object)],
        &[],
    );
    if let Some(function) = at.get("function") {
        function.shape(&[("name", Name), ("arguments", Text)], &[]);
    }
}

fn part(at: &At<'_>, role: &str) {
    match (at.text("type"), role) {
        ("text", _) => at.shape(&[("type", Name), ("text", Text)], &[]),
        ("image_url", "user") => {
            at.shape(&[("type", Name), ("image_url", Object)], &[]);
            if let Some(image) = at.get("image_url") {
                image.shape(&[("url", Name)], &[("detail", Text)]);
            }
        }
        ("thinking", "assistant") => at.shape(&[("type", Name), ("thinking", Text)], &[]),
        ("document", "tool") => at.shape(&[("type", Name), ("document", Object)], &[]),
        (other, role) => at.say(format!("a part `{other}` of {role}")),
    }
}
