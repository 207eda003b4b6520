//! How vendors deviate from their dialect, as data.

use crate::pattern::Pattern;

/// A vendor's deviations. [`Quirks::NONE`] leaves bytes untouched.
///
/// `drop` and `rename` are applied on every path; the others steer the encoder where a request is translated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quirks {
    /// Top-level request members the vendor refuses: left out.
    pub drop: &'static [&'static str],
    /// Top-level request members the vendor calls otherwise: `(dialect's name, vendor's name)`.
    pub rename: &'static [(&'static str, &'static str)],
    /// Does it take `stream_options.include_usage`?
    pub stream_options: bool,
    /// Is the limit of the answer `max_completion_tokens` (else `max_tokens`)?
    pub max_completion_tokens: bool,
    /// Does it take message content as an array of parts? Else texts are joined into one string, wherever
    /// there is nothing but text.
    pub content_parts: bool,
    /// Does it take PDFs as `file` parts?
    pub files: bool,
    /// Does it refuse members of messages that it does not know (`name`, `reasoning_content`)?
    pub strict: bool,
    /// Where reasoning goes in a replayed assistant turn.
    pub reasoning: ReasoningField,
    /// Which tool-call ids it takes.
    pub tool_ids: ToolIds,
    /// Models that it serves at `/completions` as well, as names or patterns with one `*`. Callers of that API who ask for another
    /// model are served as a chat.
    pub completions: &'static [&'static str],
    /// How it spells a `tool_choice` that requires some tool. `auto` if it cannot be required: the encoder reports that.
    pub required: &'static str,
    /// Which shapes of an answer it enforces. Others are asked for by a tool, or in words.
    pub formats: Formats,
    /// Which calls of its Chat Completions have to go over its Responses; none if it has no such thing.
    pub bridge: Option<&'static Bridge>,
    /// Does it refuse `temperature`, `top_p` and `top_k` of every model, as Anthropic's version 2026-10-21 does?
    pub no_sampling: bool,
    /// In whose words it is asked for embeddings and for an order of documents.
    pub retrieval: Retrieval,
    /// How it is made to go on with a last message of the assistant's, beyond what is usual in its dialect.
    pub prefill: Prefill,
    /// Does it fetch media by their addresses itself? None: as is usual in its dialect.
    pub urls: Option<bool>,
}

/// Which calls a vendor takes only as Responses, though it speaks Chat Completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bridge {
    /// Models that are offered there only: the words of their names that tell, of those between hyphens.
    pub only: &'static [&'static str],
    /// Function tools for models that think meanwhile and refuse both at once in Chat Completions.
    pub thinking_with_tools: bool,
}

impl Bridge {
    /// OpenAI's: from GPT-5.4 on tools with reasoning; and models for code, for research, for computers and the `pro` ones.
    pub const OPENAI: Self = Self {
        only: &["codex", "computer", "pro", "research"],
        thinking_with_tools: true,
    };
}

/// In whose words a vendor is asked for embeddings and for an order of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retrieval {
    /// As is usual in its dialect.
    Usual,
    /// Jina's.
    Jina,
    /// Voyage's.
    Voyage,
}

/// How a vendor is made to go on with a last message of the assistant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prefill {
    /// As is usual in its dialect: models of Claude's go on, where they still do; others are not known to.
    Usual,
    /// By its being the last.
    Last,
    /// By `"prefix": true` in it.
    Prefix,
    /// Not at all.
    Never,
}

/// Which shapes of an answer a vendor enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Formats {
    /// JSON of a schema, and any JSON object.
    All,
    /// Any JSON object only.
    Object,
    /// JSON of a schema only.
    Schema,
    /// None.
    None,
}

/// Where a vendor reads and writes reasoning in OpenAI-like messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReasoningField {
    /// It does not take any back.
    None,
    /// `reasoning_content`, required (may be empty) on assistant turns that call tools.
    ContentRequired,
    /// `reasoning_content`.
    Content,
    /// `reasoning`.
    Reasoning,
    /// `reasoning_details`, a list of blocks.
    Details,
}

/// Which tool-call ids a vendor takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolIds {
    /// Any of up to 40 characters.
    Any,
    /// Exactly nine letters or digits.
    NineAlphanumeric,
}

impl Quirks {
    /// None.
    pub const NONE: Self = Self {
        drop: &[],
        rename: &[],
        stream_options: true,
        max_completion_tokens: false,
        content_parts: true,
        files: false,
        strict: false,
        reasoning: ReasoningField::None,
        tool_ids: ToolIds::Any,
        completions: &[],
        required: "required",
        formats: Formats::All,
        bridge: None,
        no_sampling: false,
        retrieval: Retrieval::Usual,
        prefill: Prefill::Usual,
        urls: None,
    };

    /// Does the vendor serve this model at `/completions`?
    pub(crate) fn completes(&self, model: &str) -> bool {
        self.completions.iter().any(|name| {
            let pattern = Pattern::of(name);
            *name == model || pattern.is_some_and(|pattern| pattern.matched(model).is_some())
        })
    }

    /// Does a request in the vendor's own dialect need an edit?
    pub(crate) const fn edits(&self) -> bool {
        !self.drop.is_empty() || !self.rename.is_empty()
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self::NONE
    }
}
