//! Arbitrary answers: what every front writes of them obeys its grammar, whole and streamed, and is read back as what was meant.

use proptest::{collection::vec, option, prelude::*, sample::select};
use trunkline::{
    chat::{
        CallKind, ChatResponse, Collector, Content, EventSink, Stop, StopReason, Thinking, Usage,
    },
    testing::grammar,
    wire::Frame,
};

use crate::{ASKED, collected, corpus, fronts, raw};

/// What a decoder may say of an answer.
#[derive(Clone, Debug)]
enum Verb {
    Text(String),
    Thinking(String),
    Signature(String),
    Redacted(String),
    Close,
    /// Calls side by side, each with its arguments in pieces, told in turns.
    Calls(Vec<(String, Vec<&'static str>)>),
    Usage(Usage),
}

fn words() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\n\r é👋<>{}]{0,9}"
}

fn usage() -> impl Strategy<Value = Usage> {
    let count = || option::of(0..1_000_000_u64);
    (count(), count(), count(), count(), count()).prop_map(
        |(input, cache_read, cache_write, output, reasoning)| {
            let mut usage = Usage::default();
            usage.input = input;
            usage.cache_read = cache_read;
            usage.cache_write = cache_write;
            usage.output = output;
            usage.reasoning = reasoning;
            usage
        },
    )
}

fn verb() -> impl Strategy<Value = Verb> {
    let arguments = select(vec![
        vec![],
        vec!["{}"],
        vec!["{\"q\":", "\"x y\"}"],
        vec!["{\"a\":1.0,\n", " \"b\"", ":[null]}"],
    ]);
    prop_oneof![
        4 => words().prop_map(Verb::Text),
        2 => words().prop_map(Verb::Thinking),
        1 => "[a-zA-Z0-9]{1,8}".prop_map(Verb::Signature),
        1 => "[a-zA-Z0-9]{1,8}".prop_map(Verb::Redacted),
        1 => Just(Verb::Close),
        2 => vec(("[a-z][a-z_]{0,70}", arguments), 1..3).prop_map(Verb::Calls),
        1 => usage().prop_map(Verb::Usage),
    ]
}

fn stop() -> impl Strategy<Value = Stop> {
    let reason = select(vec![
        StopReason::EndTurn,
        StopReason::StopSequence,
        StopReason::ToolUse,
        StopReason::MaxTokens,
        StopReason::ContextWindow,
        StopReason::Refusal,
        StopReason::Pause,
    ]);
    (reason, "[a-z]{1,3}").prop_map(|(reason, sequence)| {
        let mut stop = Stop::new(reason);
        stop.sequence = Some(sequence).filter(|_| reason == StopReason::StopSequence);
        stop
    })
}

/// Tells the script to the sink, as a decoder would.
fn play(script: &[Verb], refusal: Option<&str>, stop: Stop) -> EventSink {
    let mut sink = EventSink::new();
    sink.start("answer-1", "their-model");
    let mut calls = 0;
    for verb in script {
        match verb {
            Verb::Text(text) => sink.text(text),
            Verb::Thinking(text) => sink.thinking(text),
            Verb::Signature(text) => sink.signature(text),
            Verb::Redacted(data) => sink.redacted_thinking(data),
            Verb::Close => sink.close_block(),
            Verb::Usage(usage) => sink.usage(usage),
            Verb::Calls(list) => {
                let most = list.iter().map(|(_, pieces)| pieces.len()).max();
                for turn in 0..=most.unwrap_or_default() {
                    for (n, (name, pieces)) in list.iter().enumerate() {
                        let key = calls + n;
                        if turn == 0 {
                            let id = format!("call_{key}");
                            sink.tool_call(key, &id, name, CallKind::Function);
                        }
                        if let Some(piece) = pieces.get(turn) {
                            sink.tool_arguments(key, piece);
                        }
                    }
                }
                for key in calls..calls + list.len() {
                    sink.tool_end(key);
                }
                calls += list.len();
            }
        }
    }
    if let Some(words) = refusal {
        sink.refusal(words);
    }
    sink.stop(stop);
    sink.end();
    sink
}

/// What must arrive whoever asks.
#[derive(Debug, PartialEq)]
struct Gist {
    text: String,
    calls: Vec<(String, serde_json::Value)>,
    stop: Option<StopReason>,
    total: u64,
}

/// `said`: what was the answer's reason? Not every dialect has a word of its own for each.
fn gist(answer: &ChatResponse, said: StopReason) -> Gist {
    let calls = answer.content.iter().filter_map(|part| match part {
        Content::ToolCall(call) => {
            // No arguments are an empty object.
            let text = Some(&*call.arguments).filter(|text| !text.is_empty());
            let arguments = serde_json::from_str(text.unwrap_or("{}")).unwrap();
            Some((call.name.clone(), arguments))
        }
        _ => None,
    });
    let everywhere = matches!(
        said,
        StopReason::EndTurn | StopReason::ToolUse | StopReason::MaxTokens
    );
    Gist {
        text: answer.text(),
        calls: calls.collect(),
        stop: everywhere.then_some(answer.stop.reason),
        total: answer
            .usage
            .and_then(|usage| usage.total())
            .unwrap_or_default(),
    }
}

fn thoughts(answer: &ChatResponse) -> String {
    let thoughts = answer.content.iter().filter_map(|part| match part {
        Content::Thinking(Thinking { text, .. }) => Some(text.as_str()),
        _ => None,
    });
    thoughts.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_written_is_legal_and_means_what_was_said(
        script in vec(verb(), 0..9),
        refusal in option::weighted(0.1, "[a-z]{1,9}"),
        stop in stop(),
    ) {
        let mut collector = Collector::new();
        let mut sink = play(&script, refusal.as_deref(), stop.clone());
        while let Some(event) = sink.next_event() {
            collector.push(event);
        }
        let answer = collector.finish();
        let said = answer.stop.reason;
        for (dialect, front) in fronts() {
            let name = dialect.name();
            let mut sink = play(&script, refusal.as_deref(), stop.clone());
            let mut encoder = front.encoder(&ASKED);
            let mut frames = std::collections::VecDeque::new();
            while let Some(event) = sink.next_event() {
                encoder.encode(event, &mut frames);
            }
            let bytes = raw(&frames);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            prop_assert_eq!(grammar::check_stream(name, &bytes), Some(vec![]), "{}", text);
            let frames: Vec<Frame> = corpus::frames(&text);
            let back = collected(dialect, &frames);
            let back = back.map_err(TestCaseError::fail)?;

            let whole = front.encode_response(&answer, &ASKED);
            prop_assert_eq!(grammar::check_reply(name, &whole), Some(vec![]), "{:?}", whole);
            let whole = dialect.decode_response(&whole).unwrap();
            // Calls and thoughts have no place in this one.
            if name == "openai-completions" {
                if refusal.is_some() {
                    continue;
                }
                let text = answer.text();
                prop_assert_eq!((back.text(), whole.text()), (text.clone(), text));
                continue;
            }
            if refusal.is_none() {
                prop_assert_eq!(gist(&back, said), gist(&answer, said), "{} {}", name, text);
                prop_assert_eq!(thoughts(&back), thoughts(&answer), "{} {}", name, text);
                prop_assert_eq!(gist(&whole, said), gist(&answer, said), "{} whole", name);
            }
        }
    }
}
