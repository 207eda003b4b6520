//! What a model says, before it is spelled in a dialect.

use super::{Answer, anthropic, bedrock, cohere, converse, gemini, openai, responses};

/// One turn of a model: thinking, text and tool calls in the order given, usage, and why it stopped.
///
/// ```
/// use trunkline::testing::Script;
///
/// let script = Script::new()
///     .thinking("They want the weather.")
///     .text("Let me look.")
///     .tool_call("call_1", "weather", r#"{"city":"Berlin"}"#)
///     .usage(120, 30)
///     .cached(100);
/// let streamed = script.openai("gpt-4o", true, true);
/// let whole = script.anthropic("claude-sonnet-4-5", false);
/// # let _ = (streamed, whole);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Script {
    pub(super) parts: Vec<Part>,
    pub(super) stop: Stop,
    id: Option<String>,
    pub(super) signature: Option<String>,
    usage: Option<(u64, u64)>,
    cached: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Thinking(String),
    Text(String),
    ToolCall {
        id: String,
        name: String,
        arguments: String,
    },
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Stop {
    #[default]
    Natural,
    Length,
    Refusal,
}

/// Token counts. `input` includes `cached`, `output` includes `thinking`.
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) output: u64,
    pub(super) thinking: u64,
}

impl Script {
    /// A turn that says nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text; it is streamed in word pieces.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.parts.push(Part::Text(text.into()));
        self
    }

    /// Adds visible thinking. OpenAI's own models never show it; there it is spelled as `reasoning_content`, the way
    /// compatible vendors do.
    pub fn thinking(mut self, thinking: impl Into<String>) -> Self {
        self.parts.push(Part::Thinking(thinking.into()));
        self
    }

    /// Adds a tool call. `arguments` is JSON text, streamed in at least two fragments; it may be malformed, but an
    /// unstreamed Anthropic answer can only carry an object and gets `{}` instead.
    pub fn tool_call(
        mut self,
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        self.parts.push(Part::ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
        });
        self
    }

    /// Sets the tokens: all input (cached input included) and all output. Without it: 12, and one per piece.
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        self.usage = Some((input, output));
        self
    }

    /// Says that `tokens` of the input came from the cache.
    pub fn cached(mut self, tokens: u64) -> Self {
        self.cached = tokens;
        self
    }

    /// Stops because the output limit was reached.
    pub fn stop_length(mut self) -> Self {
        self.stop = Stop::Length;
        self
    }

    /// Stops because the vendor's policy refused: `content_filter` or `refusal`.
    pub fn stop_refusal(mut self) -> Self {
        self.stop = Stop::Refusal;
        self
    }

    /// Sets the answer's id; without it a constant in the dialect's manner.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets what the vendor alone can read: the signature of its thinking or of its calls, the encrypted reasoning. Without it a
    /// constant in the dialect's manner. OpenAI's Chat and Cohere have none.
    pub fn signature(mut self, signature: impl Into<String>) -> Self {
        self.signature = Some(signature.into());
        self
    }

    /// The answer of a vendor of the dialect with this name, e.g. `anthropic`; none if nothing is written in it here. Streams of
    /// `openai-chat` tell their usage; `anthropic-on-bedrock` is Claude's answer as Amazon frames it.
    #[must_use]
    pub fn answer(&self, dialect: &str, model: &str, stream: bool) -> Option<Answer> {
        Some(match dialect {
            "openai-chat" => self.openai(model, stream, true),
            "openai-responses" => self.responses(model, stream),
            "anthropic" => self.anthropic(model, stream),
            "gemini" => self.gemini(model, stream),
            "bedrock-converse" if stream => self.converse_stream(),
            "bedrock-converse" => self.converse(),
            "anthropic-on-bedrock" => self.claude_on_bedrock(model, stream),
            "cohere" => self.cohere(stream),
            _ => return None,
        })
    }

    /// The answer of OpenAI's Chat Completions. `include_usage` is for streams; a whole answer always has its usage.
    pub fn openai(&self, model: &str, stream: bool, include_usage: bool) -> Answer {
        if stream {
            openai::stream(self, model, include_usage)
        } else {
            openai::whole(self, model)
        }
        .in_dialect("openai-chat")
    }

    /// The answer of OpenAI's Responses.
    pub fn responses(&self, model: &str, stream: bool) -> Answer {
        if stream {
            responses::stream(self, model)
        } else {
            responses::whole(self, model)
        }
        .in_dialect("openai-responses")
    }

    /// The answer of Anthropic's Messages.
    pub fn anthropic(&self, model: &str, stream: bool) -> Answer {
        if stream {
            anthropic::stream(self, model)
        } else {
            anthropic::whole(self, model)
        }
        .in_dialect("anthropic")
    }

    /// The answer of Claude on Amazon Bedrock: of `InvokeModel`, or of `InvokeModelWithResponseStream`.
    pub fn claude_on_bedrock(&self, model: &str, stream: bool) -> Answer {
        bedrock::claude(self, model, stream).in_dialect("bedrock-converse")
    }

    /// The answer of Google's `generateContent`, or of `streamGenerateContent?alt=sse`.
    pub fn gemini(&self, model: &str, stream: bool) -> Answer {
        if stream {
            gemini::stream(self, model)
        } else {
            gemini::whole(self, model)
        }
        .in_dialect("gemini")
    }

    /// The answer of Cohere's Chat, version 2. Text beside calls is its `tool_plan`.
    pub fn cohere(&self, stream: bool) -> Answer {
        if stream {
            cohere::stream(self)
        } else {
            cohere::whole(self)
        }
        .in_dialect("cohere")
    }

    /// The whole answer of Amazon Bedrock's Converse.
    pub fn converse(&self) -> Answer {
        converse::whole(self).in_dialect("bedrock-converse")
    }

    /// The answer of Bedrock's ConverseStream.
    pub fn converse_stream(&self) -> Answer {
        Answer::event_stream(self.converse_events()).in_dialect("bedrock-converse")
    }

    /// The events of Bedrock's ConverseStream: type and JSON payload of each, before they are framed.
    pub fn converse_events(&self) -> Vec<(&'static str, String)> {
        converse::events(self)
    }

    pub(super) fn id_or<'a>(&'a self, default: &'a str) -> &'a str {
        self.id.as_deref().unwrap_or(default)
    }

    /// As a JSON string.
    pub(super) fn signature_or(&self, default: &str) -> String {
        quote(self.signature.as_deref().unwrap_or(default))
    }

    pub(super) fn has_tool_calls(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::ToolCall { .. }))
    }

    pub(super) fn tokens(&self) -> Tokens {
        let (mut thinking, mut rest) = (0, 0);
        for part in &self.parts {
            match part {
                Part::Thinking(text) => thinking += words(text).len() as u64,
                Part::Text(text) => rest += words(text).len() as u64,
                Part::ToolCall { arguments, .. } => rest += 1 + fragments(arguments).len() as u64,
            }
        }
        let (input, output) = self.usage.unwrap_or((12.max(self.cached), thinking + rest));
        Tokens {
            input,
            cached: self.cached.min(input),
            output,
            thinking: thinking.min(output),
        }
    }
}

/// The pieces of a text as a model emits them: words with the white space before them.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let word_from = rest
            .find(|c: char| !c.is_whitespace())
            .unwrap_or(rest.len());
        let (_, word) = rest.split_at(word_from);
        let word_len = word.find(char::is_whitespace).unwrap_or(word.len());
        let (piece, later) = rest.split_at(word_from + word_len);
        pieces.push(piece);
        rest = later;
    }
    pieces
}

/// The pieces of JSON text: up to eight characters each, at least two if there are two characters.
pub(super) fn fragments(json: &str) -> Vec<String> {
    let chars: Vec<char> = json.chars().collect();
    let size = chars.len().div_ceil(2).clamp(1, 8);
    chars.chunks(size).map(String::from_iter).collect()
}

/// A JSON string literal.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
