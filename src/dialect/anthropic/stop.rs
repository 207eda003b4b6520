//! Why an answer ended, in the vendor's words and ours.

use serde_json::value::RawValue;

use crate::{
    Json,
    chat::{Stop, StopReason},
    json,
};

/// Reads the vendor's word and what belongs to it.
pub(super) fn read(reason: &str, sequence: Option<&str>, details: Option<&RawValue>) -> Stop {
    let (known, native) = match reason {
        "end_turn" => (StopReason::EndTurn, false),
        "max_tokens" => (StopReason::MaxTokens, false),
        "stop_sequence" => (StopReason::StopSequence, false),
        "tool_use" => (StopReason::ToolUse, false),
        "pause_turn" => (StopReason::Pause, false),
        "refusal" => (StopReason::Refusal, false),
        "model_context_window_exceeded" => (StopReason::ContextWindow, false),
        // The vendor summed up the conversation and waits to go on with the summary.
        "compaction" => (StopReason::Pause, true),
        _ => (StopReason::EndTurn, true),
    };
    let mut stop = Stop::new(known);
    stop.sequence = sequence.map(str::to_owned);
    stop.native = native.then(|| reason.to_owned());
    stop.details = details.filter(|d| d.get() != "null").map(Json::from);
    stop
}

/// The words of a refusal, which the vendor keeps beside the content.
pub(super) fn explanation(stop: &Stop) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Details {
        explanation: Option<String>,
    }
    if stop.reason != StopReason::Refusal {
        return None;
    }
    let details: Details = stop.details.as_ref()?.deserialize().ok()?;
    details.explanation.filter(|text| !text.is_empty())
}

/// The vendor's word. `refused`: were there words of a refusal?
pub(super) fn name(stop: &Stop, refused: bool) -> &'static str {
    match stop.reason {
        StopReason::EndTurn if refused => "refusal",
        StopReason::EndTurn => "end_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ContextWindow => "model_context_window_exceeded",
        StopReason::Refusal => "refusal",
        StopReason::Pause if stop.native.as_deref() == Some("compaction") => "compaction",
        StopReason::Pause => "pause_turn",
    }
}

/// `stop_details`, for a refusal only.
pub(super) fn details(stop: &Stop, words: &str) -> Option<Json> {
    if name(stop, !words.is_empty()) != "refusal" {
        return None;
    }
    let own = stop
        .details
        .as_ref()
        .filter(|json| json.is_object() && json.as_str().contains("\"refusal\""));
    Some(own.cloned().unwrap_or_else(|| {
        json::object(|o| {
            o.field("type", "refusal")
                .field("category", &None::<&str>)
                .field("explanation", &Some(words).filter(|w| !w.is_empty()));
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_comes_back() {
        for word in [
            "end_turn",
            "max_tokens",
            "stop_sequence",
            "tool_use",
            "pause_turn",
            "refusal",
            "model_context_window_exceeded",
            "compaction",
        ] {
            assert_eq!(name(&read(word, None, None), false), word);
        }
        let odd = read("tired", None, None);
        assert_eq!(
            (odd.reason, odd.native.as_deref()),
            (StopReason::EndTurn, Some("tired"))
        );
    }
}
