//! Streams that pass untouched: what a chunk means, seen from its bytes.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::{Deserialize, de::IgnoredAny};

use super::{Decoder, glance::Glance};
use crate::{
    chat::EventSink,
    dialect::{EventDecoder, FrameError, Observed, Observer},
    json::{self, is_object},
    wire::Frame,
};

// A quote inside a JSON string is escaped: these are never found in what the model says.
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finish_reason\""));
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"delta\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));

/// Watches the chunks of one stream. Once content was seen, only those that may say more than content are read.
#[derive(Debug)]
pub(in super::super) struct Watcher {
    decoder: Decoder,
    sink: EventSink,
    /// A chunk was decoded.
    decoded: bool,
}

impl Watcher {
    pub(in super::super) fn new() -> Self {
        Self {
            decoder: Decoder::wordless(),
            sink: EventSink::new(),
            decoded: false,
        }
    }

    /// Takes note of a chunk that says nothing out of the ordinary; false if it has to be decoded.
    fn glances(&mut self, frame: &Frame, seen: &mut Observed) -> bool {
        // What decided the beginning of the content, e.g. a tag that was cut in two, is known to the decoder only.
        if frame.name().is_some() || (self.decoded && !seen.content) || !self.decoder.reads_first()
        {
            return false;
        }
        let Some(glance) = Glance::at(frame.data()) else {
            return false;
        };
        seen.plain = glance.words && glance.usage.is_none() && glance.stop.is_none();
        seen.content |= glance.words;
        self.decoder.note(glance, &mut self.sink);
        true
    }
}

impl Observer for Watcher {
    fn observe(&mut self, frame: &Frame, seen: &mut Observed) -> Result<(), FrameError> {
        if seen.content && frame.name().is_none() && is_plain(frame.data()) {
            seen.plain = true;
            return Ok(());
        }
        let read = match self.glances(frame, seen) {
            true => Ok(()),
            false => {
                self.decoded = true;
                self.decoder.decode(frame, &mut self.sink)
            }
        };
        while self.sink.next_event().is_some() {}
        seen.content |= self.sink.has_content();
        seen.stopped |= self.sink.has_stopped();
        seen.ended |= self.sink.has_ended();
        seen.usage = self.sink.known_usage().copied().or(seen.usage);
        read
    }
}

/// Is this a chunk with content and nothing else to know?
fn is_plain(data: &[u8]) -> bool {
    let mut reasons = FINISH.find_iter(data);
    let goes_on = |at: usize| is_null(data, at + FINISH.needle().len());
    let plain = match reasons.next() {
        Some(first) => goes_on(first) && reasons.all(goes_on),
        // xAI says it at the end only. A failure has no delta, or says that it is one.
        None => DELTA.find(data).is_some() && ERROR.find(data).is_none(),
    };
    plain
        && is_object(data)
        && USAGE
            .find(data)
            .is_none_or(|at| is_null(data, at + USAGE.needle().len()))
}

/// Is the value of the member whose name ends at `at` null?
fn is_null(data: &[u8], at: usize) -> bool {
    data.get(at..)
        .unwrap_or_default()
        .iter()
        .find(|byte| !matches!(byte, b':' | b' ' | b'\t' | b'\n' | b'\r'))
        .is_some_and(|byte| *byte == b'n')
}

/// Is this the chunk that tells usage and nothing else?
pub(in super::super) fn is_usage_only(frame: &Frame) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<IgnoredAny>,
        usage: Option<IgnoredMap>,
    }
    #[derive(Deserialize)]
    struct IgnoredMap {}
    let data = frame.data();
    if USAGE.find(data).is_none() || DELTA.find(data).is_some() {
        return false;
    }
    if let Some([Some(choices), Some(usage)]) =
        json::places(data, &json::Unlimited, ["choices", "usage"])
        && data.get(choices) == Some(b"[]")
        && data.get(usage).is_some_and(|usage| usage.starts_with(b"{"))
    {
        return true;
    }
    serde_json::from_slice::<Chunk>(data)
        .is_ok_and(|chunk| chunk.choices.is_empty() && chunk.usage.is_some())
}
