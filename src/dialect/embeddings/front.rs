//! How callers ask for vectors, and how they are answered.

use std::fmt::Debug;

use bytes::Bytes;

use super::{
    EmbeddingInput, EmbeddingRequest, EmbeddingResponse, EmbeddingTask,
    gemini::bare,
    openai::{Encoding, encoding_asked},
    vector::to_base64,
};
use crate::{
    chat::Fidelity,
    error::Error,
    issued::{splice, strings},
    json::{Json, Object, Value, object},
    operation::EmbeddingForm,
};

/// The caller's half of a form.
pub(crate) trait EmbeddingFront: Debug + Send + Sync + 'static {
    /// The name of the vendors' dialect that is asked in the same words.
    fn dialect(&self) -> &'static str;

    /// The path of the same call at such a vendor.
    fn path(&self, model: &str) -> String;

    /// The same body for the vendor's name of the model.
    fn renamed(&self, body: &Bytes, model: &str) -> Bytes;

    /// Reads a request.
    fn decode(&self, body: &[u8], report: &mut Fidelity) -> Result<EmbeddingRequest, Error>;

    /// Writes an answer to the request of that body.
    fn encode(&self, answer: &EmbeddingResponse, asked: &[u8], model: &str) -> Bytes;
}

/// The caller's half of this form.
pub(crate) const fn front(form: EmbeddingForm) -> &'static dyn EmbeddingFront {
    match form {
        EmbeddingForm::OpenAi => &AsOpenAi,
        EmbeddingForm::Gemini => &AsGemini { batch: false },
        EmbeddingForm::GeminiBatch => &AsGemini { batch: true },
    }
}

#[derive(Debug)]
struct AsOpenAi;

impl EmbeddingFront for AsOpenAi {
    fn dialect(&self) -> &'static str {
        "openai"
    }

    fn path(&self, _: &str) -> String {
        "/embeddings".to_owned()
    }

    fn renamed(&self, body: &Bytes, model: &str) -> Bytes {
        let inner = escaped(model);
        let mut edits = Vec::new();
        strings(body, |place| {
            if place.depth == 1 && place.key == b"model" && place.text != inner.as_bytes() {
                edits.push((place.span, inner.clone()));
            }
        });
        splice(body, &edits)
    }

    fn decode(&self, body: &[u8], report: &mut Fidelity) -> Result<EmbeddingRequest, Error> {
        let root = Value::root(body)?;
        let mut object = root.object()?;
        let _ = (object.take("model"), object.take("encoding_format"));
        let input = object.require("input")?;
        let inputs = inputs(&input)?;
        if inputs.is_empty() {
            return Err(input.error("must not be empty"));
        }
        let task = task(
            &mut object,
            &["input_type", "task_type", "taskType", "task"],
        )?;
        let dimensions = match object.take("dimensions") {
            Some(dimensions) => Some(dimensions.u64()?),
            None => None,
        };
        let user = match object.take("user") {
            Some(user) => Some(user.string()?),
            None => None,
        };
        for (name, _) in object.into_extra().iter() {
            report.dropped(name, "the vendor of another dialect has no place for it");
        }
        Ok(EmbeddingRequest {
            inputs,
            dimensions,
            task,
            title: None,
            user,
        })
    }

    fn encode(&self, answer: &EmbeddingResponse, asked: &[u8], model: &str) -> Bytes {
        let encoding = encoding_asked(asked);
        let vectors = answer.vectors.iter().enumerate();
        let data = vectors.map(|(index, vector)| {
            object(|o| {
                o.field("object", "embedding").field("index", &index);
                match encoding {
                    None | Some(Encoding::Float) => o.field("embedding", vector),
                    Some(Encoding::Base64) => o.field("embedding", &to_base64(vector)),
                };
            })
        });
        // Clients read both numbers without asking whether they are there.
        let tokens = answer.tokens.unwrap_or(0);
        let usage = object(|o| {
            o.field("prompt_tokens", &tokens)
                .field("total_tokens", &tokens);
        });
        written(&object(|o| {
            o.field("object", "list")
                .array("data", data)
                .field("model", model)
                .field("usage", &usage);
        }))
    }
}

/// A text, several, tokens, or several lists of tokens.
fn inputs(input: &Value<'_, '_>) -> Result<Vec<EmbeddingInput>, Error> {
    if input.is_string() {
        return Ok(vec![EmbeddingInput::Text(input.string()?)]);
    }
    let wrong = || input.error("must be a text, a list of texts, or tokens");
    if !input.is_array() {
        return Err(wrong());
    }
    if let Ok(tokens) = serde_json::from_str::<Vec<u32>>(input.text()) {
        return Ok(match tokens.as_slice() {
            [] => Vec::new(),
            _ => vec![EmbeddingInput::Tokens(tokens)],
        });
    }
    input
        .items()?
        .map(|item| {
            if item.is_string() {
                item.string().map(EmbeddingInput::Text)
            } else {
                let tokens = serde_json::from_str(item.text());
                let wrong = |_| item.error("must be a text or a list of tokens");
                tokens.map(EmbeddingInput::Tokens).map_err(wrong)
            }
        })
        .collect()
}

fn task<'p>(
    object: &mut Object<'_, 'p>,
    names: &[&'p str],
) -> Result<Option<EmbeddingTask>, Error> {
    let mut found = None;
    for name in names {
        if let Some(value) = object.take(name) {
            let known = EmbeddingTask::named(&value.str()?);
            found = found.or(known);
            if known.is_none() && *value.str()? != *"TASK_TYPE_UNSPECIFIED" {
                return Err(value.error("is no task that is known here"));
            }
        }
    }
    Ok(found)
}

#[derive(Debug)]
struct AsGemini {
    batch: bool,
}

impl EmbeddingFront for AsGemini {
    fn dialect(&self) -> &'static str {
        "gemini"
    }

    fn path(&self, model: &str) -> String {
        let verb = if self.batch {
            "batchEmbedContents"
        } else {
            "embedContent"
        };
        format!("/models/{}:{verb}", bare(model))
    }

    fn renamed(&self, body: &Bytes, model: &str) -> Bytes {
        let inner = escaped(&format!("models/{}", bare(model)));
        let mut edits = Vec::new();
        strings(body, |place| {
            // At the root, or in each of `requests`.
            let its = place.depth == 1 || (place.depth == 3 && place.parent == b"requests");
            if its && place.key == b"model" && place.text != inner.as_bytes() {
                edits.push((place.span, inner.clone()));
            }
        });
        splice(body, &edits)
    }

    fn decode(&self, body: &[u8], report: &mut Fidelity) -> Result<EmbeddingRequest, Error> {
        let root = Value::root(body)?;
        let mut whole = root.object()?;
        if !self.batch {
            return one(&mut whole, report);
        }
        let requests = whole.require("requests")?;
        let mut all: Option<EmbeddingRequest> = None;
        for item in requests.items()? {
            let next = one(&mut item.object()?, report)?;
            match &mut all {
                None => all = Some(next),
                Some(all) => {
                    let same = (all.dimensions, all.task, &all.title)
                        == (next.dimensions, next.task, &next.title);
                    if !same {
                        return Err(item.error(
                            "must ask for the same as the others: this vendor takes one task and one size a call",
                        ));
                    }
                    all.inputs.extend(next.inputs);
                }
            }
        }
        all.ok_or_else(|| requests.error("must not be empty"))
    }

    fn encode(&self, answer: &EmbeddingResponse, _: &[u8], _: &str) -> Bytes {
        let mut vectors = answer.vectors.iter().map(|vector| {
            object(|o| {
                o.field("values", vector);
            })
        });
        let usage = answer.tokens.map(|tokens| {
            object(|o| {
                o.field("promptTokenCount", &tokens)
                    .field("totalTokenCount", &tokens);
            })
        });
        written(&object(|o| {
            if self.batch {
                o.array("embeddings", vectors);
            } else {
                o.optional("embedding", vectors.next());
            }
            o.optional("usageMetadata", usage);
        }))
    }
}

/// One `embedContent`.
fn one(object: &mut Object<'_, '_>, report: &mut Fidelity) -> Result<EmbeddingRequest, Error> {
    let _ = object.take("model");
    let content = object.require("content")?;
    let mut text = String::new();
    let parts = content.object()?.require("parts")?.json();
    let parts: Vec<Json> = match parts.as_str().starts_with('[') {
        true => {
            let raw: Vec<&serde_json::value::RawValue> =
                serde_json::from_str(parts.as_str()).unwrap_or_default();
            raw.into_iter().map(Json::from).collect()
        }
        false => vec![parts],
    };
    for part in parts {
        #[derive(serde::Deserialize)]
        struct Part {
            text: String,
        }
        let read = part.deserialize::<Part>();
        let read = read.map_err(|_| {
            content.error("must be text: the vendor of another dialect embeds nothing else")
        })?;
        text.push_str(&read.text);
    }
    let title = match object.take("title") {
        Some(title) => Some(title.string()?),
        None => None,
    };
    let task = task(object, &["taskType", "task_type"])?;
    let sizes = ["outputDimensionality", "output_dimensionality"];
    let mut dimensions = None;
    for name in sizes {
        if let Some(size) = object.take(name) {
            dimensions = Some(size.u64()?);
        }
    }
    if !object.is_empty() {
        report.dropped("embedContent", "members that only Google knows");
    }
    Ok(EmbeddingRequest {
        inputs: vec![EmbeddingInput::Text(text)],
        dimensions,
        task,
        title,
        user: None,
    })
}

fn written(json: &Json) -> Bytes {
    Bytes::copy_from_slice(json.as_str().as_bytes())
}

/// As it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let end = quoted.len().saturating_sub(1);
    quoted.get(1..end).unwrap_or_default().to_owned()
}
