//! A call, as far as its path and headers depend on it.

use super::Dialect;
use crate::operation::Operation;

/// What is about to be called.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// The model's name at the vendor.
    pub model: &'a str,
    /// Streamed?
    pub stream: bool,
    /// The dialect chosen for it; none if it was not chosen yet, or the call is passed through unread.
    pub dialect: Option<&'static dyn Dialect>,
}

impl<'a> Call<'a> {
    /// A call of `operation` on `model`.
    pub const fn new(operation: &'a Operation, model: &'a str, stream: bool) -> Self {
        Self {
            operation,
            model,
            stream,
            dialect: None,
        }
    }

    /// The call in this dialect.
    #[must_use]
    pub const fn with_dialect(mut self, dialect: &'static dyn Dialect) -> Self {
        self.dialect = Some(dialect);
        self
    }
}
