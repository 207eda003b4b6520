//! What holds for every pair of dialects: a longer conversation is written like the shorter one with more behind it, and calls and
//! their results name each other in the vendor's grammar, whatever the ids were.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};
use trunkline::{
    chat::Fidelity,
    dialect::{
        Dialect, Quirks, Target, ToolIds, anthropic::Anthropic, gemini::Gemini,
        openai_chat::OpenAiChat, openai_responses::OpenAiResponses,
    },
};

#[derive(Clone, Debug)]
struct Step {
    system: Option<String>,
    user: String,
    rounds: Vec<Round>,
    answer: String,
}

#[derive(Clone, Debug)]
struct Round {
    /// Who thought, if anybody did.
    thinking: Option<&'static str>,
    text: Option<String>,
    /// Ids and results.
    calls: Vec<(String, String)>,
}

fn words() -> impl Strategy<Value = String> {
    "[a-z é\"]{0,6}[a-z]"
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        "call_[a-z0-9]{4}",
        "[a-zA-Z0-9]{9}",
        "toolu_[a-zA-Z0-9]{24}",
        "functions\\.weather:[0-3]",
        "call[:/. é|]{1,3}x",
        "x{41,90}",
        select(vec![String::new(), "call_0".into(), "call_1".into()]),
    ]
}

fn round() -> impl Strategy<Value = Round> {
    let makers = vec![
        "",
        "tl1.openai-chat",
        "tl1.gemini.c2ln",
        "tl1.openai-responses.gAAA",
        "c2ln",
    ];
    (
        option::of(select(makers)),
        option::of(words()),
        vec((id(), words()), 1..4),
    )
        .prop_map(|(thinking, text, calls)| Round {
            thinking,
            text,
            calls,
        })
}

fn step() -> impl Strategy<Value = Step> {
    (option::of(words()), words(), vec(round(), 0..3), words()).prop_map(
        |(system, user, rounds, answer)| Step {
            system,
            user,
            rounds,
            answer,
        },
    )
}

/// A conversation in a caller's dialect: its turns, and after how many of them a request may have been sent.
fn spelled(front: &str, steps: &[Step]) -> (Vec<Value>, Vec<usize>) {
    let mut turns = Vec::new();
    let mut ends = Vec::new();
    for step in steps {
        if let (Some(system), "openai-chat") = (&step.system, front) {
            turns.push(json!({"role":"system","content":system}));
        }
        turns.push(match front {
            "gemini" => json!({"role":"user","parts":[{"text":step.user}]}),
            _ => json!({"role":"user","content":step.user}),
        });
        ends.push(turns.len());
        for round in &step.rounds {
            spell_round(front, round, &mut turns);
            ends.push(turns.len());
        }
        turns.push(match front {
            "gemini" => json!({"role":"model","parts":[{"text":step.answer}]}),
            _ => json!({"role":"assistant","content":step.answer}),
        });
    }
    (turns, ends)
}

fn spell_round(front: &str, round: &Round, turns: &mut Vec<Value>) {
    let input = json!({"q": 1});
    match front {
        "openai-chat" => {
            let calls = round.calls.iter().map(|(id, _)| {
                json!({"id":id,"type":"function","function":{"name":"weather","arguments":"{\"q\":1}"}})
            });
            let mut message = json!({"role":"assistant","content":round.text,"tool_calls":calls.collect::<Vec<_>>()});
            if round.thinking.is_some() {
                message["reasoning_content"] = "hm".into();
            }
            turns.push(message);
            turns.extend(
                round
                    .calls
                    .iter()
                    .map(|(id, result)| json!({"role":"tool","tool_call_id":id,"content":result})),
            );
        }
        "anthropic" => {
            let mut content = Vec::new();
            if let Some(signature) = round.thinking {
                content.push(json!({"type":"thinking","thinking":"hm","signature":signature}));
            }
            content.extend(
                round
                    .text
                    .iter()
                    .map(|text| json!({"type":"text","text":text})),
            );
            content.extend(
                round.calls.iter().map(
                    |(id, _)| json!({"type":"tool_use","id":id,"name":"weather","input":input}),
                ),
            );
            turns.push(json!({"role":"assistant","content":content}));
            let results = round.calls.iter().map(
                |(id, result)| json!({"type":"tool_result","tool_use_id":id,"content":result}),
            );
            turns.push(json!({"role":"user","content":results.collect::<Vec<_>>()}));
        }
        "openai-responses" => {
            if let Some(signature) = round.thinking {
                turns.push(json!({"type":"reasoning","summary":[],"encrypted_content":signature}));
            }
            turns.extend(
                round
                    .text
                    .iter()
                    .map(|text| json!({"role":"assistant","content":text})),
            );
            turns.extend(round.calls.iter().map(|(id, _)| {
                json!({"type":"function_call","call_id":id,"name":"weather","arguments":"{\"q\":1}"})
            }));
            turns.extend(round.calls.iter().map(
                |(id, result)| json!({"type":"function_call_output","call_id":id,"output":result}),
            ));
        }
        _ => {
            let with_id = |mut inner: Value, id: &str| {
                // Most models give none.
                if id.len().is_multiple_of(2) && !id.is_empty() {
                    inner["id"] = id.into();
                }
                inner
            };
            let mut parts: Vec<Value> =
                round.text.iter().map(|text| json!({"text":text})).collect();
            for (at, (id, _)) in round.calls.iter().enumerate() {
                let mut part =
                    json!({"functionCall":with_id(json!({"name":"weather","args":input}), id)});
                if let (0, Some(signature)) = (at, round.thinking) {
                    part["thoughtSignature"] = signature.into();
                }
                parts.push(part);
            }
            turns.push(json!({"role":"model","parts":parts}));
            let results = round.calls.iter().map(|(id, result)| {
                json!({"functionResponse":with_id(json!({"name":"weather","response":{"output":result}}), id)})
            });
            turns.push(json!({"role":"user","parts":results.collect::<Vec<_>>()}));
        }
    }
}

fn body(front: &str, turns: &[Value]) -> String {
    let schema = json!({"type":"object","properties":{"q":{"type":"number"}}});
    let body = match front {
        "openai-chat" => json!({"model":"m","messages":turns,
            "tools":[{"type":"function","function":{"name":"weather","parameters":schema}}]}),
        "anthropic" => json!({"model":"m","max_tokens":100,"messages":turns,
            "tools":[{"name":"weather","input_schema":schema}]}),
        "openai-responses" => json!({"model":"m","input":turns,
            "tools":[{"type":"function","name":"weather","parameters":schema}]}),
        _ => json!({"model":"m","contents":turns,
            "tools":[{"functionDeclarations":[{"name":"weather","parameters":schema}]}]}),
    };
    body.to_string()
}

const DIALECTS: [&dyn Dialect; 4] = [&OpenAiChat, &Anthropic, &OpenAiResponses, &Gemini];

/// The turns of a body, and all of it that stands before them.
fn turns_of(body: &Value) -> (Vec<Value>, Value) {
    let name = ["messages", "input", "contents"]
        .into_iter()
        .find(|name| body.get(name).is_some())
        .unwrap();
    let head = ["system", "instructions", "systemInstruction", "tools"];
    let head = head.map(|name| body.get(name).cloned());
    (body[name].as_array().unwrap().clone(), json!(head))
}

/// The ids of calls and of results, turn by turn of calls.
fn ids(body: &Value) -> (Vec<String>, Vec<String>) {
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    walk(body, &mut |object| {
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        match text("type").as_deref() {
            Some("tool_use") => calls.extend(text("id")),
            Some("function") if object.contains_key("id") => calls.extend(text("id")),
            Some("function_call") => calls.extend(text("call_id")),
            Some("function_call_output") => results.extend(text("call_id")),
            _ => {}
        }
        results.extend(text("tool_use_id"));
        results.extend(text("tool_call_id"));
        let inner = |name: &str| {
            object
                .get(name)
                .map(|call| call["id"].as_str().unwrap_or("none").to_owned())
        };
        calls.extend(inner("functionCall"));
        results.extend(inner("functionResponse"));
    });
    (calls, results)
}

fn walk(value: &Value, see: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            see(object);
            object.values().for_each(|value| walk(value, see));
        }
        Value::Array(list) => list.iter().for_each(|value| walk(value, see)),
        _ => {}
    }
}

fn encode(front: &dyn Dialect, target: (&dyn Dialect, &str, &Quirks), turns: &[Value]) -> Value {
    let (vendor, model, quirks) = target;
    let body = body(front.name(), turns);
    let chat = front.front().unwrap().decode_request(body.as_bytes());
    let chat = chat.unwrap_or_else(|error| panic!("{error}: {body}"));
    let mut report = Fidelity::new();
    let target = Target::new(model, quirks);
    let written = vendor.encode_request(&chat, &target, &mut report);
    let written = written.unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!(
        written,
        vendor
            .encode_request(&chat, &target, &mut Fidelity::new())
            .unwrap()
    );
    serde_json::from_slice(&written).unwrap()
}

fn targets() -> Vec<(&'static dyn Dialect, &'static str, Quirks, usize)> {
    let mut mistral = Quirks::NONE;
    mistral.tool_ids = ToolIds::NineAlphanumeric;
    vec![
        (&OpenAiChat, "up", Quirks::NONE, 40),
        (&OpenAiChat, "up", mistral, 9),
        (&Anthropic, "claude-sonnet-4-5", Quirks::NONE, 64),
        (&Anthropic, "claude-opus-4-8", Quirks::NONE, 64),
        (&OpenAiResponses, "up", Quirks::NONE, 64),
        (&Gemini, "gemini-2.5-flash", Quirks::NONE, 64),
        (&Gemini, "gemini-3-pro", Quirks::NONE, 64),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_longer_conversation_begins_like_the_shorter(steps in vec(step(), 1..4)) {
        for front in DIALECTS {
            let (turns, ends) = spelled(front.name(), &steps);
            for (vendor, model, quirks, _) in targets() {
                let target = (vendor, model, &quirks);
                let whole = encode(front, target, &turns[..*ends.last().unwrap()]);
                let (long, head) = turns_of(&whole);
                for end in &ends {
                    let (short, same) = turns_of(&encode(front, target, &turns[..*end]));
                    prop_assert!(
                        long.starts_with(&short),
                        "{} to {model} at {end}\n{short:?}\n{long:?}", front.name()
                    );
                    // Google takes the system's words only before the conversation: one that comes later changes what stands first.
                    if vendor.name() != "gemini" {
                        prop_assert_eq!(&head, &same);
                    }
                }
            }
        }
    }

    #[test]
    fn calls_and_results_name_each_other_everywhere(steps in vec(step(), 1..4)) {
        for front in DIALECTS {
            let (turns, ends) = spelled(front.name(), &steps);
            for (vendor, model, quirks, most) in targets() {
                let body = encode(front, (vendor, model, &quirks), &turns[..*ends.last().unwrap()]);
                let (calls, results) = ids(&body);
                prop_assert_eq!(&calls, &results, "{} to {}: {}", front.name(), model, body);
                for id in &calls {
                    let legal = |c: char| c.is_ascii_alphanumeric() || (most > 9 && "_-".contains(c));
                    prop_assert!((1..=most).contains(&id.len()) && id.chars().all(legal), "{id}");
                    prop_assert!(most != 9 || id.len() == 9);
                }
                // Of calls that are answered together no two have the same id, but for callers who speak the dialect themselves.
                if front.name() == vendor.name() {
                    continue;
                }
                let mut at = 0;
                for round in steps.iter().flat_map(|step| &step.rounds) {
                    let mut now = calls[at..at + round.calls.len()].to_vec();
                    at += round.calls.len();
                    now.retain(|id| id != "none");
                    now.sort();
                    now.dedup();
                    let none = calls[at - round.calls.len()..at].iter().filter(|id| *id == "none").count();
                    prop_assert_eq!(now.len() + none, round.calls.len(), "{} to {}: {:?}", front.name(), model, calls);
                }
            }
        }
    }
}
