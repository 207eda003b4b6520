//! Case 110: there and back again. Whatever is said arrives, in its order, but for what the report tells: that a tool failed is
//! told in its text at OpenAI, and media of tool results follow them in a user message.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};
use trunkline::{
    chat::{ChatRequest, Content, Fidelity, Role, Source, ToolKind},
    dialect::Dialect,
};

use crate::support::{To, at, claude};

/// A conversation, before it is spelled.
#[derive(Clone, Debug)]
struct Talk {
    system: Vec<String>,
    turns: Vec<Turn>,
    last: Vec<Part>,
    max_tokens: u32,
    stop: Vec<String>,
}

#[derive(Clone, Debug)]
struct Turn {
    user: Vec<Part>,
    answer: Option<String>,
    calls: Vec<Call>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Image(u8),
}

#[derive(Clone, Debug)]
struct Call {
    id: String,
    name: String,
    arguments: String,
    text: String,
    image: Option<u8>,
    failed: bool,
}

fn words() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\n é👋<>{}]{0,9}[a-zß]"
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        words().prop_map(Part::Text),
        any::<u8>().prop_map(Part::Image)
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let arguments = select(vec![
        "{}",
        r#"{"q":"x y"}"#,
        r#"{"z":1.0,"a":12345678901234567890,"m":{"k":[1e3,null]}}"#,
        "{\"caf\\u00e9\":\"\\n\"}",
    ]);
    (
        "[a-z]{1,4}[:é_]?[a-z]{0,60}",
        select(vec!["look", "mcp__a_server__find-it"]),
        arguments,
        option::of(words()),
        option::of(any::<u8>()),
        any::<bool>(),
    )
        .prop_map(|(id, name, arguments, text, image, failed)| Call {
            id,
            name: name.into(),
            arguments: arguments.into(),
            text: text.unwrap_or_default(),
            image,
            failed,
        })
}

fn turn() -> impl Strategy<Value = Turn> {
    (vec(part(), 1..3), option::of(words()), vec(call(), 0..3)).prop_map(
        |(user, answer, mut calls)| {
            for (n, call) in calls.iter_mut().enumerate() {
                call.id.push_str(&n.to_string());
            }
            let answer = answer.or_else(|| calls.is_empty().then(|| "well".to_owned()));
            Turn {
                user,
                answer,
                calls,
            }
        },
    )
}

fn talk() -> impl Strategy<Value = Talk> {
    (
        vec(words(), 0..3),
        vec(turn(), 0..4),
        vec(part(), 1..3),
        1..100_000_u32,
        vec("[a-z]{1,4}", 0..4),
    )
        .prop_map(|(system, mut turns, last, max_tokens, stop)| {
            for (n, turn) in turns.iter_mut().enumerate() {
                for call in &mut turn.calls {
                    call.id.push_str(&format!("_{n}"));
                }
            }
            Talk {
                system,
                turns,
                last,
                max_tokens,
                stop,
            }
        })
}

fn data(image: u8) -> String {
    format!("iVBORw0K{image:04}")
}

fn raw(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// What stands in a tool message for an image.
const SEE_NEXT: &str = "[image: see the next user message]";

const SCHEMA: &str = r#"{"type":"object","properties":{"q":{"type":"string"}}}"#;

impl Talk {
    fn as_anthropic(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => json!({"type": "text", "text": text}),
            Part::Image(n) => json!({"type": "image", "source":
                {"type": "base64", "media_type": "image/png", "data": data(*n)}}),
        };
        let mut messages = Vec::new();
        let mut results: Vec<Value> = Vec::new();
        // Numbers must keep their text: these stand-ins are replaced at the end.
        let mut inputs = Vec::new();
        for turn in &self.turns {
            let user: Vec<Value> = results
                .drain(..)
                .chain(turn.user.iter().map(part))
                .collect();
            messages.push(json!({"role": "user", "content": user}));
            let mut content = Vec::new();
            content.extend(
                turn.answer
                    .iter()
                    .map(|t| json!({"type": "text", "text": t})),
            );
            for call in &turn.calls {
                let input = format!("@input{}@", inputs.len());
                content.push(
                    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}),
                );
                inputs.push((format!("\"{input}\""), call.arguments.clone()));
                let mut told = Vec::new();
                if !call.text.is_empty() {
                    told.push(json!({"type": "text", "text": call.text}));
                }
                told.extend(call.image.map(|n| part(&Part::Image(n))));
                results.push(json!({"type": "tool_result", "tool_use_id": call.id,
                    "content": told, "is_error": call.failed}));
            }
            messages.push(json!({"role": "assistant", "content": content}));
        }
        let user: Vec<Value> = results
            .drain(..)
            .chain(self.last.iter().map(part))
            .collect();
        messages.push(json!({"role": "user", "content": user}));
        let tool = |name| json!({"name": name, "description": "d", "input_schema": raw(SCHEMA)});
        let system: Vec<Value> = self
            .system
            .iter()
            .map(|t| json!({"type": "text", "text": t}))
            .collect();
        let body = json!({"model": "m", "max_tokens": self.max_tokens, "system": system,
            "messages": messages, "stop_sequences": self.stop,
            "tools": [tool("look"), tool("mcp__a_server__find-it")]});
        let body = body.to_string();
        inputs.iter().fold(body, |body, (stand_in, input)| {
            body.replace(stand_in, input)
        })
    }

    fn as_openai(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => json!({"type": "text", "text": text}),
            Part::Image(n) => json!({"type": "image_url", "image_url":
                {"url": format!("data:image/png;base64,{}", data(*n))}}),
        };
        let parts = |parts: &[Part]| -> Vec<Value> { parts.iter().map(part).collect() };
        let mut messages: Vec<Value> = self
            .system
            .iter()
            .map(|t| json!({"role": "system", "content": t}))
            .collect();
        for turn in &self.turns {
            messages.push(json!({"role": "user", "content": parts(&turn.user)}));
            let mut answer = json!({"role": "assistant", "content": turn.answer});
            if !turn.calls.is_empty() {
                let calls = turn.calls.iter().map(|call| {
                    json!({"id": call.id, "type": "function",
                        "function": {"name": call.name, "arguments": call.arguments}})
                });
                answer["tool_calls"] = calls.collect();
            }
            messages.push(answer);
            for call in &turn.calls {
                let mut told = vec![Part::Text(call.text.clone())];
                told.extend(call.image.map(Part::Image));
                messages.push(
                    json!({"role": "tool", "tool_call_id": call.id, "content": parts(&told)}),
                );
            }
        }
        messages.push(json!({"role": "user", "content": parts(&self.last)}));
        let tool = |name| {
            json!({"type": "function", "function":
                {"name": name, "description": "d", "parameters": raw(SCHEMA)}})
        };
        json!({"model": "m", "max_tokens": self.max_tokens, "messages": messages,
            "stop": self.stop, "tools": [tool("look"), tool("mcp__a_server__find-it")]})
        .to_string()
    }
}

/// What a request says, whichever way it is spelled.
#[derive(Debug, Default, PartialEq)]
struct Essence {
    said: Vec<Said>,
    tools: Vec<(String, Option<String>, String)>,
    max_tokens: Option<u64>,
    stop: Vec<String>,
}

#[derive(Debug, PartialEq)]
enum Said {
    System(String),
    User(String),
    Image(String),
    Answer(String),
    /// The number of the call's id, its name and its arguments.
    Call(usize, String, String),
    /// The number of the call's id, the text, and whether it failed.
    Result(usize, String, bool),
}

impl Essence {
    fn of(chat: &ChatRequest) -> Self {
        let mut this = Self {
            max_tokens: chat.max_tokens,
            stop: chat.stop.clone(),
            ..Self::default()
        };
        for tool in &chat.tools {
            let ToolKind::Function { schema, .. } = &tool.kind else {
                panic!("{tool:?}");
            };
            let schema = schema.as_ref().expect("a schema").to_string();
            this.tools
                .push((tool.name.clone(), tool.description.clone(), schema));
        }
        let mut ids: Vec<&str> = Vec::new();
        let mut after = Vec::new();
        for message in &chat.messages {
            if message.role != Role::Tool {
                this.said.append(&mut after);
            }
            let mut answer = String::new();
            let mut calls = Vec::new();
            for part in &message.content {
                match part {
                    Content::Text { text, .. } => match message.role {
                        Role::System => this.said.push(Said::System(text.clone())),
                        Role::Assistant => answer.push_str(text),
                        _ if text.starts_with("[image from the tool result ") => {}
                        _ => this.said.push(Said::User(text.clone())),
                    },
                    Content::Image(_) => this.said.push(image(part)),
                    Content::ToolCall(call) => {
                        ids.push(&call.id);
                        let name = call.name.clone();
                        calls.push(Said::Call(ids.len() - 1, name, call.arguments.clone()));
                    }
                    Content::ToolResult(result) => {
                        let id = ids.iter().rposition(|id| *id == result.id);
                        let mut text = String::new();
                        for part in &result.content {
                            match part.as_text() {
                                Some(SEE_NEXT) => {}
                                Some(more) => text.push_str(more),
                                None => after.push(image(part)),
                            }
                        }
                        let plain = text.strip_prefix("[tool error] ").map(str::to_owned);
                        let failed = result.is_error || plain.is_some();
                        // A failure that says nothing but shows something.
                        let text = plain.unwrap_or(text).replace(SEE_NEXT, "");
                        this.said
                            .push(Said::Result(id.expect("a known id"), text, failed));
                    }
                    _ => panic!("{part:?}"),
                }
            }
            if !answer.is_empty() {
                this.said.push(Said::Answer(answer));
            }
            this.said.extend(calls);
        }
        this.said.append(&mut after);
        this
    }
}

fn image(part: &Content) -> Said {
    match part {
        Content::Image(media) => match &media.source {
            Source::Base64 { media_type, data } => Said::Image(format!("{media_type} {data}")),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn read(dialect: &dyn Dialect, body: &[u8]) -> ChatRequest {
    let front = dialect.front().expect("both halves");
    front
        .decode_request(body)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)))
}

/// What is left of a request after it was written for `over` and back for `back`.
fn there_and_back(body: &str, over: &To, back: &To) -> (Essence, Essence) {
    let asked = read(back.dialect, body.as_bytes());
    let mut report = Fidelity::new();
    let mut write = |chat: &ChatRequest, to: &To| {
        let written = to.dialect.encode_request(chat, &to.target(), &mut report);
        written.unwrap_or_else(|error| panic!("{error}: {body}"))
    };
    let there = read(over.dialect, &write(&asked, over));
    let again = read(back.dialect, &write(&there, back));
    (Essence::of(&asked), Essence::of(&again))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn case_110_anthropic_to_openai_and_back(talk in talk()) {
        let body = talk.as_anthropic();
        let (asked, again) = there_and_back(&body, &at("openai", "gpt-4o"), &claude("claude-sonnet-4-5"));
        prop_assert_eq!(asked, again);
    }

    #[test]
    fn case_110_openai_to_anthropic_and_back(talk in talk()) {
        let body = talk.as_openai();
        let (asked, again) = there_and_back(&body, &claude("claude-sonnet-4-5"), &at("openai", "gpt-4o"));
        prop_assert_eq!(asked, again);
    }
}
