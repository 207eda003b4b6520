//! How a conversation is spelled on the wire.
//!
//! A [`Dialect`] has two halves. The vendor half is needed to call somebody who speaks it: write a request, read the answer,
//! whole or frame by frame. The [`Front`] half is needed to serve it: read a request, write the answer and the errors.
//! Neither does any IO, and neither decides what an unknown frame, broken JSON or an early end means: the driver
//! ([`EventStream`](crate::response::EventStream)) does, once for all.

pub mod anthropic;
pub mod bedrock;
pub mod cohere;
pub mod embeddings;
pub mod gemini;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_responses;
pub mod rerank;

mod adjacent;
mod alias;
mod call;
mod classify;
mod counter;
mod distinct;
mod forget;
mod labels;
mod pairs;
mod quirks;
mod rate_names;
mod rate_windows;
mod retry_after;
mod rpc_details;
pub(crate) mod structured;
mod translate;
mod twins;
mod unsaid;

use std::{borrow::Cow, collections::VecDeque, fmt::Debug};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, response};

pub use self::{
    call::Call,
    classify::classify,
    counter::Counter,
    quirks::{Bridge, Formats, Prefill, Quirks, ReasoningField, Retrieval, ToolIds},
    rate_windows::{RateWindow, RateWindows, Resource},
    retry_after::retry_after,
    translate::{check, translate},
};
pub(crate) use self::{
    classify::has_error,
    retry_after::{days_from_civil, rfc3339},
    twins::Twins,
};
pub(crate) use crate::chat::FOREIGN_SIGNATURE_PREFIX;
use crate::{
    chat::{ChatEvent, ChatRequest, ChatResponse, Delta, EventSink, Fidelity, Note, Usage},
    error::Error,
    media::MediaKind,
    wire::{Frame, Framing},
};

/// One wire format.
pub trait Dialect: Debug + Send + Sync + 'static {
    /// A stable name, e.g. `openai-chat`.
    fn name(&self) -> &'static str;

    /// The path of a call below the vendor's base URL, e.g. `/chat/completions`.
    fn path(&self, call: &Call<'_>) -> Cow<'static, str>;

    /// Adds the headers that every request in this dialect carries and the caller did not send.
    fn headers(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }

    /// Writes a request for this vendor; what could not be said goes to the report.
    ///
    /// The same request gives the same bytes, always: vendors bind prompt caches and thinking to an unchanged prefix.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind) for what no vendor of this dialect takes,
    /// [`ErrorKind::Unsupported`](crate::ErrorKind) for what only this one lacks; both name the field.
    fn encode_request(
        &self,
        request: &ChatRequest,
        target: &Target<'_>,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error>;

    /// Reads a whole answer.
    ///
    /// # Errors
    /// If it is none: not JSON, an error under a 200, no choices.
    fn decode_response(&self, body: &[u8]) -> Result<ChatResponse, Error>;

    /// A decoder for one stream.
    fn decoder(&self) -> Box<dyn EventDecoder>;

    /// How streams are framed.
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    /// An observer for one stream that is passed through. The default decodes every frame; override it with something that
    /// looks at bytes if the dialect is also a [`Front`].
    fn observer(&self) -> Box<dyn Observer> {
        Box::new(DecodingObserver {
            decoder: self.decoder(),
            sink: EventSink::new(),
        })
    }

    /// The usage in a whole answer that is passed through.
    fn usage(&self, body: &[u8]) -> Option<Usage> {
        self.decode_response(body).ok()?.usage
    }

    /// What kind of failure a vendor's answer is. The default knows the shapes of all vendors in the field.
    fn classify(&self, parts: &response::Parts, body: &[u8]) -> Error {
        classify(self.name(), parts.status, &parts.headers, body)
    }

    /// The body of a refused request, mended so that it may be sent once more: without what the vendor can no longer make use of.
    /// None where nothing can be mended. `report` is told what was lost.
    fn mend(&self, body: &[u8], error: &Error, report: &mut Fidelity) -> Option<Bytes> {
        let _ = (body, error, report);
        None
    }

    /// Where an answer, or the data of one frame, holds values that only their maker can read (signatures, encrypted reasoning): the
    /// offsets of their first bytes. Empty values are not among them.
    fn opaque_values(&self, json: &[u8]) -> Vec<usize> {
        let _ = json;
        Vec::new()
    }

    /// A request for `model` without the opaque values that are `foreign` to its vendor, and without what makes no sense once they
    /// are gone; all else stays byte for byte. None if there are none. `report` is told what was lost.
    fn forget(
        &self,
        body: &[u8],
        model: &str,
        foreign: &dyn Fn(&str) -> bool,
        report: &mut Fidelity,
    ) -> Option<Bytes> {
        let _ = (body, model, foreign, report);
        None
    }

    /// A tool's name as this dialect's vendors accept it. Deterministic; it is undone in the answer.
    fn tool_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        Cow::Borrowed(name)
    }

    /// Do vendors of this dialect take the bytes of such media only, and not this address on the web?
    /// [`Quirks::urls`] has the last word.
    fn needs_bytes(&self, kind: MediaKind, url: &str, quirks: &Quirks) -> bool {
        let _ = (kind, url, quirks);
        false
    }

    /// The part that counts tokens; none if vendors of this dialect do not.
    fn counter(&self) -> Option<&'static dyn Counter> {
        None
    }

    /// The half that serves callers.
    fn front(&self) -> Option<&'static dyn Front> {
        None
    }
}

/// What an encoder must know of the vendor it writes for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Target<'a> {
    /// The model's name there.
    pub model: &'a str,
    /// The vendor's deviations.
    pub quirks: &'a Quirks,
    /// The most output tokens of the model, if known.
    pub max_output: Option<u64>,
}

impl<'a> Target<'a> {
    /// A model at a vendor with these quirks.
    pub const fn new(model: &'a str, quirks: &'a Quirks) -> Self {
        Self {
            model,
            quirks,
            max_output: None,
        }
    }

    /// The most output tokens of the model.
    #[must_use]
    pub const fn with_max_output(mut self, tokens: Option<u64>) -> Self {
        self.max_output = tokens;
        self
    }
}

/// Reads the frames of one stream. It keeps what it must remember from frame to frame.
pub trait EventDecoder: Send {
    /// Reads one frame into events.
    ///
    /// # Errors
    /// See [`FrameError`]; the driver decides what follows.
    fn decode(&mut self, frame: &Frame, out: &mut EventSink) -> Result<(), FrameError>;
}

/// Watches the frames of one stream that is passed through untouched.
pub trait Observer: Send {
    /// Looks at one frame and notes what it means.
    ///
    /// # Errors
    /// As [`EventDecoder::decode`].
    fn observe(&mut self, frame: &Frame, seen: &mut Observed) -> Result<(), FrameError>;
}

/// What was seen of a stream so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// Text, reasoning or a tool call was there: the answer is worth committing to.
    pub content: bool,
    /// The vendor said why the answer ends.
    pub stopped: bool,
    /// The protocol's own ending was there: nothing follows.
    pub ended: bool,
    /// The latest usage.
    pub usage: Option<Usage>,
    /// The latest frame brought words and nothing else to know, and so do all that are JSON as well and differ from it in their words
    /// only: these need not be observed.
    pub plain: bool,
}

/// Why a frame could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// A kind of frame nobody knows. It is passed over.
    Unknown,
    /// Not what it claims to be, e.g. broken JSON.
    Malformed(String),
    /// The vendor reports a failure in the stream.
    Vendor(Error),
}

/// The half of a dialect that serves callers.
pub trait Front: Debug + Send + Sync + 'static {
    /// Reads a request.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind), naming the field.
    fn decode_request(&self, body: &[u8]) -> Result<ChatRequest, Error>;

    /// Writes a whole answer.
    fn encode_response(&self, response: &ChatResponse, asked: &Asked<'_>) -> Bytes;

    /// An encoder for one stream.
    fn encoder(&self, asked: &Asked<'_>) -> Box<dyn EventEncoder>;

    /// What of an event callers of this dialect cannot be told as it was meant, for the report of the answer. The encoders do as
    /// this says.
    fn unsaid(&self, event: &ChatEvent) -> Option<Note> {
        let _ = event;
        None
    }

    /// The body of an HTTP error. A vendor's own body in this dialect is kept.
    fn encode_error(&self, error: &Error) -> Bytes;

    /// The HTTP status of an error.
    fn error_status(&self, error: &Error) -> StatusCode {
        error.status()
    }

    /// The frame that reports an error inside a stream.
    fn error_frame(&self, error: &Error) -> Frame;

    /// All that is sent of an error inside a stream, after `sent` frames with data of which `first` was the first. The default is
    /// the [`error_frame`](Self::error_frame); override it where clients count frames or wait for more than one.
    fn last_words(&self, error: &Error, first: Option<&Frame>, sent: u64) -> Bytes {
        let _ = (first, sent);
        self.error_frame(error).into_raw()
    }

    /// What to send while the vendor is silent; none if clients of this dialect cannot bear it.
    fn heartbeat(&self) -> Option<Bytes>;

    /// Does this frame of the same dialect carry usage and nothing else, so that it can be kept from callers who did not ask?
    fn is_usage_only(&self, frame: &Frame) -> bool {
        let _ = frame;
        false
    }

    /// A frame of a vendor of the same dialect, as clients can bear it: many are stricter than the standard of server-sent events,
    /// and servers in between add to streams. None if they are better off without it, as all are without an event of no data: they
    /// would read it as JSON.
    fn passed(&self, frame: Frame) -> Option<Frame> {
        (!frame.has_data() || !frame.data().is_empty()).then_some(frame)
    }

    /// Asks the vendor for usage in the stream: returns a copy of the body that does, or nothing if it does so anyway.
    fn ask_for_usage(&self, body: &Bytes) -> Option<Bytes> {
        let _ = body;
        None
    }

    /// The frame that ends a stream of this dialect, given the last frame with data; none if that was it.
    fn ending(&self, last: Option<&Frame>) -> Option<Frame>;

    /// Where a request holds its conversation. It is checked before anybody is called.
    fn conversation(&self) -> Conversation {
        Conversation::Messages
    }

    /// The list of models.
    fn encode_models(&self, models: &[&str]) -> Bytes;

    /// One model of the list.
    fn encode_model(&self, model: &str) -> Bytes;
}

/// Where a request of a [`Front`] holds its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conversation {
    /// In `messages`, a list with something in it. It must be there.
    Messages,
    /// In `input`, a text or a list with something in it. Vendors may hold it for the caller: it may be absent.
    Input,
    /// Elsewhere: nothing is checked.
    Unchecked,
}

/// What an answer's encoder must know of the request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// The model's name, as the caller spelled it.
    pub model: &'a str,
    /// Does the caller want usage in the stream?
    pub include_usage: bool,
    /// Now, in seconds since 1970, for dialects that say when an answer was made.
    pub created: u64,
}

impl<'a> Asked<'a> {
    /// For a caller who asked for this model.
    pub const fn new(model: &'a str, include_usage: bool, created: u64) -> Self {
        Self {
            model,
            include_usage,
            created,
        }
    }
}

/// Writes the frames of one stream.
pub trait EventEncoder: Send {
    /// Writes one event; most give one frame, some none, the last ones several.
    fn encode(&mut self, event: ChatEvent, out: &mut VecDeque<Frame>);

    /// Writes more of the open block, if that is one frame of server-sent events which differs from the frame before in its words (and
    /// a number in a row) only: its bytes are added to `out`, and are those that [`encode`](Self::encode) would have given. False if
    /// it is not: then nothing was written and nothing is noted, and the event is to be encoded. Called only with a delta that
    /// follows one of its kind in the same block.
    ///
    /// The default always refuses. Override it where text is to come cheaply.
    fn encode_more(&mut self, delta: &Delta, out: &mut BytesMut) -> bool {
        let _ = (delta, out);
        false
    }
}

/// The default [`Observer`].
struct DecodingObserver {
    decoder: Box<dyn EventDecoder>,
    sink: EventSink,
}

impl Observer for DecodingObserver {
    fn observe(&mut self, frame: &Frame, seen: &mut Observed) -> Result<(), FrameError> {
        let read = self.decoder.decode(frame, &mut self.sink);
        while self.sink.next_event().is_some() {}
        seen.content |= self.sink.has_content();
        seen.stopped |= self.sink.has_stopped();
        seen.ended |= self.sink.has_ended();
        seen.usage = self.sink.known_usage().copied().or(seen.usage);
        read
    }
}
