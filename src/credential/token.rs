//! A token, and how one is had.

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;

use super::Secret;
use crate::error::Error;

/// A token, and for how long it is good.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Token {
    /// The token.
    pub secret: Secret,
    /// For how long it is good, from when it was asked for.
    pub lifetime: Duration,
}

impl Token {
    /// A token that is good for `lifetime` from when it was asked for.
    pub const fn new(secret: Secret, lifetime: Duration) -> Self {
        Self { secret, lifetime }
    }
}

/// How a token is had. [`TokenSource`](super::TokenSource) decides when.
pub trait TokenGrant: fmt::Debug + Send + Sync + 'static {
    /// Asks for a token.
    ///
    /// # Errors
    /// [`ErrorKind::Authentication`](crate::ErrorKind) if the account is refused; another kind if nobody answered.
    fn fetch(&self) -> BoxFuture<'_, Result<Token, Error>>;
}
