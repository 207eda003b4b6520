//! The service.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::Instant;
use tower::ServiceExt;
use tower_service::Service;

use super::{
    Pools,
    arrival::{Arrival, Turn},
    batch, count,
    home::{self, issuer},
    lease::Lease,
    pools::Shared,
    second, silence,
    steps::{self, Asking},
    table::{Found, Table},
    walk::{Walk, shown},
};
use crate::{
    BoxError,
    budget::CallBudget,
    error::{Error, ErrorKind},
    hedge::Race,
    request::{ModelRequest, Operation},
    response::{ModelResponse, Outcome, Reply},
    upstream::{Attempt, call_is_over},
};

/// Turns calls into attempts at one account after the other. See the [module docs](crate::pool).
#[derive(Clone, Debug)]
pub struct PoolService<S> {
    inner: S,
    pools: Pools,
}

impl<S> PoolService<S> {
    /// Attempts go to `inner`.
    pub const fn new(inner: S, pools: Pools) -> Self {
        Self { inner, pools }
    }
}

impl_inner!(PoolService);

impl<S> Service<ModelRequest> for PoolService<S>
where
    S: Service<Attempt, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = ModelResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<ModelResponse, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Who is asked depends on the request: here is nothing to choose yet.
        self.inner.poll_ready(cx).map_err(ours)
    }

    fn call(&mut self, request: ModelRequest) -> Self::Future {
        // The clone takes over: the readiness belongs to the one we were polled as.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let pools = self.pools.clone();
        if request.operation == Operation::CountTokens {
            return Box::pin(async move { count::serve(ready, pools.shared(), request).await });
        }
        Box::pin(serve(ready, pools, request))
    }
}

/// One call: account after account, until one serves it or the error says to stop.
#[allow(
    clippy::manual_async_fn,
    reason = "the future of an `async fn` has room for its arguments twice"
)]
fn serve<S>(
    mut inner: S,
    pools: Pools,
    request: ModelRequest,
) -> impl Future<Output = Result<ModelResponse, Error>> + Send
where
    S: Service<Attempt, Response = ModelResponse> + Send,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    // Nothing large is held here while something is awaited, but what is needed later: allocators are quick with small blocks only.
    async move {
        let shared = pools.shared();
        let (mut walk, mut lease) = 'first: {
            let waiting = match first(shared, &request)? {
                First::Taken(walk, lease) => break 'first (walk, lease),
                First::Waits(waiting) => waiting,
            };
            let found = waiting.await;
            found.map_err(|error| steps::nobody(&request, error))?
        };
        let mut best: Option<Error> = None;
        loop {
            // It was picked just now.
            let now = lease.begun().unwrap_or_else(Instant::now);
            if !request.budget.try_attempt_at(now) {
                lease.unused();
                let error = best.unwrap_or_else(|| refused(&request.budget));
                return Err(error.with_trail(request.trail.clone()));
            }
            let number = request.budget.attempts();
            let asking = Asking::new(&request, &lease);
            let error = {
                let attempt = attempt(shared, &request, &walk, &lease, (number, now));
                let answer = inner.call(attempt);
                let answer = match silence::bound(&walk, &request, &lease) {
                    None => answer.await.map_err(ours),
                    // Few are given up for that.
                    Some(bound) => Box::pin(silence::heard(bound, answer)).await,
                };
                match answer {
                    Ok(mut response) => {
                        let over = answered(shared, &request, &walk, lease, asking, &mut response);
                        if let Some(over) = over {
                            response.reply = response.reply.on_end(over);
                        }
                        return Ok(response);
                    }
                    Err(error) => failed(&request, &mut walk, lease, asking, (number, error))?,
                }
            };
            let error = match best.take() {
                Some(best) => Error::more_informative(best, error),
                None => error,
            };
            // Nobody waits for a turn that is not needed.
            if !walk.goes_on() {
                return Err(error);
            }
            if let Err(unready) = inner.ready().await {
                return Err(Error::more_informative(error, ours(unready)));
            }
            match walk.next(None) {
                Ok(next) => lease = next,
                Err(_) => return Err(error),
            }
            best = Some(error);
        }
    }
}

/// How a call begins.
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every call has its account at once, and a box would cost more than to move it once"
)]
enum First<'a> {
    Taken(Walk<'a>, Lease),
    Waits(Waiting<'a>),
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<(Walk<'a>, Lease), Error>> + Send + 'a>>;

/// The first account, or what it takes to wait for it.
fn first<'a>(shared: &'a Shared, request: &'a ModelRequest) -> Result<First<'a>, Error> {
    if let Some(race) = second_of(request) {
        // If there is nobody for it, it was none.
        let (walk, lease) = second::second(shared, request, race)?;
        return Ok(First::Taken(walk, lease));
    }
    let mut arrival = Arrival::new(shared, request);
    match arrival.come() {
        Ok(Turn::Served(walk, lease)) => Ok(First::Taken(walk, lease)),
        // Few wait, and what that takes is large.
        Ok(turn) => Ok(First::Waits(Box::pin(arrival.stay(turn)))),
        Err(error) => Err(steps::nobody(request, error)),
    }
}

/// The race, if this is the second attempt of a hedged call.
fn second_of(request: &ModelRequest) -> Option<&Race> {
    request.race.as_ref().filter(|race| race.is_second())
}

/// What the account is asked.
fn attempt(
    shared: &Shared,
    request: &ModelRequest,
    walk: &Walk<'_>,
    lease: &Lease,
    (number, now): (u32, Instant),
) -> Attempt {
    tracing::debug!(
        provider = &*lease.state.provider,
        account = &*lease.state.account,
        model = &**lease.model(),
        number,
        probe = lease.forced || lease.probe().is_some(),
        "account picked"
    );
    let mut asked = request.clone();
    if let Some(payload) = batch::renamed(shared, request, &lease.state) {
        asked.payload = payload;
    }
    Attempt {
        request: asked,
        deployment: lease.deployment.clone(),
        number,
        mixed: walk.is_mixed(),
        others: others(request, walk, now),
    }
}

/// The account has answered. Whoever is to be told how the answer ended, if it is not whole yet.
fn answered(
    shared: &Shared,
    request: &ModelRequest,
    walk: &Walk<'_>,
    lease: Lease,
    asking: Asking<'_>,
    response: &mut ModelResponse,
) -> Option<impl FnOnce(Outcome) + Send + use<>> {
    let now = Instant::now();
    asking.answered(now);
    if !response.trail.is(&request.trail) {
        response.trail = request.trail.clone();
    }
    response.price = lease.deployment.price;
    response.issuer = issuer(request, response, walk.crowded).then_some(lease.state.tag);
    let tokens = &shared.tokens;
    let teaches = count::teaches(tokens, &lease.deployment, request);
    if let Reply::Complete(complete) = &response.reply {
        let usage = complete.usage();
        if teaches {
            count::learn(tokens, &lease.deployment, request, usage.as_ref());
        }
        lease.answered(&response.windows, usage.as_ref(), now);
        return None;
    }
    lease.succeeded(&response.windows, now);
    let teacher = teaches.then(|| (tokens.clone(), request.clone()));
    Some(move |outcome: Outcome| {
        if let (Some((tokens, request)), Outcome::Completed { usage }) = (teacher, &outcome) {
            count::learn(&tokens, &lease.deployment, &request, usage.as_ref());
        }
        lease.ended(&outcome);
    })
}

/// The account has failed. What the caller would be told now; as an error if nobody else is to be asked.
fn failed(
    request: &ModelRequest,
    walk: &mut Walk<'_>,
    lease: Lease,
    asking: Asking<'_>,
    (number, error): (u32, Error),
) -> Result<Error, Error> {
    asking.failed(&error);
    let deployment = lease.deployment.clone();
    lease.failed(&error);
    if error.kind() == ErrorKind::Unsupported && error.is_unsent() {
        request.budget.give_back();
    }
    // A layer between here and the vendor does not know who was called.
    let error = match error.served() {
        Some(_) => error,
        None => error.with_served(deployment.served(number)),
    };
    let error = error.with_trail(request.trail.clone());
    // The second attempt of a hedged call is one attempt: the first one walks on.
    if second_of(request).is_some() || !walk.failed(&error, &deployment) {
        return Err(error);
    }
    if let Some(race) = &request.race {
        walk.avoid(race);
    }
    Ok(error)
}

pub(super) fn find<'a>(
    shared: &'a Shared,
    table: &Table,
    request: &'a ModelRequest,
) -> Result<Walk<'a>, Error> {
    let mut walk = Walk::new(shared, locate(table, request)?, request);
    walk.crowded = table.is_crowded();
    Ok(walk)
}

/// The pool that a call is for.
pub(super) fn locate<'a>(table: &Table, request: &'a ModelRequest) -> Result<Found<'a>, Error> {
    let model = &*request.model;
    if let Some(found) = home::find(table, request)? {
        return Ok(found);
    }
    table.find(model).ok_or_else(|| {
        let model = shown(model);
        Error::new(
            ErrorKind::NotFound,
            format!("no model `{model}` here; see GET /v1/models"),
        )
        .with_code("model_not_found")
        .with_param("model")
    })
}

/// May somebody else be asked after the one that was picked?
fn others(request: &ModelRequest, walk: &Walk<'_>, now: Instant) -> bool {
    let budget = &request.budget;
    budget.deadline().is_some()
        && (budget.has_later(now) || (budget.has_attempt_at(now) && walk.has_another(now)))
}

/// The call's budget allows no attempt, and none was made here.
fn refused(budget: &CallBudget) -> Error {
    if budget.remaining().is_some_and(|left| left.is_zero()) {
        return call_is_over();
    }
    Error::new(
        ErrorKind::Exhausted,
        "no attempt is left: neither this call nor the retry budget allows one more",
    )
}

pub(super) fn ours(error: impl Into<BoxError>) -> Error {
    Error::from_box(error.into())
}
