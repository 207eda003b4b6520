//! A vendor's events, told to the sink. The name of a frame says what its payload is.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    NAME,
    answer::{HOSTED, IMAGES_DIALECT, image_part, stop_sequence},
    citations, error,
    event::{Delta, Event, Start, ToolUse},
    reasoning, stop,
};
use crate::{
    Json,
    chat::{CallKind, EventSink},
    dialect::{EventDecoder, FrameError},
    json,
    wire::Frame,
};

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The block whose words were told last. Text and reasoning begin without a word, at their first delta.
    words: Option<usize>,
    /// A thought is open that was not signed yet.
    unsigned: bool,
    /// Blocks put together until they are whole.
    held: Vec<Held>,
    /// Was the cost told?
    counted: bool,
}

#[derive(Debug)]
struct Held {
    index: usize,
    kind: HeldKind,
    start: Json,
    /// Arguments, or the bytes of an image.
    text: String,
    content: Vec<Json>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeldKind {
    Call,
    Result,
    Image,
}

impl EventDecoder for Decoder {
    fn decode(&mut self, frame: &Frame, out: &mut EventSink) -> Result<(), FrameError> {
        let name = frame.name().unwrap_or_default();
        if let Some(error) = error::in_stream(name, frame.data()) {
            return Err(FrameError::Vendor(error));
        }
        if !matches!(
            name,
            "messageStart"
                | "contentBlockStart"
                | "contentBlockDelta"
                | "contentBlockStop"
                | "messageStop"
                | "metadata"
        ) {
            return Err(FrameError::Unknown);
        }
        let event: Event<'_> = read(frame.data())?;
        let index = event.content_block_index;
        match name {
            "contentBlockDelta" => match event.delta {
                Some(delta) => self.delta(index, delta, out)?,
                None => return Err(FrameError::Malformed("no `delta` in it".into())),
            },
            "contentBlockStart" => {
                if let Some(start) = event.start {
                    self.start(index, &start, out)?;
                }
            }
            "contentBlockStop" => self.finish(index, out),
            "messageStart" => out.start("", ""),
            "messageStop" => {
                self.settle(out);
                let word = event.stop_reason.as_deref().unwrap_or("end_turn");
                let fields = event.additional_model_response_fields;
                let sequence = fields.and_then(stop_sequence);
                let said = out.has_content();
                let stop =
                    stop::read(word, sequence.as_deref(), said).map_err(FrameError::Vendor)?;
                out.stop(stop);
                if self.counted {
                    out.end();
                }
            }
            // The last frame of all, or in the habit of some relays the last but one.
            _ => {
                self.counted = true;
                if let Some(counts) = event.usage {
                    out.usage(&counts.usage());
                }
                if out.has_stopped() {
                    out.end();
                }
            }
        }
        Ok(())
    }
}

impl Decoder {
    fn start(
        &mut self,
        index: usize,
        start: &Start<'_>,
        out: &mut EventSink,
    ) -> Result<(), FrameError> {
        self.settle(out);
        let mut kind = HeldKind::Call;
        let raw = match (start.tool_use, start.tool_result, start.image) {
            (Some(raw), _, _) => {
                let call: ToolUse<'_> = read(raw.get().as_bytes())?;
                if call.kind.as_deref() != Some(HOSTED) {
                    out.tool_call(index, &call.tool_use_id, &call.name, CallKind::Function);
                    return Ok(());
                }
                raw
            }
            (_, Some(raw), _) => {
                kind = HeldKind::Result;
                raw
            }
            (_, _, Some(raw)) => {
                kind = HeldKind::Image;
                raw
            }
            _ => return Ok(()),
        };
        self.held.push(Held {
            index,
            kind,
            start: raw.into(),
            text: String::new(),
            content: Vec::new(),
        });
        Ok(())
    }

    fn delta(
        &mut self,
        index: usize,
        delta: Delta<'_>,
        out: &mut EventSink,
    ) -> Result<(), FrameError> {
        if let Some(text) = delta.text.filter(|text| !text.is_empty()) {
            self.turn_to(index, out);
            out.text(&text);
        }
        if let Some(thought) = delta.reasoning_content {
            if let Some(text) = thought.text.filter(|text| !text.is_empty()) {
                self.turn_to(index, out);
                self.unsigned = true;
                out.thinking(&text);
            }
            if let Some(signature) = thought.signature.filter(|proof| !proof.is_empty()) {
                self.turn_to(index, out);
                self.unsigned = false;
                out.signature(&signature);
            }
            if let Some(data) = thought.redacted_content {
                self.settle(out);
                let data = reasoning::redacted(&data).redacted.unwrap_or_default();
                out.redacted_thinking(&data);
            }
        }
        if let Some(citation) = delta.citation {
            out.citation(citations::read(citation));
        }
        let held = self.held.iter_mut().find(|held| held.index == index);
        match (held, delta.tool_use) {
            (Some(held), Some(input)) => held.text.push_str(&input.input),
            (None, Some(input)) => out.tool_arguments(index, &input.input),
            (Some(held), None) => {
                if let Some(raw) = delta.tool_result {
                    let items: Vec<&RawValue> = read(raw.get().as_bytes())?;
                    held.content.extend(items.into_iter().map(Json::from));
                }
                if let Some(source) = delta.image.and_then(|image| image.source) {
                    held.text.push_str(&source.bytes);
                }
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn finish(&mut self, index: usize, out: &mut EventSink) {
        if let Some(at) = self.held.iter().position(|held| held.index == index) {
            let held = self.held.remove(at);
            let (dialect, json) = held.whole();
            out.other(dialect, json);
        }
        if self.words == Some(index) {
            self.settle(out);
        }
        out.tool_end(index);
    }

    /// Words of this block follow.
    fn turn_to(&mut self, index: usize, out: &mut EventSink) {
        if self.words != Some(index) {
            self.settle(out);
            out.close_block();
            self.words = Some(index);
        }
    }

    /// Says whose the open thought is, if it was not signed. An open text stays open: its sources may follow in a block of their own.
    fn settle(&mut self, out: &mut EventSink) {
        if std::mem::take(&mut self.unsigned) {
            out.signature(&reasoning::unsigned());
            out.close_block();
        }
    }
}

impl Held {
    fn whole(self) -> (&'static str, Json) {
        #[derive(Deserialize)]
        struct Format {
            format: String,
        }
        if self.kind == HeldKind::Image {
            let format = self.start.deserialize::<Format>().map(|it| it.format);
            let format = format.unwrap_or_else(|_| "png".to_owned());
            return (IMAGES_DIALECT, image_part(&format, &self.text));
        }
        let input = match self.text.trim() {
            "" => Json::empty_object(),
            text => Json::parse(text).unwrap_or_else(|_| Json::empty_object()),
        };
        let members = json::Value::root(self.start.as_str().as_bytes())
            .and_then(|root| Ok(root.object()?.into_extra()))
            .unwrap_or_default();
        let inner = json::object(|o| {
            o.extra(&members);
            match self.kind {
                HeldKind::Call => o.field("input", &input),
                _ => o.array("content", &self.content),
            };
        });
        let name = match self.kind {
            HeldKind::Call => "toolUse",
            _ => "toolResult",
        };
        (NAME, super::wire::member(name, &inner))
    }
}

fn read<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, FrameError> {
    serde_json::from_slice(data).map_err(|e| FrameError::Malformed(e.to_string()))
}
