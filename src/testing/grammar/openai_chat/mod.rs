//! Chat Completions of OpenAI.

mod reply;
mod request;
mod stream;

use super::{
    Grammar, Told,
    node::{At, Kind::*, Member},
};

pub(super) const GRAMMAR: Grammar = Grammar {
    dialect: "openai-chat",
    request: request::check,
    told: Some(Told {
        reply: reply::check,
        stream: stream::check,
    }),
};

const FINISHES: &[&str] = &[
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "function_call",
];

/// Reasoning, images and sources, as the vendors of the field add them to messages and deltas.
const ADDED: &[Member] = &[
    ("reasoning_content", Or(&Text, &Null)),
    ("reasoning_details", List),
    ("images", List),
    ("annotations", List),
    ("extra_content", Object),
];

pub(super) fn usage(at: &At<'_>) {
    const DETAILS: &[Member] = &[
        ("cached_tokens", Count),
        ("cache_write_tokens", Count),
        ("audio_tokens", Count),
        ("image_tokens", Count),
        ("text_tokens", Count),
        ("reasoning_tokens", Count),
        ("accepted_prediction_tokens", Count),
        ("rejected_prediction_tokens", Count),
    ];
    at.shape(
        &[
            ("prompt_tokens", Count),
            ("completion_tokens", Count),
            ("total_tokens", Count),
        ],
        &[
            ("prompt_tokens_details", Object),
            ("completion_tokens_details", Object),
        ],
    );
    let (prompt, completion) = (at.count("prompt_tokens"), at.count("completion_tokens"));
    at.must(
        prompt.checked_add(completion) == Some(at.count("total_tokens")),
        "total_tokens is not the sum",
    );
    if let Some(details) = at.get("prompt_tokens_details") {
        details.shape(&[], DETAILS);
        let parts = details
            .count("cached_tokens")
            .saturating_add(details.count("cache_write_tokens"));
        details.must(parts <= prompt, "a part is more than the whole");
    }
    if let Some(details) = at.get("completion_tokens_details") {
        details.shape(&[], DETAILS);
        let part = details.count("reasoning_tokens");
        details.must(part <= completion, "a part is more than the whole");
    }
}

/// An object that reports a failure.
pub(super) fn error(at: &At<'_>) {
    at.open_shape(&[("message", Name)], &[("type", Or(&Text, &Null))]);
}

/// The member of a call with its name and text, by the call's type.
fn call_body<'a>(call: &At<'a>) -> Option<(At<'a>, &'static str)> {
    match call.text("type") {
        "custom" => Some((call.get("custom")?, "input")),
        _ => Some((call.get("function")?, "arguments")),
    }
}
