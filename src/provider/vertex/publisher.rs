//! Who made a model, and where it is found.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A slash or a question mark in a model's name would lead elsewhere.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'@');

/// A model by its publisher; the name without it, except where it is named whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Publisher<'m> {
    /// Gemini.
    Google(&'m str),
    /// A tuned Gemini, by its endpoint's number.
    Tuned(&'m str),
    /// Claude.
    Anthropic(&'m str),
    /// A publisher whose models have addresses of their own, and speak OpenAI's dialect.
    Raw { publisher: &'m str, model: &'m str },
    /// All others: one address, the model in the body as `publisher/model`.
    Open(&'m str),
}

impl<'m> Publisher<'m> {
    pub(super) fn of(name: &'m str) -> Self {
        let name = name.strip_prefix("publishers/").unwrap_or(name);
        let name = name.strip_prefix("models/").unwrap_or(name);
        if let Some((publisher, model)) = name.split_once('/') {
            let model = model.strip_prefix("models/").unwrap_or(model);
            return match publisher {
                "google" => Self::Google(model),
                "anthropic" => Self::Anthropic(model),
                "endpoints" => Self::Tuned(model),
                "mistralai" | "ai21" => Self::Raw { publisher, model },
                _ => Self::Open(name),
            };
        }
        let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
        if begins(&["claude"]) {
            Self::Anthropic(name)
        } else if begins(&["mistral", "codestral", "ministral"]) {
            Self::Raw {
                publisher: "mistralai",
                model: name,
            }
        } else if begins(&["jamba"]) {
            Self::Raw {
                publisher: "ai21",
                model: name,
            }
        } else if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            Self::Tuned(name)
        } else {
            Self::Google(name)
        }
    }

    /// The path of a count of tokens; that of a conversation for those who have none.
    pub(super) fn count_path(self) -> String {
        let (folder, model) = match self {
            Self::Google(model) => ("publishers/google/models", model),
            Self::Tuned(model) => ("endpoints", model),
            Self::Anthropic(_) => {
                return "/publishers/anthropic/models/count-tokens:rawPredict".to_owned();
            }
            Self::Raw { .. } | Self::Open(_) => return self.path(false),
        };
        let model = utf8_percent_encode(model, PLAIN);
        format!("/{folder}/{model}:countTokens")
    }

    /// The path below project and location.
    pub(super) fn path(self, stream: bool) -> String {
        let (generate, raw) = if stream {
            ("streamGenerateContent?alt=sse", "streamRawPredict")
        } else {
            ("generateContent", "rawPredict")
        };
        let (folder, model, verb) = match self {
            Self::Google(model) => ("publishers/google/models", model, generate),
            Self::Tuned(model) => ("endpoints", model, generate),
            Self::Anthropic(model) => ("publishers/anthropic/models", model, raw),
            Self::Raw {
                publisher: "ai21",
                model,
            } => ("publishers/ai21/models", model, raw),
            Self::Raw { model, .. } => ("publishers/mistralai/models", model, raw),
            Self::Open(_) => return "/endpoints/openapi/chat/completions".to_owned(),
        };
        let model = utf8_percent_encode(model, PLAIN);
        format!("/{folder}/{model}:{verb}")
    }
}
