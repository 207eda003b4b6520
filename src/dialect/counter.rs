//! Counting a conversation's tokens without an answer to it.

use std::fmt::Debug;

use bytes::Bytes;

use crate::{
    chat::ChatRequest,
    error::Error,
    json::{ObjectWriter, Value},
};

/// The part of a dialect that counts tokens: both as vendors are asked and as callers ask.
///
/// The path is [`Dialect::path`](super::Dialect::path) of [`Operation::CountTokens`](crate::request::Operation::CountTokens).
pub trait Counter: Debug + Send + Sync + 'static {
    /// The question, made of a request for an answer in the same dialect: less what is not counted and would be refused.
    ///
    /// # Errors
    /// If the body is not a JSON object.
    fn question(&self, body: &Bytes, model: &str) -> Result<Bytes, Error>;

    /// A caller's own question, for a vendor of the same dialect. As it is by default.
    ///
    /// # Errors
    /// If the body is not a JSON object.
    fn own_question(&self, body: Bytes, model: &str) -> Result<Bytes, Error> {
        let _ = model;
        Ok(body)
    }

    /// Reads a caller's question as a conversation.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind), naming the field.
    fn conversation(&self, body: &[u8]) -> Result<ChatRequest, Error>;

    /// The number in an answer, if there is one.
    fn read(&self, body: &[u8]) -> Option<u64>;

    /// An answer that says this number.
    fn write(&self, tokens: u64) -> Bytes;
}

/// Of the members of an object only these.
pub(super) fn only(body: &[u8], names: &[&str]) -> Result<ObjectWriter, Error> {
    let root = Value::root(body)?;
    let members = root.object()?.into_extra();
    let mut out = ObjectWriter::new();
    for (name, value) in members.iter().filter(|(name, _)| names.contains(name)) {
        out.field(name, value);
    }
    Ok(out)
}

/// The number that is the member `name` of an object.
pub(super) fn number(body: &[u8], name: &str) -> Option<u64> {
    let root = Value::root(body).ok()?;
    root.object().ok()?.take(name)?.u64().ok()
}
