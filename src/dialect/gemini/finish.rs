//! Why an answer ended, in the vendor's words and ours.

use crate::chat::{Stop, StopReason};

/// What the vendor's word means.
#[derive(Debug, PartialEq)]
pub(super) enum Finish {
    Stop(Stop),
    /// The model produced something that is no answer.
    Failed(&'static str),
}

/// Words that mean a filter said no.
const FILTERED: &[&str] = &[
    "SAFETY",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "RECITATION",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
    "ESCALATION",
];

/// Words that mean that no usable answer was made.
const FAILED: &[&str] = &[
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MALFORMED_RESPONSE",
    "MISSING_THOUGHT_SIGNATURE",
];

/// The words by their number, which some proxies send.
const NUMBERED: &[&str] = &[
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
];

/// Reads the JSON of a `finishReason`, a word or its number.
pub(super) fn read(json: &str) -> Finish {
    let word = json.trim_matches('"');
    let word = word
        .parse()
        .ok()
        .and_then(|number: usize| NUMBERED.get(number).copied())
        .unwrap_or(word);
    if let Some(word) = FAILED.iter().find(|failed| **failed == word) {
        return Finish::Failed(word);
    }
    let (reason, native) = match word {
        "STOP" => (StopReason::EndTurn, false),
        "MAX_TOKENS" => (StopReason::MaxTokens, false),
        "SAFETY" => (StopReason::Refusal, false),
        "CONTINUATION" => (StopReason::Pause, false),
        _ if FILTERED.contains(&word) => (StopReason::Refusal, true),
        _ => (StopReason::EndTurn, true),
    };
    let mut stop = Stop::new(reason);
    stop.native = native.then(|| word.to_owned());
    Finish::Stop(stop)
}

/// The vendor's word.
pub(super) fn word(stop: &Stop) -> &str {
    let own = stop.native.as_deref().filter(|word| {
        FILTERED.contains(word)
            || FAILED.contains(word)
            || matches!(*word, "LANGUAGE" | "OTHER" | "IMAGE_OTHER" | "NO_IMAGE")
    });
    match stop.reason {
        StopReason::EndTurn => own.unwrap_or("STOP"),
        StopReason::StopSequence | StopReason::ToolUse | StopReason::Pause => "STOP",
        StopReason::MaxTokens | StopReason::ContextWindow => "MAX_TOKENS",
        StopReason::Refusal => own.unwrap_or("SAFETY"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_table() {
        for (json, reason, back) in [
            ("\"STOP\"", StopReason::EndTurn, "STOP"),
            ("1", StopReason::EndTurn, "STOP"),
            ("\"MAX_TOKENS\"", StopReason::MaxTokens, "MAX_TOKENS"),
            ("2", StopReason::MaxTokens, "MAX_TOKENS"),
            ("\"SAFETY\"", StopReason::Refusal, "SAFETY"),
            ("\"MODEL_ARMOR\"", StopReason::Refusal, "MODEL_ARMOR"),
            ("\"RECITATION\"", StopReason::Refusal, "RECITATION"),
            ("\"LANGUAGE\"", StopReason::EndTurn, "LANGUAGE"),
            ("\"CONTINUATION\"", StopReason::Pause, "STOP"),
            ("\"NEWER_THAN_THIS\"", StopReason::EndTurn, "STOP"),
        ] {
            let Finish::Stop(stop) = read(json) else {
                panic!("{json}");
            };
            assert_eq!((stop.reason, word(&stop)), (reason, back), "{json}");
        }
        for word in FAILED {
            assert_eq!(read(word), Finish::Failed(word));
        }
    }
}
