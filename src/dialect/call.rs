//! A call, as far as its path and headers depend on it.

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
}

impl<'a> Call<'a> {
    /// A call of `operation` on `model`.
    pub const fn new(operation: &'a Operation, model: &'a str, stream: bool) -> Self {
        Self {
            operation,
            model,
            stream,
        }
    }
}
