//! Faults, done to answers.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Answer, Encoding, Fault, LineEnds,
    events::{Event, Form, edited},
    wrongs,
};

impl Fault {
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
                let pause = Duration::from_millis(1);
                answer.delay(5 * pause).between(pause)
            }
            Self::CloseIdle => answer.close_idle_after(Duration::ZERO),

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

/// A number below `length` for a place between 0 and 1.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in an answer need not be exact"
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
        chunks.push([b": and here\n", &**chunk].concat().into());
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
