//! One scripted answer: what is said, and how it is played.

mod altered;

use std::{fmt, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

pub use self::altered::LineEnds;
use super::score::{Ending, Score, Split};

/// A response and the manner of giving it: its pieces, its pauses and its end.
///
/// Starts from [`Answer::json`], [`Answer::status`], [`Answer::sse`] or one of the failures; a [`Script`](super::Script) writes
/// whole conversations. Without further setters it is given at once, whole and correct.
///
/// There is one end: of [`end_early_after`](Self::end_early_after), [`stall_after`](Self::stall_after),
/// [`stall_after_bytes`](Self::stall_after_bytes), [`cut_after`](Self::cut_after) and [`reset_after`](Self::reset_after) the one
/// set last counts. What changes the bytes ([`line_ends`](Self::line_ends), [`encoded`](Self::encoded),
/// [`map_chunks`](Self::map_chunks)) is done at once, in the order in which it is called. A [`Fault`](super::Fault) is any of
/// these by name.
#[derive(Clone)]
#[must_use]
pub struct Answer {
    opening: Opening,
    delay: Duration,
    score: Score,
    dialect: Option<&'static str>,
    closes_idle: Option<Duration>,
}

/// An answer, taken apart for playing.
pub(super) struct Played {
    pub(super) opening: Opening,
    pub(super) delay: Duration,
    pub(super) score: Score,
    pub(super) closes_idle: Option<Duration>,
}

/// How an answer begins.
#[derive(Clone)]
pub(super) enum Opening {
    Head(StatusCode, HeaderMap),
    /// The connection fails before a byte of the answer.
    Fault(io::ErrorKind),
    /// Nothing, for ever.
    Silence,
    /// The script itself is wrong, and this is why.
    Mistake(String),
}

impl Answer {
    /// An answer with this status, no headers and no body.
    ///
    /// A number that is no HTTP status gives a 500 that says so, like every other mistake in a script.
    pub fn status(status: u16) -> Self {
        Self::open(match StatusCode::from_u16(status) {
            Ok(status) => Opening::Head(status, HeaderMap::new()),
            Err(_) => Opening::Mistake(format!("{status} is no HTTP status")),
        })
    }

    /// A whole JSON body with its content type.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::status(status)
            .header("content-type", "application/json")
            .body(body)
    }

    /// A 200 event stream. Each item is one chunk, sent exactly as given: framing included.
    pub fn sse<I>(chunks: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Bytes>,
    {
        Self::status(200)
            .header("content-type", "text/event-stream; charset=utf-8")
            .header("cache-control", "no-cache")
            .stream(chunks)
    }

    /// A 200 event stream of `data:` frames, one chunk per item; the framing is added.
    pub fn data<I>(items: I) -> Self
    where
        I: IntoIterator,
        I::Item: fmt::Display,
    {
        Self::sse(items.into_iter().map(|item| format!("data: {item}\n\n")))
    }

    /// A 200 event stream as AWS frames it, one message an item: its type and its JSON. What is named `…Exception` is sent as
    /// an exception.
    pub fn event_stream<N, D>(events: impl IntoIterator<Item = (N, D)>) -> Self
    where
        N: Into<String>,
        D: Into<String>,
    {
        let events = events.into_iter();
        super::bedrock::event_stream(events.map(|(name, data)| (name.into(), data.into())))
    }

    /// An error as Amazon Bedrock writes it, e.g. `bedrock_error(429, "ThrottlingException", "Too many requests")`.
    pub fn bedrock_error(status: u16, r#type: &str, message: &str) -> Self {
        super::bedrock::error(status, r#type, message)
    }

    /// An error in the shape of OpenAI's endpoints. An empty `code` is sent as `null`.
    pub fn openai_error(status: u16, r#type: &str, code: &str, message: &str) -> Self {
        super::openai::error(status, r#type, code, message)
    }

    /// An error in the shape of Anthropic's endpoints.
    pub fn anthropic_error(status: u16, r#type: &str, message: &str) -> Self {
        super::anthropic::error(status, r#type, message)
    }

    /// An error as Google writes it, e.g. `gemini_error(503, "UNAVAILABLE", "The model is overloaded.")`.
    pub fn gemini_error(code: u16, status: &str, message: &str) -> Self {
        super::gemini::error(code, status, message)
    }

    /// An error as Cohere writes it.
    pub fn cohere_error(status: u16, message: &str) -> Self {
        super::cohere::error(status, message)
    }

    /// The connection closes in good order (FIN) before a byte of the answer.
    ///
    /// In service form: an [`io::Error`] of kind `UnexpectedEof`.
    pub fn hang_up() -> Self {
        Self::open(Opening::Fault(io::ErrorKind::UnexpectedEof))
    }

    /// The connection is reset (RST) before a byte of the answer.
    ///
    /// In service form: an [`io::Error`] of kind `ConnectionReset`.
    pub fn reset() -> Self {
        Self::open(Opening::Fault(io::ErrorKind::ConnectionReset))
    }

    /// The connection is refused. In service form: an [`io::Error`] of kind `ConnectionRefused`.
    ///
    /// A server has accepted the connection before it reads the request, so there it is a [`reset`](Self::reset). A port
    /// that truly refuses is the one of a [`Server`](super::Server) that was shut down.
    pub fn refuse() -> Self {
        Self::open(Opening::Fault(io::ErrorKind::ConnectionRefused))
    }

    /// No answer, ever: not even a status. It ends when the caller goes.
    pub fn silence() -> Self {
        Self::open(Opening::Silence)
    }

    /// Adds a response header; one name may come several times.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let Opening::Head(_, headers) = &mut self.opening else {
            return self;
        };
        match (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            (Ok(name), Ok(value)) => {
                headers.append(name, value);
            }
            (Err(_), _) => self.opening = Opening::Mistake(format!("{name:?} is no header name")),
            (_, Err(_)) => {
                self.opening =
                    Opening::Mistake(format!("the value of {name:?} is no header value"));
            }
        }
        self
    }

    /// The whole body; its length is announced.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.score.chunks = vec![body.into()];
        self.score.streamed = false;
        self
    }

    /// A body in pieces, of any content type; its length is not announced.
    pub fn stream<I>(mut self, chunks: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Bytes>,
    {
        self.score.chunks = chunks.into_iter().map(Into::into).collect();
        self.score.streamed = true;
        self
    }

    /// Waits before the status and headers (or before the failure).
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits between the headers and the first chunk.
    pub fn first_chunk_after(mut self, delay: Duration) -> Self {
        self.score.first_chunk_after = delay;
        self
    }

    /// Waits between one chunk and the next.
    pub fn between(mut self, pause: Duration) -> Self {
        self.score.between = pause;
        self
    }

    /// Splits the body anew, into chunks of `bytes` bytes (at least 1), wherever that falls: inside a frame, a line or a
    /// character. The server writes each on its own.
    pub fn chunks_of(mut self, bytes: usize) -> Self {
        self.score.split = Some(Split::Every(bytes.max(1)));
        self
    }

    /// Splits the body anew, after each of these numbers of bytes, wherever that falls.
    pub fn split_at(mut self, offsets: impl IntoIterator<Item = usize>) -> Self {
        self.score.split = Some(Split::At(offsets.into_iter().collect()));
        self
    }

    /// Ends the body cleanly after `chunks` chunks, as if it were complete.
    pub fn end_early_after(mut self, chunks: usize) -> Self {
        self.score.ending = Ending::EarlyAfterChunks(chunks);
        self
    }

    /// Sends `chunks` chunks (all, if there are fewer), and then nothing more: the body never ends by itself.
    pub fn stall_after(mut self, chunks: usize) -> Self {
        self.score.ending = Ending::StallAfterChunks(chunks);
        self
    }

    /// As [`stall_after`](Self::stall_after), but after `bytes` bytes, wherever that falls.
    pub fn stall_after_bytes(mut self, bytes: usize) -> Self {
        self.score.ending = Ending::StallAfterBytes(bytes);
        self
    }

    /// Closes the connection after `bytes` bytes of the body (all, if there are fewer), without the proper end.
    ///
    /// In service form the body fails with an [`io::Error`] of kind `UnexpectedEof`.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.score.ending = Ending::FailAfterBytes(bytes, io::ErrorKind::UnexpectedEof);
        self
    }

    /// As [`cut_after`](Self::cut_after), but the connection is reset (RST): kind `ConnectionReset`.
    pub fn reset_after(mut self, bytes: usize) -> Self {
        self.score.ending = Ending::FailAfterBytes(bytes, io::ErrorKind::ConnectionReset);
        self
    }

    /// Closes the kept connection `pause` after this answer, without having said so: what a client meets that reuses a connection
    /// too late. Means nothing in service form.
    pub fn close_idle_after(mut self, pause: Duration) -> Self {
        self.closes_idle = Some(pause);
        self
    }

    /// The whole body as it would be sent without any fault.
    #[must_use]
    pub fn content(&self) -> Bytes {
        self.score.content()
    }

    fn open(opening: Opening) -> Self {
        Self {
            opening,
            delay: Duration::ZERO,
            score: Score::default(),
            dialect: None,
            closes_idle: None,
        }
    }

    pub(super) fn into_parts(self) -> Played {
        Played {
            opening: self.opening,
            delay: self.delay,
            score: self.score,
            closes_idle: self.closes_idle,
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Answer");
        match &self.opening {
            Opening::Head(status, _) => out.field("status", status),
            Opening::Fault(kind) => out.field("fault", kind),
            Opening::Silence => out.field("fault", &"silence"),
            Opening::Mistake(what) => out.field("mistake", what),
        };
        out.field("score", &self.score).finish_non_exhaustive()
    }
}
