//! Why an answer ended, in OpenAI's words and in everybody else's.

use crate::{
    chat::{Stop, StopReason},
    error::{Error, ErrorKind},
};

/// What a `finish_reason` means; nothing if it is empty.
///
/// # Errors
/// If it says that the answer failed.
pub(super) fn read(word: &str) -> Result<Option<Stop>, Error> {
    let reason = match word.to_ascii_lowercase().as_str() {
        "" => return Ok(None),
        "stop" | "eos" | "eos_token" | "end_turn" | "complete" => StopReason::EndTurn,
        "stop_sequence" => StopReason::StopSequence,
        "tool_calls" | "tool_call" | "function_call" | "function_calls" | "tool_use" => {
            StopReason::ToolUse
        }
        "length" | "max_tokens" | "model_length" | "max_output_tokens" => StopReason::MaxTokens,
        "model_context_window_exceeded" => StopReason::ContextWindow,
        "content_filter" | "content_filtered" | "sensitive" | "safety" | "refusal"
        | "error_toxic" => StopReason::Refusal,
        "pause_turn" => StopReason::Pause,
        "error" | "network_error" | "insufficient_system_resource" => {
            return Err(Error::new(
                ErrorKind::Server,
                format!("the vendor ended the answer with `{word}`"),
            ));
        }
        _ => {
            return Ok(Some(Stop {
                native: Some(word.to_owned()),
                ..Stop::default()
            }));
        }
    };
    Ok(Some(Stop::new(reason)))
}

/// The `finish_reason` that OpenAI's clients know.
pub(in crate::dialect) fn word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::EndTurn | StopReason::StopSequence => "stop",
        StopReason::ToolUse => "tool_calls",
        // A paused turn is not done either: "length" is the only word for it that clients know.
        StopReason::MaxTokens | StopReason::ContextWindow | StopReason::Pause => "length",
        StopReason::Refusal => "content_filter",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_all_vendors() {
        use StopReason as R;
        for (word, reason) in [
            ("stop", R::EndTurn),
            ("STOP", R::EndTurn),
            ("eos", R::EndTurn),
            ("function_call", R::ToolUse),
            ("model_length", R::MaxTokens),
            ("model_context_window_exceeded", R::ContextWindow),
            ("sensitive", R::Refusal),
        ] {
            assert_eq!(read(word).unwrap().unwrap(), Stop::new(reason), "{word}");
        }
        assert!(read("").unwrap().is_none());
        let unknown = read("eclipse").unwrap().unwrap();
        assert_eq!(unknown.native.as_deref(), Some("eclipse"));
    }

    #[test]
    fn a_failed_generation_never_looks_like_a_stop() {
        for word in ["error", "network_error", "insufficient_system_resource"] {
            assert_eq!(read(word).unwrap_err().kind(), ErrorKind::Server, "{word}");
        }
    }
}
