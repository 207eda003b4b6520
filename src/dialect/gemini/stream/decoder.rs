//! A vendor's frames, told to the sink.

use super::super::{answer::Reader, wire::Chunk};
use crate::{
    chat::EventSink,
    dialect::{EventDecoder, FrameError},
    wire::Frame,
};

/// Reads one stream. The end is not told by a frame: it is where the body ends.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    reader: Reader,
}

impl EventDecoder for Decoder {
    fn decode(&mut self, frame: &Frame, out: &mut EventSink) -> Result<(), FrameError> {
        if is_no_chunk(frame) {
            return Ok(());
        }
        let chunk = read(frame)?;
        self.reader.chunk(&chunk, out).map_err(FrameError::Vendor)
    }
}

/// Nothing, or the marker that relays of another habit add.
pub(super) fn is_no_chunk(frame: &Frame) -> bool {
    let data = frame.data().trim_ascii();
    data.is_empty() || data == b"[DONE]"
}

pub(super) fn read(frame: &Frame) -> Result<Chunk<'_>, FrameError> {
    serde_json::from_slice(frame.data()).map_err(|e| FrameError::Malformed(e.to_string()))
}
