//! The service.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    mem,
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
    callers::Callers,
    closing::Closing,
    desk::{Called, Desk},
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
    request::{Caller, ModelRequest, Operation},
    response::{ModelResponse, Outcome, Reply},
    rng::Rng,
};

/// The service of [`IngressLayer`](super::IngressLayer). It never fails: every failure is an HTTP answer.
pub struct Ingress<S> {
    inner: S,
    settings: Arc<Settings>,
    rng: Arc<Rng>,
    /// Set up by the first call.
    desk: Option<Desk<S>>,
    callers: Callers,
}

impl<S> Ingress<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self {
            inner,
            settings,
            rng: Arc::new(Rng::new()),
            desk: None,
            callers: Callers::default(),
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
            callers: Callers::default(),
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
        let caller = self.callers.of(&parts);
        let id = request_id(&parts.headers, &self.rng);
        let span = tracing::info_span!("call", request_id = id.to_str().unwrap_or_default());
        let parts = Box::new(parts);
        let answered = async move {
            // In two parts: what reading a request takes room for is not to be held while its answer is waited for.
            let asked = Box::pin(ask(&desk, &settings, parts, body, caller, &id)).await;
            let mut response = match asked {
                Ok(asked) => asked.answer(&settings).await,
                Err(response) => *response,
            };
            response.headers_mut().insert(reply::REQUEST_ID, id);
            Ok(response)
        };
        Box::pin(answered.instrument(span))
    }
}

/// A call that was made.
struct Asked<F> {
    called: Called<F>,
    ids: Ids,
    log: Log,
    /// The caller's.
    dialect: &'static dyn Dialect,
    wants: Wants,
}

impl<F, E> Asked<F>
where
    F: Future<Output = Result<ModelResponse, E>> + Send + 'static,
    E: Into<BoxError>,
{
    /// The rarer ones apart, so that whole answers do not carry the room for what they need.
    async fn answer(self, settings: &Settings) -> Response<Body> {
        let Self {
            called,
            ids,
            log,
            dialect,
            wants,
        } = self;
        match wants {
            Wants::Whole => waited(called, ids, settings, dialect, log).await,
            Wants::Stream(asker) => Box::pin(streamed(called, ids, settings, asker, log)).await,
            Wants::Spaces(every) => {
                Box::pin(spaced(called, ids, every, settings, dialect, log)).await
            }
        }
    }
}

/// How the answer is to come.
enum Wants {
    Whole,
    /// Whole, with a space before it so often.
    Spaces(Duration),
    Stream(Asker),
}

/// Reads the request and makes the call it asks for. What is none is answered.
async fn ask<S, B>(
    desk: &Desk<S>,
    settings: &Settings,
    parts: Box<http::request::Parts>,
    body: B,
    caller: Caller,
    id: &HeaderValue,
) -> Result<Asked<S::Future>, Box<Response<Body>>>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
{
    let start = Instant::now();
    let (route, dialect) = find(&parts, settings)?;
    let form = match &route {
        Route::Generate {
            stream: Some(form), ..
        } => *form,
        _ => Form::Frames,
    };
    let request = match read(route, &parts, body, caller, settings).await {
        Ok(request) => request,
        Err(error) => return Err(refuse(dialect, &error).into()),
    };
    let log = Log::new(&request, &parts.headers, id, start, settings);
    let ids = Ids::of(&request);
    // They stand in the buffer that the connection reads into, which is given back once nobody holds it.
    drop(parts);
    let wants = match dialect.front() {
        Some(front)
            if request.operation == Operation::Chat
                && request.payload.dialect().is_some()
                && request.payload.wants_stream() =>
        {
            Wants::Stream(Asker {
                dialect,
                front,
                form,
            })
        }
        _ => match settings.json_heartbeat.filter(|_| is_json(&request)) {
            None => Wants::Whole,
            Some(every) => Wants::Spaces(every),
        },
    };
    Ok(Asked {
        called: desk.call(request),
        ids,
        log,
        dialect,
        wants,
    })
}

/// Where the request goes, and in which dialect it is answered. What is answered here has its answer.
fn find(
    parts: &http::request::Parts,
    settings: &Settings,
) -> Result<(Route, &'static dyn Dialect), Box<Response<Body>>> {
    let route = match route(&parts.method, &parts.uri) {
        Ok(route) => route,
        Err((error, allow)) => {
            let mut response = refuse(asker(&parts.headers, &parts.uri), &error);
            if let Some(allow) = allow {
                response
                    .headers_mut()
                    .insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            return Err(response.into());
        }
    };
    if matches!(route, Route::Greeting) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        return Err(response.into());
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
        return Err(reply::json(http::StatusCode::OK, capabilities::json(served)).into());
    }
    match models(&route, dialect, settings) {
        Some(response) => Err(response.into()),
        None => Ok((route, dialect)),
    }
}

/// A call whose caller waits for a whole answer: headers go out with it.
async fn waited<F, E>(
    called: Called<F>,
    ids: Ids,
    settings: &Settings,
    dialect: &'static dyn Dialect,
    log: Log,
) -> Response<Body>
where
    F: Future<Output = Result<ModelResponse, E>>,
    E: Into<BoxError>,
{
    let call = pin!(call(called, &ids, &log));
    let result = until_closed(settings.closing.as_ref(), call, &log).await;
    told(result, dialect, &log)
}

/// The same with spaces before it from the time on when the first is due: headers then go out with that one.
async fn spaced<F, E>(
    called: Called<F>,
    ids: Ids,
    every: Duration,
    settings: &Settings,
    dialect: &'static dyn Dialect,
    log: Log,
) -> Response<Body>
where
    F: Future<Output = Result<ModelResponse, E>> + Send + 'static,
    E: Into<BoxError>,
{
    let (closing, watched) = (settings.closing.clone(), log.clone());
    // On its own: it may go on in the body.
    let mut pending = Box::pin(async move {
        let call = pin!(call(called, &ids, &watched));
        until_closed(closing.as_ref(), call, &watched).await
    });
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

/// The answer to a call that was made. Its end is logged whenever that is: that of an answer when it is over, that of a caller who does
/// not wait for one when this is dropped.
async fn call<F, E>(called: Called<F>, ids: &Ids, log: &Log) -> Result<ModelResponse, Error>
where
    F: Future<Output = Result<ModelResponse, E>>,
    E: Into<BoxError>,
{
    let waiting = Waiting::new(log.clone());
    let over = move |mut answer: Result<ModelResponse, Error>| {
        waiting.over();
        if let Ok(response) = &mut answer {
            logged(response, log);
        }
        answer
    };
    let told = {
        let answer = called.await;
        if !matches!(&answer, Ok(response) if ids.are_in(response)) {
            return over(answer);
        }
        // Apart: few answers hold any, and there is to be no room for one while it is waited for.
        Box::pin(async move { ids.told(answer?).await })
    };
    over(told.await)
}

/// Logs the end of the answer.
fn logged(response: &mut ModelResponse, log: &Log) {
    let first = log.start().elapsed();
    let (served, price) = (response.served.clone(), response.price);
    let status = response.status.as_u16();
    let lossy = reply::losses(&response.fidelity);
    let end = move |log: &Log, outcome: &Outcome| {
        let cost = price.and_then(|price| Some(price.cost(&outcome.usage()?)));
        log.done(&served, status, first, lossy.as_deref(), cost, outcome);
    };
    // A whole one is over at once.
    if let Reply::Complete(complete) = &response.reply {
        let usage = complete.usage();
        return end(log, &Outcome::Completed { usage });
    }
    let reply = mem::replace(&mut response.reply, Reply::Opaque(Body::empty()));
    let (span, log) = (tracing::Span::current(), log.clone());
    response.reply = reply.on_end(move |outcome| span.in_scope(|| end(&log, &outcome)));
}

/// What a caller of a stream reads.
#[derive(Clone, Copy)]
struct Asker {
    dialect: &'static dyn Dialect,
    front: &'static dyn Front,
    form: Form,
}

/// A call whose caller wants a stream: headers go out at the first content, or when a heartbeat is due.
async fn streamed<F, E>(
    called: Called<F>,
    ids: Ids,
    settings: &Settings,
    asker: Asker,
    log: Log,
) -> Response<Body>
where
    F: Future<Output = Result<ModelResponse, E>> + Send + 'static,
    E: Into<BoxError>,
{
    let Asker {
        dialect,
        front,
        form,
    } = asker;
    let every = settings.heartbeat.filter(|_| front.heartbeat().is_some());
    let watched = log.clone();
    let mut pending = Box::pin(async move { call(called, &ids, &watched).await });
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
                    return reply::stream(Body::boxed(body), form);
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
            let mut response = reply::stream(Body::boxed(body), form);
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
            let body = Body::from(complete.bytes);
            reply::typed(answer.status, body, complete.content_type)
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
                reply::stream(Body::boxed(body), Form::Frames)
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
        .and_then(copied)
        .or_else(|| HeaderValue::from_bytes(&hex(rng.next())).ok())
        .unwrap_or_else(|| HeaderValue::from_static("0"))
}

/// The value in memory of its own: that of a request's headers is the connection's, which would be held with it.
pub(super) fn copied(value: &HeaderValue) -> Option<HeaderValue> {
    let mut own = HeaderValue::from_bytes(value.as_bytes()).ok()?;
    own.set_sensitive(value.is_sensitive());
    Some(own)
}

/// All sixteen digits. The formatter takes many times as long.
fn hex(mut number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for digit in digits.iter_mut().rev() {
        *digit = match (number & 15) as u8 {
            value @ ..10 => b'0' + value,
            value => b'a' - 10 + value,
        };
        number >>= 4;
    }
    digits
}

impl<S> fmt::Debug for Ingress<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingress")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_of_hex_digits() {
        for number in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(hex(number), *format!("{number:016x}").as_bytes());
        }
    }
}
