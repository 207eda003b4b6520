//! Accounts asked in the background how they are: mostly `GET /models` with their key.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::{
    Error, ErrorKind, ModelRequest, Upstream,
    client::Client,
    error::Blame,
    pool::Pools,
    request::{Operation, Payload},
    response::Reply,
    upstream::{Attempt, Deployment},
};

/// One account, and how often it is asked.
pub(super) struct Check {
    every: Duration,
    deployment: Arc<Deployment>,
    /// What it is asked for.
    path: Arc<str>,
}

impl Check {
    pub(super) const fn new(every: Duration, deployment: Arc<Deployment>, path: Arc<str>) -> Self {
        Self {
            every,
            deployment,
            path,
        }
    }

    /// Asks for ever, and tells the pools what it finds.
    pub(super) async fn run(&self, pools: &Pools, upstream: &Upstream<Client>) {
        let (provider, account) = (
            self.deployment.provider.name(),
            &*self.deployment.account.name,
        );
        let mut last: Option<ErrorKind> = None;
        loop {
            tokio::time::sleep(self.every).await;
            let found = self.ask(upstream.clone()).await;
            let kind = found.as_ref().err().map(Error::kind);
            // What stays as it was is no news.
            let news = std::mem::replace(&mut last, kind) != kind;
            match &found {
                Ok(()) if news => tracing::info!(provider, account, "health check passed"),
                Err(error) if news => {
                    let telling = is_telling(error);
                    tracing::warn!(provider, account, kind = %error.kind(), telling, error = error.message(), "health check failed");
                }
                _ => {}
            }
            if found.as_ref().err().is_none_or(is_telling) {
                pools.report_health(provider, account, found.as_ref().copied());
            }
        }
    }

    async fn ask(&self, upstream: Upstream<Client>) -> Result<(), Error> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let operation = Operation::Proxy {
            method: Method::GET,
            path: self.path.clone(),
        };
        let request = ModelRequest::new("", operation, Payload::opaque(Bytes::new(), None))
            .with_timeout(PATIENCE);
        let attempt = Attempt::new(request, self.deployment.clone());
        let answer = upstream.oneshot(attempt).await?;
        // Read to its end, so that the connection can be used again; what it says does not matter.
        if let Reply::Opaque(mut body) = answer.reply {
            let rest = async { while let Some(Ok(_)) = body.frame().await {} };
            let _ = tokio::time::timeout(PATIENCE, rest).await;
        }
        Ok(())
    }
}

/// Does a failed check say anything about calls? Not where the vendor has no list of models, or where a key may do everything but
/// read it.
fn is_telling(error: &Error) -> bool {
    !matches!(error.policy().blame, Blame::Caller | Blame::Nobody)
        && error.vendor_status() != Some(StatusCode::FORBIDDEN)
}
