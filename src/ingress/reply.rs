//! Answers and errors as HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::route::Form;
use crate::{
    Body,
    chat::{Fidelity, Loss},
    dialect::Dialect,
    error::{Error, ErrorKind},
    trail::Trail,
};

/// The header that tells that a second account was asked while the first was silent: `won` if it gave the answer, else `lost`.
const HEDGE: HeaderName = HeaderName::from_static("x-trunkline-hedge");
/// The header that tells what a translation of the request could not carry.
const LOSSY: HeaderName = HeaderName::from_static("x-trunkline-lossy");
/// The header that names a call, in and out.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    json_body(status, Body::from(body))
}

pub(super) fn json_body(status: StatusCode, body: Body) -> Response<Body> {
    typed(status, body, HeaderValue::from_static("application/json"))
}

pub(super) fn typed(status: StatusCode, body: Body, content_type: HeaderValue) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// The head of a stream: no proxy on the way may hold it back.
pub(super) fn stream(body: Body, form: Form) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let kind = match form {
        Form::Frames => "text/event-stream; charset=utf-8",
        Form::List => "application/json; charset=utf-8",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

pub(super) fn error(dialect: &dyn Dialect, error: &Error) -> Response<Body> {
    let status = match dialect.front() {
        Some(front) => front.error_status(error),
        None => error.status(),
    };
    let mut response = json(status, error_body(dialect, error));
    let headers = response.headers_mut();
    let after = error
        .retry_after()
        .filter(|_| matches!(status.as_u16(), 429 | 503 | 529));
    if let Some(after) = after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
    }
    // SDKs repeat every 5xx and 429: here a repeat is certain to fail again.
    if matches!(
        error.kind(),
        ErrorKind::Authentication | ErrorKind::QuotaExhausted
    ) {
        headers.insert(
            HeaderName::from_static("x-should-retry"),
            HeaderValue::from_static("false"),
        );
    }
    if let Some(served) = error.served() {
        served.tell(headers);
    }
    response
}

/// An error as a body.
pub(super) fn error_body(dialect: &dyn Dialect, error: &Error) -> Bytes {
    match dialect.front() {
        Some(front) => front.encode_error(error),
        None => Bytes::copy_from_slice(error.message().as_bytes()),
    }
}

/// Seconds, rounded up: coming back a moment too early is too early.
fn whole_seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

/// Adds whether a second account was asked while the first was silent.
pub(super) fn tell_hedge(headers: &mut HeaderMap, trail: &Trail) {
    if let Some(told) = trail.hedge() {
        headers.insert(HEDGE, HeaderValue::from_static(told));
    }
}

/// Adds what could not be carried.
pub(super) fn tell_losses(headers: &mut HeaderMap, fidelity: &Fidelity) {
    if let Some(value) = losses(fidelity).and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(LOSSY, value);
    }
}

/// What could not be carried, e.g. `seed=dropped, temperature=approximated`; nothing if all was.
pub(super) fn losses(fidelity: &Fidelity) -> Option<String> {
    const MOST: usize = 16;
    const LONGEST: usize = 120;
    let notes = fidelity.notes().iter();
    let notes: Vec<_> = notes.filter(|note| note.loss != Loss::Mapped).collect();
    if notes.is_empty() {
        return None;
    }
    let mut text = String::new();
    for note in notes.iter().take(MOST) {
        let comma = if text.is_empty() { "" } else { ", " };
        text.push_str(comma);
        // A path may hold a name of the caller's, which may hold anything.
        text.extend(note.path.chars().take(LONGEST).map(|c| {
            if c.is_ascii_graphic() && c != ',' {
                c
            } else {
                '?'
            }
        }));
        text.push('=');
        text.push_str(note.loss.as_str());
    }
    if notes.len() > MOST {
        text.push_str(", ...");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_in_a_line() {
        let mut headers = HeaderMap::new();
        tell_losses(&mut headers, &Fidelity::new());
        assert!(headers.is_empty());
        let mut report = Fidelity::new();
        report.dropped("seed", "why");
        report.changed("tools[0].n\u{e9},\n", "why");
        tell_losses(&mut headers, &report);
        assert_eq!(headers[LOSSY], "seed=dropped, tools[0].n???=approximated");
        for i in 0..100 {
            report.dropped(i, "why");
        }
        tell_losses(&mut headers, &report);
        assert!(
            headers[LOSSY]
                .to_str()
                .unwrap()
                .ends_with("13=dropped, ...")
        );
    }

    #[test]
    fn waits_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
        assert_eq!(whole_seconds(Duration::from_millis(2001)), 3);
    }
}
