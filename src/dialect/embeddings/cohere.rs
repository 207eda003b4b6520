//! Cohere's embeddings, version 2.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use super::{
    EmbeddingDialect, EmbeddingRequest, EmbeddingResponse, EmbeddingTask, titan::SEGMENT,
    unreadable,
};
use crate::{chat::Fidelity, error::Error, json::object};

/// Cohere's embeddings. The base URL ends with the version: `https://api.cohere.com/v2`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CohereEmbeddings;

/// The same models on Bedrock, by `InvokeModel`: the model stands in the path.
#[derive(Clone, Copy, Debug, Default)]
pub struct BedrockCohereEmbeddings;

impl EmbeddingDialect for CohereEmbeddings {
    fn name(&self) -> &'static str {
        "cohere"
    }

    fn path(&self, _: &str) -> Cow<'static, str> {
        "/embed".into()
    }

    fn most_texts(&self) -> usize {
        96
    }

    fn encode(
        &self,
        request: &EmbeddingRequest,
        model: &str,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        written(request, Some(model), report)
    }

    fn decode(&self, body: &[u8]) -> Result<EmbeddingResponse, Error> {
        read(body)
    }
}

impl EmbeddingDialect for BedrockCohereEmbeddings {
    fn name(&self) -> &'static str {
        "bedrock-cohere"
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        format!("/model/{}/invoke", utf8_percent_encode(model, SEGMENT)).into()
    }

    fn most_texts(&self) -> usize {
        96
    }

    fn encode(
        &self,
        request: &EmbeddingRequest,
        _: &str,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        written(request, None, report)
    }

    fn decode(&self, body: &[u8]) -> Result<EmbeddingResponse, Error> {
        read(body)
    }
}

fn written(
    request: &EmbeddingRequest,
    model: Option<&str>,
    report: &mut Fidelity,
) -> Result<Bytes, Error> {
    if request.user.is_some() {
        report.dropped("user", "this vendor has no place for it");
    }
    if request.title.is_some() {
        report.dropped("title", "this vendor has no place for it");
    }
    let task = request.task.unwrap_or_else(|| {
        report.defaulted("input_type", "this vendor requires it: `search_document`");
        EmbeddingTask::Document
    });
    let kind = match task {
        EmbeddingTask::Query
        | EmbeddingTask::QuestionAnswering
        | EmbeddingTask::FactVerification
        | EmbeddingTask::CodeQuery => "search_query",
        EmbeddingTask::Document => "search_document",
        EmbeddingTask::Classification => "classification",
        EmbeddingTask::Clustering | EmbeddingTask::Similarity => "clustering",
    };
    let texts = request.only_texts()?;
    let body = object(|o| {
        o.optional("model", model)
            .field("input_type", kind)
            .field("texts", &texts)
            .array("embedding_types", ["float"])
            .optional("output_dimension", request.dimensions);
    });
    Ok(Bytes::copy_from_slice(body.as_str().as_bytes()))
}

fn read(body: &[u8]) -> Result<EmbeddingResponse, Error> {
    #[derive(Deserialize)]
    struct Answer {
        embeddings: Vectors,
        #[serde(default)]
        meta: Option<Meta>,
    }
    // Older models, where they are asked for one type only, give the list as it is.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Vectors {
        ByType(ByType),
        Plain(Vec<Vec<f32>>),
    }
    #[derive(Deserialize)]
    struct ByType {
        float: Vec<Vec<f32>>,
    }
    #[derive(Deserialize)]
    struct Meta {
        #[serde(default)]
        billed_units: Option<Units>,
    }
    #[derive(Deserialize)]
    struct Units {
        // Some answers write it as `2.0`.
        #[serde(default)]
        input_tokens: Option<f64>,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
    let units = answer.meta.and_then(|meta| meta.billed_units);
    let tokens = units.and_then(|units| units.input_tokens);
    let vectors = match answer.embeddings {
        Vectors::ByType(by_type) => by_type.float,
        Vectors::Plain(vectors) => vectors,
    };
    Ok(EmbeddingResponse::new(
        vectors,
        tokens.map(|tokens| tokens as u64),
    ))
}
