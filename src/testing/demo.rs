//! A vendor that answers by itself, in the dialect of the path.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{
    Answer, Recorded, anthropic, gemini, openai,
    reply::{input_tokens, reply},
    script::quote,
};

/// The talkative vendor: it quotes the caller, and calls the tool that the caller mentions.
///
/// It serves `POST …/embeddings`, `…/chat/completions`, `…/responses`, `…/messages`, `…/messages/count_tokens`, `…/models/{id}:generateContent`,
/// `…:streamGenerateContent`, and `GET …/models`, `…/models/{id}`; streams when
/// the body asks for it; keeps `max_tokens` (one word is one token); and refuses what a vendor would refuse: JSON that is none, no
/// messages, a path nobody serves. The same request always gets the same answer.
///
/// ```
/// use std::time::Duration;
///
/// use trunkline::testing::{Demo, Vendor};
///
/// let vendor = Vendor::from(Demo::new().models(["gpt-4o", "claude-sonnet-4-5"]).pace(Duration::from_millis(15)));
/// # let _ = vendor;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Demo {
    models: Vec<String>,
    pace: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Manner {
    OpenAi,
    Responses,
    Anthropic,
    Gemini,
}

impl Demo {
    /// One model, `demo`, and no delays.
    pub fn new() -> Self {
        Self {
            models: vec!["demo".to_owned()],
            pace: Duration::ZERO,
        }
    }

    /// The models it lists. It answers under any other name as well.
    pub fn models<I>(mut self, models: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.models = models.into_iter().map(Into::into).collect();
        self
    }

    /// The pause between the events of a stream.
    pub fn pace(mut self, pause: Duration) -> Self {
        self.pace = pause;
        self
    }

    /// The answer to a request; to be used in [`Vendor::on`](super::Vendor::on) too.
    pub fn answer(&self, request: &Recorded) -> Answer {
        let path = request.path().trim_end_matches('/');
        if request.method == Method::POST {
            if path.ends_with("/embeddings") {
                return embeddings(request);
            } else if path.ends_with("/chat/completions") {
                return self.chat(request, Manner::OpenAi);
            } else if path.ends_with("/responses") {
                return self.chat(request, Manner::Responses);
            } else if path.ends_with("/messages") {
                return self.chat(request, Manner::Anthropic);
            } else if path.ends_with("/messages/count_tokens") {
                return match parse(request) {
                    Ok(body) => Answer::json(
                        200,
                        json!({"input_tokens": input_tokens(&body)}).to_string(),
                    ),
                    Err(why) => Manner::Anthropic.refuse(400, why),
                };
            } else if let Some((model, verb)) = generate(path) {
                return self.generate(request, model, verb == "streamGenerateContent");
            }
        }
        let manner = if path.contains("/v1beta/") || request.headers.contains_key("x-goog-api-key")
        {
            Manner::Gemini
        } else if request.headers.contains_key("anthropic-version") {
            Manner::Anthropic
        } else {
            Manner::OpenAi
        };
        if request.method == Method::GET || request.method == Method::HEAD {
            if path.ends_with("/models") {
                return Answer::json(200, list(manner, &self.models));
            } else if let Some((_, id)) = path.rsplit_once("/models/") {
                return match self.models.iter().find(|model| *model == id) {
                    Some(model) => Answer::json(200, entry(manner, model)),
                    None => manner.refuse(404, &format!("The model `{id}` does not exist.")),
                };
            }
        }
        manner.refuse(
            404,
            &format!("Nothing is served at {} {path}.", request.method),
        )
    }

    fn generate(&self, request: &Recorded, model: &str, stream: bool) -> Answer {
        use crate::{
            chat::Fidelity,
            dialect::{self, Quirks},
        };

        // One brain for all dialects: the question is put to it in OpenAI's words.
        let body = request.text();
        let asked = dialect::Dialect::front(&dialect::gemini::Gemini)
            .ok_or_else(String::new)
            .and_then(|front| {
                let read = front.decode_request(body.as_bytes());
                read.map_err(|e| e.message().to_owned())
            })
            .and_then(|chat| {
                let target = dialect::Target::new(model, &Quirks::NONE);
                let openai = &dialect::openai_chat::OpenAiChat;
                let body =
                    dialect::Dialect::encode_request(openai, &chat, &target, &mut Fidelity::new());
                body.map_err(|e| e.message().to_owned())
            });
        match asked {
            Ok(body) => {
                let body = serde_json::from_slice(&body).unwrap_or_default();
                reply(&body, model).gemini(model, stream).between(self.pace)
            }
            Err(why) => Manner::Gemini.refuse(400, &why),
        }
    }

    fn chat(&self, request: &Recorded, manner: Manner) -> Answer {
        let body = match parse(request) {
            Ok(body) => body,
            Err(why) => return manner.refuse(400, why),
        };
        let model = body["model"].as_str().unwrap_or("demo");
        let stream = body["stream"] == true;
        let script = reply(&body, model);
        let answer = match manner {
            Manner::OpenAi => script.openai(
                model,
                stream,
                body["stream_options"]["include_usage"] == true,
            ),
            Manner::Responses => script.responses(model, stream),
            Manner::Anthropic => script.anthropic(model, stream),
            Manner::Gemini => script.gemini(model, stream),
        };
        answer.between(self.pace)
    }
}

impl Default for Demo {
    fn default() -> Self {
        Self::new()
    }
}

impl Manner {
    fn refuse(self, status: u16, message: &str) -> Answer {
        match (self, status) {
            (Self::OpenAi | Self::Responses, _) => {
                openai::error(status, "invalid_request_error", "", message)
            }
            (Self::Gemini, 404) => gemini::error(404, "NOT_FOUND", message),
            (Self::Gemini, _) => gemini::error(status, "INVALID_ARGUMENT", message),
            (Self::Anthropic, 404) => anthropic::error(404, "not_found_error", message),
            (Self::Anthropic, _) => anthropic::error(status, "invalid_request_error", message),
        }
    }
}

/// Vectors that are alike for texts that share letters; lists of numbers, however they were asked for.
fn embeddings(request: &Recorded) -> Answer {
    const SIZE: usize = 8;
    let body = request.value().unwrap_or_default();
    let inputs: Vec<Value> = match &body["input"] {
        Value::Array(inputs) if !inputs.is_empty() => inputs.clone(),
        input @ Value::String(_) => vec![input.clone()],
        _ => return Manner::OpenAi.refuse(400, "input: a text or at least one text is required"),
    };
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let mut vector = [0_f32; SIZE];
            for byte in input.to_string().bytes() {
                if let Some(slot) = vector.get_mut(usize::from(byte) % SIZE) {
                    *slot += 1.0;
                }
            }
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            let vector: Vec<f32> = vector.iter().map(|x| x / length).collect();
            json!({"object": "embedding", "index": index, "embedding": vector})
        })
        .collect();
    let words = |input: &Value| {
        input
            .as_str()
            .map_or(1, |text| text.split_whitespace().count())
    };
    let tokens: usize = inputs.iter().map(words).sum();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    let answer = json!({"object": "list", "data": data, "model": body["model"], "usage": usage});
    Answer::json(200, answer.to_string())
}

/// Model and verb of a path like `…/models/{model}:{verb}`.
fn generate(path: &str) -> Option<(&str, &str)> {
    let (model, verb) = path.rsplit_once("/models/")?.1.rsplit_once(':')?;
    matches!(verb, "generateContent" | "streamGenerateContent").then_some((model, verb))
}

// A missing member of a `Value` reads as null, so indexing by name cannot fail here.

/// The body of a chat request, or why a vendor would refuse it.
fn parse(request: &Recorded) -> Result<Value, &'static str> {
    let Some(mut body) = request.value().filter(Value::is_object) else {
        return Err("The body is no JSON object.");
    };
    if request.path().trim_end_matches('/').ends_with("/responses") {
        body["messages"] = match conversation(&body["input"]) {
            Some(messages) => messages,
            None => return Err("input: a text or at least one item is required"),
        };
    }
    if body["messages"].as_array().is_none_or(Vec::is_empty) {
        return Err("messages: at least one message is required");
    }
    let chat = request.path().trim_end_matches('/').ends_with("/messages");
    if chat && !body["max_tokens"].is_u64() {
        return Err("max_tokens: Field required");
    }
    Ok(body)
}

/// The items of an input as messages.
fn conversation(input: &Value) -> Option<Value> {
    if input.is_string() {
        return Some(json!([{"role": "user", "content": input}]));
    }
    let items = input.as_array().filter(|items| !items.is_empty())?;
    let messages = items.iter().map(|item| match item["type"].as_str() {
        Some("function_call_output" | "custom_tool_call_output") => {
            json!({"role": "tool", "content": item["output"]})
        }
        _ => item.clone(),
    });
    Some(messages.collect())
}

fn list(manner: Manner, models: &[String]) -> String {
    let entries: Vec<String> = models.iter().map(|model| entry(manner, model)).collect();
    let entries = entries.join(",");
    match manner {
        Manner::OpenAi | Manner::Responses => format!(r#"{{"object":"list","data":[{entries}]}}"#),
        Manner::Gemini => format!(r#"{{"models":[{entries}]}}"#),
        Manner::Anthropic => format!(
            r#"{{"data":[{entries}],"has_more":false,"first_id":{},"last_id":{}}}"#,
            models
                .first()
                .map_or("null".to_owned(), |model| quote(model)),
            models
                .last()
                .map_or("null".to_owned(), |model| quote(model))
        ),
    }
}

fn entry(manner: Manner, model: &str) -> String {
    if manner == Manner::Gemini {
        let name = quote(&format!("models/{model}"));
        return format!(
            r#"{{"name":{name},"displayName":{},"supportedGenerationMethods":["generateContent"]}}"#,
            quote(model)
        );
    }
    let model = quote(model);
    match manner {
        Manner::OpenAi | Manner::Responses | Manner::Gemini => {
            format!(r#"{{"id":{model},"object":"model","created":1750000000,"owned_by":"demo"}}"#)
        }
        Manner::Anthropic => format!(
            r#"{{"type":"model","id":{model},"display_name":{model},"created_at":"2025-06-15T00:00:00Z"}}"#
        ),
    }
}
