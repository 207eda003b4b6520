//! Microsoft Entra, whose tokens open Azure.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use http::Uri;

use super::{Secret, Token, TokenClient, TokenGrant, TokenSource, endpoint};
use crate::error::Error;

const AUTHORITY: &str = "https://login.microsoftonline.com";
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

/// An application in a tenant, which signs in with a client secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct EntraAccount {
    tenant: Arc<str>,
    client_id: Arc<str>,
    client_secret: Secret,
    authority: Arc<str>,
    scope: Arc<str>,
}

impl EntraAccount {
    /// The application `client_id` in `tenant`, which is an id or a domain.
    ///
    /// # Errors
    /// If the tenant is neither.
    pub fn new(
        tenant: impl Into<Arc<str>>,
        client_id: impl Into<Arc<str>>,
        client_secret: Secret,
    ) -> Result<Self, Error> {
        let tenant = tenant.into();
        // It becomes a part of a path.
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if tenant.is_empty() || tenant.starts_with('.') || !tenant.chars().all(legal) {
            return Err(Error::invalid(
                "tenant",
                "the tenant is an id or a domain, e.g. contoso.onmicrosoft.com",
            ));
        }
        Ok(Self {
            tenant,
            client_id: client_id.into(),
            client_secret,
            authority: AUTHORITY.into(),
            scope: SCOPE.into(),
        })
    }

    /// Another cloud's sign-in, e.g. `https://login.microsoftonline.us`.
    ///
    /// # Errors
    /// If it is not `https`; on this machine `http` will do.
    pub fn authority(mut self, url: &str) -> Result<Self, Error> {
        endpoint::check("authority", url)?;
        self.authority = url.trim().trim_end_matches('/').into();
        Ok(self)
    }

    /// Another scope than the one of Azure's models.
    pub fn scope(mut self, scope: impl Into<Arc<str>>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Its tokens, asked for through `client`.
    ///
    /// # Errors
    /// If tenant and authority make no address.
    pub fn source(&self, client: TokenClient) -> Result<TokenSource, Error> {
        let url = format!("{}/{}/oauth2/v2.0/token", self.authority, self.tenant);
        Ok(TokenSource::new(ClientSecret {
            endpoint: endpoint::check("authority", &url)?,
            account: self.clone(),
            client,
        }))
    }
}

#[derive(Debug)]
struct ClientSecret {
    endpoint: Uri,
    account: EntraAccount,
    client: TokenClient,
}

impl TokenGrant for ClientSecret {
    fn fetch(&self) -> BoxFuture<'_, Result<Token, Error>> {
        async {
            let secret = &self.account.client_secret;
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", &*self.account.client_id),
                ("client_secret", secret.expose()),
                ("scope", &*self.account.scope),
            ];
            let token = self.client.post(&self.endpoint, &form).await;
            token.map_err(|refusal| refusal.error.map_text(|text| secret.redact(text)))
        }
        .boxed()
    }
}
