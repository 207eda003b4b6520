//! Whole answers.

use super::{
    super::node::{At, Kind::*, Unique},
    block::{self, Place},
    stop, usage,
};

pub(super) fn check(at: &At<'_>) {
    head(at);
    let mut ids = Unique::default();
    let content = at.list("content");
    for part in &content {
        block::check(part, Place::Answer, &mut ids);
    }
    let called = content.iter().any(|part| part.text("type") == "tool_use");
    stop(at, Some(called));
    if let Some(counts) = at.get("usage") {
        usage(&counts, true);
    }
}

/// What a message holds, whole or at its begin.
pub(super) fn head(at: &At<'_>) {
    at.shape(
        &[
            ("id", Name),
            ("type", Is("message")),
            ("role", Is("assistant")),
            ("model", Name),
            ("content", List),
            ("stop_reason", Any),
            ("stop_sequence", Any),
            ("usage", Object),
        ],
        &[
            ("stop_details", Or(&Object, &Null)),
            ("container", Or(&Object, &Null)),
            ("context_management", Or(&Object, &Null)),
            ("diagnostics", Or(&Object, &Null)),
            ("input_transformations", Or(&List, &Null)),
        ],
    );
}
