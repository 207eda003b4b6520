//! A request's head and body, read into a [`ModelRequest`].

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};

use super::{layer::Settings, operations, route::Route};
use crate::{
    chat::FidelityMode,
    dialect::{Dialect, gemini::Gemini},
    error::{Error, ErrorKind},
    issued::claim,
    marks::{self, Seen},
    request::{Caller, Known, ModelRequest, Operation, Payload, Priority},
};

/// How long a body may pause on its way in.
const BODY_PAUSE: Duration = Duration::from_secs(30);

/// How long a body may take on its way in, however large it is.
const BODY_TIME: Duration = Duration::from_secs(300);

/// The call that a request is; greetings and models are none and have been answered.
pub(super) async fn read<B>(
    route: Route,
    parts: &Parts,
    body: B,
    settings: &Settings,
) -> Result<ModelRequest, Error>
where
    B: HttpBody<Data = Bytes>,
{
    if matches!(
        route,
        Route::Chat { .. } | Route::Count { .. } | Route::Generate { .. }
    ) {
        check_content_type(&parts.headers)?;
    }
    let bytes = collect(parts, body, settings).await?;
    // Nobody reads what is passed through, nor what is no JSON.
    let known = match (&route, bytes.first()) {
        (Route::Proxy { .. }, _) | (_, None | Some(b'-')) => None,
        _ => settings.shape.look(&bytes)?,
    };
    let mut request = match route {
        Route::Chat { dialect, model } => {
            let seen = marks::look(&bytes);
            let mut pin = None;
            let mut request = if seen.marked {
                chat(dialect, claim(bytes, true, &mut pin)?, None, model)?
            } else {
                let known = known.map(|known| (known, seen));
                chat(dialect, bytes, known, model)?
            };
            request.pin = pin;
            request
        }
        Route::Count { dialect, model } => count(dialect, bytes, model)?,
        Route::Other { operation, model } => operations::read(operation, model, parts, bytes)?,
        Route::Generate { model, stream } => {
            let stream = stream.is_some();
            let payload = match known {
                Some(_) => Payload::known_in_path(&Gemini, bytes, &*model, stream),
                None => Payload::json_in_path(&Gemini, bytes, &*model, stream)?,
            };
            ModelRequest::new(model, Operation::Chat, payload)
        }
        Route::Proxy { model, path } => {
            let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
            let operation = Operation::Proxy {
                method: parts.method.clone(),
                path: path.into(),
            };
            ModelRequest::new(model, operation, Payload::opaque(bytes, content_type))
        }
        Route::Greeting | Route::Capabilities | Route::Models | Route::Model(_) => {
            return Err(Error::new(ErrorKind::NotFound, "this is not a call"));
        }
    };
    request.headers = Arc::new(passed_on(&parts.headers));
    request.caller = caller(parts);
    request.affinity = affinity(&parts.headers);
    request.fidelity = fidelity(&parts.headers)?;
    request.priority = priority(&parts.headers)?;
    if let Some(timeout) = settings.timeout(&request.model) {
        request = request.with_timeout(timeout);
    }
    Ok(request)
}

fn chat(
    dialect: &'static dyn Dialect,
    bytes: Bytes,
    known: Option<(Known, Seen)>,
    model: Option<String>,
) -> Result<ModelRequest, Error> {
    let payload = match (&model, known) {
        (Some(model), _) => Payload::json_for_model(dialect, bytes, model)?,
        (None, None) => Payload::json(dialect, bytes)?,
        (None, Some((known, seen))) => {
            Payload::json_known(dialect, bytes, Some(known))?.with_seen(seen)
        }
    };
    let model = model.or_else(|| payload.model()).unwrap_or_default();
    Ok(ModelRequest::new(model, Operation::Chat, payload))
}

fn count(
    dialect: &'static dyn Dialect,
    bytes: Bytes,
    model: Option<String>,
) -> Result<ModelRequest, Error> {
    let payload = match &model {
        Some(model) if dialect.name() == Gemini.name() => {
            Payload::json_in_path(dialect, bytes, model.as_str(), false)?
        }
        Some(model) => Payload::json_for_model(dialect, bytes, model)?,
        None => Payload::json(dialect, bytes)?,
    };
    let model = model.or_else(|| payload.model()).unwrap_or_default();
    let payload = payload.for_count();
    Ok(ModelRequest::new(model, Operation::CountTokens, payload))
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Error> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or_default();
    let kind = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if kind == "application/json" || kind.ends_with("+json") {
        return Ok(());
    }
    let message = format!("content-type `{text}` is not served here: send application/json");
    Err(Error::new(ErrorKind::InvalidRequest, message)
        .with_status(http::StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .with_param("content-type")
        .with_code("unsupported_media_type"))
}

async fn collect<B>(parts: &Parts, body: B, settings: &Settings) -> Result<Bytes, Error>
where
    B: HttpBody<Data = Bytes>,
{
    let limit = settings.body_limit;
    let mut hold = settings.buffers.hold();
    let too_large = || {
        Error::new(
            ErrorKind::TooLarge,
            format!(
                "the request body is over this gateway's limit of {limit} bytes (server.body_limit)"
            ),
        )
        .with_code("request_too_large")
    };
    let announced = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = pin!(body);
    let announced = announced.map_or(0, |length| length as usize);
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let begun = Instant::now();
    loop {
        let slow = || {
            let message = format!(
                "the request body did not arrive: nothing came for {} s, or not all of it within {} s",
                BODY_PAUSE.as_secs(),
                BODY_TIME.as_secs()
            );
            Error::invalid("", message)
                .with_status(http::StatusCode::REQUEST_TIMEOUT)
                .with_code("request_timeout")
        };
        // A client that dribbles holds a connection and memory for nothing.
        let left = BODY_TIME.saturating_sub(begun.elapsed()).min(BODY_PAUSE);
        let Some(frame) = timeout(left, body.frame()).await.map_err(|_| slow())? else {
            break;
        };
        let Ok(frame) = frame else {
            return Err(Error::invalid(
                "",
                "the request body broke off before its end",
            ));
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + all.len() + data.len() > limit {
            return Err(too_large());
        }
        hold.grow(data.len())?;
        if all.is_empty() {
            // Small bodies come in one piece, which need not be copied. If more is to come, the connection gets its buffer back at once.
            if first.is_empty() && data.len() >= announced {
                first = data;
                continue;
            }
            // The announced length saves the copies of growing; it is already known to be within the limit.
            all.reserve(announced);
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    let bytes = if all.is_empty() { first } else { all.freeze() };
    Ok(hold.on(bytes))
}

/// The headers a vendor may see. Everything else, credentials above all, stays here.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| is_passed_on(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn is_passed_on(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "anthropic-beta"
            | "anthropic-version"
            | "openai-beta"
            | "traceparent"
            | "tracestate"
            | "x-codex-turn-state"
    )
}

/// What to do about what cannot be carried, if the caller says so.
fn fidelity(headers: &HeaderMap) -> Result<Option<FidelityMode>, Error> {
    const NAME: HeaderName = HeaderName::from_static("x-trunkline-fidelity");
    let Some(value) = headers.get(NAME) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    match FidelityMode::from_name(&text.trim().to_ascii_lowercase()) {
        Some(mode) => Ok(Some(mode)),
        None => Err(Error::invalid(
            NAME.as_str(),
            format!("the header `{NAME}` must be `strict` or `lenient`, not {text:?}"),
        )),
    }
}

/// How urgent the call is, if the caller says so.
fn priority(headers: &HeaderMap) -> Result<Priority, Error> {
    const NAME: HeaderName = HeaderName::from_static("x-trunkline-priority");
    let Some(value) = headers.get(NAME) else {
        return Ok(Priority::default());
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    Priority::from_name(&text.trim().to_ascii_lowercase()).ok_or_else(|| {
        Error::invalid(
            NAME.as_str(),
            format!("the header `{NAME}` must be `low`, `normal` or `high`, not {text:?}"),
        )
    })
}

/// The session, by the first header that names one.
fn affinity(headers: &HeaderMap) -> Option<Arc<str>> {
    // Anybody's, Fireworks' and its clients', Claude Code's, Codex'.
    const NAMES: [HeaderName; 4] = [
        HeaderName::from_static("x-session-id"),
        HeaderName::from_static("x-session-affinity"),
        HeaderName::from_static("x-claude-code-session-id"),
        HeaderName::from_static("session-id"),
    ];
    NAMES
        .iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
        .map(str::trim)
        .find(|session| !session.is_empty())
        .map(Arc::from)
}

/// The caller, by the first key found. Anthropic's own header comes first, as at Anthropic.
fn caller(parts: &Parts) -> Caller {
    let header = |name: HeaderName| parts.headers.get(name).map(HeaderValue::as_bytes);
    let key = header(HeaderName::from_static("x-api-key"))
        .or_else(|| {
            header(header::AUTHORIZATION).map(|value| {
                let (scheme, rest) = value.split_at_checked(7).unwrap_or((b"", value));
                if scheme.eq_ignore_ascii_case(b"bearer ") {
                    rest
                } else {
                    value
                }
            })
        })
        .or_else(|| header(HeaderName::from_static("x-goog-api-key")))
        .or_else(|| {
            let query = parts.uri.query()?;
            let pair = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("key="))?;
            Some(pair.as_bytes())
        });
    match key.map(<[u8]>::trim_ascii) {
        None | Some(b"") => Caller::default(),
        Some(key) => Caller::from_key(&String::from_utf8_lossy(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)], uri: &str) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_caller_is_known_by_any_of_its_headers() {
        let alice = Caller::from_key("alice");
        for (headers, uri) in [
            (vec![("authorization", "Bearer alice")], "/"),
            (vec![("authorization", "bearer alice")], "/"),
            (
                vec![("x-api-key", "alice"), ("authorization", "Bearer bob")],
                "/",
            ),
            (vec![("x-goog-api-key", "alice")], "/"),
            (vec![], "/?alt=sse&key=alice"),
        ] {
            assert_eq!(caller(&parts(&headers, uri)), alice, "{headers:?} {uri}");
        }
        assert_eq!(
            caller(&parts(&[("authorization", "Bearer ")], "/")),
            Caller::default()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_dribbles_is_not_waited_for() {
        let dribble = |pause: u64| {
            let bytes = futures_util::stream::unfold((), move |()| async move {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                let frame = http_body::Frame::data(Bytes::from_static(b" "));
                Some((Ok::<_, std::convert::Infallible>(frame), ()))
            });
            http_body_util::StreamBody::new(bytes)
        };
        for (pause, seconds) in [(1, 300), (31, 30)] {
            let begun = Instant::now();
            let layer = crate::IngressLayer::new();
            let error = collect(&parts(&[], "/"), dribble(pause), &layer.settings).await;
            assert_eq!(error.unwrap_err().status(), 408);
            assert_eq!(begun.elapsed().as_secs(), seconds);
        }
    }

    #[test]
    fn a_session_is_named_by_any_of_its_headers() {
        let of = |headers: &[(&str, &str)]| affinity(&parts(headers, "/").headers);
        assert_eq!(
            of(&[("x-claude-code-session-id", "s")]).as_deref(),
            Some("s")
        );
        let both = [("session-id", "codex"), ("x-session-id", "mine")];
        assert_eq!(of(&both).as_deref(), Some("mine"));
        assert_eq!(of(&[("x-session-id", " ")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_priority_is_one_of_three() {
        let of = |value| priority(&parts(&[("x-trunkline-priority", value)], "/").headers);
        assert_eq!(of(" High ").unwrap(), Priority::High);
        assert_eq!(of("low").unwrap(), Priority::Low);
        assert_eq!(priority(&HeaderMap::new()).unwrap(), Priority::Normal);
        let told = of("urgent").unwrap_err();
        assert_eq!(
            told.message(),
            "the header `x-trunkline-priority` must be `low`, `normal` or `high`, not \"urgent\""
        );
    }

    #[test]
    fn credentials_stay_here() {
        let parts = parts(
            &[
                ("authorization", "Bearer k"),
                ("x-api-key", "k"),
                ("cookie", "k"),
                ("host", "evil"),
                ("anthropic-beta", "a,b"),
                ("anthropic-version", "2026-10-21"),
                ("x-forwarded-for", "1"),
            ],
            "/",
        );
        let passed = passed_on(&parts.headers);
        let mut names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["anthropic-beta", "anthropic-version"]);
    }
}
