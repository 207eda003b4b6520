//! An attempt spelled as an HTTP request.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use percent_encoding::percent_decode_str;

use super::Attempt;
use crate::{
    Body, Secret,
    chat::{ChatRequest, Fidelity},
    dialect::{self, Call, Dialect, Formats, Front, Quirks, Target, structured},
    error::{Error, ErrorKind},
    json::{ObjectWriter, Value},
    origin,
    request::{Operation, Payload},
    wire::Framing,
};

/// The header by which Codex keeps the calls of a turn at one place: a vendor gives it, and wants it back.
pub(super) const TURN_STATE: HeaderName = HeaderName::from_static("x-codex-turn-state");

/// The request, the dialect its answer will be in (none: passed through unread), and what could not be said.
pub(super) struct Prepared {
    pub(super) request: Request<Body>,
    /// What is sent, in the dialect's words. None: the caller's body, in which only the model's name is changed.
    pub(super) body: Option<Bytes>,
    pub(super) dialect: Option<&'static dyn Dialect>,
    pub(super) framing: Framing,
    pub(super) fidelity: Fidelity,
    /// Was the conversation written anew, though not to change its dialect?
    pub(super) rewritten: bool,
}

/// `inlined`: the conversation with media in place of their addresses. `mended`: a body to be sent in place of the caller's, and what was lost in it.
pub(super) fn prepare(
    attempt: &Attempt,
    inlined: Option<&ChatRequest>,
    secret: &Secret,
    mended: Option<(Bytes, Fidelity)>,
) -> Result<Prepared, Error> {
    let deployment = &*attempt.deployment;
    let request = &attempt.request;
    let provider = &*deployment.provider;
    let mut fidelity = Fidelity::new();
    let stream = request.payload.wants_stream();
    let mut rewritten = false;
    let again = mended.is_some();
    let mut call = Call::new(&request.operation, &deployment.model, stream);
    let (method, dialect, body, path) = match &request.operation {
        Operation::Chat => {
            let dialect = provider.speaks(&call, &request.payload).ok_or_else(|| {
                Error::new(ErrorKind::Unsupported, "this vendor does not offer chat")
            })?;
            call = call.with_dialect(dialect);
            if request.continues && !provider.prefills(&call) {
                let message = "this vendor does not go on where another one broke off";
                return Err(Error::new(ErrorKind::Unsupported, message).with_unsent());
            }
            let target = Target::new(&deployment.model, provider.quirks())
                .with_max_output(deployment.max_output);
            let same = is_in(&request.payload, dialect);
            rewritten = same && is_beyond(&request.payload, &target);
            let is_own = same && !rewritten && !request.payload.may_hold_marks();
            let body = match mended {
                Some((body, report)) => {
                    fidelity = report;
                    Some(body)
                }
                None if is_own && is_only_renamed(attempt, &call, dialect, &target) => None,
                None if same && !rewritten => Some(own_body(&request.payload, dialect, &target)),
                None => {
                    let chat = match inlined {
                        Some(chat) => chat,
                        None => request.payload.chat().map_err(Error::with_unsent)?,
                    };
                    let translated =
                        dialect::translate(&request.payload, chat, dialect, &target, &mut fidelity);
                    Some(translated.map_err(Error::with_unsent)?)
                }
            };
            let body = match body {
                // It has been through both before it was mended.
                Some(body) if !again => {
                    let body = match target.quirks.edits() {
                        true => edit(&body, target.quirks, &mut fidelity)?,
                        false => body,
                    };
                    // What the caller said without a mark has none for being sent as it is.
                    Some(match is_own {
                        true => body,
                        false => origin::settle(body, dialect, deployment, &mut fidelity),
                    })
                }
                body => body,
            };
            let mode = request.fidelity.unwrap_or(deployment.fidelity);
            dialect::check(mode, &fidelity, dialect.name()).map_err(Error::with_unsent)?;
            (Method::POST, Some(dialect), body, provider.path(&call))
        }
        Operation::CountTokens => {
            let lacking = || Error::new(ErrorKind::Unsupported, "this vendor counts no tokens");
            let dialect = provider
                .speaks(&call, &request.payload)
                .ok_or_else(lacking)?;
            let counter = dialect.counter().ok_or_else(lacking)?;
            call = call.with_dialect(dialect);
            let target = Target::new(&deployment.model, provider.quirks());
            let body = if is_in(&request.payload, dialect) {
                let renamed = request.payload.renamed(target.model);
                counter.own_question(renamed, target.model)?
            } else {
                // What gets lost on the way to a number is not worth a report.
                let chat = request.payload.chat()?;
                let body = dialect.encode_request(chat, &target, &mut Fidelity::new())?;
                counter.question(&body, target.model)?
            };
            (
                Method::POST,
                Some(dialect),
                Some(body),
                provider.path(&call),
            )
        }
        Operation::Proxy { method, path } | Operation::Resource { method, path }
            if provider.offers(&call) =>
        {
            (
                method.clone(),
                None,
                Some(proxied(attempt, &mut fidelity)),
                path.to_string().into(),
            )
        }
        _ if provider.offers(&call) => (
            Method::POST,
            None,
            provider
                .reads_body(&call)
                .then(|| request.payload.renamed(&deployment.model)),
            provider.path(&call),
        ),
        _ => {
            let message = "this vendor does not offer this operation";
            return Err(Error::new(ErrorKind::Unsupported, message).with_unsent());
        }
    };
    let request = spell(attempt, secret, &call, method, &path, body.clone())?;
    Ok(Prepared {
        request,
        body,
        dialect,
        framing: provider.framing(&call),
        fidelity,
        rewritten,
    })
}

/// The body as a request to this vendor; none: the caller's, in which only the model's name is changed.
pub(super) fn spell(
    attempt: &Attempt,
    secret: &Secret,
    call: &Call<'_>,
    method: Method,
    path: &str,
    body: Option<Bytes>,
) -> Result<Request<Body>, Error> {
    let payload = &attempt.request.payload;
    let provider = &*attempt.deployment.provider;
    let dialect = call.dialect;
    let url = || join(provider.base_url(), path);
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = attempt.deployment.url(path, url)?;
    // Room for all at once: for what every request carries, and what this one does.
    let passed = &*attempt.request.headers;
    parts.headers.reserve(match passed.is_empty() {
        true => 6,
        false => 12.max(6 + passed.len()),
    });
    // What is passed through unread goes to the same vendor, which asks for the same headers everywhere.
    let spoken = dialect.or_else(|| usual(attempt));
    set_headers(
        &mut parts.headers,
        attempt,
        dialect,
        spoken,
        !body.as_ref().unwrap_or(payload.bytes()).is_empty(),
    );
    if let Some(spoken) = spoken {
        spoken.headers(&mut parts.headers);
    }
    let renamed = body.is_none();
    let sent = provider.finish(call, &mut parts, body.unwrap_or_default())?;
    provider.authorize(secret, &mut parts, &sent)?;
    let body = match renamed {
        true => payload.renamed_body(&attempt.deployment.model),
        false => sent.into(),
    };
    Ok(Request::from_parts(parts, body))
}

/// The dialect in which the vendor would talk about this model.
fn usual(attempt: &Attempt) -> Option<&'static dyn Dialect> {
    let Attempt {
        request,
        deployment,
        ..
    } = attempt;
    let call = Call::new(&Operation::Chat, &deployment.model, false);
    deployment.provider.speaks(&call, &request.payload)
}

/// A body that is passed through unread may hold parts of a conversation nevertheless.
fn proxied(attempt: &Attempt, fidelity: &mut Fidelity) -> Bytes {
    let deployment = &*attempt.deployment;
    let body = attempt.request.payload.renamed(&deployment.model);
    match deployment.provider.dialect(&Operation::Chat) {
        Some(dialect) => origin::settle(body, dialect, deployment, fidelity),
        None => body,
    }
}

/// Is the caller's body in this dialect?
fn is_in(payload: &Payload, dialect: &'static dyn Dialect) -> bool {
    payload
        .dialect()
        .is_some_and(|front| front.name() == dialect.name())
}

/// Does it ask for a shape of the answer that the vendor does not know? It is read only if the vendor lacks some.
fn is_beyond(payload: &Payload, target: &Target<'_>) -> bool {
    target.quirks.formats != Formats::All
        && memchr::memmem::find(payload.bytes(), b"\"response_format\"").is_some()
        && payload
            .chat()
            .is_ok_and(|chat| structured::is_beyond(chat, target.quirks))
}

/// Does nothing in the caller's body change but the model's name, and does nobody have to see it whole?
fn is_only_renamed(
    attempt: &Attempt,
    call: &Call<'_>,
    dialect: &'static dyn Dialect,
    target: &Target<'_>,
) -> bool {
    let payload = &attempt.request.payload;
    // A dialect that asks would ask here.
    let asks = |front: &dyn Front| front.ask_for_usage(&Bytes::from_static(b"{}")).is_some();
    let asks = payload.wants_stream()
        && target.quirks.stream_options
        && !payload.wants_usage()
        && dialect.front().is_some_and(asks);
    !asks && !target.quirks.edits() && !attempt.deployment.provider.reads_body(call)
}

/// The caller's bytes, under the vendor's name of the model.
fn own_body(payload: &Payload, dialect: &'static dyn Dialect, target: &Target<'_>) -> Bytes {
    let renamed = payload.renamed(target.model);
    // Without being asked, OpenAI-like vendors do not tell what a stream cost.
    match dialect.front() {
        Some(front) if payload.wants_stream() && target.quirks.stream_options => {
            front.ask_for_usage(&renamed).unwrap_or(renamed)
        }
        _ => renamed,
    }
}

/// Leaves out and renames top-level members. The values' bytes stay as they are.
fn edit(body: &Bytes, quirks: &Quirks, fidelity: &mut Fidelity) -> Result<Bytes, Error> {
    let root = Value::root(body)?;
    let extra = root.object()?.into_extra();
    let mut out = ObjectWriter::new();
    for (name, value) in extra.iter() {
        if quirks.drop.contains(&name) {
            fidelity.dropped(name, "this vendor refuses the member");
            continue;
        }
        let name = match quirks.rename.iter().find(|(from, _)| *from == name) {
            Some((_, to)) if extra.get(to).is_some() => {
                fidelity.dropped(
                    name,
                    "the member this vendor reads instead is there as well",
                );
                continue;
            }
            Some((_, to)) => to,
            None => name,
        };
        out.field(name, value);
    }
    Ok(out.finish().into())
}

/// The base with the path after it; the path's own query is kept.
fn join(base: &Uri, path: &str) -> Result<Uri, Error> {
    let bad = || Error::invalid("", "the path does not make a URL");
    if climbs(path) {
        let message = "the model's name leads to another path at the vendor: it has a dot segment";
        return Err(Error::invalid("model", message).with_unsent());
    }
    let mut parts = base.clone().into_parts();
    let joined = format!("{}{path}", base.path().trim_end_matches('/'));
    parts.path_and_query = Some(joined.parse().map_err(|_| bad())?);
    Uri::from_parts(parts).map_err(|_| bad())
}

/// Would it end elsewhere than below the base? A name in it may be anything, and vendors' servers may read `%2F` as a slash.
fn climbs(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let plain = percent_decode_str(path).decode_utf8_lossy();
    plain
        .split(['/', '\\'])
        .any(|segment| matches!(segment, "." | ".."))
}

fn set_headers(
    headers: &mut HeaderMap,
    attempt: &Attempt,
    dialect: Option<&'static dyn Dialect>,
    spoken: Option<&'static dyn Dialect>,
    has_body: bool,
) {
    const USER_AGENT: &str = concat!("trunkline/", env!("CARGO_PKG_VERSION"));
    let payload = &attempt.request.payload;
    // Headers of a dialect mean something only with a body of that dialect: they travel together or not at all.
    let same = match (payload.dialect(), dialect) {
        (Some(front), Some(vendor)) => front.name() == vendor.name(),
        (None, None) => true,
        _ => false,
    };
    for (name, value) in &*attempt.request.headers {
        let fits = match owner(name) {
            None => true,
            // A client may send another dialect's headers wherever it calls.
            Some(owner) => same && spoken.is_some_and(|spoken| spoken.name().starts_with(owner)),
        };
        if !fits {
            continue;
        }
        let kept = match dialect {
            Some(dialect) if name == TURN_STATE => {
                origin::turn_state(value, dialect, &attempt.deployment)
            }
            _ => Some(value.clone()),
        };
        if let Some(value) = kept {
            headers.append(name.clone(), value);
        }
    }
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if has_body {
        let json = HeaderValue::from_static("application/json");
        headers.insert(
            header::CONTENT_TYPE,
            payload.content_type().cloned().unwrap_or(json),
        );
    }
    if dialect.is_some() {
        let accept = if payload.wants_stream() {
            "text/event-stream"
        } else {
            "application/json"
        };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    }
}

/// How the names of those dialects begin to which a header belongs; none if it belongs to no dialect.
fn owner(name: &HeaderName) -> Option<&'static str> {
    match name.as_str() {
        "traceparent" | "tracestate" => None,
        "anthropic-beta" | "anthropic-version" => Some("anthropic"),
        // Nobody knows whose others are: they stay with bodies that are passed on.
        _ if !name.as_str().starts_with("openai-") && name != TURN_STATE => Some(""),
        _ => Some("openai"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_below_the_whole_base() {
        for (base, path, whole) in [
            (
                "https://a.example/v1",
                "/chat/completions",
                "https://a.example/v1/chat/completions",
            ),
            (
                "https://a.example",
                "/messages?beta=true",
                "https://a.example/messages?beta=true",
            ),
            (
                "https://a.example/api/paas/v4/",
                "/x",
                "https://a.example/api/paas/v4/x",
            ),
        ] {
            assert_eq!(join(&base.parse().unwrap(), path).unwrap(), whole);
        }
        let base = Uri::from_static("https://a.example");
        for path in [
            "/a b",
            "/model/../converse",
            "/model/%2e%2E/converse",
            "/models/..%2F..%2Fx:generateContent",
            "/models/a%5C..%5Cb",
            "/model/.",
        ] {
            assert!(join(&base, path).is_err(), "{path}");
        }
        for path in ["/models/a..b:x", "/m/...", "/m?q=../..", "/m/%252e%252e/x"] {
            assert!(join(&base, path).is_ok(), "{path}");
        }
    }

    #[test]
    fn an_edit_keeps_the_bytes_of_values() {
        let mut quirks = Quirks::NONE;
        quirks.drop = &["store"];
        quirks.rename = &[("seed", "random_seed")];
        let body = Bytes::from_static(br#"{"a": {"store" : 1.0},"store":true,"seed":1e3}"#);
        let mut report = Fidelity::new();
        let edited = edit(&body, &quirks, &mut report).unwrap();
        assert_eq!(edited, r#"{"a":{"store" : 1.0},"random_seed":1e3}"#);
        assert_eq!(report.notes().len(), 1);
    }
}
