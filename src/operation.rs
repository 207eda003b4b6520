//! What can be asked of a model.

use std::sync::Arc;

use http::Method;

/// What is asked of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Continue a conversation.
    Chat,
    /// Count the tokens of a conversation, without an answer.
    CountTokens,
    /// Turn texts into vectors. Asked in one form, it may be served by a vendor of another.
    Embeddings(EmbeddingForm),
    /// Order documents by how well they answer a question.
    Rerank,
    /// Say whether a text or a picture is harmful.
    Moderations,
    /// Make or change pictures.
    Images(ImageTask),
    /// Read a text aloud.
    Speech,
    /// Write down what is said, in its language.
    Transcription,
    /// Write down what is said, in English.
    Translation,
    /// Something that an account keeps: files, uploads, batches, videos, stored answers and the like.
    Resource {
        /// The method.
        method: Method,
        /// The path below the vendor's base URL, with its query, e.g. `/files/file-abc/content`.
        path: Arc<str>,
    },
    /// Any endpoint of the chosen account, passed through as it is.
    Proxy {
        /// The method.
        method: Method,
        /// The path below the vendor's base URL, with its query, e.g. `/embeddings`.
        path: Arc<str>,
    },
}

/// How embeddings are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmbeddingForm {
    /// As at OpenAI.
    OpenAi,
    /// As at Google, one text: `embedContent`.
    Gemini,
    /// As at Google, several texts: `batchEmbedContents`.
    GeminiBatch,
}

/// What is to be done with pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageTask {
    /// Make one from a text.
    Generate,
    /// Change one as a text says.
    Edit,
    /// Make others like it.
    Vary,
}

impl Operation {
    /// OpenAI's path for it, below the base URL; none where the path is not always the same.
    pub const fn path(&self) -> Option<&'static str> {
        Some(match self {
            Self::Embeddings(_) => "/embeddings",
            Self::Rerank => "/rerank",
            Self::Moderations => "/moderations",
            Self::Images(ImageTask::Generate) => "/images/generations",
            Self::Images(ImageTask::Edit) => "/images/edits",
            Self::Images(ImageTask::Vary) => "/images/variations",
            Self::Speech => "/audio/speech",
            Self::Transcription => "/audio/transcriptions",
            Self::Translation => "/audio/translations",
            Self::Chat | Self::CountTokens | Self::Resource { .. } | Self::Proxy { .. } => {
                return None;
            }
        })
    }
}
