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
    /// Any endpoint of the chosen account, passed through as it is.
    Proxy {
        /// The method.
        method: Method,
        /// The path below the vendor's base URL, with its query, e.g. `/embeddings`.
        path: Arc<str>,
    },
}
