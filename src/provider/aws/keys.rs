//! AWS's keys as one [`Secret`].

use std::fmt;

use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::{
    credential::{Credentials, Secret},
    error::Error,
};

/// An access key: its id, its secret, and the session token that goes with temporary ones.
///
/// As a [`Secret`] they are the lines of one text, so that an account holds them like any other key. No key of AWS, nor any
/// that may stand in a header, holds a line break.
///
/// ```
/// use trunkline::provider::aws::AwsKeys;
///
/// let keys = AwsKeys::new("AKIDEXAMPLE", "wJalrXUtnFEMI");
/// assert_eq!(AwsKeys::from_secret(&keys.to_secret()), Some(keys));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AwsKeys {
    id: String,
    secret: String,
    token: Option<String>,
}

impl AwsKeys {
    /// Keys that last.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self {
            id: access_key_id.into(),
            secret: secret_access_key.into(),
            token: None,
        }
    }

    /// The session token of temporary keys; an empty one is none.
    #[must_use]
    pub fn with_session_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into()).filter(|token| !token.is_empty());
        self
    }

    /// The keys in a secret; none if it is a bearer key.
    pub fn from_secret(secret: &Secret) -> Option<Self> {
        let mut lines = secret.expose().splitn(3, '\n');
        let (id, key) = (lines.next()?, lines.next()?);
        Some(Self::new(id, key).with_session_token(lines.next().unwrap_or_default()))
    }

    /// All of them as one secret, to be given to an account.
    pub fn to_secret(&self) -> Secret {
        let mut text = format!("{}\n{}", self.id, self.secret);
        if let Some(token) = &self.token {
            text.push('\n');
            text.push_str(token);
        }
        Secret::new(text)
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn secret_key(&self) -> &str {
        &self.secret
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

/// Keys that do not change.
impl Credentials for AwsKeys {
    fn secret(&self) -> BoxFuture<'_, Result<Secret, Error>> {
        ready(Ok(self.to_secret())).boxed()
    }
}

impl fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsKeys(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_bearer_keys_and_never_printed() {
        let keys = AwsKeys::new("AKID", "canary-secret").with_session_token("canary-token");
        assert_eq!(format!("{keys:?}"), "AwsKeys(***)");
        assert_eq!(AwsKeys::from_secret(&keys.to_secret()), Some(keys.clone()));
        assert_eq!(
            AwsKeys::from_secret(&Secret::new("bedrock-api-key-x")),
            None
        );
        // A vendor echoes one of them at most.
        let echo = "the token canary-token of AKID is expired (canary-secret)";
        assert_eq!(
            keys.to_secret().redact(echo),
            "the token *** of *** is expired (***)"
        );
    }
}
