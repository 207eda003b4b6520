//! Writes what follows the seam, so that it fits what was passed on before.

use std::collections::VecDeque;

use serde::Deserialize;

use super::story::{Listener, Story};
use crate::{
    chat::ChatEvent,
    dialect::{Asked, EventEncoder, Front},
    wire::Frame,
};

/// An encoder that has told the story so far, to nobody.
pub(super) struct Pen {
    encoder: Box<dyn EventEncoder>,
    /// The next frame's `sequence_number`, in dialects that count.
    sequence: Option<u64>,
    /// The ids of the answer and of the open item: as the encoder calls them, and as the caller knows them.
    ids: Vec<(String, String)>,
}

/// Where a frame with words says that they belong.
#[derive(Debug, Default, Deserialize)]
struct Place {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    output_index: Option<u64>,
    #[serde(default)]
    content_index: Option<u64>,
    #[serde(default)]
    item_id: Option<String>,
    #[serde(default)]
    sequence_number: Option<u64>,
}

impl Pen {
    /// None if what follows would not fit.
    pub(super) fn new(
        front: &'static dyn Front,
        asked: &Asked<'_>,
        story: &Story,
        heard: &Listener,
    ) -> Option<Self> {
        let model = match story.model.as_str() {
            "" => asked.model,
            model => model,
        };
        let created = heard.first.as_ref().and_then(created);
        let asked = Asked::new(model, asked.include_usage, created.unwrap_or(asked.created));
        let mut encoder = front.encoder(&asked);
        let mut told = VecDeque::new();
        for event in story.replay() {
            encoder.encode(event, &mut told);
        }
        let ours = told
            .iter()
            .rev()
            .find_map(place_of_words)
            .unwrap_or_default();
        let theirs = heard.words.as_ref().and_then(place).unwrap_or_default();
        let same = (ours.index, ours.output_index, ours.content_index)
            == (theirs.index, theirs.output_index, theirs.content_index);
        let latest = heard.latest.as_ref().and_then(place);
        let latest = latest.and_then(|place| place.sequence_number);
        same.then(|| Self {
            encoder,
            sequence: latest
                .max(theirs.sequence_number)
                .map(|number| number.saturating_add(1)),
            ids: [
                ours.item_id.zip(theirs.item_id),
                told.front()
                    .and_then(id)
                    .zip(heard.first.as_ref().and_then(id)),
            ]
            .into_iter()
            .flatten()
            .filter(|(ours, theirs)| ours != theirs)
            .collect(),
        })
    }

    pub(super) fn write(&mut self, event: ChatEvent, out: &mut VecDeque<Frame>) {
        let before = out.len();
        self.encoder.encode(event, out);
        for frame in out.iter_mut().skip(before) {
            if let Some(fitting) = self.fitting(frame) {
                *frame = fitting;
            }
        }
    }

    /// The frame with the caller's ids and numbers, if they differ.
    fn fitting(&mut self, frame: &Frame) -> Option<Frame> {
        const NUMBER: &str = "\"sequence_number\":";
        let sequence = self.sequence?;
        let mut text = std::str::from_utf8(frame.data()).ok()?.to_owned();
        // It stands before anything the model has said.
        let at = text.find(NUMBER)? + NUMBER.len();
        let digits = text
            .get(at..)?
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        text.replace_range(at..at + digits, &sequence.to_string());
        self.sequence = Some(sequence.saturating_add(1));
        for (ours, theirs) in &self.ids {
            text = text.replace(&format!("\"{ours}\""), &format!("\"{theirs}\""));
        }
        Some(Frame::new(frame.name(), text))
    }
}

fn place(frame: &Frame) -> Option<Place> {
    serde_json::from_slice(frame.data()).ok()
}

/// Where the words of one of our own frames belong; none if it has none.
fn place_of_words(frame: &Frame) -> Option<Place> {
    let words = match frame.name() {
        Some(name) => matches!(name, "content_block_delta" | "response.output_text.delta"),
        None => true,
    };
    words.then(|| place(frame)).flatten()
}

/// What the first frame says of the answer as a whole.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    created: Option<u64>,
    #[serde(default)]
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    created_at: Option<u64>,
}

/// The answer's id, where its frames hold it inside.
fn id(frame: &Frame) -> Option<String> {
    let head: Head = serde_json::from_slice(frame.data()).ok()?;
    head.response?.id
}

/// When the answer was made, as it says itself.
fn created(frame: &Frame) -> Option<u64> {
    let head: Head = serde_json::from_slice(frame.data()).ok()?;
    head.created
        .or_else(|| head.response.and_then(|response| response.created_at))
}
