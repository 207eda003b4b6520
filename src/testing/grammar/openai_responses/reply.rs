//! Whole answers.

use super::{
    super::node::{At, Kind::*, Unique},
    item, usage,
};

pub(super) fn check(at: &At<'_>) {
    head(at);
    let status = at.text("status");
    at.must(
        matches!(status, "completed" | "incomplete" | "failed"),
        "the answer is not at its end",
    );
    match status {
        "completed" => at.must(
            !at.has("incomplete_details") && !at.has("error"),
            "completed, and yet it is not",
        ),
        "incomplete" => at.must(
            at.has("incomplete_details"),
            "incomplete, and nobody says why",
        ),
        "failed" => at.must(at.has("error"), "failed, and nobody says why"),
        _ => {}
    }
}

/// What an answer holds at any time.
pub(super) fn head(at: &At<'_>) {
    at.shape(
        &[
            ("id", Name),
            ("object", Is("response")),
            ("created_at", Count),
            (
                "status",
                OneOf(&[
                    "completed",
                    "failed",
                    "in_progress",
                    "cancelled",
                    "queued",
                    "incomplete",
                ]),
            ),
            ("error", Or(&Object, &Null)),
            ("incomplete_details", Or(&Object, &Null)),
            ("instructions", Any),
            ("model", Text),
            ("output", List),
            ("parallel_tool_calls", Bool),
            ("tool_choice", Or(&Text, &Object)),
            ("tools", List),
            ("temperature", Or(&Number, &Null)),
            ("top_p", Or(&Number, &Null)),
            ("metadata", Or(&Object, &Null)),
        ],
        &[
            ("background", Or(&Bool, &Null)),
            ("completed_at", Or(&Count, &Null)),
            ("conversation", Or(&Object, &Null)),
            ("max_output_tokens", Or(&Count, &Null)),
            ("max_tool_calls", Or(&Count, &Null)),
            ("previous_response_id", Or(&Text, &Null)),
            ("prompt", Or(&Object, &Null)),
            ("prompt_cache_key", Or(&Text, &Null)),
            ("reasoning", Or(&Object, &Null)),
            ("safety_identifier", Or(&Text, &Null)),
            ("service_tier", Or(&Text, &Null)),
            ("store", Bool),
            ("text", Object),
            ("top_logprobs", Or(&Count, &Null)),
            ("truncation", Or(&Text, &Null)),
            ("usage", Or(&Object, &Null)),
            ("user", Or(&Text, &Null)),
        ],
    );
    // Of a failure before the first event no more is known.
    at.must(
        !at.text("model").is_empty() || at.text("status") == "failed",
        "`model` is empty",
    );
    at.must(
        at.text("id").starts_with("resp_"),
        "its id does not begin with `resp_`",
    );
    let (mut ids, mut calls) = (Unique::default(), Unique::default());
    for output in at.list("output") {
        item::check(&output);
        ids.add(&output, output.text("id"));
        if matches!(output.text("type"), "function_call" | "custom_tool_call") {
            calls.add(&output, output.text("call_id"));
        }
        output.must(
            output.text("status") != "in_progress",
            "an item of the output is not done",
        );
    }
    if let Some(why) = at.some("incomplete_details") {
        why.shape(
            &[(
                "reason",
                OneOf(&[
                    "max_output_tokens",
                    "max_messages",
                    "content_filter",
                    "steered",
                ]),
            )],
            &[],
        );
    }
    if let Some(error) = at.some("error") {
        error.open_shape(&[("code", Name), ("message", Name)], &[]);
    }
    if let Some(counts) = at.some("usage") {
        usage(&counts);
    }
}
