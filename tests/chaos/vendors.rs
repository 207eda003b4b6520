//! The six vendors: what they are called, what they speak, and how they refuse.

use serde_json::Value;
use trunkline::testing::{Answer, Script};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Chat,
    Responses,
    Anthropic,
    Gemini,
    Converse,
    Cohere,
}

pub struct Kind {
    pub name: &'static str,
    pub wire: Wire,
    /// As a configuration says it.
    pub kind: &'static str,
    pub base: &'static str,
    pub model: &'static str,
}

pub const VENDORS: [Kind; 6] = [
    Kind {
        name: "chat",
        wire: Wire::Chat,
        kind: "kind: openai-compatible",
        base: "/v1",
        model: "gpt-4o",
    },
    Kind {
        name: "responses",
        wire: Wire::Responses,
        kind: "kind: responses-compatible",
        base: "/v1",
        model: "gpt-4.1",
    },
    Kind {
        name: "anthropic",
        wire: Wire::Anthropic,
        kind: "kind: anthropic-compatible",
        base: "/v1",
        model: "claude-sonnet-4-5",
    },
    Kind {
        name: "gemini",
        wire: Wire::Gemini,
        kind: "kind: gemini-compatible",
        base: "/v1beta",
        model: "gemini-2.5-flash",
    },
    Kind {
        name: "bedrock",
        wire: Wire::Converse,
        kind: "kind: bedrock, region: us-east-1, api: converse",
        base: "",
        model: "us.amazon.nova-pro-v1:0",
    },
    Kind {
        name: "cohere",
        wire: Wire::Cohere,
        kind: "kind: cohere",
        base: "/v2",
        model: "command-a-03-2025",
    },
];

impl Kind {
    pub fn answer(&self, script: &Script, stream: bool, usage: bool) -> Answer {
        match self.wire {
            Wire::Chat => script.openai(self.model, stream, usage),
            Wire::Responses => script.responses(self.model, stream),
            Wire::Anthropic => script.anthropic(self.model, stream),
            Wire::Gemini => script.gemini(self.model, stream),
            Wire::Converse if stream => Answer::event_stream(script.converse_events()),
            Wire::Converse => script.converse(),
            Wire::Cohere => script.cohere(stream),
        }
    }
}

impl Wire {
    /// Its dialect, as the grammars name it.
    pub const fn dialect(self) -> &'static str {
        match self {
            Self::Chat => "openai-chat",
            Self::Responses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Converse => "bedrock-converse",
            Self::Cohere => "cohere",
        }
    }

    /// Does a request ask for a stream, and for what it costs inside it?
    pub fn asked(self, path: &str, body: &Value) -> (bool, bool) {
        let stream = match self {
            Self::Gemini => path.contains(":streamGenerateContent"),
            Self::Converse => path.ends_with("/converse-stream"),
            _ => body["stream"] == true,
        };
        (stream, body["stream_options"]["include_usage"] == true)
    }

    pub fn error(self, status: u16, message: &str) -> Answer {
        match self {
            Self::Chat | Self::Responses => {
                Answer::openai_error(status, "some_error", "some_code", message)
            }
            Self::Anthropic => Answer::anthropic_error(status, "api_error", message),
            Self::Gemini => Answer::gemini_error(status, "UNKNOWN", message),
            Self::Converse => Answer::bedrock_error(status, "SomeException", message),
            Self::Cohere => Answer::cohere_error(status, message),
        }
    }

    /// Has a stream said by then why it ends? What comes behind that may be lost without harm to the answer.
    pub fn is_told(self, content: &[u8], bytes: usize) -> bool {
        let last = match self {
            Self::Chat => &br#""finish_reason":""#[..],
            // The last event repeats the whole answer: without its end there is none.
            Self::Responses => return bytes + 2 >= content.len(),
            Self::Anthropic => br#""stop_reason":""#,
            Self::Gemini => br#""finishReason":"#,
            Self::Converse => br#""stopReason":"#,
            Self::Cohere => br#""finish_reason":"#,
        };
        let sent = content.get(..bytes).unwrap_or(content);
        sent.windows(last.len()).any(|window| window == last)
    }

    /// Where the events of a stream end.
    pub fn frame_ends(self, content: &[u8]) -> Vec<usize> {
        let mut ends = Vec::new();
        if self == Self::Converse {
            let mut at = 0;
            while let Some(head) = content.get(at..at + 4) {
                at += u32::from_be_bytes(head.try_into().unwrap()) as usize;
                ends.push(at);
            }
            return ends;
        }
        let blank: &[u8] = match self {
            Self::Gemini => b"\r\n\r\n",
            _ => b"\n\n",
        };
        let places = content.windows(blank.len()).enumerate();
        ends.extend(
            places
                .filter(|(_, w)| *w == blank)
                .map(|(at, _)| at + blank.len()),
        );
        ends
    }
}
