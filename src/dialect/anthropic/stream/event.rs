//! The vendor's events, as far as they are read. Everything borrows from the frame.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{error, stop, usage::Counts};
use crate::{chat::Stop, dialect::FrameError, wire::Frame};

/// One event of any type.
#[derive(Debug, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) index: usize,
    #[serde(borrow, default)]
    pub(super) delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub(super) content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) message: Option<Message<'a>>,
    #[serde(default)]
    pub(super) usage: Option<Counts>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// What `message_start` says.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) model: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) usage: Option<Counts>,
}

/// What `content_block_delta` and `message_delta` add.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) partial_json: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) thinking: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) signature: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) citation: Option<&'a RawValue>,
    /// Of a compaction.
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) stop_reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stop_sequence: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stop_details: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    /// Reads a frame's data.
    pub(super) fn read(frame: &'a Frame) -> Result<Self, FrameError> {
        serde_json::from_slice(frame.data()).map_err(|e| FrameError::Malformed(e.to_string()))
    }

    /// Its type: the data's word counts, the frame's name stands in for it.
    pub(super) fn kind<'e>(&'e self, frame: &'e Frame) -> &'e str {
        self.kind
            .as_deref()
            .or(frame.name())
            .unwrap_or(if self.error.is_some() { "error" } else { "" })
    }

    /// A failure, reported under whatever name.
    pub(super) fn failure(&self, frame: &Frame) -> Option<FrameError> {
        let reported =
            self.kind(frame) == "error" || self.error.is_some_and(|error| error.get() != "null");
        reported.then(|| FrameError::Vendor(error::reported(frame.data())))
    }
}

impl Delta<'_> {
    /// Is there anything in it worth waiting for?
    pub(super) fn has_content(&self) -> bool {
        [
            &self.text,
            &self.partial_json,
            &self.thinking,
            &self.signature,
        ]
        .into_iter()
        .flatten()
        .any(|text| !text.is_empty())
            || self.citation.is_some()
            || self.content.is_some()
    }

    /// Why the answer ends, if it says so.
    pub(super) fn stop(&self) -> Option<Stop> {
        let reason = self.stop_reason.as_deref()?;
        Some(stop::read(
            reason,
            self.stop_sequence.as_deref(),
            self.stop_details,
        ))
    }
}

/// The marker of another dialect with which some relays end this one.
pub(super) fn is_done_marker(frame: &Frame) -> bool {
    frame.data().trim_ascii() == b"[DONE]"
}
