//! Answers, whole and frame by frame.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    NAME,
    wire::{Answer, Call, Message},
};
use crate::{
    chat::{CallKind, ChatResponse, Citation, Collector, Content, EventSink, Stop, StopReason},
    dialect::{EventDecoder, FOREIGN_SIGNATURE_PREFIX, FrameError, classify},
    error::{Error, ErrorKind},
    wire::Frame,
};

/// Reads a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<ChatResponse, Error> {
    let broken = |why: &str| {
        let message = format!("the vendor's answer cannot be read: {why}");
        Error::new(ErrorKind::Server, message)
    };
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| broken(&error.to_string()))?;
    let Some(message) = &answer.message else {
        return Err(broken("it has no message"));
    };
    let mut out = EventSink::new();
    out.start(answer.id.as_deref().unwrap_or_default(), "");
    tell(message, &mut out);
    for (key, call) in message.tool_calls.iter().flat_map(|c| c.iter()).enumerate() {
        begin(key, call, &mut out);
        // The vendor's word for no arguments.
        if arguments(call) != "null" {
            out.tool_arguments(key, arguments(call));
        }
        out.tool_end(key);
    }
    for raw in message.citations() {
        out.citation(citation(raw));
    }
    if let Some(usage) = answer.usage.and_then(|counts| counts.usage()) {
        out.usage(&usage);
    }
    if let Some(stop) = stop(answer.finish_reason.as_deref().unwrap_or_default())? {
        out.stop(stop);
    }
    out.end();
    let mut collector = Collector::new();
    while let Some(event) = out.next_event() {
        collector.push(event);
    }
    let mut response = collector.finish();
    for part in &mut response.content {
        if let Content::Thinking(thinking) = part {
            thinking.origin = Some(NAME);
        }
    }
    Ok(response)
}

/// Reads the frames of one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    ended: bool,
    /// A thought is open.
    thinks: bool,
}

impl EventDecoder for Decoder {
    fn decode(&mut self, frame: &Frame, out: &mut EventSink) -> Result<(), FrameError> {
        let data = frame.data().trim_ascii();
        if self.ended || data.is_empty() {
            return Ok(());
        }
        if data.starts_with(b"[DONE]") {
            self.ended = true;
            out.end();
            return Ok(());
        }
        let vendor = || FrameError::Vendor(classify(NAME, StatusCode::OK, &HeaderMap::new(), data));
        let answer: Answer<'_> = match serde_json::from_slice(data) {
            Ok(answer) => answer,
            // `{"id", "message": "…"}` is how the vendor fails.
            Err(_) if is_failure(data) => return Err(vendor()),
            Err(error) => return Err(FrameError::Malformed(error.to_string())),
        };
        let kind = answer.kind.as_deref().or(frame.name());
        let message = answer.delta.as_ref().and_then(|d| d.message.as_ref());
        let key = answer.index.unwrap_or_default();
        match kind {
            Some("message-start") => {
                out.start(answer.id.as_deref().unwrap_or_default(), "");
            }
            Some("content-start" | "content-delta" | "tool-plan-delta") => {
                if let Some(message) = message {
                    let mut parts = message.content.iter().flat_map(|parts| parts.iter());
                    self.thinks |= parts.any(|part| part.thinking.is_some());
                    tell(message, out);
                }
            }
            Some("content-end") => {
                // Events do not say whose a thought is: this way it finds its way back.
                if std::mem::take(&mut self.thinks) {
                    out.signature(&format!("{FOREIGN_SIGNATURE_PREFIX}{NAME}"));
                }
                out.close_block();
            }
            Some("tool-call-start" | "tool-call-delta") => {
                for call in message
                    .and_then(|m| m.tool_calls.as_ref())
                    .iter()
                    .flat_map(|calls| calls.iter())
                {
                    begin(key, call, out);
                    if arguments(call) != "null" {
                        out.tool_arguments(key, arguments(call));
                    }
                }
            }
            Some("tool-call-end") => out.tool_end(key),
            Some("citation-start") => {
                for raw in message.iter().flat_map(|message| message.citations()) {
                    out.citation(citation(raw));
                }
            }
            Some("citation-end") => {}
            Some("message-end") => end(&answer, out).map_err(FrameError::Vendor)?,
            _ if is_failure(data) => return Err(vendor()),
            _ => return Err(FrameError::Unknown),
        }
        Ok(())
    }
}

/// The last word: `[DONE]` follows, but not always.
fn end(answer: &Answer<'_>, out: &mut EventSink) -> Result<(), Error> {
    let Some(delta) = &answer.delta else {
        return Ok(());
    };
    if let Some(usage) = delta.usage.and_then(|counts| counts.usage()) {
        out.usage(&usage);
    }
    if let Some(why) = delta.error.as_deref().filter(|why| !why.is_empty()) {
        return Err(Error::new(ErrorKind::Server, why.to_owned()));
    }
    if let Some(stop) = stop(delta.finish_reason.as_deref().unwrap_or_default())? {
        out.stop(stop);
    }
    Ok(())
}

/// Text, thoughts and plans.
fn tell(message: &Message<'_>, out: &mut EventSink) {
    for part in message.content.iter().flat_map(|parts| parts.iter()) {
        if let Some(thinking) = &part.thinking {
            out.thinking(thinking);
        }
        if let Some(text) = &part.text {
            out.text(text);
        }
    }
    if let Some(plan) = &message.tool_plan {
        out.text(plan);
    }
}

fn begin(key: usize, call: &Call<'_>, out: &mut EventSink) {
    let name = call.function.as_ref().and_then(|f| f.name.as_deref());
    let (id, name) = (
        call.id.as_deref().unwrap_or_default(),
        name.unwrap_or_default(),
    );
    if !id.is_empty() || !name.is_empty() {
        out.tool_call(key, id, name, CallKind::Function);
    }
}

fn arguments<'c>(call: &'c Call<'_>) -> &'c str {
    call.function
        .as_ref()
        .and_then(|f| f.arguments.as_deref())
        .unwrap_or_default()
}

/// A range of the answer and where it comes from: a document or a tool's result.
fn citation(raw: &RawValue) -> Citation {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Wire<'a> {
        start: Option<u64>,
        end: Option<u64>,
        #[serde(borrow)]
        text: Option<Cow<'a, str>>,
        #[serde(borrow)]
        sources: Vec<Source<'a>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Source<'a> {
        #[serde(borrow)]
        id: Option<Cow<'a, str>>,
        #[serde(borrow)]
        document: Option<Document<'a>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Document<'a> {
        #[serde(borrow)]
        title: Option<Cow<'a, str>>,
        #[serde(borrow)]
        url: Option<Cow<'a, str>>,
        #[serde(borrow)]
        snippet: Option<Cow<'a, str>>,
    }
    let wire: Wire<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let source = wire.sources.into_iter().next().unwrap_or_default();
    let document = source.document.unwrap_or_default();
    let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    Citation {
        url: owned(document.url),
        title: owned(document.title).or(owned(source.id)),
        cited_text: owned(document.snippet).or(owned(wire.text)),
        range: wire.start.zip(wire.end),
        raw: Some((NAME, raw.into())),
    }
}

/// What the vendor's word for the end means; nothing if it is empty.
///
/// # Errors
/// If it says that the answer failed.
fn stop(word: &str) -> Result<Option<Stop>, Error> {
    let reason = match word {
        "" => return Ok(None),
        "COMPLETE" => StopReason::EndTurn,
        "STOP_SEQUENCE" => StopReason::StopSequence,
        "MAX_TOKENS" => StopReason::MaxTokens,
        "TOOL_CALL" => StopReason::ToolUse,
        "ERROR_TOXIC" => StopReason::Refusal,
        "ERROR" | "TIMEOUT" | "ERROR_LIMIT" => {
            let message = format!("the vendor ended the answer with `{word}`");
            return Err(Error::new(ErrorKind::Server, message));
        }
        _ => {
            return Ok(Some(Stop {
                native: Some(word.to_owned()),
                ..Stop::default()
            }));
        }
    };
    Ok(Some(Stop::new(reason)))
}

/// Is this the vendor's error body?
fn is_failure(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Failure<'a> {
        #[serde(borrow)]
        message: Option<Cow<'a, str>>,
    }
    serde_json::from_slice::<Failure<'_>>(data).is_ok_and(|failure| failure.message.is_some())
}
