//! Watches a stream that is passed through: a frame of plain content costs a few scans and the reading of its counts.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;

use super::{
    super::{answer::Reader, usage::Counts},
    decoder::{is_no_chunk, read},
};
use crate::{
    chat::EventSink,
    dialect::{FrameError, Observed, Observer},
    json::is_object,
    wire::Frame,
};

/// The end of `finishReason` and of `blockReason`. With its quote it is never found inside a text: there it would be escaped.
static REASON: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"Reason\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usageMetadata\""));

/// Watches one stream.
#[derive(Debug, Default)]
pub(in super::super) struct Watcher {
    reader: Reader,
    sink: EventSink,
}

impl Observer for Watcher {
    fn observe(&mut self, frame: &Frame, seen: &mut Observed) -> Result<(), FrameError> {
        let data = frame.data();
        let plain = seen.content
            && is_object(data)
            && REASON.find(data).is_none()
            && ERROR.find(data).is_none();
        if plain {
            if let Some(at) = USAGE.find(data)
                && let Some(usage) = counts(data.get(at..).unwrap_or_default())
            {
                self.sink.usage(&usage);
                seen.usage = self.sink.known_usage().copied();
                while self.sink.next_event().is_some() {}
            }
            return Ok(());
        }
        if is_no_chunk(frame) {
            return Ok(());
        }
        let chunk = read(frame)?;
        let told = self.reader.chunk(&chunk, &mut self.sink);
        while self.sink.next_event().is_some() {}
        seen.content |= self.sink.has_content();
        seen.stopped |= self.sink.has_stopped();
        seen.usage = self.sink.known_usage().copied().or(seen.usage);
        told.map_err(FrameError::Vendor)
    }
}

/// The counts in `"usageMetadata": {…}…`.
fn counts(text: &[u8]) -> Option<crate::chat::Usage> {
    let at = memchr::memchr(b':', text)?;
    let mut reader = serde_json::Deserializer::from_slice(text.get(at + 1..)?);
    Counts::deserialize(&mut reader).ok()?.usage()
}
