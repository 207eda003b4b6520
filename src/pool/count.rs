//! Counting a call's tokens: by the vendor if it does that, else here.
//!
//! Clients ask all the time and can do nothing about a failure, so there is none as long as the question can be read: whoever lacks
//! a counter, is out or does not answer in time is stood in for by [an estimate](crate::tokens), which the answer's report tells.
//! Vendors count for nothing and have other limits for it than for answers: such a call takes no place at an account, and how it ends says
//! nothing about it.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tower::ServiceExt;
use tower_service::Service;

use super::{
    pools::Shared,
    service::{find, ours},
    walk::Walk,
};
use crate::{
    BoxError,
    chat::Usage,
    dialect::{Call, Dialect, anthropic::Anthropic},
    error::{Error, ErrorKind},
    request::{ModelRequest, Operation, Payload},
    response::{Complete, ModelResponse, Reply},
    tokens::{Learned, estimate},
    upstream::{Attempt, Deployment},
};

/// How long a vendor may count.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many accounts are asked.
const ASKED: usize = 2;

pub(super) async fn serve<S>(
    mut inner: S,
    shared: &Shared,
    request: ModelRequest,
) -> Result<ModelResponse, Error>
where
    S: Service<Attempt, Response = ModelResponse>,
    S::Error: Into<BoxError>,
{
    let mut walk = find(shared, &shared.table(), &request)?;
    let mut first = walk.anybody();
    for asked in 0..ASKED {
        let Some(deployment) = next(&mut walk) else {
            break;
        };
        if asked == 0 {
            first = Some(deployment.clone());
        }
        let provider = &*deployment.provider;
        let call = Call::new(&request.operation, &deployment.model, false);
        let silent = shared.tokens.is_silent(provider.name(), &deployment.model);
        let Some(dialect) = provider.speaks(&call, &request.payload).filter(|_| !silent) else {
            break;
        };
        if !request.budget.try_attempt() {
            break;
        }
        if asked > 0 && inner.ready().await.is_err() {
            break;
        }
        let number = request.budget.attempts();
        let attempt = Attempt::new(request.clone(), deployment.clone()).with_number(number);
        let Ok(answer) = timeout(PATIENCE, inner.call(attempt)).await else {
            break;
        };
        let error = match answer {
            Ok(response) => return Ok(response),
            Err(error) => ours(error),
        };
        if is_callers(&error, &request.payload, dialect) {
            return Err(error);
        }
        tracing::debug!(provider = provider.name(), kind = %error.kind(), "the vendor did not count");
        if lacks_it(&error) {
            shared.tokens.silent(provider.name(), &deployment.model);
            break;
        }
    }
    match first {
        Some(deployment) => estimated(&shared.tokens, &deployment, &request),
        None => Err(Error::new(
            ErrorKind::Exhausted,
            "no account for this model is enabled",
        )),
    }
}

/// The next account, without a place there.
fn next(walk: &mut Walk<'_>) -> Option<Arc<Deployment>> {
    let lease = walk.next(None).ok()?;
    let deployment = lease.deployment.clone();
    lease.unused();
    Some(deployment)
}

/// Is the question wrong as the caller put it? Of a translated one nobody knows.
fn is_callers(error: &Error, payload: &Payload, dialect: &'static dyn Dialect) -> bool {
    let same = payload
        .dialect()
        .is_some_and(|front| front.name() == dialect.name());
    same && error.kind() == ErrorKind::InvalidRequest && !lacks_it(error)
}

/// Is there no such endpoint?
fn lacks_it(error: &Error) -> bool {
    let status = error.vendor_status().map(|status| status.as_u16());
    matches!(status, Some(404 | 405 | 501))
}

/// Counted here.
fn estimated(
    learned: &Learned,
    deployment: &Deployment,
    request: &ModelRequest,
) -> Result<ModelResponse, Error> {
    let payload = &request.payload;
    let dialect = payload.dialect().unwrap_or(&Anthropic);
    let counter = dialect.counter().ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            "tokens cannot be counted in this dialect",
        )
    })?;
    let tokens = estimate(payload.chat()?, spoken(deployment, payload));
    let tokens = learned.corrected(&deployment.model, tokens);
    let complete = Complete::json(dialect, counter.write(tokens)).with_usage(None);
    let served = deployment.served(request.budget.attempts());
    let mut response = ModelResponse::new(served, Reply::Complete(complete));
    response.fidelity.changed(
        "input_tokens",
        "an estimate of this gateway: the vendor did not count",
    );
    Ok(response)
}

/// The dialect in which this would be answered.
fn spoken(deployment: &Deployment, payload: &Payload) -> &'static str {
    let call = Call::new(&Operation::Chat, &deployment.model, false);
    let dialect = deployment.provider.speaks(&call, payload);
    dialect.map_or("", Dialect::name)
}

/// Is a call to be learned from once it is over? If not, nobody has to keep its body for as long as the answer takes.
pub(super) fn teaches(learned: &Learned, deployment: &Deployment, request: &ModelRequest) -> bool {
    /// A larger body is not read for this alone.
    const LARGE: usize = 256 << 10;
    let decoded = request.payload.is_decoded();
    request.operation == Operation::Chat
        && (decoded || request.payload.bytes().len() <= LARGE)
        && learned.wants(&deployment.model, decoded)
}

/// What the vendor counted of an answer's question, compared with the estimate of it.
pub(super) fn learn(
    learned: &Learned,
    deployment: &Deployment,
    request: &ModelRequest,
    usage: Option<&Usage>,
) {
    let real = usage.and_then(Usage::total_input);
    // Whoever told nothing is not worth reading the question for.
    if let Some(real) = real
        && let Ok(chat) = request.payload.chat()
    {
        let estimate = estimate(chat, spoken(deployment, &request.payload));
        learned.note(&deployment.model, estimate, real);
    }
}
