//! Cohere's embeddings, version 2.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::{EmbeddingDialect, EmbeddingRequest, EmbeddingResponse, EmbeddingTask, unreadable};
use crate::{chat::Fidelity, error::Error, json::object};

/// Cohere's embeddings. The base URL ends with the version: `https://api.cohere.com/v2`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CohereEmbeddings;

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
            o.field("model", model)
                .field("input_type", kind)
                .field("texts", &texts)
                .array("embedding_types", ["float"])
                .optional("output_dimension", request.dimensions);
        });
        Ok(Bytes::copy_from_slice(body.as_str().as_bytes()))
    }

    fn decode(&self, body: &[u8]) -> Result<EmbeddingResponse, Error> {
        #[derive(Deserialize)]
        struct Answer {
            embeddings: ByType,
            #[serde(default)]
            meta: Option<Meta>,
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
        Ok(EmbeddingResponse::new(
            answer.embeddings.float,
            tokens.map(|tokens| tokens as u64),
        ))
    }
}
