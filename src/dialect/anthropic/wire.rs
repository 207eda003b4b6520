//! The shapes written to the wire, members in their fixed order.

use std::borrow::Cow;

use serde::Serialize;

use crate::{Json, chat::CacheMarker};

/// One turn of a request.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    pub(super) role: TurnRole,
    pub(super) content: Vec<Block<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TurnRole {
    User,
    Assistant,
    System,
}

/// One block, of a request or an answer.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<Cow<'a, Json>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Cache>,
    },
    Image {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Cache>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Enabled>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Cache>,
    },
    Thinking {
        thinking: &'a str,
        signature: Cow<'a, str>,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Cache>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "is_false")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Cache>,
    },
    #[serde(untagged)]
    Raw(&'a Json),
}

impl<'a> Block<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text {
            text: text.into(),
            citations: Vec::new(),
            cache_control: None,
        }
    }

    /// Calls `see` with the place of every cache breakpoint, in order; raw ones cannot be changed and come as `None`.
    pub(super) fn breakpoints(&mut self, see: &mut dyn FnMut(Option<&mut Option<Cache>>)) {
        match self {
            Self::Text { cache_control, .. }
            | Self::Image { cache_control, .. }
            | Self::Document { cache_control, .. }
            | Self::ToolUse { cache_control, .. } => see(Some(cache_control)),
            Self::ToolResult {
                content,
                cache_control,
                ..
            } => {
                for block in content {
                    block.breakpoints(see);
                }
                see(Some(cache_control));
            }
            Self::Raw(json) => {
                if has_breakpoint(json) {
                    see(None);
                }
            }
            Self::Thinking { .. } | Self::RedactedThinking { .. } => {}
        }
    }
}

/// Does this text carry a cache breakpoint of its own?
pub(super) fn has_breakpoint(json: &Json) -> bool {
    memchr::memmem::find(json.as_str().as_bytes(), b"\"cache_control\"").is_some()
}

/// Where the bytes of an image or a document are.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 {
        media_type: &'a str,
        data: &'a str,
    },
    Url {
        url: &'a str,
    },
    File {
        file_id: &'a str,
    },
    Text {
        media_type: &'static str,
        data: Cow<'a, str>,
    },
    Content {
        content: Vec<Block<'a>>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Enabled {
    pub(super) enabled: bool,
}

/// A cache breakpoint. The vendor knows two lifetimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Cache {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl Cache {
    /// The breakpoint, and whether its lifetime is another one than was asked for.
    pub(super) fn of(marker: &CacheMarker) -> (Self, bool) {
        let (ttl, changed) = match marker.ttl.as_deref() {
            None => (None, false),
            Some("5m") => (Some("5m"), false),
            Some("1h") => (Some("1h"), false),
            Some("12h" | "24h") => (Some("1h"), true),
            Some("30m") => (Some("5m"), true),
            Some(_) => (None, true),
        };
        (
            Self {
                kind: "ephemeral",
                ttl,
            },
            changed,
        )
    }
}

/// A model in a list.
#[derive(Debug, Serialize)]
pub(super) struct Model<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
}

impl<'a> Model<'a> {
    pub(super) const fn new(id: &'a str) -> Self {
        Self {
            kind: "model",
            id,
            display_name: id,
            // Nobody knows; SDKs need a date.
            created_at: "1970-01-01T00:00:00Z",
        }
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}
