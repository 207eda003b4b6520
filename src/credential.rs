//! Keys, and where they come from.
//!
//! A [`Secret`] is a key that does not change. What changes is a token: a [`TokenGrant`] says how one is had, and a [`TokenSource`]
//! keeps it, renews it in time, and asks once for all who wait. Grants of [`google`] and of [`entra`] are here; HTTP goes through any
//! tower service, see [`TokenClient`].

mod endpoint;
pub mod entra;
mod exchange;
pub mod google;
#[cfg(feature = "oauth")]
mod jwt;
mod source;
mod token;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use futures_util::future::{BoxFuture, FutureExt, ready};
use http::HeaderValue;

pub use self::{
    exchange::TokenClient,
    source::TokenSource,
    token::{Token, TokenGrant},
};
use crate::error::Error;

/// A key or token. It is never printed: `Debug` shows stars, there is no `Display`, and it does not serialise.
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

struct Inner {
    key: Arc<str>,
    is_token: bool,
    /// `Bearer` and the key, once somebody needed it: every call does.
    bearer: OnceLock<Option<HeaderValue>>,
}

impl Secret {
    /// Wraps a key.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self::with(key.into(), false)
    }

    /// Wraps a token that somebody issued for a while. Where keys and tokens travel differently, it goes as a bearer.
    pub fn token(token: impl Into<Arc<str>>) -> Self {
        Self::with(token.into(), true)
    }

    fn with(key: Arc<str>, is_token: bool) -> Self {
        Self(Arc::new(Inner {
            key,
            is_token,
            bearer: OnceLock::new(),
        }))
    }

    /// Is it a token, not a key?
    pub fn is_token(&self) -> bool {
        self.0.is_token
    }

    /// The key itself, to be put into a request and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0.key
    }

    /// The value of an `authorization` header; None if the key has characters that no header may hold.
    pub(crate) fn bearer(&self) -> Option<HeaderValue> {
        let make = || {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", self.expose())).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        self.0.bearer.get_or_init(make).clone()
    }

    /// Is it empty, that is: does this vendor need no key?
    pub fn is_empty(&self) -> bool {
        self.0.key.is_empty()
    }

    /// `text` with every occurrence of this key replaced by stars: vendors echo keys in their errors. Where a key has several
    /// lines, each of them is one.
    pub fn redact(&self, text: &str) -> String {
        // A very short key would make holes in innocent words.
        let keys = self.0.key.split('\n').filter(|key| key.len() >= 4);
        keys.fold(text.to_owned(), |text, key| text.replace(key, "***"))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        (&self.0.key, self.0.is_token) == (&other.0.key, other.0.is_token)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Where an account's key comes from. The only trait of this crate that waits: tokens are fetched and refreshed.
pub trait Credentials: fmt::Debug + Send + Sync + 'static {
    /// The key to use now.
    ///
    /// # Errors
    /// [`ErrorKind::Authentication`](crate::ErrorKind) if none can be had; the account is then left alone for a while.
    fn secret(&self) -> BoxFuture<'_, Result<Secret, Error>>;

    /// The vendor answered 401 to this key. Says whether another may be had at once: then the call is made once more with it.
    fn refused(&self, secret: &Secret) -> bool {
        let _ = secret;
        false
    }
}

/// A key that does not change.
impl Credentials for Secret {
    fn secret(&self) -> BoxFuture<'_, Result<Secret, Error>> {
        ready(Ok(self.clone())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("sk-canary");
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert_eq!(secret.redact("bad key sk-canary!"), "bad key ***!");
        assert_eq!(Secret::new("a").redact("banana"), "banana");
    }

    #[tokio::test]
    async fn a_fixed_key_is_its_own_source() {
        let secret = Secret::new("k");
        assert_eq!(secret.secret().await.unwrap().expose(), "k");
    }
}
