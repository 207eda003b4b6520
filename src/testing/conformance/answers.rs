//! What is read of an answer, whole and streamed.

use serde_json::Value;

use super::{
    Turn,
    bench::{Bench, Check, Outcome, calls, have, must, thinking},
};
use crate::{chat::ChatResponse, testing::Fault};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "a whole answer is read",
        fix: "Dialect::decode_response: the text of every part, in order",
        run: |b| Box::pin(text(b, false)),
    },
    Check {
        name: "a stream is read",
        fix: "EventDecoder::decode: EventSink::text for every piece, EventSink::stop and EventSink::end at the end",
        run: |b| Box::pin(text(b, true)),
    },
    Check {
        name: "tool calls are read",
        fix: "Dialect::decode_response: name, id and arguments of every call",
        run: |b| Box::pin(tool_calls(b, false)),
    },
    Check {
        name: "parallel tools are told apart in streams",
        fix: "EventDecoder::decode: EventSink::tool_call and tool_arguments with a key of its own for every call",
        run: |b| Box::pin(tool_calls(b, true)),
    },
    Check {
        name: "thinking is kept",
        fix: "Dialect::decode_response: Content::Thinking, apart from the text",
        run: |b| Box::pin(thoughts(b, false)),
    },
    Check {
        name: "thinking is kept in streams",
        fix: "EventDecoder::decode: EventSink::thinking, apart from the text",
        run: |b| Box::pin(thoughts(b, true)),
    },
    Check {
        name: "usage is counted",
        fix: "Dialect::decode_response: ChatResponse::usage, in disjoint buckets",
        run: |b| Box::pin(usage(b, false)),
    },
    Check {
        name: "usage is counted in streams",
        fix: "EventDecoder::decode: EventSink::usage; Dialect::encode_request: ask for it, if the vendor wants to be asked",
        run: |b| Box::pin(usage(b, true)),
    },
    Check {
        name: "stop reasons are told apart",
        fix: "Dialect::decode_response: ChatResponse::stop",
        run: |b| Box::pin(stop(b, false)),
    },
    Check {
        name: "stop reasons are told apart in streams",
        fix: "EventDecoder::decode: EventSink::stop",
        run: |b| Box::pin(stop(b, true)),
    },
    Check {
        name: "unknown members are ignored",
        fix: "Dialect::decode_response: vendors add members every week; read those you know and leave the rest",
        run: |b| Box::pin(unknown_members(b, false)),
    },
    Check {
        name: "unknown members are ignored in streams",
        fix: "EventDecoder::decode: vendors add members every week; read those you know and leave the rest",
        run: |b| Box::pin(unknown_members(b, true)),
    },
];

async fn text(b: &Bench, stream: bool) -> Outcome {
    let turn = b.text()?;
    let answer = b.read(turn, stream, |answer| answer).await?;
    same_text(turn, &answer)
}

pub(super) fn same_text(turn: &Turn, answer: &ChatResponse) -> Outcome {
    let came = answer.text();
    must(
        came == turn.text,
        format!("the text {:?}", turn.text),
        || format!("{came:?}"),
    )
}

async fn tool_calls(b: &Bench, stream: bool) -> Outcome {
    let turn = have(b.fixtures.tools.as_ref(), "answer with tool calls")?;
    let answer = b.read(turn, stream, |answer| answer).await?;
    same_calls(turn, &answer)
}

pub(super) fn same_calls(turn: &Turn, answer: &ChatResponse) -> Outcome {
    let found = calls(answer);
    let meant: Vec<(&str, Value)> = turn
        .calls
        .iter()
        .map(|(name, arguments)| (name.as_str(), json(arguments)))
        .collect();
    let came: Vec<(&str, Value)> = found
        .iter()
        .map(|call| (call.name.as_str(), json(&call.arguments)))
        .collect();
    must(came == meant, format!("the calls {meant:?}"), || {
        format!("{came:?}")
    })?;
    let mut ids: Vec<&str> = found.iter().map(|call| call.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    must(
        ids.len() == found.len() && !ids.contains(&""),
        "an id of its own for every call",
        || format!("{ids:?}"),
    )
}

/// Arguments that are no JSON differ from all that are.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(format!("no JSON: {text}")))
}

async fn thoughts(b: &Bench, stream: bool) -> Outcome {
    let turn = have(b.fixtures.thinking.as_ref(), "answer with thinking")?;
    let answer = b.read(turn, stream, |answer| answer).await?;
    let came = thinking(&answer);
    must(
        came == turn.thinking,
        format!("the thinking {:?}", turn.thinking),
        || format!("{came:?}, and the text {:?}", answer.text()),
    )
}

async fn usage(b: &Bench, stream: bool) -> Outcome {
    let turn = b.text()?;
    let (input, output) = have(turn.usage, "usage")?;
    let answer = b.read(turn, stream, |answer| answer).await?;
    let came = answer
        .usage
        .map(|usage| (usage.total_input(), usage.total_output()));
    must(
        came == Some((Some(input), Some(output))),
        format!("{input} tokens in, {output} out"),
        || format!("{came:?}"),
    )
}

async fn stop(b: &Bench, stream: bool) -> Outcome {
    let fixtures = &b.fixtures;
    let turns = [
        &fixtures.text,
        &fixtures.length,
        &fixtures.refusal,
        &fixtures.tools,
    ];
    let turns: Vec<&Turn> = turns.into_iter().flatten().collect();
    have(turns.first(), "answer")?;
    for turn in turns
        .into_iter()
        .filter(|turn| turn.answer(stream).is_some())
    {
        let answer = b.read(turn, stream, |answer| answer).await?;
        let came = answer.stop.reason;
        must(came == turn.stop, format!("{:?}", turn.stop), || {
            format!("{came:?}")
        })?;
    }
    Ok(())
}

async fn unknown_members(b: &Bench, stream: bool) -> Outcome {
    let turn = b.text()?;
    let answer = b
        .read(turn, stream, |answer| answer.fault(Fault::UnknownMembers))
        .await?;
    same_text(turn, &answer)
}
