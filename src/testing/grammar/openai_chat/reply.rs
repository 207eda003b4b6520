//! Whole answers.

use super::{
    super::node::{At, Kind::*, Unique},
    ADDED, FINISHES, call_body, usage,
};

pub(super) fn check(at: &At<'_>) {
    at.shape(
        &[
            ("id", Name),
            ("object", Is("chat.completion")),
            ("created", Count),
            ("model", Name),
            ("choices", Full),
        ],
        &[
            ("usage", Or(&Object, &Null)),
            ("service_tier", Or(&Text, &Null)),
            ("system_fingerprint", Or(&Text, &Null)),
            ("metadata", Or(&Object, &Null)),
            ("moderation", Or(&Object, &Null)),
            ("citations", List),
        ],
    );
    if let Some(counts) = at.some("usage") {
        usage(&counts);
    }
    for (number, choice) in at.list("choices").iter().enumerate() {
        choice.shape(
            &[
                ("index", Count),
                ("message", Object),
                ("finish_reason", OneOf(FINISHES)),
                ("logprobs", Or(&Object, &Null)),
            ],
            // What the vendor itself said.
            &[("stop_reason", Text), ("native_finish_reason", Text)],
        );
        choice.equals("index", &number.into(), "of its place");
        if let Some(message) = choice.get("message") {
            check_message(&message, choice.text("finish_reason"));
        }
    }
}

fn check_message(at: &At<'_>, finish: &str) {
    let mut optional = vec![
        ("audio", Or(&Object, &Null)),
        ("tool_calls", Full),
        ("function_call", Object),
    ];
    optional.extend_from_slice(ADDED);
    at.shape(
        &[
            ("role", Is("assistant")),
            ("content", Or(&Text, &Null)),
            ("refusal", Or(&Text, &Null)),
        ],
        &optional,
    );
    let mut ids = Unique::default();
    let calls = at.list("tool_calls");
    for call in &calls {
        ids.add(call, call.text("id"));
        call.shape(
            &[("id", Name), ("type", OneOf(&["function", "custom"]))],
            &[
                ("function", Object),
                ("custom", Object),
                ("extra_content", Object),
            ],
        );
        match call_body(call) {
            Some((body, text)) => body.shape(&[("name", Name), (text, Text)], &[]),
            None => call.say("neither a function nor a custom call"),
        }
    }
    finished(at, finish, !calls.is_empty());
}

/// A turn that calls says so, unless it was cut or filtered.
pub(super) fn finished(at: &At<'_>, finish: &str, called: bool) {
    match finish {
        "tool_calls" => at.must(
            called,
            "finish_reason is `tool_calls`, but nothing is called",
        ),
        "stop" => at.must(!called, "finish_reason is `stop`, but a tool is called"),
        _ => {}
    }
}
