//! Google's embeddings: several texts in one `batchEmbedContents`.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::{EmbeddingDialect, EmbeddingRequest, EmbeddingResponse, EmbeddingTask, unreadable};
use crate::{
    chat::Fidelity,
    error::Error,
    json::{Json, object},
};

/// Google's embeddings.
#[derive(Clone, Copy, Debug, Default)]
pub struct GeminiEmbeddings;

impl EmbeddingDialect for GeminiEmbeddings {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        format!("/models/{}:batchEmbedContents", bare(model)).into()
    }

    fn most_texts(&self) -> usize {
        100
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
        let name = format!("models/{}", bare(model));
        let texts = request.only_texts()?.into_iter();
        let requests = texts.map(|text| {
            object(|o| {
                o.field("model", &name)
                    .field("content", &content(text))
                    .optional("taskType", request.task.map(name_of))
                    .optional("title", request.title.as_deref())
                    .optional("outputDimensionality", request.dimensions);
            })
        });
        let body = object(|o| {
            o.array("requests", requests);
        });
        Ok(Bytes::copy_from_slice(body.as_str().as_bytes()))
    }

    fn decode(&self, body: &[u8]) -> Result<EmbeddingResponse, Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            embeddings: Vec<Values>,
            #[serde(default)]
            embedding: Option<Values>,
            #[serde(default, rename = "usageMetadata")]
            usage: Option<Cost>,
        }
        #[derive(Deserialize)]
        struct Values {
            values: Vec<f32>,
        }
        #[derive(Deserialize)]
        struct Cost {
            #[serde(default, rename = "promptTokenCount")]
            prompt: Option<u64>,
        }
        let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
        let vectors = answer.embeddings.into_iter().chain(answer.embedding);
        Ok(EmbeddingResponse::new(
            vectors.map(|vector| vector.values).collect(),
            answer.usage.and_then(|usage| usage.prompt),
        ))
    }
}

/// Without the `models/` that Google's own names begin with.
pub(super) fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

pub(super) fn content(text: &str) -> Json {
    let part = object(|o| {
        o.field("text", text);
    });
    object(|o| {
        o.array("parts", [part]);
    })
}

pub(super) const fn name_of(task: EmbeddingTask) -> &'static str {
    match task {
        EmbeddingTask::Query => "RETRIEVAL_QUERY",
        EmbeddingTask::Document => "RETRIEVAL_DOCUMENT",
        EmbeddingTask::Similarity => "SEMANTIC_SIMILARITY",
        EmbeddingTask::Classification => "CLASSIFICATION",
        EmbeddingTask::Clustering => "CLUSTERING",
        EmbeddingTask::QuestionAnswering => "QUESTION_ANSWERING",
        EmbeddingTask::FactVerification => "FACT_VERIFICATION",
        EmbeddingTask::CodeQuery => "CODE_RETRIEVAL_QUERY",
    }
}
