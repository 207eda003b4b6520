//! The layer and its service.

use std::task::{Context, Poll};

use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use super::{Chains, chains::Others};
use crate::{
    BoxError,
    error::{Error, ErrorKind},
    request::ModelRequest,
    response::ModelResponse,
    response_future::{Look, Looked, LookedFuture},
    spare::Spare,
};

/// Replaces models that cannot be had. See the [module docs](crate::failover) for an example.
#[derive(Clone, Debug)]
pub struct FailoverLayer {
    chains: Chains,
}

impl FailoverLayer {
    /// By these chains.
    pub const fn new(chains: Chains) -> Self {
        Self { chains }
    }
}

impl<S: Clone> Layer<S> for FailoverLayer {
    type Service = Failover<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Failover {
            spare: Spare::with(&inner, self.chains.clone()),
            inner,
        }
    }
}

/// The service of [`FailoverLayer`].
#[derive(Clone, Debug)]
pub struct Failover<S> {
    inner: S,
    spare: Spare<S, Chains>,
}

impl_inner!(Failover);

impl<S> Service<ModelRequest> for Failover<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = ModelResponse;
    type Error = Error;
    type Future = LookedFuture<S::Future, Next<S>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner
            .poll_ready(cx)
            .map_err(|e| Error::from_box(e.into()))
    }

    fn call(&mut self, request: ModelRequest) -> Self::Future {
        let (model, others) = self.spare.shared().walk(&request);
        // What one account keeps, no other model has.
        let many = if request.pin.is_none() {
            others.count()
        } else {
            0
        };
        request.budget.reserve(count(many));
        if many == 0 {
            return LookedFuture::new(self.inner.call(request.with_model(model)), None);
        }
        let first = self.inner.call(request.clone().with_model(model));
        let next = Next {
            spare: self.spare.clone(),
            request,
            others,
        };
        LookedFuture::new(first, Some(next))
    }
}

/// The models after the first, and what it takes to ask them.
#[derive(Debug)]
pub struct Next<S> {
    spare: Spare<S, Chains>,
    request: ModelRequest,
    others: Others,
}

impl<S> Look for Next<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn passes(&self, answer: Result<&ModelResponse, &Error>) -> bool {
        let content_filter = self.spare.shared().covers_content_filter();
        answer.is_ok() || answer.is_err_and(|error| !goes_on(error, content_filter))
    }

    fn act(self, answer: Result<ModelResponse, Error>) -> Looked {
        match answer {
            Err(error) => Looked::More(Box::pin(self.ask(error))),
            answer => Looked::Done(answer),
        }
    }
}

impl<S> Next<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone,
    S::Error: Into<BoxError>,
{
    /// Asks them; the first failed with `worst`.
    async fn ask(self, mut worst: Error) -> Result<ModelResponse, Error> {
        let (request, chains) = (&self.request, self.spare.shared());
        let content_filter = chains.covers_content_filter();
        let others = chains.after_first(request, self.others);
        let mut inner = self.spare.another();
        let mut left = others.iter();
        while let Some(model) = left.next() {
            request.budget.reserve(count(left.len()));
            if !request.budget.has_attempt() {
                break;
            }
            tracing::info!(asked = &*request.model, next = &**model, kind = %worst.kind(), "failing over to the next model");
            let target = request.clone().with_model(model.clone());
            let answer = async {
                let ready = inner.ready().await.map_err(ours)?;
                ready.call(target).await.map_err(ours)
            };
            let error = match answer.await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let goes_on = goes_on(&error, content_filter);
            worst = Error::more_informative(worst, error);
            if !goes_on {
                break;
            }
        }
        Err(worst)
    }
}

/// May another model do better?
fn goes_on(error: &Error, content_filter: bool) -> bool {
    error.policy().next_model || (content_filter && error.kind() == ErrorKind::ContentFilter)
}

fn count(models: usize) -> u32 {
    u32::try_from(models).unwrap_or(u32::MAX)
}

fn ours(error: impl Into<BoxError>) -> Error {
    Error::from_box(error.into())
}

#[cfg(test)]
mod tests {
    use tower_test::mock;

    use super::*;
    use crate::{
        chat::{ChatRequest, Message},
        dialect::openai_chat::OpenAiChat,
        response::{Complete, Reply, Served},
        retry::{RetryBackoffLayer, RetryPolicy},
    };

    /// Calls `a`, whose chain is a, b, c. Models answer with the error of their place, or well.
    async fn play(
        chains: Chains,
        fails: &'static [(&'static str, ErrorKind)],
    ) -> (Result<ModelResponse, Error>, Vec<String>) {
        let (mut service, mut handle) = mock::spawn_layer(FailoverLayer::new(chains));
        let vendor = tokio::spawn(async move {
            let mut asked = Vec::new();
            while let Some((request, send)) = handle.next_request().await {
                let request: ModelRequest = request;
                assert!(request.budget.try_attempt());
                asked.push(request.model.to_string());
                match fails.iter().find(|(m, _)| *m == &*request.model) {
                    Some((m, kind)) => send.send_error(Error::new(*kind, *m)),
                    None => send.send_response(ModelResponse::new(
                        Served::new("v".into(), "a".into(), request.model.clone(), 1).into(),
                        Reply::Complete(Complete::json(&OpenAiChat, "{}".into())),
                    )),
                }
            }
            asked
        });
        std::future::poll_fn(|_| service.poll_ready())
            .await
            .unwrap();
        let request = ModelRequest::chat(ChatRequest::new("a", vec![Message::user("hi")]));
        let result = service.call(request).await;
        drop(service);
        (result, vendor.await.unwrap())
    }

    fn abc() -> Chains {
        Chains::new().chain("a", ["b", "c"])
    }

    #[tokio::test]
    async fn the_next_model_is_asked() {
        let (result, asked) = play(
            abc(),
            &[("a", ErrorKind::Exhausted), ("b", ErrorKind::ContextLength)],
        )
        .await;
        assert_eq!(&*result.unwrap().served.model, "c");
        assert_eq!(asked, ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn a_callers_fault_stops_the_walk_and_is_told() {
        let (result, asked) = play(
            abc(),
            &[("a", ErrorKind::Server), ("b", ErrorKind::InvalidRequest)],
        )
        .await;
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::InvalidRequest, "b")
        );
        assert_eq!(asked, ["a", "b"]);
    }

    #[tokio::test]
    async fn the_most_informative_cause_is_told() {
        let (result, _) = play(
            abc(),
            &[
                ("a", ErrorKind::RateLimited),
                ("b", ErrorKind::Authentication),
                ("c", ErrorKind::Exhausted),
            ],
        )
        .await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::RateLimited);
    }

    #[tokio::test]
    async fn a_content_filter_is_followed_only_if_asked_to() {
        let (result, asked) = play(abc(), &[("a", ErrorKind::ContentFilter)]).await;
        assert!(result.is_err());
        assert_eq!(asked, ["a"]);
        let (result, _) = play(
            abc().on_content_filter(true),
            &[("a", ErrorKind::ContentFilter)],
        )
        .await;
        assert!(result.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_left_for_the_last_model() {
        let layers = tower::ServiceBuilder::new()
            .layer(FailoverLayer::new(abc()))
            .layer(RetryBackoffLayer::new(RetryPolicy::new().max_attempts(4)));
        let (mut service, mut handle) = mock::spawn_layer(layers);
        let vendor = tokio::spawn(async move {
            let mut asked = Vec::new();
            while let Some((request, send)) = handle.next_request().await {
                let request: ModelRequest = request;
                assert!(request.budget.try_attempt());
                asked.push(request.model.to_string());
                send.send_error(Error::new(ErrorKind::Overloaded, "no"));
            }
            asked
        });
        std::future::poll_fn(|_| service.poll_ready())
            .await
            .unwrap();
        let request = ModelRequest::chat(ChatRequest::new("a", vec![Message::user("hi")]));
        let _ = service.call(request).await.unwrap_err();
        drop(service);
        assert_eq!(vendor.await.unwrap(), ["a", "a", "b", "c"]);
    }
}
