//! The layer and its service.

use std::{
    mem,
    task::{Context, Poll},
    time::Duration,
};

use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use super::RetryPolicy;
use crate::{
    BoxError,
    error::{Again, Error},
    request::ModelRequest,
    response::ModelResponse,
    response_future::{Look, Looked, LookedFuture},
    spare::Spare,
};

/// Tries the same model again. See the [module docs](crate::retry) for an example.
#[derive(Clone, Debug)]
pub struct RetryBackoffLayer {
    policy: RetryPolicy,
}

impl RetryBackoffLayer {
    /// By this policy.
    pub const fn new(policy: RetryPolicy) -> Self {
        Self { policy }
    }
}

impl<S: Clone> Layer<S> for RetryBackoffLayer {
    type Service = RetryBackoff<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryBackoff {
            spare: Spare::with(&inner, self.policy.clone()),
            inner,
        }
    }
}

/// The service of [`RetryBackoffLayer`].
#[derive(Clone, Debug)]
pub struct RetryBackoff<S> {
    inner: S,
    spare: Spare<S, RetryPolicy>,
}

impl_inner!(RetryBackoff);

impl<S> Service<ModelRequest> for RetryBackoff<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = ModelResponse;
    type Error = Error;
    type Future = LookedFuture<S::Future, Further<S>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner
            .poll_ready(cx)
            .map_err(|e| Error::from_box(e.into()))
    }

    fn call(&mut self, request: ModelRequest) -> Self::Future {
        let policy = self.spare.shared();
        request.budget.limit(policy.max_attempts, &policy.budget);
        request.budget.leave_room(policy.min_remaining);
        let first = self.inner.call(request.clone());
        let further = Further {
            spare: self.spare.clone(),
            request,
        };
        LookedFuture::new(first, Some(further))
    }
}

/// What it takes to try again.
#[derive(Debug)]
pub struct Further<S> {
    spare: Spare<S, RetryPolicy>,
    request: ModelRequest,
}

impl<S> Look for Further<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn passes(&self, answer: Result<&ModelResponse, &Error>) -> bool {
        answer.is_ok()
    }

    fn act(self, answer: Result<ModelResponse, Error>) -> Looked {
        match answer {
            Err(error) => Looked::More(Box::pin(self.again(error))),
            answer => Looked::Done(answer),
        }
    }
}

impl<S> Further<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone,
    S::Error: Into<BoxError>,
{
    /// Further tries, after the first one failed with `error`.
    async fn again(self, mut error: Error) -> Result<ModelResponse, Error> {
        let (policy, request) = (self.spare.shared(), &self.request);
        let mut inner = self.spare.another();
        let mut retries = 0;
        let mut at_once = false;
        loop {
            let Some(pause) = pause(policy, &error, retries, &mut at_once) else {
                return Err(error);
            };
            // Where nobody could be asked no attempt was spent, but it was tried.
            if retries.saturating_add(1) >= policy.max_attempts
                || !request.budget.has_time_after(pause)
                || !request.budget.has_attempt()
            {
                return Err(error);
            }
            tracing::debug!(model = &*request.model, kind = %error.kind(), ?pause, "trying again");
            tokio::time::sleep(pause).await;
            retries += 1;
            let again = async {
                let ready = inner.ready().await.map_err(Into::into)?;
                ready.call(request.clone()).await.map_err(Into::into)
            };
            error = match again.await {
                Ok(response) => return Ok(response),
                Err(latest) => Error::more_informative(error, Error::from_box(latest)),
            };
        }
    }
}

/// How long to wait before the same is tried again; none if it is not to be.
fn pause(
    policy: &RetryPolicy,
    error: &Error,
    retries: u32,
    at_once: &mut bool,
) -> Option<Duration> {
    let named = error.retry_after();
    match error.policy().again {
        Again::Never => None,
        Again::OnceIfUnsent if !error.is_unsent() => None,
        Again::OnceIfUnsent | Again::OnceAtOnce => {
            (!mem::replace(at_once, true)).then_some(Duration::ZERO)
        }
        Again::AfterBackoff | Again::IfSoon => {
            let wait = policy.pause(retries).max(named.unwrap_or_default());
            (wait <= policy.longest()).then_some(wait)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use tokio::time::Instant;
    use tower_test::mock;

    use super::*;
    use crate::{
        ErrorKind,
        chat::{ChatRequest, Message},
        dialect::openai_chat::OpenAiChat,
        response::{Complete, Reply, Served},
    };

    fn request() -> ModelRequest {
        ModelRequest::chat(ChatRequest::new("m", vec![Message::user("hi")]))
    }

    fn answer() -> ModelResponse {
        let served = Served::new("v".into(), "a".into(), "m".into(), 1).into();
        let reply = Reply::Complete(Complete::json(&OpenAiChat, "{}".into()));
        ModelResponse::new(served, reply)
    }

    /// Answers each call with the next of `script`; tells what the caller saw, and after how long.
    async fn play(
        policy: RetryPolicy,
        request: ModelRequest,
        script: Vec<Result<ModelResponse, Error>>,
    ) -> (Result<ModelResponse, Error>, Duration, usize) {
        let (mut service, mut handle) = mock::spawn_layer(RetryBackoffLayer::new(policy));
        let asked = script.len();
        let vendor = tokio::spawn(async move {
            let mut left = script.into_iter();
            while let Some((request, send)) = handle.next_request().await {
                let request: ModelRequest = request;
                assert!(request.budget.try_attempt(), "the pool takes the attempts");
                match left.next() {
                    Some(Ok(response)) => send.send_response(response),
                    Some(Err(error)) => send.send_error(error),
                    None => send.send_error("asked too often"),
                }
            }
            asked - left.len()
        });
        std::future::poll_fn(|_| service.poll_ready())
            .await
            .unwrap();
        let start = Instant::now();
        let result = service.call(request).await;
        drop(service);
        (result, start.elapsed(), vendor.await.unwrap())
    }

    fn failure(kind: ErrorKind) -> Result<ModelResponse, Error> {
        Err(Error::new(kind, "no"))
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_could_be_asked_it_ends_too() {
        let calls = Arc::new(AtomicU32::new(0));
        let inner = tower::service_fn(move |request: ModelRequest| {
            let error = if calls.fetch_add(1, Ordering::Relaxed) == 0 {
                assert!(request.budget.try_attempt());
                Error::new(ErrorKind::RateLimited, "no").with_retry_after(Duration::from_secs(5))
            } else {
                Error::new(ErrorKind::Exhausted, "all are out")
            };
            std::future::ready(Err::<ModelResponse, Error>(error))
        });
        let start = Instant::now();
        let request = request().with_timeout(Duration::from_secs(600));
        let mut service = RetryBackoffLayer::new(RetryPolicy::new()).layer(inner);
        let error = service.call(request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(start.elapsed(), Duration::from_secs(15), "three pauses");
    }

    #[tokio::test(start_paused = true)]
    async fn an_overload_is_waited_out() {
        let (result, took, calls) = play(
            RetryPolicy::new().seed(1),
            request(),
            vec![
                failure(ErrorKind::Overloaded),
                failure(ErrorKind::Server),
                Ok(answer()),
            ],
        )
        .await;
        assert!(result.is_ok());
        assert_eq!(calls, 3);
        assert!((375..=750).contains(&took.as_millis()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_the_floor_and_a_long_one_is_not_waited_for() {
        let limited = |s| {
            Err(Error::new(ErrorKind::RateLimited, "slow").with_retry_after(Duration::from_secs(s)))
        };
        let (result, took, _) = play(
            RetryPolicy::new(),
            request(),
            vec![limited(3), Ok(answer())],
        )
        .await;
        assert!(result.is_ok());
        assert_eq!(took.as_secs(), 3);
        let (result, took, calls) = play(RetryPolicy::new(), request(), vec![limited(60)]).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::RateLimited);
        assert_eq!((took.as_secs(), calls), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_connection_is_retried_once_at_once() {
        let (result, took, calls) = play(
            RetryPolicy::new(),
            request(),
            vec![
                failure(ErrorKind::Connection),
                failure(ErrorKind::Connection),
            ],
        )
        .await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Connection);
        assert_eq!((took, calls), (Duration::ZERO, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waiting_cannot_help_is_not_retried() {
        for kind in [
            ErrorKind::InvalidRequest,
            ErrorKind::Authentication,
            ErrorKind::StreamBroken,
            ErrorKind::Timeout,
            ErrorKind::Exhausted,
        ] {
            let (result, _, calls) = play(RetryPolicy::new(), request(), vec![failure(kind)]).await;
            assert_eq!(result.unwrap_err().kind(), kind);
            assert_eq!(calls, 1, "{kind}");
        }
        let unsent = Err(Error::new(ErrorKind::Timeout, "connect").with_unsent());
        let (result, ..) = play(RetryPolicy::new(), request(), vec![unsent, Ok(answer())]).await;
        assert!(result.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_and_the_deadline_bound_it() {
        let down = || {
            vec![
                failure(ErrorKind::Server),
                failure(ErrorKind::Server),
                failure(ErrorKind::Server),
            ]
        };
        let (_, _, calls) = play(RetryPolicy::new().max_attempts(2), request(), down()).await;
        assert_eq!(calls, 2);
        let hurried = request().with_timeout(Duration::from_millis(100));
        let (result, took, calls) = play(RetryPolicy::new(), hurried, down()).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Server);
        assert_eq!((took, calls), (Duration::ZERO, 1));
    }
}
