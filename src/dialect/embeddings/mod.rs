//! Texts turned into vectors: how each vendor spells it.
//!
//! An [`EmbeddingDialect`] writes a request and reads the answer, as a [`Dialect`](super::Dialect) does for conversations. Callers
//! ask as at OpenAI or as at Google ([`EmbeddingForm`]); where the vendor is asked in the same words, the caller's bytes pass.

mod cohere;
mod front;
mod gemini;
mod openai;
mod retrieval;
mod titan;
mod vector;
mod vertex;

use std::{borrow::Cow, fmt::Debug};

use bytes::Bytes;

pub(in crate::dialect) use self::titan::SEGMENT;
pub use self::{
    cohere::{BedrockCohereEmbeddings, CohereEmbeddings},
    gemini::GeminiEmbeddings,
    openai::OpenAiEmbeddings,
    retrieval::{JinaEmbeddings, VoyageEmbeddings},
    titan::TitanEmbeddings,
    vertex::VertexEmbeddings,
};
pub(crate) use self::{
    front::front,
    openai::{encoding_asked, in_encoding},
};
use crate::{chat::Fidelity, error::Error};

/// One vendor's way to ask for vectors.
pub trait EmbeddingDialect: Debug + Send + Sync + 'static {
    /// A stable name, e.g. `cohere-embed`.
    fn name(&self) -> &'static str;

    /// The path below the vendor's base URL.
    fn path(&self, model: &str) -> Cow<'static, str>;

    /// How many texts one call may hold. More are asked for in several calls.
    fn most_texts(&self) -> usize {
        usize::MAX
    }

    /// Writes a request.
    ///
    /// # Errors
    /// For what this vendor cannot take, e.g. tokens in place of text.
    fn encode(
        &self,
        request: &EmbeddingRequest,
        model: &str,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error>;

    /// Reads an answer.
    ///
    /// # Errors
    /// If it is none.
    fn decode(&self, body: &[u8]) -> Result<EmbeddingResponse, Error>;
}

/// What is to be turned into vectors.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EmbeddingRequest {
    /// The inputs, in order.
    pub inputs: Vec<EmbeddingInput>,
    /// How long the vectors are to be; none: as long as the model makes them.
    pub dimensions: Option<u64>,
    /// What the vectors are for.
    pub task: Option<EmbeddingTask>,
    /// The title of the document, for [`EmbeddingTask::Document`].
    pub title: Option<String>,
    /// Who it is for.
    pub user: Option<String>,
}

/// One input.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EmbeddingInput {
    /// A text.
    Text(String),
    /// Tokens of the model's own kind.
    Tokens(Vec<u32>),
}

/// What vectors are for. Some models make others for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmbeddingTask {
    /// A question, to find documents by.
    Query,
    /// A document, to be found.
    Document,
    /// To tell how alike texts are.
    Similarity,
    /// To sort texts by labels.
    Classification,
    /// To group texts.
    Clustering,
    /// A question, to find its answer.
    QuestionAnswering,
    /// A claim, to find what speaks for it or against it.
    FactVerification,
    /// A question, to find code by.
    CodeQuery,
}

/// Vectors, in the order of the inputs.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EmbeddingResponse {
    /// The vectors.
    pub vectors: Vec<Vec<f32>>,
    /// How many tokens the inputs had, if the vendor says.
    pub tokens: Option<u64>,
}

impl EmbeddingRequest {
    /// These texts.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts = texts.into_iter().map(Into::into);
        Self {
            inputs: texts.map(EmbeddingInput::Text).collect(),
            ..Self::default()
        }
    }

    /// The same for some of the inputs.
    pub(crate) fn with_inputs(&self, inputs: &[EmbeddingInput]) -> Self {
        Self {
            inputs: inputs.to_vec(),
            dimensions: self.dimensions,
            task: self.task,
            title: self.title.clone(),
            user: self.user.clone(),
        }
    }

    /// The texts, for vendors who take nothing else.
    fn only_texts(&self) -> Result<Vec<&str>, Error> {
        let texts = self.inputs.iter().enumerate();
        texts
            .map(|(i, input)| match input {
                EmbeddingInput::Text(text) => Ok(text.as_str()),
                EmbeddingInput::Tokens(_) => Err(Error::new(
                    crate::ErrorKind::Unsupported,
                    "this vendor embeds texts, not tokens: send `input` as text",
                )
                .with_param(format!("input[{i}]"))),
            })
            .collect()
    }
}

impl EmbeddingResponse {
    /// These vectors.
    pub const fn new(vectors: Vec<Vec<f32>>, tokens: Option<u64>) -> Self {
        Self { vectors, tokens }
    }

    /// The answers to parts of one request, in their order, as one.
    pub(crate) fn joined(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self::new(Vec::new(), Some(0));
        for part in parts {
            whole.vectors.extend(part.vectors);
            whole.tokens = whole.tokens.zip(part.tokens).map(|(a, b)| a + b);
        }
        whole
    }
}

impl EmbeddingTask {
    /// By any vendor's name for it.
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "query" | "search_query" | "retrieval_query" => Self::Query,
            "document" | "passage" | "search_document" | "retrieval_document" => Self::Document,
            "semantic_similarity" => Self::Similarity,
            "classification" => Self::Classification,
            "clustering" => Self::Clustering,
            "question_answering" => Self::QuestionAnswering,
            "fact_verification" => Self::FactVerification,
            "code_retrieval_query" => Self::CodeQuery,
            _ => return None,
        })
    }
}

/// An answer that cannot be read.
fn unreadable(why: impl std::fmt::Display) -> Error {
    let message = format!("the vendor's answer holds no vectors: {why}");
    Error::new(crate::ErrorKind::Server, message)
}

#[cfg(test)]
mod tests;
