//! OpenAI's embeddings, and of those who imitate it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    EmbeddingDialect, EmbeddingInput, EmbeddingRequest, EmbeddingResponse, unreadable,
    vector::{from_base64, to_base64},
};
use crate::{chat::Fidelity, error::Error, issued::splice, json::object};

/// OpenAI's embeddings.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiEmbeddings;

/// How a caller wants vectors spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As lists of numbers.
    Float,
    /// As base64 of their bytes.
    Base64,
}

impl EmbeddingDialect for OpenAiEmbeddings {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn path(&self, _: &str) -> Cow<'static, str> {
        "/embeddings".into()
    }

    fn encode(
        &self,
        request: &EmbeddingRequest,
        model: &str,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        if request.task.is_some() {
            report.dropped(
                "taskType",
                "this vendor's vectors are the same for every task",
            );
        }
        let inputs: Vec<_> = request.inputs.iter().map(Written::of).collect();
        let body = object(|o| {
            o.field("model", model);
            match inputs.as_slice() {
                [only @ Written::Text(_)] => o.field("input", only),
                inputs => o.field("input", inputs),
            };
            o.optional("dimensions", request.dimensions)
                .field("encoding_format", "float")
                .optional("user", request.user.as_deref());
        });
        Ok(Bytes::copy_from_slice(body.as_str().as_bytes()))
    }

    fn decode(&self, body: &[u8]) -> Result<EmbeddingResponse, Error> {
        let answer: Answer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
        let mut items = answer.data;
        items.sort_by_key(|item| item.index);
        let vectors: Result<Vec<_>, Error> = items.iter().map(|item| item.vector()).collect();
        let usage = answer.usage.unwrap_or_default();
        Ok(EmbeddingResponse::new(
            vectors?,
            usage.prompt_tokens.or(usage.total_tokens),
        ))
    }
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Written<'a> {
    Text(&'a str),
    Tokens(&'a [u32]),
}

impl<'a> Written<'a> {
    fn of(input: &'a EmbeddingInput) -> Self {
        match input {
            EmbeddingInput::Text(text) => Self::Text(text),
            EmbeddingInput::Tokens(tokens) => Self::Tokens(tokens),
        }
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Vec<Item<'a>>,
    #[serde(default)]
    usage: Option<Cost>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    embedding: &'a RawValue,
    #[serde(default)]
    index: u64,
}

#[derive(Default, Deserialize)]
struct Cost {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    total_tokens: Option<u64>,
}

impl Item<'_> {
    fn vector(&self) -> Result<Vec<f32>, Error> {
        let text = self.embedding.get();
        if !text.starts_with('"') {
            return serde_json::from_str(text).map_err(unreadable);
        }
        let text: String = serde_json::from_str(text).map_err(unreadable)?;
        from_base64(&text).ok_or_else(|| unreadable("not base64 of 32-bit floats"))
    }
}

/// How the caller of a body in OpenAI's form wants the vectors; none if in a way that only the vendor knows.
pub(crate) fn encoding_asked(body: &[u8]) -> Option<Encoding> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow, default)]
        encoding_format: Option<Cow<'a, str>>,
    }
    let asked = serde_json::from_slice::<Asked<'_>>(body).ok();
    match asked.and_then(|asked| asked.encoding_format).as_deref() {
        None | Some("float") => Some(Encoding::Float),
        Some("base64") => Some(Encoding::Base64),
        Some(_) => None,
    }
}

/// An answer in OpenAI's form with its vectors as they were asked for, whatever the vendor has made of that; all else is the same.
/// Also what it cost, in tokens.
///
/// # Errors
/// If it holds no vectors.
pub(crate) fn in_encoding(
    body: Bytes,
    asked: Option<Encoding>,
) -> Result<(Bytes, Option<u64>), Error> {
    let answer: Answer<'_> = serde_json::from_slice(&body).map_err(unreadable)?;
    let usage = answer.usage.unwrap_or_default();
    let tokens = usage.prompt_tokens.or(usage.total_tokens);
    let mut edits = Vec::new();
    for item in &answer.data {
        let text = item.embedding.get();
        // Vectors of bytes, of bits and of several kinds are spelled neither way: they pass.
        let written = match (asked, text.starts_with('"'), item.vector()) {
            (Some(Encoding::Float), true, Ok(vector)) if is_likely(&vector) => {
                serde_json::to_string(&vector).map_err(unreadable)?
            }
            (Some(Encoding::Base64), false, Ok(vector)) => format!("\"{}\"", to_base64(&vector)),
            _ => continue,
        };
        let start = (text.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
        edits.push((start..start + text.len(), written));
    }
    drop(answer.data);
    Ok((splice(&body, &edits), tokens))
}

/// Bytes that are no floats make astronomic numbers, or none at all; those of a vector are small.
fn is_likely(vector: &[f32]) -> bool {
    vector.iter().all(|x| x.abs() < 1e6)
}
