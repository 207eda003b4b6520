//! The reader is held against a slow one that follows the WHATWG text step by step, on whole and on cut input.

mod properties;
mod rules;
mod work;
mod writing;

use bytes::Bytes;

use super::SseSplitter;
use crate::wire::Frame;

/// What a reader gets out of one frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Event {
    name: Vec<u8>,
    data: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
    retry: Option<u64>,
}

impl From<&Frame> for Event {
    fn from(frame: &Frame) -> Self {
        let span =
            |span: Option<crate::wire::frame::Span>| span.map(|span| span.of(&frame.raw).to_vec());
        Self {
            name: span(frame.fields.name).unwrap_or_default(),
            data: frame.has_data().then(|| frame.data().to_vec()),
            id: span(frame.fields.id),
            retry: frame
                .retry()
                .map(|retry| retry.as_millis().try_into().unwrap()),
        }
    }
}

/// The slow reader. An event left open at the end counts if it has data.
fn reference(stream: &[u8]) -> Vec<Event> {
    let mut stream = stream;
    while let [0xEF, 0xBB, 0xBF, rest @ ..] | [b'\r' | b'\n', rest @ ..] = stream {
        stream = rest;
    }
    let mut lines = vec![Vec::new()];
    let mut bytes = stream.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                lines.push(Vec::new());
            }
            b'\n' => lines.push(Vec::new()),
            byte => lines.last_mut().unwrap().push(byte),
        }
    }
    // What stands behind the last line ending is a line only if it is not empty.
    lines.pop_if(|line| line.is_empty());

    let mut events = Vec::new();
    let mut event = Event::default();
    for line in lines {
        if line.is_empty() {
            events.push(std::mem::take(&mut event));
            continue;
        }
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        match &line[..colon] {
            b"event" => event.name = value,
            b"id" if !value.contains(&0) => event.id = Some(value),
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                event.retry = String::from_utf8(value)
                    .unwrap()
                    .parse()
                    .ok()
                    .or(event.retry);
            }
            b"data" => match &mut event.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend(value);
                }
                data => *data = Some(value),
            },
            _ => {}
        }
    }
    if event.data.is_some() {
        events.push(event);
    }
    events.retain(|event| *event != Event::default());
    events
}

/// All frames of a stream that arrives in these chunks, as soon as each can be had.
fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let mut splitter = SseSplitter::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        splitter.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = splitter.next_frame().unwrap() {
            frames.push(frame);
        }
    }
    while let Some(frame) = splitter.finish() {
        frames.push(frame);
    }
    frames
}

fn events(frames: &[Frame]) -> Vec<Event> {
    frames
        .iter()
        .filter(|frame| !frame.is_comment())
        .map(Event::from)
        .collect()
}

fn raws(frames: &[Frame]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|frame| frame.raw().to_vec())
        .collect()
}

/// Cuts `stream` into pieces of the given sizes, over and over.
fn cut<'a>(mut stream: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for size in sizes.iter().copied().cycle() {
        if stream.is_empty() {
            break;
        }
        let (chunk, rest) = stream.split_at(size.clamp(1, stream.len()));
        chunks.push(chunk);
        stream = rest;
    }
    chunks
}

fn one(stream: &str) -> Frame {
    let mut frames = frames([stream.as_bytes()]);
    assert_eq!(frames.len(), 1, "{stream:?}: {frames:?}");
    frames.remove(0)
}
