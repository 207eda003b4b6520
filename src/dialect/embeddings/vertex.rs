//! Google's embeddings on Vertex AI: older models by `predict`, newer ones by `embedContent`, a text a call.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use super::{
    EmbeddingDialect, EmbeddingRequest, EmbeddingResponse, GeminiEmbeddings,
    gemini::{content, name_of},
    titan::SEGMENT,
    unreadable,
};
use crate::{
    chat::Fidelity,
    error::{Error, ErrorKind},
    json::object,
};

/// How a model of Google's is asked for vectors on Vertex AI. Its name has no publisher in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VertexEmbeddings {
    /// `predict`, several texts a call: the `text-embedding` models.
    Predict,
    /// `predict`, one text a call: `gemini-embedding-001`.
    PredictOne,
    /// `embedContent`: what came after it.
    EmbedContent,
}

impl VertexEmbeddings {
    /// How this model is asked.
    pub fn of(model: &str) -> &'static dyn EmbeddingDialect {
        if model == "gemini-embedding-001" {
            &Self::PredictOne
        } else if model.starts_with("gemini-embedding") {
            &Self::EmbedContent
        } else {
            &Self::Predict
        }
    }
}

impl EmbeddingDialect for VertexEmbeddings {
    fn name(&self) -> &'static str {
        "vertex"
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        let verb = match self {
            Self::Predict | Self::PredictOne => "predict",
            Self::EmbedContent => "embedContent",
        };
        let model = model.rsplit('/').next().unwrap_or(model);
        let model = utf8_percent_encode(model, SEGMENT);
        format!("/publishers/google/models/{model}:{verb}").into()
    }

    fn most_texts(&self) -> usize {
        match self {
            Self::Predict => 250,
            Self::PredictOne | Self::EmbedContent => 1,
        }
    }

    fn encode(
        &self,
        request: &EmbeddingRequest,
        _: &str,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        if request.user.is_some() {
            report.dropped("user", "this vendor has no place for it");
        }
        let texts = request.only_texts()?;
        let task = request.task.map(name_of);
        let body = match self {
            Self::Predict | Self::PredictOne => {
                let instances = texts.into_iter().map(|text| {
                    object(|o| {
                        o.field("content", text)
                            .optional("task_type", task)
                            .optional("title", request.title.as_deref());
                    })
                });
                let parameters = request.dimensions.map(|size| {
                    object(|o| {
                        o.field("outputDimensionality", &size);
                    })
                });
                object(|o| {
                    o.array("instances", instances)
                        .optional("parameters", parameters);
                })
            }
            Self::EmbedContent => {
                let [text] = texts.as_slice() else {
                    let message = "this vendor embeds one text a call";
                    return Err(Error::new(ErrorKind::Unsupported, message).with_param("input"));
                };
                object(|o| {
                    o.field("content", &content(text))
                        .optional("taskType", task)
                        .optional("title", request.title.as_deref())
                        .optional("outputDimensionality", request.dimensions);
                })
            }
        };
        Ok(Bytes::copy_from_slice(body.as_str().as_bytes()))
    }

    fn decode(&self, body: &[u8]) -> Result<EmbeddingResponse, Error> {
        #[derive(Deserialize)]
        struct Answer {
            predictions: Vec<Prediction>,
        }
        #[derive(Deserialize)]
        struct Prediction {
            embeddings: Values,
        }
        #[derive(Deserialize)]
        struct Values {
            values: Vec<f32>,
            #[serde(default)]
            statistics: Option<Statistics>,
        }
        #[derive(Deserialize)]
        struct Statistics {
            // Some answers write it as `2.0`.
            #[serde(default)]
            token_count: Option<f64>,
        }
        if *self == Self::EmbedContent {
            return GeminiEmbeddings.decode(body);
        }
        let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
        let counts = answer.predictions.iter().map(|prediction| {
            let statistics = prediction.embeddings.statistics.as_ref();
            statistics.and_then(|s| s.token_count).map(|n| n as u64)
        });
        let tokens = counts.sum::<Option<u64>>();
        let vectors = answer.predictions.into_iter().map(|p| p.embeddings.values);
        Ok(EmbeddingResponse::new(vectors.collect(), tokens))
    }
}
