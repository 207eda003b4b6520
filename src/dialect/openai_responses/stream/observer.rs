//! Streams that pass untouched: what an event means, seen from its name.

use serde::Deserialize;

use super::{super::wire::Text, Decoder};
use crate::{
    chat::EventSink,
    dialect::{EventDecoder, FrameError, Observed, Observer},
    wire::Frame,
};

/// Watches the events of one stream. Once content was seen, only those that end the answer are read.
#[derive(Debug, Default)]
pub(in super::super) struct Watcher {
    decoder: Decoder,
    sink: EventSink,
}

impl Observer for Watcher {
    fn observe(&mut self, frame: &Frame, seen: &mut Observed) -> Result<(), FrameError> {
        if seen.content && is_plain(frame) {
            return Ok(());
        }
        let read = self.decoder.decode(frame, &mut self.sink);
        while self.sink.next_event().is_some() {}
        seen.content |= self.sink.has_content();
        seen.stopped |= self.sink.has_stopped();
        seen.ended |= self.sink.has_ended();
        seen.usage = self.sink.known_usage().copied().or(seen.usage);
        read
    }
}

/// Is this an event that neither ends the answer nor tells what it cost?
fn is_plain(frame: &Frame) -> bool {
    let ends = |kind: &str| {
        matches!(
            kind,
            "response.completed" | "response.incomplete" | "response.failed" | "error"
        )
    };
    if let Some(name) = frame.name() {
        return name.starts_with("response.") && !ends(name);
    }
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    // Without a name the whole event is skipped over to find its type, but nothing of it is kept.
    serde_json::from_slice::<Typed<'_>>(frame.data()).is_ok_and(|event| {
        event.kind.as_str().starts_with("response.") && !ends(event.kind.as_str())
    })
}
