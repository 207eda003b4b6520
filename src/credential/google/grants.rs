//! How each kind of account asks for a token.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use http::{HeaderValue, Request, Uri};

use super::Who;
use crate::{
    Body,
    credential::{Secret, Token, TokenClient, TokenGrant, TokenSource, endpoint},
    error::Error,
};

#[cfg(feature = "oauth")]
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

pub(super) fn source(who: &Who, client: TokenClient) -> Result<TokenSource, Error> {
    Ok(match who {
        #[cfg(feature = "oauth")]
        Who::Service {
            email,
            key_id,
            private_key,
            token_uri,
        } => TokenSource::new(service::ServiceAccount::new(
            email,
            key_id.as_ref(),
            private_key,
            token_uri,
            client,
        )?),
        Who::User {
            client_id,
            client_secret,
            refresh_token,
            token_uri,
        } => TokenSource::new(User {
            endpoint: endpoint::check("token_uri", token_uri)?,
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
            refresh_token: refresh_token.clone(),
            client,
        }),
        Who::Machine { server } => {
            let url =
                format!("{server}/computeMetadata/v1/instance/service-accounts/default/token");
            // Plain HTTP by design: the server is the machine's own, and no secret is sent to it.
            let endpoint = url
                .parse()
                .map_err(|_| Error::invalid("host", "this is no host"))?;
            TokenSource::new(Machine { endpoint, client })
        }
    })
}

#[derive(Debug)]
struct User {
    endpoint: Uri,
    client_id: Arc<str>,
    client_secret: Secret,
    refresh_token: Secret,
    client: TokenClient,
}

impl TokenGrant for User {
    fn fetch(&self) -> BoxFuture<'_, Result<Token, Error>> {
        async {
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", &*self.client_id),
                ("client_secret", self.client_secret.expose()),
                ("refresh_token", self.refresh_token.expose()),
            ];
            let token = self.client.post(&self.endpoint, &form).await;
            token.map_err(|refusal| {
                let redact =
                    |text: &str| self.refresh_token.redact(&self.client_secret.redact(text));
                refusal.error.map_text(redact)
            })
        }
        .boxed()
    }
}

#[derive(Debug)]
struct Machine {
    endpoint: Uri,
    client: TokenClient,
}

impl TokenGrant for Machine {
    fn fetch(&self) -> BoxFuture<'_, Result<Token, Error>> {
        async {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = self.endpoint.clone();
            let google = HeaderValue::from_static("Google");
            request.headers_mut().insert("metadata-flavor", google);
            Ok(self.client.ask(request).await?)
        }
        .boxed()
    }
}

#[cfg(feature = "oauth")]
mod service {
    use std::{
        fmt,
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
        time::{SystemTime, UNIX_EPOCH},
    };

    use super::*;
    use crate::credential::jwt::{Claims, Signer};

    /// Signs a claim with its own key, and trades it for a token.
    pub(super) struct ServiceAccount {
        email: Arc<str>,
        key_id: Option<Arc<str>>,
        signer: Signer,
        token_uri: Arc<str>,
        endpoint: Uri,
        client: TokenClient,
        /// How many seconds the server's clock is ahead of ours.
        ahead: AtomicI64,
    }

    impl ServiceAccount {
        pub(super) fn new(
            email: &Arc<str>,
            key_id: Option<&Arc<str>>,
            private_key: &Secret,
            token_uri: &Arc<str>,
            client: TokenClient,
        ) -> Result<Self, Error> {
            Ok(Self {
                email: email.clone(),
                key_id: key_id.cloned(),
                signer: Signer::new(private_key)?,
                token_uri: token_uri.clone(),
                endpoint: endpoint::check("token_uri", token_uri)?,
                client,
                ahead: AtomicI64::new(0),
            })
        }

        async fn trade(&self, ahead: i64) -> Result<Token, crate::credential::exchange::Refusal> {
            const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
            let claims = Claims {
                issuer: &self.email,
                scope: SCOPE,
                audience: &self.token_uri,
                now: seconds(SystemTime::now()).saturating_add(ahead),
            };
            let assertion = self.signer.sign(self.key_id.as_deref(), &claims);
            let form = [("grant_type", GRANT), ("assertion", assertion.expose())];
            let traded = self.client.post(&self.endpoint, &form).await;
            traded.map_err(|mut refusal| {
                refusal.error = refusal.error.map_text(|text| assertion.redact(text));
                refusal
            })
        }
    }

    impl TokenGrant for ServiceAccount {
        fn fetch(&self) -> BoxFuture<'_, Result<Token, Error>> {
            async {
                /// A claim from further away is refused.
                const TOLERATED: i64 = 60;
                let ahead = self.ahead.load(Ordering::Relaxed);
                let refusal = match self.trade(ahead).await {
                    Ok(token) => return Ok(token),
                    Err(refusal) => refusal,
                };
                // A clock that goes wrong looks like a wrong key. The server says what time it is.
                let there = refusal.date.map(seconds);
                let off = there.map(|there| there.saturating_sub(seconds(SystemTime::now())));
                match off {
                    Some(off)
                        if refusal.error.kind() == crate::ErrorKind::Authentication
                            && off.abs_diff(ahead) > TOLERATED.unsigned_abs() =>
                    {
                        tracing::warn!(
                            seconds = off,
                            "this machine's clock differs from the token server's"
                        );
                        let token = self.trade(off).await?;
                        self.ahead.store(off, Ordering::Relaxed);
                        Ok(token)
                    }
                    _ => Err(refusal.error),
                }
            }
            .boxed()
        }
    }

    fn seconds(time: SystemTime) -> i64 {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }

    impl fmt::Debug for ServiceAccount {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("ServiceAccount")
                .field("email", &self.email)
                .finish_non_exhaustive()
        }
    }
}
