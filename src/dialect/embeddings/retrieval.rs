//! Voyage's and Jina's embeddings: OpenAI's answers, and requests that go their own way wherever vectors differ by their use.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    EmbeddingDialect, EmbeddingRequest, EmbeddingResponse, EmbeddingTask, OpenAiEmbeddings,
};
use crate::{chat::Fidelity, error::Error, json::object};

/// Voyage's embeddings.
#[derive(Clone, Copy, Debug, Default)]
pub struct VoyageEmbeddings;

/// Jina's embeddings.
#[derive(Clone, Copy, Debug, Default)]
pub struct JinaEmbeddings;

impl EmbeddingDialect for VoyageEmbeddings {
    fn name(&self) -> &'static str {
        "voyage"
    }

    fn path(&self, _: &str) -> Cow<'static, str> {
        "/embeddings".into()
    }

    fn most_texts(&self) -> usize {
        1000
    }

    fn encode(
        &self,
        request: &EmbeddingRequest,
        model: &str,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        unplaced(request, report);
        let kind = request.task.and_then(|task| match task {
            EmbeddingTask::Query
            | EmbeddingTask::QuestionAnswering
            | EmbeddingTask::FactVerification
            | EmbeddingTask::CodeQuery => Some("query"),
            EmbeddingTask::Document => Some("document"),
            _ => {
                report.dropped("input_type", "this vendor knows queries and documents");
                None
            }
        });
        let texts = request.only_texts()?;
        let body = object(|o| {
            o.field("model", model)
                .field("input", &texts)
                .optional("input_type", kind)
                .optional("output_dimension", request.dimensions);
        });
        Ok(Bytes::copy_from_slice(body.as_str().as_bytes()))
    }

    fn decode(&self, body: &[u8]) -> Result<EmbeddingResponse, Error> {
        OpenAiEmbeddings.decode(body)
    }
}

impl EmbeddingDialect for JinaEmbeddings {
    fn name(&self) -> &'static str {
        "jina"
    }

    fn path(&self, _: &str) -> Cow<'static, str> {
        "/embeddings".into()
    }

    fn most_texts(&self) -> usize {
        512
    }

    fn encode(
        &self,
        request: &EmbeddingRequest,
        model: &str,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        unplaced(request, report);
        let task = request.task.map(|task| match task {
            EmbeddingTask::Query
            | EmbeddingTask::QuestionAnswering
            | EmbeddingTask::FactVerification
            | EmbeddingTask::CodeQuery => "retrieval.query",
            EmbeddingTask::Document => "retrieval.passage",
            EmbeddingTask::Similarity => "text-matching",
            EmbeddingTask::Classification => "classification",
            EmbeddingTask::Clustering => "separation",
        });
        let texts = request.only_texts()?;
        let body = object(|o| {
            o.field("model", model)
                .field("input", &texts)
                .optional("task", task)
                .optional("dimensions", request.dimensions);
        });
        Ok(Bytes::copy_from_slice(body.as_str().as_bytes()))
    }

    fn decode(&self, body: &[u8]) -> Result<EmbeddingResponse, Error> {
        OpenAiEmbeddings.decode(body)
    }
}

fn unplaced(request: &EmbeddingRequest, report: &mut Fidelity) {
    for (name, there) in [
        ("user", request.user.is_some()),
        ("title", request.title.is_some()),
    ] {
        if there {
            report.dropped(name, "this vendor has no place for it");
        }
    }
}
