//! What a caller got, held to the grammar of the caller's dialect and then read.

use serde_json::Value;
use trunkline::{
    chat::{ChatResponse, Collector, Content, EventSink, StopReason, Usage},
    dialect::FrameError,
    testing::grammar,
    wire::{Frame, SseSplitter},
};

use crate::pairs::{Front, ensure};

/// An answer to a caller.
pub struct Got {
    pub front: &'static Front,
    pub status: u16,
    pub headers: http::HeaderMap,
    pub raw: Vec<u8>,
    /// The body failed instead of ending: the connection is cut.
    pub cut: bool,
    /// It was asked for as a stream.
    pub stream: bool,
}

/// What it says.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    pub text: String,
    pub thinking: String,
    pub signatures: Vec<String>,
    /// Name and arguments of each call.
    pub calls: Vec<(String, Value)>,
    pub ids: Vec<String>,
    pub stop: Option<StopReason>,
    pub usage: Option<Usage>,
    /// The message of the error that ended the stream.
    pub error: Option<String>,
    pub code: Option<String>,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// What messages show of it: the begin and the end.
    fn shown(&self) -> String {
        let text = self.text();
        let chars: Vec<char> = text.chars().collect();
        match chars.len() {
            0..1500 => text,
            length => {
                let (begin, end) = (&chars[..200], &chars[length - 1000..]);
                format!("{} … {}", String::from_iter(begin), String::from_iter(end))
            }
        }
    }

    /// Less the frames of which one of these texts is a part, where they may pass.
    pub fn without(mut self, texts: &[&str]) -> Self {
        let mut splitter = SseSplitter::new();
        splitter.push(std::mem::take(&mut self.raw).into());
        while let Ok(Some(frame)) = splitter.next_frame() {
            let data = String::from_utf8_lossy(frame.data());
            if !texts.iter().any(|text| data.contains(text)) {
                self.raw.extend_from_slice(frame.raw());
            }
        }
        let cut = splitter.finish();
        self.raw.extend(cut.iter().flat_map(|cut| cut.raw().iter()));
        self
    }

    /// A stream or an answer that says it is whole.
    pub fn success(&self) -> Result<Told, String> {
        let text = self.shown();
        ensure!(self.status == 200, "status {}: {text}", self.status);
        ensure!(!self.cut, "cut, after: {text}");
        self.legal()?;
        let told = self.read()?;
        ensure!(told.error.is_none(), "an error: {text}");
        ensure!(told.stop.is_some(), "no reason why it ended: {text}");
        Ok(told)
    }

    /// A stream that broke: some of the answer, an error in the dialect's words, nothing after it, and a cut connection.
    pub fn broken(&self) -> Result<Told, String> {
        let text = self.shown();
        ensure!(self.status == 200, "status {}: {text}", self.status);
        ensure!(self.cut, "a clean end would pass for success: {text}");
        self.legal()?;
        for ending in ["[DONE]", "message_stop", "response.completed"] {
            ensure!(
                !self.text().contains(ending),
                "{ending} in a broken stream: {text}"
            );
        }
        let told = self.read()?;
        ensure!(told.error.is_some(), "no error told: {text}");
        Ok(told)
    }

    /// A failure before anything was sent.
    pub fn refused(&self) -> Result<Value, String> {
        let text = self.shown();
        ensure!(self.status >= 400, "status {}: {text}", self.status);
        ensure!(!self.cut, "cut: {text}");
        let body: Value = serde_json::from_slice(&self.raw).map_err(|e| format!("{e}: {text}"))?;
        ensure!(body["error"]["message"].is_string(), "no message: {text}");
        Ok(body)
    }

    /// No client of the dialect would stumble over it.
    fn legal(&self) -> Result<(), String> {
        let name = self.front.dialect.name();
        let found = match self.stream {
            true => grammar::check_stream(name, &self.raw),
            false => grammar::check_reply(name, &self.raw),
        };
        let found = found.ok_or("no grammar")?;
        let list: Vec<String> = found.iter().map(ToString::to_string).collect();
        ensure!(list.is_empty(), "{}\n{}", list.join("; "), self.shown());
        ensure!(!self.text().contains('\u{fffd}'), "a broken character");
        Ok(())
    }

    fn read(&self) -> Result<Told, String> {
        if !self.stream {
            let read = self.front.dialect.decode_response(&self.raw);
            return Ok(Told::of(read.map_err(|e| e.to_string())?));
        }
        let (mut sink, mut collector) = (EventSink::new(), Collector::new());
        let mut decoder = self.front.dialect.decoder();
        let mut failure = None;
        for frame in frames(&self.raw) {
            match decoder.decode(&frame, &mut sink) {
                Ok(()) => {}
                Err(FrameError::Vendor(error)) => failure = Some(error),
                Err(other) => return Err(format!("{other:?} in {frame:?}")),
            }
        }
        if failure.is_none() {
            sink.end();
        }
        while let Some(event) = sink.next_event() {
            collector.push(event);
        }
        let mut told = Told::of(collector.finish());
        if let Some(error) = failure {
            told.stop = None;
            told.error = Some(error.message().to_owned());
            told.code = error.code().map(str::to_owned);
        }
        Ok(told)
    }

    /// The frames with data.
    pub fn frames(&self) -> Vec<Frame> {
        frames(&self.raw)
    }
}

impl Told {
    fn of(answer: ChatResponse) -> Self {
        let mut told = Self {
            text: answer.text(),
            stop: Some(answer.stop.reason),
            usage: answer.usage,
            ..Self::default()
        };
        for part in answer.content {
            match part {
                Content::Thinking(thinking) => {
                    told.thinking.push_str(&thinking.text);
                    told.signatures.extend(thinking.signature);
                }
                Content::ToolCall(call) => {
                    let arguments = serde_json::from_str(&call.arguments);
                    let arguments = arguments.unwrap_or(Value::String(call.arguments));
                    told.calls.push((call.name, arguments));
                    told.ids.push(call.id);
                }
                _ => {}
            }
        }
        told
    }
}

fn frames(raw: &[u8]) -> Vec<Frame> {
    let mut splitter = SseSplitter::new();
    splitter.push(raw.to_vec().into());
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = splitter.next_frame() {
        if frame.has_data() {
            frames.push(frame);
        }
    }
    frames
}
