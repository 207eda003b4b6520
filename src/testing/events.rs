//! The events of an answer, to be changed before they are sent.

use bytes::Bytes;

use super::{Answer, bedrock};
use crate::wire::{Frame, Framing, Splitter};

/// One event of a stream, or a whole body.
pub(super) struct Event {
    pub(super) name: Option<String>,
    pub(super) data: String,
}

/// What a body consists of.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// One text.
    Whole,
    /// Server-sent events.
    Sse,
    /// Amazon's messages.
    Messages,
}

impl Form {
    pub(super) fn of(answer: &Answer) -> Self {
        let kind = answer.header_value("content-type");
        match kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default() {
            kind if kind.starts_with("text/event-stream") => Self::Sse,
            kind if kind.starts_with("application/vnd.amazon.eventstream") => Self::Messages,
            _ => Self::Whole,
        }
    }

    /// One event on the wire.
    pub(super) fn write(self, event: &Event) -> Bytes {
        match self {
            Self::Whole => event.data.clone().into(),
            Self::Sse => Frame::new(event.name.as_deref(), event.data.clone()).into_raw(),
            Self::Messages => bedrock::message(
                event.name.as_deref().unwrap_or("chunk"),
                event.data.as_bytes(),
            ),
        }
    }

    /// The events in these bytes.
    pub(super) fn read(self, body: Bytes) -> Vec<Event> {
        let mut splitter = match self {
            Self::Whole => {
                let data = String::from_utf8_lossy(&body).into_owned();
                return vec![Event { name: None, data }];
            }
            Self::Sse => Splitter::new(Framing::Sse, usize::MAX),
            Self::Messages => Splitter::new(Framing::AwsEventStream, usize::MAX),
        };
        splitter.push(body);
        let mut events = Vec::new();
        while let Ok(Some(frame)) = splitter.next_frame() {
            if frame.has_data() {
                events.push(Event {
                    name: frame.name().map(str::to_owned),
                    data: String::from_utf8_lossy(frame.data()).into_owned(),
                });
            }
        }
        events
    }
}

/// The answer with other events: each becomes one chunk.
pub(super) fn edited(answer: Answer, edit: impl FnOnce(&mut Vec<Event>)) -> Answer {
    let form = Form::of(&answer);
    let mut events = form.read(answer.content());
    edit(&mut events);
    let chunks = events.iter().map(|event| form.write(event)).collect();
    answer.with_chunks(chunks)
}
