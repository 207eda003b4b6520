//! Every recorded answer, written for callers of every front: whole and as a stream, however it came.

use std::collections::VecDeque;

use trunkline::{
    chat::{ChatResponse, Content, EventSink},
    dialect::{Dialect, FrameError, Front},
    error::{Error, ErrorKind},
    testing::grammar,
    wire::Frame,
};

use crate::{
    ASKED, ENDPOINTS, collected,
    corpus::Case,
    corpus_requests::place,
    each, fronts, raw,
    table::{Outcome, Table},
    told,
};

#[test]
fn recorded_answers_are_written_as_every_client_takes_them() {
    let mut table = Table::new("answers");
    for (endpoint, source) in ENDPOINTS {
        if !each(endpoint, |case| check(case, source, &mut table)) {
            return;
        }
    }
    table.settle();
}

fn check(case: &Case, source: &dyn Dialect, table: &mut Table) {
    let row = format!("{} {}", case.vendor, source.name());
    let answer = match (case.frames(), case.answer()) {
        (None, None) => return,
        (None, Some(body)) => source.decode_response(body.as_bytes()),
        (Some(frames), _) => {
            for (front, half) in fronts() {
                let written = translated(source, &frames, half);
                let found = grammar::check_stream(front.name(), &written).unwrap();
                note(table, "stream", case, source, front, &written, found);
            }
            collected(source, &frames).map_err(|why| Error::new(ErrorKind::StreamBroken, why))
        }
    };
    for (front, half) in fronts() {
        let Ok(answer) = &answer else {
            table.count(&row, front.name(), Outcome::Refused);
            continue;
        };
        let whole = half.encode_response(answer, &ASKED);
        let found = grammar::check_reply(front.name(), &whole).unwrap();
        note(table, "reply", case, source, front, &whole, found);
        let stream = told(answer, half);
        let found = grammar::check_stream(front.name(), &stream).unwrap();
        note(table, "told", case, source, front, &stream, found);
        let same = front
            .decode_response(&whole)
            .is_ok_and(|back| gist(&back) == gist(answer));
        let outcome = if same { Outcome::Whole } else { Outcome::Lossy };
        table.count(&row, front.name(), outcome);
    }
}

fn note(
    table: &mut Table,
    form: &str,
    case: &Case,
    source: &dyn Dialect,
    front: &dyn Dialect,
    written: &[u8],
    found: Vec<grammar::Violation>,
) {
    for fault in found {
        // What a vendor adds to its dialect, callers of the dialect get.
        if source.name() == front.name() && fault.message.starts_with("unknown member") {
            continue;
        }
        let what = format!(
            "{form} {} → {}: {}: {}",
            source.name(),
            front.name(),
            place(&fault.path),
            fault.message
        );
        let text = String::from_utf8_lossy(written);
        table.wrong(
            what,
            format!(
                "{} at {}: {}",
                case.id,
                fault.path,
                text.chars().take(900).collect::<String>()
            ),
        );
    }
}

/// What a caller must not miss: the words, the calls, why it ended, what it cost.
fn gist(answer: &ChatResponse) -> impl PartialEq {
    let calls: Vec<(String, String)> = answer
        .content
        .iter()
        .filter_map(|part| match part {
            Content::ToolCall(call) => Some((call.name.clone(), call.arguments.clone())),
            _ => None,
        })
        .collect();
    let total = answer.usage.and_then(|usage| usage.total());
    (answer.text(), calls, answer.stop.reason, total)
}

/// The stream as the stack tells it, a failure in it included.
pub fn translated(source: &dyn Dialect, frames: &[Frame], front: &dyn Front) -> Vec<u8> {
    let (mut sink, mut out) = (EventSink::new(), VecDeque::new());
    let mut decoder = source.decoder();
    let mut encoder = front.encoder(&ASKED);
    let mut failure = None;
    for frame in frames {
        match decoder.decode(frame, &mut sink) {
            Ok(()) | Err(FrameError::Unknown) => {}
            Err(FrameError::Vendor(error)) => failure = Some(error),
            Err(other) => failure = Some(Error::new(ErrorKind::StreamBroken, format!("{other:?}"))),
        }
        while let Some(event) = sink.next_event() {
            encoder.encode(event, &mut out);
        }
        if failure.is_some() || sink.has_ended() {
            break;
        }
    }
    if failure.is_none() && !sink.has_stopped() && !sink.has_ended() {
        failure = Some(Error::new(ErrorKind::StreamBroken, "the stream was cut"));
    }
    if let Some(error) = failure {
        let sent = u64::try_from(out.len()).unwrap();
        let mut bytes = raw(&out);
        bytes.extend_from_slice(&front.last_words(&error, out.front(), sent));
        return bytes;
    }
    sink.end();
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut out);
    }
    raw(&out)
}
