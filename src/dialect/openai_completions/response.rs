//! Whole answers.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    chat::{ChatResponse, Content, StopReason},
    dialect::{
        Asked,
        openai_chat::{finish, response::model_name, usage},
    },
    json::{self, Json},
};

/// Writes an answer. Reasoning and tool calls have no place in it.
pub(super) fn encode(response: &ChatResponse, asked: &Asked<'_>) -> Bytes {
    let created = response.created.unwrap_or(asked.created);
    let mut text = String::new();
    for part in &response.content {
        match part {
            Content::Text { text: more, .. } | Content::Refusal(more) => text.push_str(more),
            _ => {}
        }
    }
    let legacy = response.logprobs.as_ref().and_then(|l| logprobs(l, 0));
    let choice = choice(&text, legacy.as_ref(), Some(response.stop.reason));
    json::object(|o| {
        o.field("id", &*id(&response.id, created))
            .field("object", "text_completion")
            .field("created", &created)
            .field("model", model_name(asked.model, &response.model))
            .array("choices", [choice])
            .optional("usage", response.usage.as_ref().map(usage::write));
    })
    .to_string()
    .into()
}

/// The only choice.
pub(super) fn choice(text: &str, logprobs: Option<&Json>, stop: Option<StopReason>) -> Json {
    json::object(|o| {
        o.field("text", text)
            .field("index", &0)
            .field("logprobs", &logprobs)
            .field("finish_reason", &stop.map(finish_reason));
    })
}

/// No client of this API knows of tools.
fn finish_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::ToolUse => "stop",
        other => finish::word(other),
    }
}

/// The id of an answer, in the manner of this API.
pub(super) fn id(id: &str, created: u64) -> Cow<'_, str> {
    match id.strip_prefix("chatcmpl-") {
        Some(rest) => Cow::Owned(format!("cmpl-{rest}")),
        None if id.is_empty() => Cow::Owned(format!("cmpl-{created:x}")),
        None => Cow::Borrowed(id),
    }
}

/// Chat's log probabilities in the shape of this API. `start` is where the text begins that they are about.
pub(super) fn logprobs(chat: &Json, start: u64) -> Option<Json> {
    #[derive(Deserialize)]
    struct Chat {
        content: Option<Vec<Token>>,
    }
    #[derive(Deserialize)]
    struct Token {
        token: String,
        logprob: f64,
        #[serde(default)]
        top_logprobs: Vec<Token>,
    }
    let tokens = chat.deserialize::<Chat>().ok()?.content?;
    let mut offset = start;
    let mut offsets = Vec::with_capacity(tokens.len());
    for token in &tokens {
        offsets.push(offset);
        offset = offset.saturating_add(token.token.chars().count() as u64);
    }
    Some(json::object(|o| {
        o.array("tokens", tokens.iter().map(|t| &t.token))
            .array("token_logprobs", tokens.iter().map(|t| t.logprob))
            .array(
                "top_logprobs",
                tokens.iter().map(|t| {
                    json::object(|o| {
                        for top in &t.top_logprobs {
                            o.field(&top.token, &top.logprob);
                        }
                    })
                }),
            )
            .array("text_offset", offsets);
    }))
}
