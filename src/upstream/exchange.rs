//! One HTTP exchange, from the key to the first content.

#![expect(
    clippy::manual_async_fn,
    reason = "the future of an `async fn` holds its arguments twice, and these are to fit small blocks"
)]

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use futures_util::TryFutureExt;
use http::{HeaderMap, StatusCode, header, response};
use tower::ServiceExt;
use tower_service::Service;

use super::{
    Attempt,
    clock::{Answers, Clock},
    encoding, media,
    prepare::{Prepared, TURN_STATE, prepare},
    service::transport_error,
    translated,
    vendor_stream::VendorStream,
    watched::Watched,
};
use crate::{
    Body, BoxError, Buffers, Secret,
    chat::{ChatRequest, Fidelity},
    dialect::{self, Dialect, RateWindows},
    error::{Error, ErrorKind},
    marks,
    media::MediaSource,
    origin::Marker,
    provider::Provider,
    request::Operation,
    response::{Complete, EventStream, ModelResponse, Reply, Served},
    wire::Framing,
};

/// How much of an error's body is read.
const MAX_ERROR_BODY: usize = 256 << 10;

pub(super) fn run<C, B>(
    mut client: C,
    ready: bool,
    attempt: Attempt,
    media: Option<Arc<dyn MediaSource>>,
    room: Room,
) -> impl Future<Output = Result<ModelResponse, Error>>
where
    C: Service<http::Request<Body>, Response = http::Response<B>> + Clone,
    C::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async move {
        let served = attempt.deployment.served(attempt.number);
        let key = secret(&attempt, &served).await?;
        let inlined = match media.zip(media::translated_for(&attempt)) {
            None => None,
            // Apart, as whatever few calls need: they are not to make the others' futures large.
            Some((media, dialect)) => {
                let inlined = media::inlined(&attempt, dialect, &*media);
                let inlined = Box::pin(Clock::of_call(&attempt).run(inlined)).await;
                let inlined = inlined.map_err(|error| error.with_served(served.clone()))?;
                inlined.map(Box::new)
            }
        };
        let exchange = Exchange {
            attempt: &attempt,
            inlined: inlined.as_deref(),
            room: &room,
            served: &served,
        };
        if !ready {
            client.ready().await.map_err(|error| {
                redact(transport_error(error), &key).with_served(served.clone())
            })?;
        }
        let error = match attempt.request.operation {
            // What is translated apart from conversations may take several calls.
            Operation::Embeddings(_) | Operation::Rerank => {
                match Box::pin(exchange.translated(&mut client, true, &key)).await {
                    Ok(response) => return Ok(response),
                    Err(error) => error,
                }
            }
            // What is waited for in the arm of a match is kept beside what was matched.
            _ => 'tried: {
                let (answer, expected) = match exchange.call(&mut client, &key, None) {
                    Ok(called) => called,
                    Err(error) => break 'tried error,
                };
                let error = match exchange.answer(answer, &expected).await {
                    Ok(response) => return Ok(response),
                    Err(error) => error,
                };
                let mended = exchange.mended(&mut client, error, &expected, &key);
                match Box::pin(mended).await {
                    Ok(response) => return Ok(response),
                    Err(error) => error,
                }
            }
        };
        Box::pin(exchange.with_another_key(&mut client, error, key)).await
    }
}

async fn secret(attempt: &Attempt, served: &Arc<Served>) -> Result<Secret, Error> {
    let secret = attempt.deployment.account.credentials.secret().await;
    secret.map_err(|error| error.with_served(served.clone()))
}

/// What is said to whom.
#[derive(Clone, Copy)]
struct Exchange<'a> {
    attempt: &'a Attempt,
    /// The conversation with media in place of their addresses.
    inlined: Option<&'a ChatRequest>,
    room: &'a Room,
    served: &'a Arc<Served>,
}

/// What is known of an answer before it comes.
struct Expected {
    clock: Clock,
    /// What was sent, in the dialect's words. None: the caller's body, in which only the model's name is changed.
    body: Option<Bytes>,
    dialect: Option<&'static dyn Dialect>,
    framing: Framing,
    fidelity: Fidelity,
    rewritten: bool,
}

impl Exchange<'_> {
    /// Makes the call. Apart from those who wait, so that they have no room for what is gone by then.
    fn call<C: Service<http::Request<Body>>>(
        self,
        client: &mut C,
        key: &Secret,
        mended: Option<(Bytes, Fidelity)>,
    ) -> Result<(C::Future, Box<Expected>), Error> {
        let prepared = prepare(self.attempt, self.inlined, key, mended)?;
        let (sent, expected) = self.expect(prepared);
        Ok((client.call(sent), Box::new(expected)))
    }

    /// The request, and what is awaited from now on.
    fn expect(self, prepared: Prepared) -> (http::Request<Body>, Expected) {
        let Prepared {
            request,
            body,
            dialect,
            framing,
            fidelity,
            rewritten,
        } = prepared;
        for note in fidelity.notes() {
            tracing::debug!(path = note.path, loss = ?note.loss, why = &*note.why, "a field was not carried as it came");
        }
        let asked = &self.attempt.request;
        let answers = match dialect {
            None if !translated::is_read(&asked.operation) => Answers::Unread,
            Some(_) if asked.payload.wants_stream() => Answers::Streamed,
            _ => Answers::Whole,
        };
        let expected = Expected {
            clock: Clock::new(self.attempt, answers),
            body,
            dialect,
            framing,
            fidelity,
            rewritten,
        };
        (request, expected)
    }

    fn answer<F, B, E>(
        self,
        answer: F,
        expected: &Expected,
    ) -> impl Future<Output = Result<ModelResponse, Error>>
    where
        F: Future<Output = Result<http::Response<B>, E>>,
        E: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        async move {
            let answer = answer.map_err(transport_error);
            let (parts, body) = expected.clock.run(answer).await?.into_parts();
            let windows = RateWindows::of(&parts.headers);
            let answer = reply(self.attempt, expected, &parts, Body::new(body), self.room).await;
            let (headers, reply) = match answer {
                Ok(answer) => answer,
                Err(error) => return Err(error.with_windows(windows)),
            };
            let trail = self.attempt.request.trail.clone();
            let mut response = ModelResponse::with_trail(self.served.clone(), reply, trail);
            response.status = parts.status;
            response.headers = headers;
            response.windows = windows;
            response.fidelity = expected.fidelity.clone();
            response.rewritten = expected.rewritten;
            Ok(response)
        }
    }

    /// Once more, if the vendor refuses something that can be left out. That is the same attempt still: a refusal costs no tokens and
    /// says nothing against the account.
    async fn mended<C, B>(
        self,
        client: &mut C,
        error: Error,
        refused: &Expected,
        key: &Secret,
    ) -> Result<ModelResponse, Error>
    where
        C: Service<http::Request<Body>, Response = http::Response<B>>,
        C::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut lost = refused.fidelity.clone();
        let dialect = refused.dialect;
        let Attempt {
            request,
            deployment,
            ..
        } = self.attempt;
        let body = refused.body.clone();
        let sent = || body.unwrap_or_else(|| request.payload.renamed(&deployment.model));
        let Some(mended) = dialect.and_then(|d| d.mend(&sent(), &error, &mut lost)) else {
            return Err(error);
        };
        tracing::info!(
            account = &*self.served.account,
            "the vendor refused a part of the request that can be left out: it is sent once more without"
        );
        let client = client.ready().await.map_err(transport_error)?;
        let (answer, expected) = self.call(client, key, Some((mended, lost)))?;
        self.answer(answer, &expected).await
    }

    /// A token may be revoked before its time. That is no fault of the account's while there is another to be had.
    async fn with_another_key<C, B>(
        self,
        client: &mut C,
        error: Error,
        key: Secret,
    ) -> Result<ModelResponse, Error>
    where
        C: Service<http::Request<Body>, Response = http::Response<B>> + Clone,
        C::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let credentials = &*self.attempt.deployment.account.credentials;
        let is_revoked = error.kind() == ErrorKind::Authentication
            && error.vendor_status() == Some(StatusCode::UNAUTHORIZED);
        if !(is_revoked && credentials.refused(&key)) {
            return Err(redact(error, &key).with_served(self.served.clone()));
        }
        let key = secret(self.attempt, self.served).await?;
        let again = self.whole(client, &key).await;
        again.map_err(|error| redact(error, &key).with_served(self.served.clone()))
    }

    /// All of it, from the start.
    async fn whole<C, B>(self, client: &mut C, key: &Secret) -> Result<ModelResponse, Error>
    where
        C: Service<http::Request<Body>, Response = http::Response<B>> + Clone,
        C::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if let Operation::Embeddings(_) | Operation::Rerank = self.attempt.request.operation {
            return self.translated(client, false, key).await;
        }
        let ready = client.ready().await.map_err(transport_error)?;
        let (answer, expected) = self.call(ready, key, None)?;
        match self.answer(answer, &expected).await {
            Err(error) => self.mended(client, error, &expected, key).await,
            answer => answer,
        }
    }

    async fn translated<C, B>(
        self,
        client: &mut C,
        ready: bool,
        key: &Secret,
    ) -> Result<ModelResponse, Error>
    where
        C: Service<http::Request<Body>, Response = http::Response<B>> + Clone,
        C::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // The readiness goes with the client that has it.
        let clone = client.clone();
        let own = std::mem::replace(client, clone);
        let called = translated::Called::new(self.attempt, key, self.room, self.served);
        match self.attempt.request.operation {
            Operation::Embeddings(form) => translated::embeddings(own, ready, &called, form).await,
            _ => translated::rerank(own, ready, &called).await,
        }
    }
}

/// The answer, once it is known to be one, and the headers to pass on with it.
fn reply(
    attempt: &Attempt,
    expected: &Expected,
    parts: &response::Parts,
    body: Body,
    room: &Room,
) -> impl Future<Output = Result<(HeaderMap, Reply), Error>> {
    async move {
        let clock = &expected.clock;
        let provider = &*attempt.deployment.provider;
        if !parts.status.is_success() {
            return Err(Box::pin(refusal(provider, parts, body, clock)).await);
        }
        let Some(dialect) = expected.dialect else {
            if translated::tells_usage(&attempt.request.operation, &parts.headers) {
                let body = encoding::plain(&parts.headers, body)?;
                let bytes = clock.read_held(body, room).await?;
                if dialect::has_error(&bytes) {
                    return Err(provider.classify(parts, &bytes));
                }
                return Ok((HeaderMap::new(), translated::with_usage(bytes)));
            }
            let body = Body::new(Watched::new(body, clock.rest));
            return Ok((passed_headers(&parts.headers), Reply::Opaque(body)));
        };
        let body = encoding::plain(&parts.headers, body)?;
        if attempt.request.operation == Operation::CountTokens {
            let bytes = clock.read(body, MAX_ERROR_BODY).await?;
            if dialect.counter().and_then(|c| c.read(&bytes)).is_none() {
                return Err(not_an_answer(parts.status, "no count of tokens"));
            }
            let complete = Complete::json(dialect, bytes).with_usage(None);
            return Ok((HeaderMap::new(), Reply::Complete(complete)));
        }
        let Some(framing) = stream_framing(&parts.headers, expected.framing) else {
            let bytes = clock.read_held(body, room).await?;
            let payload = &attempt.request.payload;
            let front = payload.dialect();
            // Where a stream was asked for, it is told as one.
            let translated = expected.rewritten
                || payload.wants_stream()
                || front.is_none_or(|front| front.name() != dialect.name());
            let marker = Marker::new(attempt, dialect);
            let headers = turn_state(attempt, dialect, &parts.headers, &marker);
            let reply = whole(dialect, provider, parts, bytes, translated, &marker)?;
            return Ok((headers, reply));
        };
        let marker = Marker::new(attempt, dialect);
        let headers = turn_state(attempt, dialect, &parts.headers, &marker);
        let stream = VendorStream::new(dialect, framing, body, clock.rest, room);
        let mut stream = Box::new(stream.marked(marker));
        clock.run(stream.commit()).await?;
        let reply = Reply::Stream(EventStream::boxed(dialect, stream));
        Ok((headers, reply))
    }
}

/// The one header of an answer that a caller of the same dialect sends back.
fn turn_state(
    attempt: &Attempt,
    dialect: &'static dyn Dialect,
    from: &HeaderMap,
    marker: &Marker,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let front = attempt.request.payload.dialect();
    if front.is_some_and(|front| front.name() == dialect.name())
        && let Some(value) = from.get(TURN_STATE).and_then(|v| marker.header(v))
    {
        headers.insert(TURN_STATE, value);
    }
    headers
}

/// A status that is no success, with whatever can be had of its body.
pub(super) async fn refusal(
    provider: &dyn Provider,
    parts: &response::Parts,
    body: Body,
    clock: &Clock,
) -> Error {
    let bytes = match encoding::plain(&parts.headers, body) {
        Ok(body) => clock.read(body, MAX_ERROR_BODY).await.ok(),
        Err(_) => None,
    }
    .unwrap_or_default();
    if parts.status.is_redirection() {
        return Error::new(
            ErrorKind::Server,
            "the vendor answered with a redirect, which is not followed: check its base_url",
        )
        .with_status(parts.status);
    }
    provider.classify(parts, &bytes)
}

/// A whole answer, if it is one.
fn whole(
    dialect: &'static dyn Dialect,
    provider: &dyn Provider,
    parts: &response::Parts,
    bytes: Bytes,
    translated: bool,
    marker: &Marker,
) -> Result<Reply, Error> {
    match bytes.trim_ascii_start().first() {
        Some(b'{') => {}
        None => return Err(not_an_answer(parts.status, "an empty body")),
        Some(b'<') => return Err(not_an_answer(parts.status, "an HTML page")),
        Some(_) => {
            return Err(not_an_answer(
                parts.status,
                "something that is not a JSON object",
            ));
        }
    }
    // Most answers hold nothing that has to be looked for.
    let is_plain = marks::is_plain(&bytes);
    if !is_plain && dialect::has_error(&bytes) {
        return Err(provider.classify(parts, &bytes));
    }
    let bytes = match is_plain && !marker.marks_all() {
        true => bytes,
        false => marker.body(bytes),
    };
    let mut complete = Complete::json(dialect, bytes);
    // Read here, not above: an answer that cannot be read is a failure that another account may mend. One that passes is looked at
    // for its usage, which it is asked for anyway; one without is not believed unread.
    if translated || complete.usage().is_none() {
        let mut decoded = dialect.decode_response(&complete.bytes)?;
        decoded.tell_calls_apart();
        complete.decoded = Some(Box::new(decoded));
    }
    Ok(Reply::Complete(complete))
}

pub(super) fn not_an_answer(status: StatusCode, what: &str) -> Error {
    Error::new(
        ErrorKind::Server,
        format!("the vendor answered {} with {what}", status.as_u16()),
    )
    .with_status(status)
}

/// How much may be read of an answer, and what all answers together may hold.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pub(super) max_body: usize,
    pub(super) buffers: Buffers,
}

/// How the answer is framed, if it is a stream at all.
fn stream_framing(headers: &HeaderMap, expected: Framing) -> Option<Framing> {
    let value = headers.get(header::CONTENT_TYPE)?;
    // As most others are.
    if value == "application/json" {
        return None;
    }
    let value = value.to_str().ok()?;
    let kind = value.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    match expected {
        _ if is("text/event-stream") => Some(Framing::Sse),
        Framing::AwsEventStream | Framing::AwsEventStreamChunks
            if is("application/vnd.amazon.eventstream") =>
        {
            Some(expected)
        }
        _ => None,
    }
}

/// What may be told of an answer that is passed through unread.
fn passed_headers(headers: &HeaderMap) -> HeaderMap {
    const PASSED: [header::HeaderName; 7] = [
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::CONTENT_DISPOSITION,
        header::CACHE_CONTROL,
        header::ETAG,
        header::LAST_MODIFIED,
    ];
    PASSED
        .into_iter()
        .filter_map(|name| Some((name.clone(), headers.get(&name)?.clone())))
        .collect()
}

/// Vendors echo keys in their errors.
fn redact(error: Error, secret: &Secret) -> Error {
    error.map_text(|text| secret.redact(text))
}
