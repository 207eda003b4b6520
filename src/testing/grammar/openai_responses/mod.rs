//! Responses of OpenAI.

mod item;
mod reply;
mod request;
mod stream;

use super::{
    Grammar, Told,
    node::{At, Kind::*},
};

pub(super) const GRAMMAR: Grammar = Grammar {
    dialect: "openai-responses",
    request: request::check,
    told: Some(Told {
        reply: reply::check,
        stream: stream::check,
    }),
};

fn usage(at: &At<'_>) {
    at.shape(
        &[
            ("input_tokens", Count),
            ("input_tokens_details", Object),
            ("output_tokens", Count),
            ("output_tokens_details", Object),
            ("total_tokens", Count),
        ],
        &[],
    );
    let (input, output) = (at.count("input_tokens"), at.count("output_tokens"));
    at.must(
        input.checked_add(output) == Some(at.count("total_tokens")),
        "total_tokens is not the sum",
    );
    if let Some(details) = at.get("input_tokens_details") {
        details.open_shape(
            &[("cached_tokens", Count)],
            &[("cache_write_tokens", Count)],
        );
        details.must(
            details.count("cached_tokens") <= input,
            "a part is more than the whole",
        );
    }
    if let Some(details) = at.get("output_tokens_details") {
        details.open_shape(&[("reasoning_tokens", Count)], &[]);
        details.must(
            details.count("reasoning_tokens") <= output,
            "a part is more than the whole",
        );
    }
}
