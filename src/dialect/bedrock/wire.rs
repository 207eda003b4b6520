//! The shapes written to the wire.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{Json, json};

/// One turn of a request.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    pub(super) role: Speaker,
    pub(super) content: Vec<Block<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Speaker {
    User,
    Assistant,
}

/// One block of a turn or of the system prompt.
#[derive(Debug)]
pub(super) enum Block<'a> {
    Text(Cow<'a, str>),
    /// A cache breakpoint: what stands before it is kept.
    Point(Point),
    /// Anything else, ready.
    Part(Kind, Json),
}

/// What a block is, as far as its place depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    Video,
    Result,
    Reasoning,
    Other,
}

/// A cache breakpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) ttl: Option<&'static str>,
}

impl<'a> Block<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn is_point(&self) -> bool {
        matches!(self, Self::Point(_))
    }

    pub(super) fn is(&self, kinds: &[Kind]) -> bool {
        matches!(self, Self::Part(kind, _) if kinds.contains(kind))
    }
}

impl Point {
    pub(super) fn json(self) -> Json {
        json::object(|o| {
            o.field("type", "default").optional("ttl", self.ttl);
        })
    }
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, text, point) = match self {
            Self::Part(_, json) => return json.serialize(serializer),
            Self::Text(text) => ("text", Some(text), None),
            Self::Point(point) => ("cachePoint", None, Some(point.json())),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        match text {
            Some(text) => map.serialize_entry(name, text)?,
            None => map.serialize_entry(name, &point)?,
        }
        map.end()
    }
}

/// `{name: inner}`.
pub(super) fn member(name: &str, inner: &Json) -> Json {
    json::object(|o| {
        o.field(name, inner);
    })
}
