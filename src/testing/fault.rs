//! What can go wrong with an answer, by name.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use super::{
    Answer, Encoding, LineEnds,
    events::{Event, Form, edited},
    wrongs,
};

/// One thing that vendors, or what stands between, do to answers.
///
/// Applied by [`Answer::fault`] or [`Answer::fault_at`]. [`Fault::ALL`] is for tests that try all, or draw one:
///
/// ```
/// use trunkline::testing::{Effect, Fault, Script};
///
/// for fault in Fault::ALL {
///     let answer = Script::new().text("Hello there.").anthropic("claude-sonnet-4-5", true);
///     let _struck = answer.fault_at(fault, 0.7);
///     assert_eq!(Fault::named(fault.name()), Some(fault));
/// }
/// assert_eq!(Fault::CrLf.effect(), Effect::Harmless);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// Every byte comes on its own.
    Dribble,
    /// One split, at the place.
    Split,
    /// Lines end with `\r\n`.
    CrLf,
    /// Lines end with `\r`.
    Cr,
    /// A comment before every event.
    Comments,
    /// An event of a kind that nobody knows, at the place.
    UnknownEvent,
    /// A member that nobody knows in every object of the outermost level.
    UnknownMembers,
    /// All tool calls have the same id.
    DuplicateIds,
    /// Compressed though nobody asked.
    Gzip,
    /// Compressed though nobody asked.
    Brotli,
    /// Compressed though nobody asked.
    Zstd,
    /// Some milliseconds before the headers, and between chunks.
    Slow,
    /// The kept connection is closed right after the answer, without having said so.
    CloseIdle,

    /// The connection is refused.
    Refuse,
    /// The connection is reset before a byte of the answer.
    Reset,
    /// The connection is closed before a byte of the answer.
    HangUp,
    /// No answer, ever.
    Silence,
    /// Headers, and then nothing.
    StallAtStart,
    /// 429, to be tried again in a second.
    RateLimited,
    /// 500.
    ServerError,
    /// 502 with a page in HTML, as a proxy gives it.
    BadGateway,
    /// 503, or what the dialect has for too much load.
    Overloaded,
    /// 200 with an error in the place of the answer.
    ErrorInside,
    /// 200 without a body.
    Empty,
    /// 200 with a page in HTML.
    Html,
    /// Said to be compressed, and is not.
    FalseEncoding,
    /// Compressed, and not said to be.
    UnlabelledGzip,
    /// Said to be compressed in a way that nobody knows.
    UnknownEncoding,

    /// The connection is closed at the place.
    Cut,
    /// The connection is reset at the place.
    ResetMidway,
    /// Nothing comes after the place.
    Stall,
    /// A clean end at the place, as if that were all.
    EarlyEnd,
    /// More is announced than is sent.
    ShortBody,
    /// The event at the place, or the whole body, is no JSON.
    MalformedJson,
    /// An error in the stream, at the place; without a stream as [`ErrorInside`](Self::ErrorInside).
    ErrorMidway,
    /// Compressed, with a clean end at the place.
    TruncatedGzip,
    /// Compressed, with a clean end at the place.
    TruncatedBrotli,
    /// Compressed, with a clean end at the place.
    TruncatedZstd,
}

/// What a [`Fault`] comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// The answer is whole, for all who read it rightly.
    Harmless,
    /// There is no answer, and none has begun: it can be asked for elsewhere.
    Unanswered,
    /// It breaks at the place: before, amid or after its content. After the last content it may be as good as harmless.
    Midway,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 38] = [
        Self::Dribble,
        Self::Split,
        Self::CrLf,
        Self::Cr,
        Self::Comments,
        Self::UnknownEvent,
        Self::UnknownMembers,
        Self::DuplicateIds,
        Self::Gzip,
        Self::Brotli,
        Self::Zstd,
        Self::Slow,
        Self::CloseIdle,
        Self::Refuse,
        Self::Reset,
        Self::HangUp,
        Self::Silence,
        Self::StallAtStart,
        Self::RateLimited,
        Self::ServerError,
        Self::BadGateway,
        Self::Overloaded,
        Self::ErrorInside,
        Self::Empty,
        Self::Html,
        Self::FalseEncoding,
        Self::UnlabelledGzip,
        Self::UnknownEncoding,
        Self::Cut,
        Self::ResetMidway,
        Self::Stall,
        Self::EarlyEnd,
        Self::ShortBody,
        Self::MalformedJson,
        Self::ErrorMidway,
        Self::TruncatedGzip,
        Self::TruncatedBrotli,
        Self::TruncatedZstd,
    ];

    /// A stable name: `reset-midway`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dribble => "dribble",
            Self::Split => "split",
            Self::CrLf => "crlf",
            Self::Cr => "cr",
            Self::Comments => "comments",
            Self::UnknownEvent => "unknown-event",
            Self::UnknownMembers => "unknown-members",
            Self::DuplicateIds => "duplicate-ids",
            Self::Gzip => "gzip",
            Self::Brotli => "brotli",
            Self::Zstd => "zstd",
            Self::Slow => "slow",
            Self::CloseIdle => "close-idle",
            Self::Refuse => "refuse",
            Self::Reset => "reset",
            Self::HangUp => "hang-up",
            Self::Silence => "silence",
            Self::StallAtStart => "stall-at-start",
            Self::RateLimited => "rate-limited",
            Self::ServerError => "server-error",
            Self::BadGateway => "bad-gateway",
            Self::Overloaded => "overloaded",
            Self::ErrorInside => "error-inside",
            Self::Empty => "empty",
            Self::Html => "html",
            Self::FalseEncoding => "false-encoding",
            Self::UnlabelledGzip => "unlabelled-gzip",
            Self::UnknownEncoding => "unknown-encoding",
            Self::Cut => "cut",
            Self::ResetMidway => "reset-midway",
            Self::Stall => "stall",
            Self::EarlyEnd => "early-end",
            Self::ShortBody => "short-body",
            Self::MalformedJson => "malformed-json",
            Self::ErrorMidway => "error-midway",
            Self::TruncatedGzip => "truncated-gzip",
            Self::TruncatedBrotli => "truncated-brotli",
            Self::TruncatedZstd => "truncated-zstd",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// What it comes to.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Self::Dribble
            | Self::Split
            | Self::CrLf
            | Self::Cr
            | Self::Comments
            | Self::UnknownEvent
            | Self::UnknownMembers
            | Self::DuplicateIds
            | Self::Gzip
            | Self::Brotli
            | Self::Zstd
            | Self::Slow
            | Self::CloseIdle => Effect::Harmless,
            Self::Refuse
            | Self::Reset
            | Self::HangUp
            | Self::Silence
            | Self::StallAtStart
            | Self::RateLimited
            | Self::ServerError
            | Self::BadGateway
            | Self::Overloaded
            | Self::ErrorInside
            | Self::Empty
            | Self::Html
            | Self::FalseEncoding
            | Self::UnlabelledGzip
            | Self::UnknownEncoding => Effect::Unanswered,
            Self::Cut
            | Self::ResetMidway
            | Self::Stall
            | Self::EarlyEnd
            | Self::ShortBody
            | Self::MalformedJson
            | Self::ErrorMidway
            | Self::TruncatedGzip
            | Self::TruncatedBrotli
            | Self::TruncatedZstd => Effect::Midway,
        }
    }

    /// Does it last until the caller's patience ends?
    #[must_use]
    pub const fn stalls(self) -> bool {
        matches!(self, Self::Silence | Self::StallAtStart | Self::Stall)
    }

    pub(super) fn strike(self, answer: Answer, place: f64) -> Answer {
        let form = Form::of(&answer);
        let dialect = answer.spoken();
        let length = answer.content().len();
        let at = offset(length, place);
        match self {
            Self::Dribble => answer.chunks_of(1),
            Self::Split => answer.split_at([at]),
            Self::CrLf if form == Form::Sse => answer.line_ends(LineEnds::CrLf),
            Self::Cr if form == Form::Sse => answer.line_ends(LineEnds::Cr),
            Self::Comments if form == Form::Sse => with_comments(answer),
            Self::CrLf | Self::Cr | Self::Comments => answer,
            Self::UnknownEvent if form == Form::Whole => answer,
            Self::UnknownEvent => edited(answer, |events| {
                let at = offset(events.len(), place);
                events.insert(at.min(events.len()), wrongs::unknown_event(form));
            }),
            Self::UnknownMembers => edited(answer, |events| {
                for event in events {
                    wrongs::add_member(&mut event.data);
                }
            }),
            Self::DuplicateIds => edited(answer, wrongs::same_ids),
            Self::Gzip => answer.encoded(Encoding::Gzip),
            Self::Brotli => answer.encoded(Encoding::Brotli),
            Self::Zstd => answer.encoded(Encoding::Zstd),
            Self::Slow => {
                let pause = std::time::Duration::from_millis(1);
                answer.delay(5 * pause).between(pause)
            }
            Self::CloseIdle => answer.close_idle_after(std::time::Duration::ZERO),

            Self::Refuse => Answer::refuse(),
            Self::Reset => Answer::reset(),
            Self::HangUp => Answer::hang_up(),
            Self::Silence => Answer::silence(),
            Self::StallAtStart => answer.stall_after(0),
            Self::RateLimited => wrongs::rate_limited(dialect).header("retry-after", "1"),
            Self::ServerError => wrongs::server_error(dialect),
            Self::BadGateway => page(502),
            Self::Overloaded => wrongs::overloaded(dialect),
            Self::ErrorInside => error_at(answer, 0),
            Self::Empty => answer.with_chunks(Vec::new()),
            Self::Html => page(200),
            Self::FalseEncoding => answer.header("content-encoding", "gzip"),
            Self::UnlabelledGzip => answer
                .encoded(Encoding::Gzip)
                .without_header("content-encoding"),
            Self::UnknownEncoding => answer.header("content-encoding", "x-brand-new"),

            Self::Cut => answer.cut_after(at),
            Self::ResetMidway => answer.reset_after(at),
            Self::Stall => answer.stall_after_bytes(at),
            Self::EarlyEnd => ended(answer, at),
            Self::ShortBody => answer.claim_length(length as u64 + 64),
            Self::MalformedJson => edited(answer, |events| wrongs::break_json(events, place)),
            Self::ErrorMidway => {
                let events = form.read(answer.content()).len();
                error_at(answer, offset(events, place))
            }
            Self::TruncatedGzip => truncated(answer.encoded(Encoding::Gzip), place),
            Self::TruncatedBrotli => truncated(answer.encoded(Encoding::Brotli), place),
            Self::TruncatedZstd => truncated(answer.encoded(Encoding::Zstd), place),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number below `length` for a place between 0 and 1.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn offset(length: usize, place: f64) -> usize {
    let last = length.saturating_sub(1);
    let place = if place.is_nan() {
        0.5
    } else {
        place.clamp(0.0, 1.0)
    };
    ((last as f64 * place) as usize).min(last)
}

fn page(status: u16) -> Answer {
    Answer::status(status)
        .header("content-type", "text/html; charset=utf-8")
        .body("<!DOCTYPE html>\n<html><head><title>Scripted</title></head><body>A page.</body></html>\n")
}

fn with_comments(answer: Answer) -> Answer {
    let mut chunks = Vec::new();
    for chunk in answer.chunks() {
        chunks.push(Bytes::from_static(b": still here\n\n"));
        chunks.push(chunk.clone());
    }
    answer.with_chunks(chunks)
}

/// The events before `at`, then an error in the dialect's words, then the end.
fn error_at(answer: Answer, at: usize) -> Answer {
    let (form, dialect) = (Form::of(&answer), answer.spoken());
    let error = match form {
        Form::Whole => return answer.with_chunks(vec![wrongs::overloaded(dialect).content()]),
        Form::Sse => wrongs::error_event(dialect),
        Form::Messages => Event {
            name: Some("serviceUnavailableException".to_owned()),
            data: r#"{"message":"The scripted vendor is overloaded."}"#.to_owned(),
        },
    };
    edited(answer, |events| {
        events.truncate(at);
        events.push(error);
    })
}

/// A clean end after `at` bytes.
fn ended(answer: Answer, at: usize) -> Answer {
    let mut left = at;
    let mut chunks = Vec::new();
    for chunk in answer.chunks() {
        let kept = chunk.slice(..left.min(chunk.len()));
        left -= kept.len();
        chunks.push(kept);
    }
    answer.with_chunks(chunks)
}

/// A clean end within compressed bytes: at least the last of them is missing.
fn truncated(answer: Answer, place: f64) -> Answer {
    let at = offset(answer.content().len(), place);
    ended(answer, at)
}

/// Whether a text is a JSON object.
pub(super) fn object(text: &str) -> Option<Value> {
    serde_json::from_str::<Value>(text)
        .ok()
        .filter(Value::is_object)
}
