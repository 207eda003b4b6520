//! The parts of a message.

use std::borrow::Cow;

use crate::Json;

/// One part of a message.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// Plain text.
    Text {
        /// The text.
        text: String,
        /// Where it was taken from.
        citations: Vec<Citation>,
        /// A prompt-cache breakpoint after this part.
        cache: Option<CacheMarker>,
    },
    /// A picture.
    Image(Media),
    /// A PDF or a text document.
    Document(Media),
    /// Sound.
    Audio(Media),
    /// The model calls a tool.
    ToolCall(ToolCall),
    /// What the tool answered.
    ToolResult(ToolResult),
    /// The model's reasoning.
    Thinking(Thinking),
    /// The model declines, in these words.
    Refusal(String),
    /// A part that only `dialect` knows, as it came.
    Other {
        /// The dialect's name.
        dialect: &'static str,
        /// The part.
        json: Json,
    },
}

impl Content {
    /// Plain text without citations or cache marker.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text {
            text: text.into(),
            citations: Vec::new(),
            cache: None,
        }
    }

    /// The text of a text part.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// An image, a document or a sound.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Media {
    /// Where the bytes are.
    pub source: Source,
    /// A file name or title.
    pub title: Option<String>,
    /// What the document is about, for the model (Anthropic's `context`).
    pub context: Option<String>,
    /// How closely to look at an image: `auto`, `low`, `high`, `original`.
    pub detail: Option<String>,
    /// May the model cite this document?
    pub citations: bool,
    /// A prompt-cache breakpoint after this part.
    pub cache: Option<CacheMarker>,
}

impl Media {
    /// Media at `source`, with nothing else said.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            title: None,
            context: None,
            detail: None,
            citations: false,
            cache: None,
        }
    }
}

/// Where the bytes of a [`Media`] are.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Source {
    /// Inline.
    Base64 {
        /// e.g. `image/png`, `application/pdf`, `audio/wav`.
        media_type: String,
        /// Standard base64, as received.
        data: String,
    },
    /// At an address that the vendor fetches.
    Url(String),
    /// Uploaded before, in one vendor's id space.
    File(String),
    /// A document that is its text.
    Text(String),
    /// A document made of parts.
    Parts(Vec<Content>),
}

/// The model calls a tool.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolCall {
    /// The id that the result refers to.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as text: JSON for a function (not necessarily valid, models err), free text for a custom tool.
    pub arguments: String,
    /// What kind of tool.
    pub kind: CallKind,
    /// A prompt-cache breakpoint after this part.
    pub cache: Option<CacheMarker>,
}

impl ToolCall {
    /// A call of a function.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            kind: CallKind::Function,
            cache: None,
        }
    }
}

/// What kind of tool is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallKind {
    /// A function with a JSON schema.
    #[default]
    Function,
    /// A tool that takes free text.
    Custom,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolResult {
    /// The id of the call.
    pub id: String,
    /// Text, images, documents.
    pub content: Vec<Content>,
    /// Did the tool fail?
    pub is_error: bool,
    /// A prompt-cache breakpoint after this part.
    pub cache: Option<CacheMarker>,
}

impl ToolResult {
    /// A result that succeeded.
    pub fn new(id: impl Into<String>, content: Vec<Content>) -> Self {
        Self {
            id: id.into(),
            content,
            is_error: false,
            cache: None,
        }
    }
}

/// The model's reasoning, as far as the vendor shows it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Thinking {
    /// The text; empty where the vendor shows only a signature.
    pub text: String,
    /// The vendor's proof that the text is its own.
    pub signature: Option<String>,
    /// The vendor's encrypted reasoning (redacted thinking), instead of text.
    pub redacted: Option<String>,
    /// The dialect that made it. Only there is the signature worth anything.
    pub origin: Option<&'static str>,
}

/// How the signature of a thinking block begins that is no vendor's signature at all: it tells which dialect's reasoning the
/// block carries, because callers of Anthropic's dialect send a block back only with a signature. The dialect's name follows, and
/// after a further dot what that dialect's vendor wants back.
pub(crate) const FOREIGN_SIGNATURE_PREFIX: &str = "tl1.";

impl Thinking {
    /// The signature as it travels in events, which do not say whose reasoning it is.
    pub(crate) fn told_signature(&self) -> Cow<'_, str> {
        let own = self.signature.as_deref().unwrap_or_default();
        match self.origin {
            // Anthropic's go without a tag; plain reasoning needs none.
            None | Some("anthropic" | "openai-chat") => Cow::Borrowed(own),
            Some(name) => {
                let tag = own.strip_prefix(FOREIGN_SIGNATURE_PREFIX);
                if tag.is_some_and(|tag| tag.starts_with(name)) {
                    return Cow::Borrowed(own);
                }
                let dot = if own.is_empty() { "" } else { "." };
                Cow::Owned(format!("{FOREIGN_SIGNATURE_PREFIX}{name}{dot}{own}"))
            }
        }
    }
}

/// Where a piece of text was taken from.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Citation {
    /// The address of the source.
    pub url: Option<String>,
    /// The title of the source.
    pub title: Option<String>,
    /// The words cited.
    pub cited_text: Option<String>,
    /// The range of the answer, in characters.
    pub range: Option<(u64, u64)>,
    /// The citation in the dialect's own words.
    pub raw: Option<(&'static str, Json)>,
}

/// A prompt-cache breakpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheMarker {
    /// How long to keep it, in the vendor's words (`5m`, `1h`, `30m`, …).
    pub ttl: Option<String>,
}

impl CacheMarker {
    /// A breakpoint kept for `ttl`, or for as long as the vendor likes.
    pub const fn new(ttl: Option<String>) -> Self {
        Self { ttl }
    }
}
