//! A vendor's stream as a list of its frames, to be cut and bent.

use bytes::Bytes;
use serde_json::Value;
use trunkline::{
    testing::{Answer, Script},
    wire::{SseSplitter, event_stream::MessageSplitter},
};

use crate::pairs::Kind;

/// The frames of an answer, each with its framing.
#[derive(Clone)]
pub struct Frames {
    pub kind: &'static Kind,
    pub list: Vec<Bytes>,
}

impl Frames {
    /// As the vendor would send it.
    pub fn of(kind: &'static Kind, script: &Script) -> Self {
        let answer = (kind.answer)(script, kind.model, true);
        let content = answer.content();
        let list = match kind.binary {
            true => messages(content),
            false => events(content),
        };
        Self { kind, list }
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// These frames as an answer, one chunk each.
    pub fn answer(&self) -> Answer {
        match self.kind.binary {
            true => Answer::status(200)
                .header("content-type", "application/vnd.amazon.eventstream")
                .stream(self.list.clone()),
            false => Answer::sse(self.list.clone()),
        }
    }

    /// Only the first `count`.
    pub fn first(mut self, count: usize) -> Self {
        self.list.truncate(count);
        self
    }

    /// With a frame before that number.
    pub fn with(mut self, at: usize, frame: impl Into<Bytes>) -> Self {
        self.list.insert(at, frame.into());
        self
    }

    /// With a frame behind all others.
    pub fn then(mut self, frame: impl Into<Bytes>) -> Self {
        self.list.push(frame.into());
        self
    }

    /// Without those of which this text is a part.
    pub fn without(mut self, text: &str) -> Self {
        self.list.retain(|frame| !contains(frame, text));
        self
    }

    /// The number of the first frame of which this text is a part.
    pub fn find(&self, text: &str) -> Option<usize> {
        self.list.iter().position(|frame| contains(frame, text))
    }

    /// Every frame, changed as text.
    pub fn map(mut self, change: impl Fn(&str) -> String) -> Self {
        for frame in &mut self.list {
            *frame = match self.kind.binary {
                true => remade(frame, &change),
                false => change(std::str::from_utf8(frame).expect("text")).into(),
            };
        }
        self
    }
}

impl Frames {
    /// The JSON of each event.
    pub fn data(&self) -> Vec<Value> {
        let texts = self.list.iter().map(text);
        let json = texts.filter_map(|text| {
            let (from, to) = (text.find('{')?, text.rfind('}')?);
            let mut value: Value = serde_json::from_str(text.get(from..=to)?).ok()?;
            // Amazon's own, which is no part of Claude's event.
            if let Some(object) = value.as_object_mut() {
                object.remove("amazon-bedrock-invocationMetrics");
            }
            Some(value)
        });
        json.collect()
    }
}

/// A frame as text: the event of Claude's where it is wrapped.
pub fn text(frame: &Bytes) -> String {
    let inner = unwrapped(frame);
    match inner.is_empty() {
        true => String::from_utf8_lossy(frame).into_owned(),
        false => String::from_utf8_lossy(&inner).into_owned(),
    }
}

/// Claude's events on Bedrock are wrapped: what is looked for is looked for inside.
fn contains(frame: &Bytes, text: &str) -> bool {
    let inner = unwrapped(frame);
    memchr_find(&inner, text.as_bytes()) || memchr_find(frame, text.as_bytes())
}

fn memchr_find(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

fn unwrapped(frame: &Bytes) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let text = String::from_utf8_lossy(frame);
    let start = text.find(r#"{"bytes":""#).map(|at| at + 10);
    let inner = start.and_then(|at| text[at..].split('"').next().map(str::to_owned));
    inner
        .and_then(|inner| STANDARD.decode(inner).ok())
        .unwrap_or_default()
}

/// AWS's message with another payload.
fn remade(frame: &Bytes, change: impl Fn(&str) -> String) -> Bytes {
    let mut splitter = MessageSplitter::new();
    splitter.push(frame.clone());
    let whole = splitter.next_frame().ok().flatten().expect("a message");
    let name = whole.name().expect("a name").to_owned();
    let inner = unwrapped(frame);
    match inner.is_empty() {
        true => message(
            &name,
            &change(std::str::from_utf8(whole.data()).expect("text")),
        ),
        false => crate::edits::chunk(&change(std::str::from_utf8(&inner).expect("text"))),
    }
}

fn events(content: Bytes) -> Vec<Bytes> {
    let mut splitter = SseSplitter::new();
    splitter.push(content);
    std::iter::from_fn(|| splitter.next_frame().expect("legal frames"))
        .map(|frame| frame.raw().clone())
        .collect()
}

/// AWS's messages begin with their own length.
fn messages(mut content: Bytes) -> Vec<Bytes> {
    let mut list = Vec::new();
    while content.len() >= 4 {
        let length = u32::from_be_bytes([content[0], content[1], content[2], content[3]]);
        list.push(content.split_to(length as usize));
    }
    list
}

/// One message of AWS's, or an event wrapped for Claude on Bedrock.
pub fn message(name: &str, payload: &str) -> Bytes {
    Answer::event_stream([(name, payload)]).content()
}
