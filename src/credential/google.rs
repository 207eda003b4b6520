//! Google's accounts: service accounts, people who signed in, and machines in its cloud.
//!
//! ```
//! use trunkline::credential::google::GoogleAccount;
//!
//! let text = r#"{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r"}"#;
//! let account = GoogleAccount::from_json(text)?;
//! assert!(!format!("{account:?}").contains("\"s\""));
//! # Ok::<_, trunkline::Error>(())
//! ```

mod file;
mod grants;

use std::sync::Arc;

use super::{Secret, TokenClient, TokenSource, endpoint};
use crate::error::Error;

const METADATA: &str = "http://metadata.google.internal";

/// Who asks Google for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct GoogleAccount {
    who: Who,
    project: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    /// A service account, which signs for itself.
    #[cfg(feature = "oauth")]
    Service {
        email: Arc<str>,
        key_id: Option<Arc<str>>,
        /// PEM.
        private_key: Secret,
        token_uri: Arc<str>,
    },
    /// Somebody who signed in once, and left a refresh token.
    User {
        client_id: Arc<str>,
        client_secret: Secret,
        refresh_token: Secret,
        token_uri: Arc<str>,
    },
    /// Whatever account the machine has.
    Machine { server: Arc<str> },
}

impl GoogleAccount {
    /// The account in a credentials file, by the file's text: a service account's key, or what `gcloud auth application-default
    /// login` leaves behind.
    ///
    /// # Errors
    /// What is wrong with it, by the member's name. No value of it is told.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        file::read(text)
    }

    /// The account of the machine in Google's cloud that this runs on.
    pub fn machine() -> Self {
        Self {
            who: Who::Machine {
                server: METADATA.into(),
            },
            project: None,
        }
    }

    /// The account of the machine whose metadata server is `host`, with a port perhaps.
    ///
    /// # Errors
    /// If this is no host.
    pub fn machine_at(host: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid("host", "this is no host, or host and port");
        let authority: http::uri::Authority = host.trim().parse().map_err(|_| wrong())?;
        if authority.as_str().contains('@') {
            return Err(wrong());
        }
        Ok(Self {
            who: Who::Machine {
                server: format!("http://{authority}").into(),
            },
            project: None,
        })
    }

    /// The project that the file names.
    pub fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    /// Is it the account of this machine itself?
    #[cfg(feature = "config")]
    pub(crate) const fn is_machine(&self) -> bool {
        matches!(self.who, Who::Machine { .. })
    }

    /// What kind of account it is, for people.
    pub const fn title(&self) -> &'static str {
        match self.who {
            #[cfg(feature = "oauth")]
            Who::Service { .. } => "a service account",
            Who::User { .. } => "a user's refresh token",
            Who::Machine { .. } => "the machine's metadata server",
        }
    }

    /// Its tokens, asked for through `client`.
    ///
    /// # Errors
    /// If its key cannot sign, or its token server's address is not legal.
    pub fn source(&self, client: TokenClient) -> Result<TokenSource, Error> {
        grants::source(&self.who, client)
    }
}

/// Checks an address when it is read, and parses it again when it is used.
fn checked(name: &str, url: &str) -> Result<Arc<str>, Error> {
    endpoint::check(name, url)?;
    Ok(url.trim().into())
}
