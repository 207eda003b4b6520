//! What streams suffer on their way, and where they break.

use super::{
    answers::{same_calls, same_text},
    bench::{Bench, Check, Outcome, have, must, shown},
};
use crate::testing::{
    Answer, Fault,
    events::{Form, edited},
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "a stream may be split at every byte",
        fix: "EventDecoder::decode: read Frame::data; where its bytes lie, and what they share their memory with, says nothing",
        run: |b| Box::pin(split(b)),
    },
    Check {
        name: "lines may end in CRLF",
        fix: "EventDecoder::decode: read Frame::data and Frame::name, not Frame::raw",
        run: |b| Box::pin(harmless(b, Fault::CrLf)),
    },
    Check {
        name: "lines may end in CR",
        fix: "EventDecoder::decode: read Frame::data and Frame::name, not Frame::raw",
        run: |b| Box::pin(harmless(b, Fault::Cr)),
    },
    Check {
        name: "comments are passed over",
        fix: "EventDecoder::decode: read Frame::data and Frame::name, not Frame::raw",
        run: |b| Box::pin(harmless(b, Fault::Comments)),
    },
    Check {
        name: "unknown events are passed over",
        fix: "EventDecoder::decode: FrameError::Unknown for a kind of event that you do not know, not FrameError::Malformed",
        run: |b| Box::pin(harmless(b, Fault::UnknownEvent)),
    },
    Check {
        name: "a stream says what a whole answer says",
        fix: "EventDecoder::decode and Dialect::decode_response: one answer must not depend on how it was asked for",
        run: |b| Box::pin(alike(b)),
    },
    Check {
        name: "a truncated stream is no success",
        fix: "EventDecoder::decode: EventSink::stop only where the vendor says why it ends",
        run: |b| Box::pin(truncated(b)),
    },
    Check {
        name: "broken JSON in a stream is an error",
        fix: "EventDecoder::decode: FrameError::Malformed, do not skip it",
        run: |b| Box::pin(broken(b)),
    },
    Check {
        name: "an error at the start of a stream is an error",
        fix: "EventDecoder::decode: FrameError::Vendor for the vendor's error event, not an end",
        run: |b| Box::pin(error_first(b)),
    },
    Check {
        name: "an error amid a stream is an error",
        fix: "EventDecoder::decode: FrameError::Vendor for the vendor's error event, not an end",
        run: |b| Box::pin(error_midway(b)),
    },
];

async fn split(b: &Bench) -> Outcome {
    let turn = b.text()?;
    let bytes = have(turn.stream.as_ref(), "stream")?.content().len();
    let answer = b.read(turn, true, |answer| answer.chunks_of(1)).await?;
    same_text(turn, &answer)?;
    for at in (1..bytes).step_by(bytes / 24 + 1) {
        let answer = b.read(turn, true, |answer| answer.split_at([at])).await?;
        same_text(turn, &answer)?;
    }
    Ok(())
}

async fn harmless(b: &Bench, fault: Fault) -> Outcome {
    let turn = b.text()?;
    let stream = have(turn.stream.as_ref(), "stream")?;
    let of_lines = matches!(fault, Fault::CrLf | Fault::Cr | Fault::Comments);
    if of_lines && Form::of(stream) != Form::Sse {
        return have(None, "stream of server-sent events");
    }
    for place in [0.0, 0.5, 1.0] {
        let struck = |answer: Answer| answer.fault_at(fault, place);
        let answer = b.read(turn, true, struck).await?;
        same_text(turn, &answer)?;
    }
    Ok(())
}

async fn alike(b: &Bench) -> Outcome {
    for turn in [b.fixtures.text.as_ref(), b.fixtures.tools.as_ref()] {
        let turn = have(turn, "answer with tool calls")?;
        let streamed = b.read(turn, true, |answer| answer).await?;
        let whole = b.read(turn, false, |answer| answer).await?;
        same_calls(turn, &streamed)?;
        let (one, two) = (&whole, &streamed);
        let told = |answer: &crate::chat::ChatResponse| {
            format!(
                "{:?} {:?} {:?}",
                answer.text(),
                answer.stop.reason,
                answer.usage
            )
        };
        must(told(one) == told(two), told(one), || told(two))?;
    }
    Ok(())
}

/// Clean ends, as proxies make them of a lost connection: between events and amid them.
async fn truncated(b: &Bench) -> Outcome {
    let turn = b.text()?;
    let stream = have(turn.stream.as_ref(), "stream")?;
    let events = Form::of(stream).read(stream.content()).len();
    let between = (1..events).map(|kept| {
        let cut = edited(stream.clone(), |events| events.truncate(kept));
        (format!("the end after {kept} of {events} events"), cut)
    });
    let amid = (0..10).map(|step| {
        let place = f64::from(step) / 10.0;
        let cut = stream.clone().fault_at(Fault::EarlyEnd, place);
        (format!("the end after {}% of the bytes", step * 10), cut)
    });
    for (what, cut) in between.chain(amid) {
        let asked = b.ask(b.chat(true), cut).await;
        // Behind the last word of its text it may pass.
        let whole = asked
            .result
            .as_ref()
            .is_ok_and(|got| got.text() == turn.text);
        must(asked.result.is_err() || whole, "an error", || {
            format!("{what} was taken for {}", shown(&asked.result))
        })?;
    }
    Ok(())
}

async fn broken(b: &Bench) -> Outcome {
    let stream = have(b.text()?.stream.as_ref(), "stream")?;
    let broken = stream.clone().fault(Fault::MalformedJson);
    if broken.content() == stream.content() {
        return have(None, "stream of JSON");
    }
    is_error(b, broken).await
}

async fn error_first(b: &Bench) -> Outcome {
    let answer = b.fixtures.error_in_stream.clone();
    is_error(b, have(answer, "stream that fails at once")?).await
}

async fn error_midway(b: &Bench) -> Outcome {
    let answer = b.fixtures.error_midway.clone();
    is_error(b, have(answer, "stream that fails midway")?).await
}

async fn is_error(b: &Bench, answer: Answer) -> Outcome {
    let asked = b.ask(b.chat(true), answer).await;
    must(asked.result.is_err(), "an error", || shown(&asked.result))
}
