//! Messages of Anthropic.

mod block;
mod reply;
mod request;
mod stream;

use super::{
    Grammar, Told,
    node::{At, Kind::*},
};

pub(super) const GRAMMAR: Grammar = Grammar {
    dialect: "anthropic",
    request: request::check,
    told: Some(Told {
        reply: reply::check,
        stream: stream::check,
    }),
};

const STOPS: &[&str] = &[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
];

/// `complete`: is it the one that clients rely on?
fn usage(at: &At<'_>, complete: bool) {
    let counts = [("input_tokens", Count), ("output_tokens", Count)];
    let (required, optional) = if complete {
        (&counts[..], &[][..])
    } else {
        (&counts[1..], &counts[..1])
    };
    at.open_shape(required, optional);
    at.shape(
        &[],
        &[
            ("input_tokens", Or(&Count, &Null)),
            ("output_tokens", Count),
            ("cache_creation_input_tokens", Or(&Count, &Null)),
            ("cache_read_input_tokens", Or(&Count, &Null)),
            ("cache_creation", Or(&Object, &Null)),
            ("output_tokens_details", Or(&Object, &Null)),
            ("server_tool_use", Or(&Object, &Null)),
            ("service_tier", Or(&Text, &Null)),
            ("inference_geo", Or(&Text, &Null)),
            ("speed", Or(&Text, &Null)),
            ("iterations", Or(&List, &Null)),
        ],
    );
    if let Some(split) = at.some("cache_creation") {
        let sum = split
            .count("ephemeral_5m_input_tokens")
            .checked_add(split.count("ephemeral_1h_input_tokens"));
        split.must(
            sum == Some(at.count("cache_creation_input_tokens")),
            "the parts are not the whole",
        );
    }
    if let Some(details) = at.some("output_tokens_details") {
        details.must(
            details.count("thinking_tokens") <= at.count("output_tokens"),
            "a part is more than the whole",
        );
    }
}

/// Why it ended, and what belongs to that.
fn stop(at: &At<'_>, called: Option<bool>) {
    at.open_shape(
        &[
            ("stop_reason", OneOf(STOPS)),
            ("stop_sequence", Or(&Text, &Null)),
        ],
        &[("stop_details", Or(&Object, &Null))],
    );
    let reason = at.text("stop_reason");
    at.must(
        (reason == "stop_sequence") == at.has("stop_sequence"),
        "stop_reason and stop_sequence contradict each other",
    );
    match (reason, called) {
        ("tool_use", Some(false)) => at.say("stop_reason is `tool_use`, but nothing is called"),
        ("end_turn", Some(true)) => at.say("stop_reason is `end_turn`, but a tool is called"),
        _ => {}
    }
}

fn error(at: &At<'_>) {
    at.shape(
        &[("type", Is("error")), ("error", Object)],
        &[("request_id", Or(&Text, &Null))],
    );
    if let Some(inner) = at.get("error") {
        inner.open_shape(&[("type", Name), ("message", Name)], &[]);
    }
}
