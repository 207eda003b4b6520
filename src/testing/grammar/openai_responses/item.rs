//! Items of an answer.

use super::super::node::{At, Kind::*};

const STATUSES: &[&str] = &["in_progress", "completed", "incomplete"];

/// Checks an item of the output. Those of hosted tools are left to their vendor.
pub(super) fn check(at: &At<'_>) {
    at.open_shape(&[("type", Name), ("id", Name)], &[]);
    let prefix = match at.text("type") {
        "message" => {
            at.shape(
                &[
                    ("id", Name),
                    ("type", Name),
                    ("status", OneOf(STATUSES)),
                    ("role", Is("assistant")),
                    ("content", List),
                ],
                &[("phase", Or(&Text, &Null))],
            );
            for part in at.list("content") {
                check_part(&part);
            }
            "msg"
        }
        "function_call" => {
            call(at, "arguments");
            "fc"
        }
        "custom_tool_call" => {
            call(at, "input");
            "ctc"
        }
        "reasoning" => {
            at.shape(
                &[("id", Name), ("type", Name), ("summary", List)],
                &[
                    ("content", Or(&List, &Null)),
                    ("encrypted_content", Or(&Name, &Null)),
                    ("status", Or(&OneOf(STATUSES), &Null)),
                ],
            );
            for part in at.list("summary") {
                part.shape(&[("type", Is("summary_text")), ("text", Text)], &[]);
            }
            "rs"
        }
        _ => return,
    };
    at.must(
        at.text("id").starts_with(prefix),
        &format!("its id does not begin with `{prefix}`"),
    );
}

fn call(at: &At<'_>, text: &'static str) {
    at.shape(
        &[
            ("id", Name),
            ("type", Name),
            ("status", OneOf(STATUSES)),
            ("call_id", Name),
            ("name", Name),
            (text, Text),
        ],
        &[("namespace", Name), ("caller", Object)],
    );
    at.must(
        at.text("call_id").chars().count() <= 64,
        "call_id is longer than 64 characters",
    );
}

pub(super) fn check_part(at: &At<'_>) {
    match at.text("type") {
        "output_text" => at.shape(
            &[("type", Name), ("text", Text), ("annotations", List)],
            &[("logprobs", List)],
        ),
        "refusal" => at.shape(&[("type", Name), ("refusal", Text)], &[]),
        "reasoning_text" => at.shape(&[("type", Name), ("text", Text)], &[]),
        other => at.say(format!("no part is called `{other}`")),
    }
}
