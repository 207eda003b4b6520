//! Whatever a caller says is either in the translated request or in the report.
//!
//! Requests are made of the grammars in `grammar.rs`, one for each front dialect, in which every leaf that can be told apart is a
//! text or a number that occurs nowhere else. Each is written for every vendor dialect; then each of those leaves must be in the
//! vendor's body, or its place (or a place it is in) must be in the report. A request that is refused has to name a field.

mod grammar;

use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use proptest::prelude::*;
use serde_json::Value;
use trunkline::{
    chat::Fidelity,
    dialect::{
        Dialect, Quirks, Target, anthropic::Anthropic, bedrock::Converse, cohere::Cohere,
        gemini::Gemini, openai_chat::OpenAiChat, openai_completions::OpenAiCompletions,
        openai_responses::OpenAiResponses, translate,
    },
    request::Payload,
};

use grammar::{Leaf, Made};

/// The vendor dialects, and models of different abilities.
const VENDORS: &[(&dyn Dialect, &str)] = &[
    (&OpenAiChat, "gpt-4o"),
    (&OpenAiChat, "llama-3.3-70b"),
    (&OpenAiResponses, "gpt-5.1"),
    (&Anthropic, "claude-sonnet-4-5"),
    (&Anthropic, "claude-3-haiku"),
    (&Gemini, "gemini-2.5-pro"),
    (&Gemini, "gemini-3-pro-preview"),
    (&Converse, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    (&Converse, "amazon.nova-pro-v1:0"),
    (&Cohere, "command-a-reasoning-08-2025"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chat_completions(choices in choices()) {
        accounted(&OpenAiChat, &grammar::made(grammar::OPENAI_CHAT, choices))?;
    }

    #[test]
    fn responses(choices in choices()) {
        accounted(&OpenAiResponses, &grammar::made(grammar::OPENAI_RESPONSES, choices))?;
    }

    #[test]
    fn messages(choices in choices()) {
        accounted(&Anthropic, &grammar::made(grammar::ANTHROPIC, choices))?;
    }

    #[test]
    fn generate_content(choices in choices()) {
        accounted(&Gemini, &grammar::made(grammar::GEMINI, choices))?;
    }

    #[test]
    fn completions(choices in choices()) {
        accounted(&OpenAiCompletions, &grammar::made(grammar::OPENAI_COMPLETIONS, choices))?;
    }
}

fn choices() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 220)
}

/// Every grammar read with all that is optional there, so that a member is never missed by chance.
#[test]
fn all_at_once() {
    for (front, grammar) in [
        (&OpenAiChat as &'static dyn Dialect, grammar::OPENAI_CHAT),
        (&OpenAiResponses, grammar::OPENAI_RESPONSES),
        (&Anthropic, grammar::ANTHROPIC),
        (&Gemini, grammar::GEMINI),
        (&OpenAiCompletions, grammar::OPENAI_COMPLETIONS),
    ] {
        for choice in [1, 3, 5, 7, 9, 11, 13, 15] {
            accounted(front, &grammar::made(grammar, vec![choice; 1000])).unwrap();
        }
    }
}

fn accounted(front: &'static dyn Dialect, made: &Made) -> Result<(), TestCaseError> {
    accounted_at(front, made, VENDORS)
}

fn accounted_at(
    front: &'static dyn Dialect,
    made: &Made,
    vendors: &[(&dyn Dialect, &str)],
) -> Result<(), TestCaseError> {
    let bytes = serde_json::to_vec(&made.body).unwrap();
    let payload = match front.name() {
        "gemini" => Payload::json_in_path(front, bytes.into(), "m", false),
        _ => Payload::json(front, bytes.into()),
    };
    let payload = payload.unwrap();
    for (vendor, model) in vendors {
        if vendor.name() == front.name() {
            continue;
        }
        let mut report = Fidelity::new();
        let target = Target::new(model, &Quirks::NONE);
        let chat = payload.chat().unwrap();
        let written = match translate(&payload, chat, *vendor, &target, &mut report) {
            Ok(written) => String::from_utf8(written.to_vec()).unwrap(),
            Err(error) => {
                prop_assert!(
                    error.param().is_some_and(|param| !param.is_empty()),
                    "a refusal without a field: {error}\n{}",
                    made.body
                );
                continue;
            }
        };
        let _: Value = serde_json::from_str(&written).unwrap();
        let told = |leaf: &&Leaf| !is_written(&written, leaf) && !is_reported(&report, leaf);
        let lost: Vec<&str> = made
            .leaves
            .iter()
            .filter(told)
            .map(|leaf| leaf.path.as_str())
            .collect();
        prop_assert!(
            lost.is_empty(),
            "{} → {} {model}: lost {lost:?}\nbody {}\nwritten {written}\nreport {:?}",
            front.name(),
            vendor.name(),
            made.body,
            report.notes().iter().map(|n| &n.path).collect::<Vec<_>>()
        );
    }
    Ok(())
}

/// Is the leaf in what is sent? One vendor takes encrypted reasoning and the texts of documents in base64 only: that counts as well.
fn is_written(written: &str, leaf: &Leaf) -> bool {
    written.contains(&leaf.text) || written.contains(&STANDARD.encode(&leaf.text))
}

/// Is the leaf's place in the report, or a place that it is in? Three things are told otherwise:
///
/// - cache breakpoints: that a vendor has none is told once, for all of them;
/// - ids of calls: where name and order pair a call and its result, the ids need not be carried;
/// - what a decoder reads with a member beside it is told by the object that both are in.
fn is_reported(report: &Fidelity, leaf: &Leaf) -> bool {
    let path = leaf.path.as_str();
    let cache = ["cache_control", "prompt_cache_breakpoint"]
        .iter()
        .any(|name| path.contains(name));
    let id = ["id", "tool_call_id", "tool_use_id", "call_id"]
        .iter()
        .any(|name| path.ends_with(&format!(".{name}")));
    id || report.notes().iter().any(|note| {
        let inside = path
            .strip_prefix(note.path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        inside || (cache && note.path.ends_with("cache_control"))
    })
}
