//! What the model answers, whole.

use super::{Content, Usage};
use crate::{Extra, Json};

/// One whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ChatResponse {
    /// The vendor's id for it.
    pub id: String,
    /// The model that answered, as the vendor names it.
    pub model: String,
    /// When, in seconds since 1970, if the vendor says.
    pub created: Option<u64>,
    /// The answer's parts, in order.
    pub content: Vec<Content>,
    /// Why it ended.
    pub stop: Stop,
    /// What it cost, if the vendor says.
    pub usage: Option<Usage>,
    /// Log probabilities, in OpenAI's shape.
    pub logprobs: Option<Json>,
    /// The tier that really served it.
    pub service_tier: Option<String>,
    /// What has no field here.
    pub extra: Extra,
}

impl ChatResponse {
    /// All text parts, joined.
    pub fn text(&self) -> String {
        self.content.iter().filter_map(Content::as_text).collect()
    }

    /// Vendors give one id to several calls. Results name a call by nothing else: a later one gets an id of its own.
    pub(crate) fn set_calls_apart(&mut self) {
        let mut taken: Vec<String> = Vec::new();
        for content in &mut self.content {
            let Content::ToolCall(call) = content else {
                continue;
            };
            if taken.contains(&call.id) {
                let own = (2..).map(|n: u32| format!("{}_{n}", call.id));
                let free = own.into_iter().find(|id| !taken.contains(id));
                call.id = free.unwrap_or_default();
            }
            taken.push(call.id.clone());
        }
    }

    /// Does the answer call a tool?
    pub fn calls_tools(&self) -> bool {
        self.content
            .iter()
            .any(|part| matches!(part, Content::ToolCall(_)))
    }
}

/// Why an answer ended, with what belongs to it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stop {
    /// Why.
    pub reason: StopReason,
    /// The stop text that was hit.
    pub sequence: Option<String>,
    /// The vendor's own word, where [`StopReason`] has none.
    pub native: Option<String>,
    /// Details in the dialect's words (Anthropic's `stop_details`).
    pub details: Option<Json>,
}

impl Stop {
    /// Ended for this reason.
    pub fn new(reason: StopReason) -> Self {
        Self {
            reason,
            ..Self::default()
        }
    }
}

/// Why an answer ended.
///
/// That a tool was called is told by the content, not by this: vendors err.
/// [`EventSink`](super::EventSink) and decoders report [`ToolUse`](Self::ToolUse) if and only if a call is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// The model was done.
    #[default]
    EndTurn,
    /// A stop text was hit.
    StopSequence,
    /// The model waits for a tool.
    ToolUse,
    /// `max_tokens` were used up.
    MaxTokens,
    /// The context window was used up.
    ContextWindow,
    /// The model, or a filter, declined.
    Refusal,
    /// The vendor paused a long turn; the caller may continue it.
    Pause,
}
