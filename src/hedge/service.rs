//! The service.

use std::{
    future::{Future, poll_fn},
    mem,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use futures_util::TryFutureExt;
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt;
use tower_service::Service;

use super::{
    Hedges,
    hedges::{Known, Rule},
    race::Race,
    status::HedgeKind,
};
use crate::{
    BoxError,
    error::{Blame, Error},
    request::ModelRequest,
    response::ModelResponse,
    response_future::ResponseFuture,
};

/// Asks a second account when the first is silent. See the [module docs](crate::hedge).
#[derive(Clone, Debug)]
pub struct Hedge<S> {
    inner: S,
    hedges: Hedges,
}

impl<S> Hedge<S> {
    /// Both attempts go to `inner`, which is to be a [`PoolService`](crate::pool::PoolService).
    pub const fn new(inner: S, hedges: Hedges) -> Self {
        Self { inner, hedges }
    }
}

impl_inner!(Hedge);

impl<S> Service<ModelRequest> for Hedge<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = ModelResponse;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(ours)
    }

    fn call(&mut self, request: ModelRequest) -> Self::Future {
        let rule = self.hedges.rule(&request.model);
        let hedged = rule.and_then(|rule| Some((rule, HedgeKind::of(&request)?)));
        let Some((rule, kind)) = hedged else {
            return ResponseFuture::plain(self.inner.call(request));
        };
        // The clone takes over: the readiness belongs to the one we were polled as.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ResponseFuture::boxed(run(ready, Call::new(rule, kind), request))
    }
}

async fn run<S>(mut inner: S, call: Call, request: ModelRequest) -> Result<ModelResponse, Error>
where
    S: Service<ModelRequest, Response = ModelResponse>,
    S::Error: Into<BoxError>,
{
    call.begins(&request);
    let known = &call.rule.known;
    let asked = request.clone().in_race(call.race.clone());
    let mut first = pin!(inner.call(asked).map_err(ours));
    let mut early = call.until_silent(first.as_mut(), &request).await;
    if early.is_none() && !known.share.take() {
        known.refused.fetch_add(1, Ordering::Relaxed);
        early = Some(first.as_mut().await);
    }
    if let Some(result) = early {
        call.first_took(&request);
        return result;
    }
    let race = call.race.second();
    tracing::debug!(
        model = &*request.model,
        "the first account is silent: a second one is asked"
    );
    let mut taken = Some(Taken { known, race: &race });
    let mut second = pin!(async {
        let request = request.clone().in_race(race.clone());
        inner.ready().await.map_err(ours)?;
        inner.call(request).await.map_err(ours)
    });
    let (mut failed_first, mut failed_second) = (None, None);
    let answer = poll_fn(|cx| {
        if failed_first.is_none()
            && let Poll::Ready(result) = first.as_mut().poll(cx)
        {
            match result {
                Ok(response) => return Poll::Ready(Ok(response)),
                // The second would be told the same, or would serve what must not be served.
                Err(error) if error.policy().blame == Blame::Caller => {
                    return Poll::Ready(Err(error));
                }
                Err(error) => failed_first = Some(error),
            }
        }
        if failed_second.is_none()
            && let Poll::Ready(result) = second.as_mut().poll(cx)
        {
            taken = None;
            match result {
                Ok(response) => {
                    known.won.fetch_add(1, Ordering::Relaxed);
                    return Poll::Ready(Ok(response));
                }
                Err(error) => failed_second = Some(error),
            }
        }
        match (failed_first.take(), failed_second.take()) {
            (Some(first), Some(second)) => Poll::Ready(Err(match race.has_asked() {
                true => Error::more_informative(first, second),
                // That nobody else was there is nothing the caller wants to know.
                false => first,
            })),
            (first, second) => {
                (failed_first, failed_second) = (first, second);
                Poll::Pending
            }
        }
    })
    .await;
    call.first_took(&request);
    // Whoever is still under way is dropped on the way out of here, within the same poll.
    race.settle();
    answer
}

/// A call, and what is known of its kind.
struct Call {
    rule: Arc<Rule>,
    kind: HedgeKind,
    /// The first attempt.
    race: Race,
}

impl Call {
    fn new(rule: Arc<Rule>, kind: HedgeKind) -> Self {
        Self {
            rule,
            kind,
            race: Race::new(),
        }
    }

    fn begins(&self, request: &ModelRequest) {
        // A retry, or the next model of a chain, is no further call.
        if request.budget.attempts() == 0 {
            self.rule.known.calls.fetch_add(1, Ordering::Relaxed);
            let share = self.rule.policy.millionths();
            self.rule.known.share.deposit(share);
        }
    }

    /// The first attempt's result; none once the account that it asks is silent for longer than usual.
    async fn until_silent<F: Future>(
        &self,
        mut first: Pin<&mut F>,
        request: &ModelRequest,
    ) -> Option<F::Output> {
        let mut clock = pin!(sleep_until(Instant::now()));
        let mut armed: Option<(Instant, Option<Instant>)> = None;
        poll_fn(|cx| {
            if let Poll::Ready(result) = first.as_mut().poll(cx) {
                return Poll::Ready(Some(result));
            }
            // It waits for its turn, or for whoever is next.
            let Some(since) = self.race.since() else {
                return Poll::Pending;
            };
            let until = match armed {
                Some((known, until)) if known == since => until,
                _ => {
                    let until = self.until(since, request);
                    armed = Some((since, until));
                    until.inspect(|until| clock.as_mut().reset(*until))
                }
            };
            match until {
                Some(_) => clock.as_mut().poll(cx).map(|()| None),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Until when an account that is asked since then may be silent; none if there is nothing to be done about it.
    fn until(&self, since: Instant, request: &ModelRequest) -> Option<Instant> {
        let usual = self.rule.usual(&request.model, self.kind);
        let until = since.checked_add(usual.delay?)?;
        let Some(deadline) = request.budget.deadline() else {
            return Some(until);
        };
        // A second answer is to have begun by then, more likely than not.
        let begins = until.checked_add(usual.median.unwrap_or_default())?;
        (begins < deadline).then_some(until)
    }

    /// The first account has content, or has none even now. The second one's time is not counted: those who win are fast, and those
    /// who are outrun have hardly begun.
    fn first_took(&self, request: &ModelRequest) {
        if let Some(since) = self.race.since() {
            let known = &self.rule.known;
            known.took(&request.model, self.kind, since.elapsed());
        }
    }
}

/// A part of the share. Kept if somebody was asked for it.
struct Taken<'a> {
    known: &'a Known,
    race: &'a Race,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let Self { known, race } = self;
        if race.has_asked() {
            known.hedged.fetch_add(1, Ordering::Relaxed);
        } else {
            known.share.give_back();
            known.alone.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn ours(error: impl Into<BoxError>) -> Error {
    Error::from_box(error.into())
}
