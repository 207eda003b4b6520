//! What the caller asks.

use super::{CacheMarker, Content, Fidelity};
use crate::{Extra, Json};

/// A conversation to be continued.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ChatRequest {
    /// The model's name, as the caller spelled it.
    pub model: String,
    /// The conversation, oldest first, system messages at their places.
    pub messages: Vec<Message>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it must.
    pub tool_choice: Option<ToolChoice>,
    /// May it call several at once?
    pub parallel_tool_calls: Option<bool>,
    /// The most tokens of the answer, reasoning included.
    pub max_tokens: Option<u64>,
    /// Sampling temperature, in the caller's dialect's range.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Top-k sampling.
    pub top_k: Option<u64>,
    /// −2…2.
    pub frequency_penalty: Option<f64>,
    /// −2…2.
    pub presence_penalty: Option<f64>,
    /// For repeatable sampling.
    pub seed: Option<i64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// How hard to think.
    pub reasoning: Option<Reasoning>,
    /// What shape the answer must have.
    pub response_format: Option<ResponseFormat>,
    /// How many answers.
    pub n: Option<u64>,
    /// Log probabilities of the answer's tokens.
    pub logprobs: Option<bool>,
    /// Of how many alternatives.
    pub top_logprobs: Option<u64>,
    /// Who the end user is, opaque.
    pub user: Option<String>,
    /// A hint that routes to a warm prompt cache.
    pub cache_key: Option<String>,
    /// A breakpoint the vendor places itself (Anthropic's top-level `cache_control`).
    pub cache: Option<CacheMarker>,
    /// `auto`, `default`, `flex`, `priority`, `standard_only`, …
    pub service_tier: Option<String>,
    /// Stream the answer?
    pub stream: bool,
    /// Does the caller want usage in the stream? (Always, in dialects that do not ask.)
    pub include_usage: bool,
    /// The dialect this was read from; none if it was built in process. Members of `extra` mean something only there.
    pub dialect: Option<&'static str>,
    /// What has no field here.
    pub extra: Extra,
    /// What was in the body and has no place in a conversation at all, by the caller's own paths. It is part of the report of every
    /// translation.
    pub unread: Fidelity,
}

impl ChatRequest {
    /// A request for one answer of `model`, with nothing else said.
    pub fn new(model: impl Into<String>, messages: Vec<Message>) -> Self {
        Self {
            model: model.into(),
            messages,
            include_usage: true,
            ..Self::default()
        }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The operator (`system` and `developer`).
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// Tools: a message of nothing but [`Content::ToolResult`]s.
    Tool,
}

/// One turn.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: Vec<Content>,
    /// The speaker's name.
    pub name: Option<String>,
}

impl Message {
    /// A turn of these parts.
    pub fn new(role: Role, content: Vec<Content>) -> Self {
        Self {
            role,
            content,
            name: None,
        }
    }

    /// A turn of plain text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self::new(role, vec![Content::text(text)])
    }

    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::text(Role::User, text)
    }

    /// What the operator says.
    pub fn system(text: impl Into<String>) -> Self {
        Self::text(Role::System, text)
    }
}

/// Something the model may call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tool {
    /// Its name. Vendors limit the characters and the length.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// What it takes.
    pub kind: ToolKind,
    /// A prompt-cache breakpoint after this tool.
    pub cache: Option<CacheMarker>,
    /// Members without a field.
    pub extra: Extra,
}

impl Tool {
    /// A function with this JSON schema for its arguments.
    pub fn function(name: impl Into<String>, description: impl Into<String>, schema: Json) -> Self {
        Self {
            name: name.into(),
            description: Some(description.into()),
            kind: ToolKind::Function {
                schema: Some(schema),
                strict: None,
            },
            cache: None,
            extra: Extra::new(),
        }
    }
}

/// What a tool takes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ToolKind {
    /// JSON of a schema.
    Function {
        /// The JSON schema of the arguments; none means no arguments.
        schema: Option<Json>,
        /// Must the arguments obey the schema to the letter?
        strict: Option<bool>,
    },
    /// Free text.
    Custom {
        /// The grammar, in the dialect's words.
        format: Option<Json>,
    },
    /// A tool that the vendor runs itself, as the dialect spells it.
    Hosted {
        /// The dialect's name.
        dialect: &'static str,
        /// The whole tool.
        json: Json,
    },
}

/// Whether the model must call a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// It must not.
    None,
    /// It must call some tool.
    Required,
    /// It must call this tool.
    Tool {
        /// Its name.
        name: String,
    },
    /// Only these tools count.
    Allowed {
        /// Must one of them be called?
        required: bool,
        /// Their names.
        names: Vec<String>,
    },
}

/// How hard to think.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Reasoning {
    /// By level.
    pub effort: Option<Effort>,
    /// By tokens.
    pub budget: Option<u64>,
    /// The switch, where there is one beside the level: on, off, or up to the model.
    pub enabled: Option<bool>,
    /// Show a summary of the thoughts (`Some(true)`), hide them (`Some(false)`), or as the vendor likes.
    pub show: Option<bool>,
    /// The setting in the dialect's own words, for that dialect only.
    pub raw: Option<(&'static str, Json)>,
}

/// Levels of thinking, as vendors name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Effort {
    /// Not at all.
    None,
    /// Hardly.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More than that.
    XHigh,
    /// All there is.
    Max,
}

impl Effort {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// Reads the name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "xhigh" => Self::XHigh,
            "max" => Self::Max,
            _ => return None,
        })
    }
}

/// What shape the answer must have.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ResponseFormat {
    /// Any text.
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema {
        /// A name for it.
        name: Option<String>,
        /// What it is, for the model.
        description: Option<String>,
        /// The schema.
        schema: Json,
        /// To the letter?
        strict: Option<bool>,
    },
}
