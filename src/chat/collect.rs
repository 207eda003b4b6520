//! Events gathered into a whole answer, and a whole answer told as events.

use super::{Block, ChatEvent, ChatResponse, Content, Delta, EventSink, Thinking, ToolCall};

/// Gathers the events of one answer.
#[derive(Debug, Default)]
pub struct Collector {
    response: ChatResponse,
    ended: bool,
}

impl Collector {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event.
    pub fn push(&mut self, event: ChatEvent) {
        match event {
            ChatEvent::Start { id, model } => {
                self.response.id = id;
                self.response.model = model;
            }
            ChatEvent::BlockStart { block, .. } => self.response.content.push(match block {
                Block::Text => Content::text(""),
                Block::Refusal => Content::Refusal(String::new()),
                Block::Thinking => Content::Thinking(Thinking::default()),
                Block::RedactedThinking { data } => Content::Thinking(Thinking {
                    redacted: Some(data),
                    ..Thinking::default()
                }),
                Block::ToolCall { id, name, kind } => Content::ToolCall(ToolCall {
                    kind,
                    ..ToolCall::new(id, name, "")
                }),
                Block::Other { dialect, json } => Content::Other { dialect, json },
            }),
            ChatEvent::Delta { delta, .. } => self.grow(delta),
            ChatEvent::BlockStop { .. } => {}
            ChatEvent::Logprobs(logprobs) => self.response.logprobs = Some(logprobs),
            ChatEvent::Usage(usage) => self.response.usage = Some(usage),
            ChatEvent::Stop(stop) => self.response.stop = stop,
            ChatEvent::End => self.ended = true,
        }
    }

    fn grow(&mut self, delta: Delta) {
        match (self.response.content.last_mut(), delta) {
            (
                Some(
                    Content::Text { text, .. }
                    | Content::Refusal(text)
                    | Content::Thinking(Thinking { text, .. }),
                ),
                Delta::Text(more),
            ) => text.push_str(&more),
            (Some(Content::ToolCall(call)), Delta::Arguments(more)) => {
                call.arguments.push_str(&more)
            }
            (Some(Content::Thinking(thinking)), Delta::Signature(signature)) => {
                thinking.signature = Some(signature);
            }
            (Some(Content::Text { citations, .. }), Delta::Citation(citation)) => {
                citations.push(citation);
            }
            // The sink never pairs a delta with a block of another kind.
            _ => {}
        }
    }

    /// Has the answer ended?
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// What was gathered so far.
    pub fn finish(self) -> ChatResponse {
        self.response
    }
}

impl ChatResponse {
    /// Tells this answer as the events of a stream.
    pub fn replay(&self, out: &mut EventSink) {
        out.start(&self.id, &self.model);
        for (key, part) in self.content.iter().enumerate() {
            match part {
                Content::Text {
                    text, citations, ..
                } => {
                    out.text(text);
                    for citation in citations {
                        out.citation(citation.clone());
                    }
                    out.close_block();
                }
                Content::Refusal(text) => out.refusal(text),
                Content::Thinking(thinking) => match &thinking.redacted {
                    Some(data) => out.redacted_thinking(data),
                    None => {
                        out.thinking(&thinking.text);
                        out.signature(&thinking.told_signature());
                        out.close_block();
                    }
                },
                Content::ToolCall(call) => {
                    out.tool_call(key, &call.id, &call.name, call.kind);
                    out.tool_arguments(key, &call.arguments);
                    out.tool_end(key);
                }
                Content::Other { dialect, json } => out.other(dialect, json.clone()),
                // Models answer with none of these yet.
                Content::Image(_)
                | Content::Document(_)
                | Content::Audio(_)
                | Content::ToolResult(_) => {}
            }
        }
        if let Some(logprobs) = &self.logprobs {
            out.logprobs(logprobs.clone());
        }
        if let Some(usage) = &self.usage {
            out.usage(usage);
        }
        out.stop(self.stop.clone());
        out.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Stop, StopReason, Usage};

    #[test]
    fn an_answer_survives_being_told_as_events() {
        let answer = ChatResponse {
            id: "r1".into(),
            model: "m".into(),
            content: vec![
                Content::Thinking(Thinking {
                    text: "hm".into(),
                    signature: Some("sig".into()),
                    ..Thinking::default()
                }),
                Content::Thinking(Thinking {
                    redacted: Some("secret".into()),
                    ..Thinking::default()
                }),
                Content::text("one"),
                Content::text("two"),
                Content::ToolCall(ToolCall::new("a", "f", "{}")),
                Content::ToolCall(ToolCall::new("b", "g", r#"{"x":1}"#)),
            ],
            stop: Stop::new(StopReason::ToolUse),
            usage: Some(Usage {
                input: Some(3),
                ..Usage::default()
            }),
            ..ChatResponse::default()
        };
        let mut sink = EventSink::new();
        answer.replay(&mut sink);
        let mut collector = Collector::new();
        while let Some(event) = sink.next_event() {
            collector.push(event);
        }
        assert!(collector.has_ended());
        assert_eq!(collector.finish(), answer);
    }
}
