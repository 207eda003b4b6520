//! Keys, and where they come from.

use std::{fmt, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::error::Error;

/// A key or token. It is never printed: `Debug` shows stars, there is no `Display`, and it does not serialise.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a key.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self(key.into())
    }

    /// The key itself, to be put into a request and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Is it empty, that is: does this vendor need no key?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` with every occurrence of this key replaced by stars: vendors echo keys in their errors. Where a key has several
    /// lines, each of them is one.
    pub fn redact(&self, text: &str) -> String {
        // A very short key would make holes in innocent words.
        let keys = self.0.split('\n').filter(|key| key.len() >= 4);
        keys.fold(text.to_owned(), |text, key| text.replace(key, "***"))
    }
}

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
