//! Why an answer ended, in the vendor's words and ours.

use crate::{
    chat::{Stop, StopReason},
    error::{Error, ErrorKind},
};

/// Reads the vendor's word. `said`: was there any content? Without it, a failed answer is an error: asked again, the model may do
/// better.
pub(super) fn read(word: &str, sequence: Option<&str>, said: bool) -> Result<Stop, Error> {
    let (reason, native) = match word {
        "end_turn" => (StopReason::EndTurn, false),
        "tool_use" => (StopReason::ToolUse, false),
        "max_tokens" => (StopReason::MaxTokens, false),
        "stop_sequence" => (StopReason::StopSequence, false),
        "model_context_window_exceeded" => (StopReason::ContextWindow, false),
        "guardrail_intervened" | "content_filtered" => (StopReason::Refusal, true),
        "malformed_model_output" | "malformed_tool_use" if !said => {
            let message = format!("the vendor's model failed to answer: {word}");
            return Err(Error::new(ErrorKind::Server, message).with_code(word));
        }
        _ => (StopReason::EndTurn, true),
    };
    let mut stop = Stop::new(reason);
    stop.native = native.then(|| word.to_owned());
    stop.sequence = sequence.map(str::to_owned);
    Ok(stop)
}
