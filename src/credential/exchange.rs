//! A question to a token server, and its answer.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

use super::{Secret, Token};
use crate::{
    Body, BoxError,
    error::{Error, ErrorKind},
};

/// The HTTP client that token servers are asked through: any tower service, boxed. It should follow no redirects.
#[derive(Clone)]
pub struct TokenClient(BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>);

impl TokenClient {
    /// Tokens are asked for through `client`.
    pub fn new<C, B>(client: C) -> Self
    where
        C: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let client = client
            .map_response(|response: Response<B>| response.map(Body::new))
            .map_err(Into::into);
        Self(BoxCloneSyncService::new(client))
    }

    /// Posts a form.
    pub(super) async fn post(&self, to: &Uri, form: &[(&str, &str)]) -> Result<Token, Refusal> {
        let form: Vec<String> = form.iter().map(|(name, value)| pair(name, value)).collect();
        let mut request = Request::new(Body::from(form.join("&")));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = to.clone();
        request.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        self.ask(request).await
    }

    /// Asks, and reads the token in the answer.
    pub(super) async fn ask(&self, mut request: Request<Body>) -> Result<Token, Refusal> {
        /// Far more than any token needs.
        const MOST: usize = 256 << 10;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::ACCEPT, json);
        let response = self.0.clone().oneshot(request).await.map_err(unreachable)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MOST).collect().await;
        let body = body.map_err(unreachable)?.to_bytes();
        read(parts.status, &body).map_err(|error| Refusal {
            error,
            date: date(&parts.headers),
        })
    }
}

impl fmt::Debug for TokenClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenClient")
    }
}

/// No token, and what time it is at the server.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: Error,
    #[cfg_attr(
        not(feature = "oauth"),
        allow(dead_code, reason = "only who signs needs it")
    )]
    pub(super) date: Option<SystemTime>,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        refusal.error
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    access_token: Option<String>,
    /// Seconds; some servers write it as text.
    expires_in: serde_json::Value,
    error: serde_json::Value,
    error_description: Option<String>,
}

fn read(status: StatusCode, body: &[u8]) -> Result<Token, Error> {
    let answer: Answer = serde_json::from_slice(body).unwrap_or_default();
    if !status.is_success() {
        return Err(refusal(status, &answer));
    }
    let Some(token) = answer.access_token.filter(|token| is_sendable(token)) else {
        let message = "the account's token server answered without a usable access_token";
        return Err(Error::new(ErrorKind::Server, message).with_unsent());
    };
    Ok(Token::new(
        Secret::token(token),
        lifetime(&answer.expires_in),
    ))
}

/// An hour is what all of them give.
fn lifetime(seconds: &serde_json::Value) -> Duration {
    let seconds = match seconds {
        serde_json::Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    Duration::from_secs(seconds.unwrap_or(3600))
}

fn refusal(status: StatusCode, answer: &Answer) -> Error {
    let code = answer.error.as_str().unwrap_or_default();
    let (kind, what) = match status.as_u16() {
        400..=404 => (ErrorKind::Authentication, "refused the account"),
        // Not the model's limit: the caller is told that it is us who are short.
        429 | 503 => (ErrorKind::Overloaded, "is overloaded"),
        _ => (ErrorKind::Server, "failed"),
    };
    let kind = match code {
        "temporarily_unavailable" | "server_error" => ErrorKind::Server,
        _ => kind,
    };
    let mut message = format!("the account's token server {what} ({})", status.as_u16());
    let description = answer.error_description.as_deref().unwrap_or_default();
    for text in [code, description]
        .into_iter()
        .filter(|text| !text.is_empty())
    {
        message.push_str(": ");
        message.extend(text.chars().filter(|c| !c.is_control()).take(300));
    }
    Error::new(kind, message).with_unsent()
}

/// The client's words may hold an address: they are kept as the source only.
fn unreachable(error: impl Into<BoxError>) -> Refusal {
    let error = error.into();
    let kind = match error.downcast_ref::<Error>().map(Error::kind) {
        Some(ErrorKind::Timeout) => ErrorKind::Timeout,
        _ => ErrorKind::Connection,
    };
    let message = "the account's token server could not be reached";
    Refusal {
        error: Error::new(kind, message).with_unsent().with_source(error),
        date: None,
    }
}

fn date(headers: &HeaderMap) -> Option<SystemTime> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date).ok()
}

fn is_sendable(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn pair(name: &str, value: &str) -> String {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    format!("{}={}", encode(name), encode(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_tokens_or_errors_of_ours() {
        let of =
            |status: u16, body: &str| read(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        for body in [
            r#"{"access_token":"ya29.t","expires_in":3599,"token_type":"Bearer"}"#,
            r#"{"access_token":"ya29.t","expires_in":"3599"}"#,
        ] {
            let token = of(200, body).unwrap();
            assert_eq!(token.lifetime, Duration::from_secs(3599));
            assert_eq!(token.secret, Secret::token("ya29.t"));
        }
        for (status, body, kind, seen) in [
            (200, "<html>", ErrorKind::Server, 502),
            (200, r#"{"access_token":"a\nb"}"#, ErrorKind::Server, 502),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"Bad\nRequest"}"#,
                ErrorKind::Authentication,
                502,
            ),
            (
                401,
                r#"{"error":{"code":401}}"#,
                ErrorKind::Authentication,
                502,
            ),
            (429, "", ErrorKind::Overloaded, 503),
            (500, "", ErrorKind::Server, 502),
            (503, "", ErrorKind::Overloaded, 503),
            (302, "", ErrorKind::Server, 502),
        ] {
            let error = of(status, body).unwrap_err();
            assert_eq!(
                (error.kind(), error.status().as_u16()),
                (kind, seen),
                "{status} {body}"
            );
            assert!(error.is_unsent());
        }
        let error = of(
            400,
            r#"{"error":"invalid_grant","error_description":"Bad\nRequest"}"#,
        );
        assert!(
            error
                .unwrap_err()
                .message()
                .ends_with("(400): invalid_grant: BadRequest")
        );
    }

    #[test]
    fn forms_are_escaped() {
        assert_eq!(pair("a", "b&c=d e/é"), "a=b%26c%3Dd%20e%2F%C3%A9");
    }
}
