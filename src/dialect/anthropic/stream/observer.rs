//! Watches a stream that is passed through: most frames are told by their name alone.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{
    super::usage::Counts,
    event::{Delta, Event, is_done_marker},
};
use crate::{
    dialect::{FrameError, Observed, Observer},
    json::is_object,
    wire::Frame,
};

/// With its quotes it is never found inside a text: there they would be escaped.
static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"content_block_delta\""));

/// Watches one stream.
#[derive(Debug, Default)]
pub(in super::super) struct Watcher {
    counts: Counts,
}

impl Observer for Watcher {
    fn observe(&mut self, frame: &Frame, seen: &mut Observed) -> Result<(), FrameError> {
        match frame.name() {
            Some("ping") => return Ok(()),
            _ if !is_object(frame.data()) => {}
            Some("content_block_stop") => return Ok(()),
            Some("content_block_start" | "content_block_delta") if seen.content => {
                seen.plain = true;
                return Ok(());
            }
            Some(_) => {}
            None if seen.content && DELTA.find(frame.data()).is_some() => {
                seen.plain = true;
                return Ok(());
            }
            None => {}
        }
        self.read(frame, seen)
    }
}

impl Watcher {
    fn read(&mut self, frame: &Frame, seen: &mut Observed) -> Result<(), FrameError> {
        if frame.data().is_empty() {
            return Ok(());
        }
        if is_done_marker(frame) {
            seen.ended |= seen.stopped;
            return Ok(());
        }
        let event = Event::read(frame)?;
        if let Some(failure) = event.failure(frame) {
            return Err(failure);
        }
        match event.kind(frame) {
            "content_block_delta" => {
                seen.content |= event.delta.as_ref().is_some_and(Delta::has_content);
            }
            "content_block_start" => {
                seen.content |= event.content_block.is_some_and(|block| begins(block.get()));
            }
            "message_start" => {
                if seen.content {
                    return Err(FrameError::Malformed(
                        "the answer begins anew after a part of it".into(),
                    ));
                }
                self.count(event.message.and_then(|message| message.usage), seen);
            }
            "message_delta" => {
                seen.stopped |= event.delta.is_some_and(|delta| delta.stop_reason.is_some());
                self.count(event.usage, seen);
            }
            "message_stop" => seen.ended = true,
            "content_block_stop" | "ping" => {}
            _ => return Err(FrameError::Unknown),
        }
        Ok(())
    }

    fn count(&mut self, counts: Option<Counts>, seen: &mut Observed) {
        if let Some(counts) = counts {
            self.counts.revise(&counts);
            seen.usage = Some(self.counts.usage());
        }
    }
}

/// Is the start of this block content already? Text and thinking begin empty.
fn begins(block: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Start {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        text: String,
        #[serde(default)]
        thinking: String,
    }
    serde_json::from_str::<Start>(block).is_ok_and(|start| match start.kind.as_str() {
        "text" | "thinking" => !start.text.is_empty() || !start.thinking.is_empty(),
        _ => true,
    })
}
