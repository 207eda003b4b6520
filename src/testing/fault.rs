//! What can go wrong with an answer, by name.

use std::fmt;

/// One thing that vendors, or what stands between, do to answers.
///
/// Applied by [`Answer::fault`](super::Answer::fault) or [`Answer::fault_at`](super::Answer::fault_at). [`Fault::ALL`] is
/// for tests that try all, or draw one:
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
    /// A comment before every event, and one in it.
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
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
