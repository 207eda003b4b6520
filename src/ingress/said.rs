//! What a request's headers say of the call.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::service::copied;
use crate::{
    chat::FidelityMode,
    error::{Error, ErrorKind},
    request::Priority,
};

const FIDELITY: &str = "x-trunkline-fidelity";
const PRIORITY: &str = "x-trunkline-priority";

/// The headers that say something of a call, found in one look at all of them: most are not there, and to ask for each by its name
/// would cost more.
#[derive(Default)]
pub(super) struct Said<'a> {
    content_type: Option<&'a HeaderValue>,
    content_length: Option<&'a HeaderValue>,
    fidelity: Option<&'a HeaderValue>,
    priority: Option<&'a HeaderValue>,
    /// What may name the session; the first that does is right.
    sessions: [Option<&'a HeaderValue>; 4],
    /// Is there anything that a vendor may see?
    passes: bool,
}

impl<'a> Said<'a> {
    pub(super) fn by(headers: &'a HeaderMap) -> Self {
        let mut said = Self::default();
        let [any, fireworks, claude, codex] = &mut said.sessions;
        for (name, value) in headers {
            let place = match name.as_str() {
                "content-type" => &mut said.content_type,
                "content-length" => &mut said.content_length,
                FIDELITY => &mut said.fidelity,
                PRIORITY => &mut said.priority,
                "x-session-id" => &mut *any,
                // Its clients send it, too.
                "x-session-affinity" => &mut *fireworks,
                "x-claude-code-session-id" => &mut *claude,
                "session-id" => &mut *codex,
                name => {
                    said.passes |= is_passed_on(name);
                    continue;
                }
            };
            place.get_or_insert(value);
        }
        said
    }

    /// How long the body will be.
    pub(super) fn length(&self) -> Option<u64> {
        self.content_length?.to_str().ok()?.parse().ok()
    }

    /// # Errors
    /// If the body is said to be no JSON.
    pub(super) fn check_json(&self) -> Result<(), Error> {
        let Some(value) = self.content_type else {
            return Ok(());
        };
        if value == "application/json" {
            return Ok(());
        }
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

    /// What to do about what cannot be carried, if the caller says so.
    pub(super) fn fidelity(&self) -> Result<Option<FidelityMode>, Error> {
        let Some(value) = self.fidelity else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(value.as_bytes());
        match FidelityMode::from_name(&text.trim().to_ascii_lowercase()) {
            Some(mode) => Ok(Some(mode)),
            None => Err(Error::invalid(
                FIDELITY,
                format!("the header `{FIDELITY}` must be `strict` or `lenient`, not {text:?}"),
            )),
        }
    }

    /// How urgent the call is, if the caller says so.
    pub(super) fn priority(&self) -> Result<Priority, Error> {
        let Some(value) = self.priority else {
            return Ok(Priority::default());
        };
        let text = String::from_utf8_lossy(value.as_bytes());
        Priority::from_name(&text.trim().to_ascii_lowercase()).ok_or_else(|| {
            Error::invalid(
                PRIORITY,
                format!("the header `{PRIORITY}` must be `low`, `normal` or `high`, not {text:?}"),
            )
        })
    }

    /// The session, by the first header that names one.
    pub(super) fn session(&self) -> Option<Arc<str>> {
        let texts = self.sessions.iter().flatten();
        texts
            .filter_map(|value| value.to_str().ok())
            .map(str::trim)
            .find(|session| !session.is_empty())
            .map(Arc::from)
    }

    /// Those of its headers that a vendor may see, if there are any. Everything else, credentials above all, stays here.
    pub(super) fn passed_on(&self, headers: &HeaderMap) -> Option<HeaderMap> {
        let passed = headers
            .iter()
            .filter(|(name, _)| is_passed_on(name.as_str()))
            .filter_map(|(name, value)| Some((name.clone(), copied(value)?)));
        self.passes.then(|| passed.collect())
    }
}

fn is_passed_on(name: &str) -> bool {
    matches!(
        name,
        "anthropic-beta"
            | "anthropic-version"
            | "openai-beta"
            | "traceparent"
            | "tracestate"
            | "x-codex-turn-state"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_session_is_named_by_any_of_its_headers() {
        let of = |all: &[_]| Said::by(&headers(all)).session();
        assert_eq!(
            of(&[("x-claude-code-session-id", "s")]).as_deref(),
            Some("s")
        );
        let both = [("session-id", "codex"), ("x-session-id", "mine")];
        assert_eq!(of(&both).as_deref(), Some("mine"));
        let twice = [("session-id", "first"), ("session-id", "second")];
        assert_eq!(of(&twice).as_deref(), Some("first"));
        assert_eq!(of(&[("x-session-id", " ")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_priority_is_one_of_three() {
        let of = |value| Said::by(&headers(&[("x-trunkline-priority", value)])).priority();
        assert_eq!(of(" High ").unwrap(), Priority::High);
        assert_eq!(of("low").unwrap(), Priority::Low);
        assert_eq!(Said::default().priority().unwrap(), Priority::Normal);
        let told = of("urgent").unwrap_err();
        assert_eq!(
            told.message(),
            "the header `x-trunkline-priority` must be `low`, `normal` or `high`, not \"urgent\""
        );
    }

    #[test]
    fn a_body_is_json_unless_its_type_says_otherwise() {
        let is_json = |value| Said::by(&headers(&[("content-type", value)])).check_json();
        for value in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/scim+json",
        ] {
            assert!(is_json(value).is_ok(), "{value}");
        }
        assert_eq!(is_json("text/plain").unwrap_err().status(), 415);
        assert!(Said::default().check_json().is_ok());
    }

    #[test]
    fn credentials_stay_here() {
        let mut all = headers(&[
            ("authorization", "Bearer k"),
            ("x-api-key", "k"),
            ("cookie", "k"),
            ("host", "evil"),
            ("x-forwarded-for", "1"),
        ]);
        assert_eq!(Said::by(&all).passed_on(&all), None);
        all.extend(headers(&[
            ("anthropic-beta", "a,b"),
            ("anthropic-version", "2026-10-21"),
        ]));
        let passed = Said::by(&all).passed_on(&all).unwrap();
        let mut names: Vec<&str> = passed.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["anthropic-beta", "anthropic-version"]);
    }
}
