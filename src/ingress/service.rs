//! The service.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use tokio::time::Instant;
use tower_service::Service;
use tracing::Instrument;

use super::{
    body::{Late, StreamBody},
    closing::Closing,
    desk::Desk,
    issued::Ids,
    layer::Settings,
    log::{Log, Waiting},
    read::read,
    reply,
    route::{Form, Route, asker, route},
    spaced::SpacedBody,
};
use crate::{
    Body, BoxError, capabilities,
    dialect::{Dialect, Front, gemini::Gemini},
    error::{Error, ErrorKind},
    request::{ModelRequest, Operation},
    response::{ModelResponse, Reply},
    rng::Rng,
};

/// The service of [`IngressLayer`](super::IngressLayer). It never fails: every failure is an HTTP answer.
pub struct Ingress<S> {
    inner: S,
    settings: Arc<Settings>,
    rng: Arc<Rng>,
    /// Set up by the first call.
    desk: Option<Desk<S>>,
}

impl<S> Ingress<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self {
            inner,
            settings,
            rng: Arc::new(Rng::new()),
            desk: None,
        }
    }
}

impl<S: Clone> Clone for Ingress<S> {
    /// With a desk of its own: connections are not to wait for one another.
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            settings: self.settings.clone(),
            rng: self.rng.clone(),
            desk: None,
        }
    }
}

impl_inner!(Ingress);

impl<S, B> Service<Request<B>> for Ingress<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Many requests are answered here, so the stack is made ready when it is known to be needed.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = &self.inner;
        let desk = self.desk.get_or_insert_with(|| Desk::of(inner)).clone();
        let settings = self.settings.clone();
        let (parts, body) = request.into_parts();
        let id = request_id(&parts.headers, &self.rng);
        let span = tracing::info_span!("call", request_id = id.to_str().unwrap_or_default());
        let answered = async move {
            let mut response = answer(&desk, &settings, parts, body, &id).await;
            response.headers_mut().insert(reply::REQUEST_ID, id);
            Ok(response)
        };
        Box::pin(answered.instrument(span))
    }
}

async fn answer<S, B>(
    desk: &Desk<S>,
    settings: &Settings,
    parts: http::request::Parts,
    body: B,
    id: &HeaderValue,
) -> Response<Body>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
{
    let start = Instant::now();
    let route = match route(&parts.method, &parts.uri) {
        Ok(route) => route,
        Err((error, allow)) => {
            let mut response = refuse(asker(&parts.headers, &parts.uri), &error);
            if let Some(allow) = allow {
                response
                    .headers_mut()
                    .insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            return response;
        }
    };
    if matches!(route, Route::Greeting) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        return response;
    }
    let dialect = match &route {
        Route::Chat { dialect, .. } | Route::Count { dialect, .. } => *dialect,
        Route::Generate { .. } => &Gemini,
        _ => asker(&parts.headers, &parts.uri),
    };
    if matches!(route, Route::Capabilities) {
        let names = (settings.models)();
        let served = names
            .iter()
            .map(|name| (name.as_str(), (settings.dialects)(name)));
        return reply::json(http::StatusCode::OK, capabilities::json(served));
    }
    if let Some(response) = models(&route, dialect, settings) {
        return response;
    }
    let form = match &route {
        Route::Generate {
            stream: Some(form), ..
        } => *form,
        _ => Form::Frames,
    };
    let request = match read(route, &parts, body, settings).await {
        Ok(request) => request,
        Err(error) => return refuse(dialect, &error),
    };
    let log = Log::new(&request, &parts.headers, id, start, settings);
    match dialect.front() {
        Some(front)
            if request.operation == Operation::Chat
                && request.payload.dialect().is_some()
                && request.payload.wants_stream() =>
        {
            let caller = Caller {
                dialect,
                front,
                form,
            };
            streamed(desk, settings, request, caller, log).await
        }
        _ => waited(desk, settings, request, dialect, log).await,
    }
}

/// A call whose caller waits for a whole answer: headers go out with it, or with the first space before it.
async fn waited<S>(
    desk: &Desk<S>,
    settings: &Settings,
    request: ModelRequest,
    dialect: &'static dyn Dialect,
    log: Log,
) -> Response<Body>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    match settings.json_heartbeat.filter(|_| is_json(&request)) {
        None => {
            let call = pin!(call(desk, request, &log));
            told(
                until_closed(settings.closing.as_ref(), call, &log).await,
                dialect,
                &log,
            )
        }
        // Apart: it may go on in the body.
        Some(every) => {
            let (desk, watched) = (desk.clone(), log.clone());
            let closing = settings.closing.clone();
            let call = async move {
                let call = pin!(call(&desk, request, &watched));
                until_closed(closing.as_ref(), call, &watched).await
            };
            spaced(Box::pin(call), every, dialect, log).await
        }
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<ModelResponse, Error>> + Send>>;

/// A whole answer, with spaces before it from the time on when the first is due.
async fn spaced(
    mut pending: Answer,
    every: Duration,
    dialect: &'static dyn Dialect,
    log: Log,
) -> Response<Body> {
    tokio::select! {
        biased;
        result = &mut pending => told(result, dialect, &log),
        () = tokio::time::sleep(every) => {
            let late = async move {
                let error = match pending.await.map(|response| response.reply) {
                    Ok(Reply::Complete(complete)) => return complete.bytes,
                    Ok(_) => Error::new(
                        ErrorKind::Server,
                        "the stack answered otherwise than whole: is SseNormalizeLayer in it?",
                    ),
                    Err(error) => error,
                };
                log.failed(&error);
                reply::error_body(dialect, &error)
            };
            let body = SpacedBody::new(Box::pin(late.in_current_span()), every);
            reply::json_body(http::StatusCode::OK, Body::new(body))
        }
    }
}

fn told(
    result: Result<ModelResponse, Error>,
    dialect: &'static dyn Dialect,
    log: &Log,
) -> Response<Body> {
    match result {
        Ok(response) => tell(response),
        Err(error) => log.refused(dialect, &error),
    }
}

/// Is the answer to this one JSON that is written or read here?
fn is_json(request: &ModelRequest) -> bool {
    matches!(
        request.operation,
        Operation::Chat | Operation::Embeddings(_) | Operation::Rerank | Operation::CountTokens
    )
}

/// The call, unless the door closes first.
async fn until_closed<F>(
    closing: Option<&Closing>,
    mut call: Pin<&mut F>,
    log: &Log,
) -> Result<ModelResponse, Error>
where
    F: Future<Output = Result<ModelResponse, Error>>,
{
    let Some(closing) = closing else {
        return call.await;
    };
    tokio::select! {
        biased;
        result = call.as_mut() => result,
        () = closing.wait() => {
            let error = Closing::error();
            // Before the call is dropped, which would look as if the caller had left.
            log.failed(&error);
            Err(error)
        }
    }
}

/// The call itself. Its end is logged whenever that is: that of an answer when it is over, that of a caller who does not wait for one
/// when this is dropped.
async fn call<S>(desk: &Desk<S>, request: ModelRequest, log: &Log) -> Result<ModelResponse, Error>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone,
    S::Error: Into<BoxError>,
{
    let waiting = Waiting::new(log.clone());
    let ids = Ids::of(&request);
    let answer = match desk.call(request).await {
        // Apart: few answers hold any.
        Ok(response) if ids.are_in(&response) => Box::pin(ids.told(response)).await,
        answer => answer,
    };
    waiting.over();
    answer.map(|response| logged(response, log.clone()))
}

/// The answer, whose end is logged.
fn logged(mut response: ModelResponse, log: Log) -> ModelResponse {
    let first = log.start().elapsed();
    let (served, price) = (response.served.clone(), response.price);
    let status = response.status.as_u16();
    let lossy = reply::losses(&response.fidelity);
    let span = match response.reply {
        // It is over here, in the span of the call.
        Reply::Complete(_) => tracing::Span::none(),
        _ => tracing::Span::current(),
    };
    response.reply = response.reply.on_end(move |outcome| {
        let cost = price.and_then(|price| Some(price.cost(&outcome.usage()?)));
        span.in_scope(|| log.done(&served, status, first, lossy.as_deref(), cost, &outcome));
    });
    response
}

/// What a caller of a stream reads.
#[derive(Clone, Copy)]
struct Caller {
    dialect: &'static dyn Dialect,
    front: &'static dyn Front,
    form: Form,
}

/// A call whose caller wants a stream: headers go out at the first content, or when a heartbeat is due.
async fn streamed<S>(
    desk: &Desk<S>,
    settings: &Settings,
    request: ModelRequest,
    caller: Caller,
    log: Log,
) -> Response<Body>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let Caller {
        dialect,
        front,
        form,
    } = caller;
    let every = settings.heartbeat.filter(|_| front.heartbeat().is_some());
    let (desk, watched) = (desk.clone(), log.clone());
    let mut pending = Box::pin(async move { call(&desk, request, &watched).await });
    let result = match every {
        None => until_closed(settings.closing.as_ref(), pending.as_mut(), &log).await,
        Some(every) => {
            tokio::select! {
                biased;
                result = until_closed(settings.closing.as_ref(), pending.as_mut(), &log) => result,
                () = tokio::time::sleep(every) => {
                    let late = async move {
                        match pending.await.map(|response| response.reply) {
                            Ok(Reply::Stream(stream)) => Ok(stream),
                            Ok(_) => Err(Error::new(
                                ErrorKind::Server,
                                "the stack answered whole where a stream was asked for: is SseNormalizeLayer in it?",
                            )),
                            Err(error) => {
                                log.failed(&error);
                                Err(error)
                            }
                        }
                    };
                    let late: Late = Box::pin(late.in_current_span());
                    let body = StreamBody::waiting(late, front, form, Some(every))
                        .closing(settings.closing.as_ref().map(Closing::watched));
                    return reply::stream(Body::new(body), form);
                }
            }
        }
    };
    match result {
        Err(error) => log.refused(dialect, &error),
        Ok(ModelResponse {
            reply: Reply::Stream(stream),
            served,
            fidelity,
            headers,
            trail,
            ..
        }) => {
            let body = StreamBody::streaming(stream, front, form, every)
                .closing(settings.closing.as_ref().map(Closing::watched));
            let mut response = reply::stream(Body::new(body), form);
            response.headers_mut().extend(headers);
            served.tell(response.headers_mut());
            reply::tell_hedge(response.headers_mut(), &trail);
            reply::tell_losses(response.headers_mut(), &fidelity);
            response
        }
        Ok(response) => tell(response),
    }
}

/// A whole answer, or one passed through, as HTTP.
fn tell(answer: ModelResponse) -> Response<Body> {
    let mut response = match answer.reply {
        Reply::Complete(complete) => {
            let mut response = reply::json(answer.status, complete.bytes);
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, complete.content_type);
            response
        }
        Reply::Opaque(body) => {
            let mut response = Response::new(body);
            *response.status_mut() = answer.status;
            response
        }
        // Somebody asked for no stream and left SseNormalizeLayer out: the frames are still the best answer there is.
        Reply::Stream(stream) => match stream.dialect().front() {
            Some(front) => {
                let body = StreamBody::streaming(stream, front, Form::Frames, None);
                reply::stream(Body::new(body), Form::Frames)
            }
            None => Response::new(Body::empty()),
        },
    };
    response.headers_mut().extend(answer.headers);
    answer.served.tell(response.headers_mut());
    reply::tell_hedge(response.headers_mut(), &answer.trail);
    reply::tell_losses(response.headers_mut(), &answer.fidelity);
    response
}

fn models(
    route: &Route,
    dialect: &'static dyn Dialect,
    settings: &Settings,
) -> Option<Response<Body>> {
    let front = dialect.front()?;
    let known = match route {
        Route::Models | Route::Model(_) => (settings.models)(),
        _ => return None,
    };
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let body = match route {
        Route::Model(model) if names.contains(&model.as_str()) => front.encode_model(model),
        Route::Model(model) => {
            let error = Error::new(
                ErrorKind::NotFound,
                format!("there is no model `{model}` here"),
            )
            .with_param("model")
            .with_code("model_not_found");
            return Some(refuse(dialect, &error));
        }
        _ => front.encode_models(&names),
    };
    Some(reply::json(http::StatusCode::OK, body))
}

fn refuse(dialect: &'static dyn Dialect, error: &Error) -> Response<Body> {
    let status = error.status().as_u16();
    tracing::info!(status, kind = %error.kind(), param = error.param(), error = error.message(), "refused");
    reply::error(dialect, error)
}

/// The caller's own id for the call, if it is a decent one, else sixteen hex digits.
fn request_id(headers: &http::HeaderMap, rng: &Rng) -> HeaderValue {
    const MOST: usize = 128;
    let decent = |value: &&HeaderValue| {
        !value.is_empty()
            && value.len() <= MOST
            && value.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    headers
        .get(reply::REQUEST_ID)
        .filter(decent)
        .cloned()
        .or_else(|| HeaderValue::from_str(&format!("{:016x}", rng.next())).ok())
        .unwrap_or_else(|| HeaderValue::from_static("0"))
}

impl<S> fmt::Debug for Ingress<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingress")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
