//! Streams that pass untouched: what an event means, seen from its name.

use serde::Deserialize;

use super::{super::wire::Text, Decoder};
use crate::{
    chat::EventSink,
    dialect::{EventDecoder, FrameError, Observed, Observer},
    json::is_object,
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
        if seen.content && is_object(frame.data()) && is_plain(frame) {
            seen.plain = true;
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
    // Without a name the whole event is skipped over to find its type, but nothing of it is kept.
    kind(frame).is_some_and(|kind| kind.as_str().starts_with("response.") && !ends(kind.as_str()))
}

/// The type in an event's data.
fn kind(frame: &Frame) -> Option<Text<'_>> {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    let typed = serde_json::from_slice::<Typed<'_>>(frame.data());
    typed.ok().map(|event| event.kind)
}

/// Strict clients take every event for one of the dialect's: `keepalive` and `[DONE]`, which servers in between add, break them.
pub(in super::super) fn is_of_the_dialect(frame: &Frame) -> bool {
    let of = |kind: &str| kind.starts_with("response.") || kind == "error";
    match frame.name() {
        _ if !frame.has_data() => true,
        Some(name) => of(name),
        None => kind(frame).is_some_and(|kind| of(kind.as_str())),
    }
}
