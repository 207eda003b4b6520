//! What callers ask: each request follows from the seed and its number.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    dice::{Dice, Purpose},
    vendors::VENDORS,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    Chat,
    Responses,
    Messages,
    Gemini,
}

/// How an answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Whole,
    Events,
    /// Gemini's stream without `alt=sse`: one JSON list.
    List,
}

/// When a client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Never,
    /// So long after it has asked, if there are no headers by then.
    BeforeHeaders(Duration),
    /// After so many pieces of the body.
    After(usize),
}

#[derive(Clone, Debug)]
pub struct Ask {
    pub number: usize,
    pub front: Front,
    pub form: Form,
    /// Does it want to know what it costs? Only Chat Completions has to say so.
    pub usage: bool,
    /// Does it declare tools?
    pub tools: bool,
    pub model: String,
    pub leave: Leave,
    pub marker: String,
}

/// The key that callers send; no vendor is to see it.
pub const CALLER_KEY: &str = "callers-own-key";

impl Ask {
    pub fn new(seed: u64, number: usize) -> Self {
        let mut dice = Dice::new(seed, Purpose::Ask, number, 0);
        let front = dice.one(&[
            Front::Chat,
            Front::Responses,
            Front::Messages,
            Front::Gemini,
        ]);
        let form = match (dice.percent(65), front) {
            (false, _) => Form::Whole,
            (true, Front::Gemini) if dice.percent(40) => Form::List,
            (true, _) => Form::Events,
        };
        let vendor = dice.below(VENDORS.len());
        let model = match dice.below(10) {
            0..4 => "any".to_owned(),
            4..8 => format!("pair-{}", VENDORS[vendor].name),
            _ => format!("only-{}", VENDORS[vendor].name),
        };
        let leave = match dice.below(100) {
            0..4 => Leave::BeforeHeaders(dice.millis(0, 25)),
            4..8 => Leave::After(dice.between(1, 4)),
            _ => Leave::Never,
        };
        Self {
            number,
            front,
            form,
            usage: dice.percent(50),
            tools: dice.percent(50),
            model,
            leave,
            marker: marker(seed, number),
        }
    }

    pub fn path(&self) -> String {
        let model = &self.model;
        match (self.front, self.form) {
            (Front::Chat, _) => "/v1/chat/completions".into(),
            (Front::Responses, _) => "/v1/responses".into(),
            (Front::Messages, _) => "/v1/messages".into(),
            (Front::Gemini, Form::Whole) => format!("/v1beta/models/{model}:generateContent"),
            (Front::Gemini, Form::List) => format!("/v1beta/models/{model}:streamGenerateContent"),
            (Front::Gemini, Form::Events) => {
                format!("/v1beta/models/{model}:streamGenerateContent?alt=sse")
            }
        }
    }

    pub fn body(&self) -> String {
        let text = format!("Say what belongs to {}.", self.marker);
        let stream = self.form != Form::Whole;
        let schema = json!({"type": "object", "properties": {"at": {"type": "string"}}});
        let mut body = match self.front {
            Front::Chat => json!({"messages": [{"role": "user", "content": text}]}),
            Front::Responses => json!({"input": text, "store": false}),
            Front::Messages => {
                json!({"max_tokens": 4096, "messages": [{"role": "user", "content": text}]})
            }
            Front::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}),
        };
        if self.front != Front::Gemini {
            body["model"] = self.model.as_str().into();
            body["stream"] = stream.into();
        }
        if self.front == Front::Chat && stream && self.usage {
            body["stream_options"] = json!({"include_usage": true});
        }
        if self.tools {
            let tool = |name: &str| match self.front {
                Front::Chat => {
                    json!({"type": "function", "function": {"name": name, "parameters": schema}})
                }
                Front::Responses => {
                    json!({"type": "function", "name": name, "parameters": schema, "strict": false})
                }
                Front::Messages => json!({"name": name, "input_schema": schema}),
                Front::Gemini => json!({"name": name, "parameters": schema}),
            };
            let tools: Vec<Value> = TOOLS.iter().map(|name| tool(name)).collect();
            body["tools"] = match self.front {
                Front::Gemini => json!([{"functionDeclarations": tools}]),
                _ => tools.into(),
            };
        }
        body.to_string()
    }
}

/// The tools that callers declare.
pub const TOOLS: [&str; 2] = ["lookup", "keep"];

impl Front {
    /// Its dialect, as the grammars name it.
    pub const fn dialect(self) -> &'static str {
        match self {
            Self::Chat => "openai-chat",
            Self::Responses => "openai-responses",
            Self::Messages => "anthropic",
            Self::Gemini => "gemini",
        }
    }
}

/// What tells a request from all others wherever it appears: `~17.0badcafe~`.
pub fn marker(seed: u64, number: usize) -> String {
    let sum = Dice::new(seed, Purpose::Marker, number, 0).draw() as u32;
    format!("~{number}.{sum:08x}~")
}

/// The numbers of all requests whose marker appears here. What looks like a marker and is none is an error.
pub fn markers(seed: u64, text: &[u8]) -> Result<Vec<usize>, String> {
    let text = String::from_utf8_lossy(text);
    let mut found = Vec::new();
    for piece in text.split('~') {
        let Some((number, _)) = piece.split_once('.') else {
            continue;
        };
        let Ok(number) = number.parse::<usize>() else {
            continue;
        };
        if marker(seed, number).trim_matches('~') != piece {
            return Err(format!("a marker that was never given: {piece}"));
        }
        if !found.contains(&number) {
            found.push(number);
        }
    }
    Ok(found)
}
