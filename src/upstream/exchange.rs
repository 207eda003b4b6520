//! One HTTP exchange, from the key to the first content.

use std::{future::Future, sync::Arc};

use bytes::Bytes;
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
    chat::ChatRequest,
    dialect::{self, Dialect, RateWindows},
    error::{Error, ErrorKind},
    media::MediaSource,
    origin::Marker,
    provider::Provider,
    request::Operation,
    response::{Complete, EventStream, ModelResponse, Reply, Served},
    wire::Framing,
};

/// How much of an error's body is read.
const MAX_ERROR_BODY: usize = 256 << 10;

pub(super) async fn run<C, B>(
    mut client: C,
    ready: bool,
    attempt: Attempt,
    media: Option<Arc<dyn MediaSource>>,
    room: Room,
) -> Result<ModelResponse, Error>
where
    C: Service<http::Request<Body>, Response = http::Response<B>> + Clone,
    C::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let room = &room;
    let served = attempt.deployment.served(attempt.number);
    let credentials = &*attempt.deployment.account.credentials;
    let secret = || async {
        let secret = credentials.secret().await;
        secret.map_err(|error| error.with_served(served.clone()))
    };
    let mut key = secret().await?;
    let inlined = within(&attempt, media::inlined(&attempt, media.as_deref()))
        .await
        .map_err(|error| error.with_served(served.clone()))?;
    let said = Said {
        attempt: &attempt,
        inlined: inlined.as_ref(),
    };
    let mut answer = exchanged(&mut client, ready, said, &key, room, &served).await;
    // A token may be revoked before its time. That is no fault of the account's while there is another to be had.
    if let Err(error) = &answer
        && error.kind() == ErrorKind::Authentication
        && error.vendor_status() == Some(StatusCode::UNAUTHORIZED)
        && credentials.refused(&key)
    {
        key = secret().await?;
        answer = exchanged(&mut client, false, said, &key, room, &served).await;
    }
    answer.map_err(|error| redact(error, &key).with_served(served))
}

/// What is to be said.
#[derive(Clone, Copy)]
struct Said<'a> {
    attempt: &'a Attempt,
    /// The conversation with media in place of their addresses.
    inlined: Option<&'a ChatRequest>,
}

/// The exchange, by what is asked: what is translated apart from conversations may take several.
async fn exchanged<C, B>(
    client: &mut C,
    ready: bool,
    said: Said<'_>,
    secret: &Secret,
    room: &Room,
    served: &Arc<Served>,
) -> Result<ModelResponse, Error>
where
    C: Service<http::Request<Body>, Response = http::Response<B>> + Clone,
    C::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // The readiness goes with the client that has it.
    let mut own = || {
        let clone = client.clone();
        std::mem::replace(client, clone)
    };
    let called = || translated::Called::new(said.attempt, secret, room, served);
    match said.attempt.request.operation {
        Operation::Embeddings(form) => translated::embeddings(own(), ready, &called(), form).await,
        Operation::Rerank => translated::rerank(own(), ready, &called()).await,
        _ => mending(client, ready, said, secret, room, served).await,
    }
}

/// Work before the vendor is called, within the call's time.
async fn within<T>(
    attempt: &Attempt,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    Clock::of_call(attempt).run(work).await
}

/// The exchange, and once more if the vendor refuses something that can be left out. That is the same attempt still: a refusal
/// costs no tokens and says nothing against the account.
async fn mending<C, B>(
    client: &mut C,
    ready: bool,
    said: Said<'_>,
    secret: &Secret,
    room: &Room,
    served: &Arc<Served>,
) -> Result<ModelResponse, Error>
where
    C: Service<http::Request<Body>, Response = http::Response<B>>,
    C::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Said { attempt, inlined } = said;
    let prepared = prepare(attempt, inlined, secret, None)?;
    let (body, dialect) = (prepared.body.clone(), prepared.dialect);
    let mut lost = prepared.fidelity.clone();
    let first = answer(client, ready, attempt, prepared, room, served).await;
    let Err(error) = first else {
        return first;
    };
    let Some(mended) = dialect.and_then(|d| d.mend(&body, &error, &mut lost)) else {
        return Err(error);
    };
    tracing::info!(
        account = &*served.account,
        "the vendor refused a part of the request that can be left out: it is sent once more without"
    );
    let prepared = prepare(attempt, inlined, secret, Some((mended, lost)))?;
    answer(client, false, attempt, prepared, room, served).await
}

async fn answer<C, B>(
    client: &mut C,
    ready: bool,
    attempt: &Attempt,
    prepared: Prepared,
    room: &Room,
    served: &Arc<Served>,
) -> Result<ModelResponse, Error>
where
    C: Service<http::Request<Body>, Response = http::Response<B>>,
    C::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Prepared {
        request,
        dialect,
        framing,
        fidelity,
        rewritten,
        ..
    } = prepared;
    for note in fidelity.notes() {
        tracing::debug!(path = note.path, loss = ?note.loss, why = &*note.why, "a field was not carried as it came");
    }
    let answers = match dialect {
        None if !translated::is_read(&attempt.request.operation) => Answers::Unread,
        Some(_) if attempt.request.payload.wants_stream() => Answers::Streamed,
        _ => Answers::Whole,
    };
    let clock = Clock::new(attempt, answers);
    if !ready {
        client.ready().await.map_err(transport_error)?;
    }
    let response = clock
        .run(async { client.call(request).await.map_err(transport_error) })
        .await?;
    let (parts, body) = response.into_parts();
    let body = Body::new(body);
    let windows = RateWindows::of(&parts.headers);
    let dialect = dialect.map(|dialect| (dialect, framing));
    let (headers, reply) = reply(attempt, dialect, rewritten, &parts, body, &clock, room)
        .await
        .map_err(|error| error.with_windows(windows.clone()))?;
    let trail = attempt.request.trail.clone();
    let mut response = ModelResponse::with_trail(served.clone(), reply, trail);
    response.status = parts.status;
    response.headers = headers;
    response.windows = windows;
    response.fidelity = fidelity;
    response.rewritten = rewritten;
    Ok(response)
}

/// The answer, once it is known to be one, and the headers to pass on with it.
async fn reply(
    attempt: &Attempt,
    dialect: Option<(&'static dyn Dialect, Framing)>,
    rewritten: bool,
    parts: &response::Parts,
    body: Body,
    clock: &Clock,
    room: &Room,
) -> Result<(HeaderMap, Reply), Error> {
    let provider = &*attempt.deployment.provider;
    if !parts.status.is_success() {
        return Err(refusal(provider, parts, body, clock).await);
    }
    let Some((dialect, framing)) = dialect else {
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
    let marker = Marker::new(attempt, dialect);
    let headers = turn_state(attempt, dialect, &parts.headers, &marker);
    let reply = if let Some(framing) = stream_framing(&parts.headers, framing) {
        let mut stream = VendorStream::new(dialect, framing, body, clock.rest, room).marked(marker);
        clock.run(stream.commit()).await?;
        Reply::Stream(EventStream::new(dialect, stream))
    } else {
        let bytes = clock.read_held(body, room).await?;
        let payload = &attempt.request.payload;
        let front = payload.dialect();
        // Where a stream was asked for, it is told as one.
        let translated = rewritten
            || payload.wants_stream()
            || front.is_none_or(|front| front.name() != dialect.name());
        whole(dialect, provider, parts, bytes, translated, &marker)?
    };
    Ok((headers, reply))
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
    if dialect::has_error(&bytes) {
        return Err(provider.classify(parts, &bytes));
    }
    let mut complete = Complete::json(dialect, marker.body(bytes));
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
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
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
