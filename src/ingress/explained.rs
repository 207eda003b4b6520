//! A call that is not to be made, only explained.

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{IngressLayer, callers::Callers, read::read, route::route};
use crate::{
    BoxError,
    chat::{ChatRequest, Message},
    error::{Error, ErrorKind},
    request::{Caller, ModelRequest},
};

/// The call that is meant by a request for an explanation: its body is what the call's would be. Which call that is says `?path=`, a
/// path of a front dialect, or `?dialect=`, one of `openai`, `responses`, `anthropic` and `gemini`, or else the body's shape. A body
/// with a `model` and no conversation stands for any short call. `?caller=`, or the member `caller` of such a body, is the fingerprint
/// of who asks, as in the log; without it the headers of a whole call say.
///
/// # Errors
/// If the body is no call of that dialect.
pub(crate) async fn explained<B>(request: Request<B>) -> Result<ModelRequest, Error>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let settings = IngressLayer::new().settings;
    let (mut parts, body) = request.into_parts();
    let limited = http_body_util::Limited::new(body, settings.body_limit);
    let bytes = limited
        .collect()
        .await
        .map_err(|_| Error::invalid("", "the body is too large, or broke off"))?
        .to_bytes();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let shape: Shape<'_> = serde_json::from_slice(&bytes)
        .map_err(|error| Error::invalid("", format!("the body is no JSON object: {error}")))?;
    let model = shape.model.clone().unwrap_or_default();
    let path = match (param(&query, "path"), param(&query, "dialect").as_deref()) {
        (Some(path), _) => Some(path),
        (None, Some(dialect)) => Some(path_of(dialect, &model)?),
        (None, None) => shape.dialect().map(|d| path_of(d, &model)).transpose()?,
    };
    let named = param(&query, "caller").or_else(|| shape.caller.clone());
    let mut call = match path {
        Some(path) => {
            parts.uri = Uri::try_from(path)
                .map_err(|_| Error::invalid("path", "`path` is no path of this gateway"))?;
            let route = route(&Method::POST, &parts.uri).map_err(|(error, _)| error)?;
            let caller = Callers::default().of(&parts);
            read(route, &parts, Full::new(bytes), caller, &settings).await?
        }
        None if model.is_empty() => {
            let message = "name a `model`, or send the body of a call";
            return Err(Error::invalid("model", message));
        }
        None => ModelRequest::chat(ChatRequest::new(model, vec![Message::user("")])),
    };
    if let Some(caller) = named {
        call.caller = Caller {
            id: Some(caller.into()),
        };
    }
    Ok(call)
}

/// As much of a body as tells its dialect.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    caller: Option<String>,
    #[serde(borrow, default)]
    messages: Option<&'a RawValue>,
    #[serde(borrow, default)]
    system: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    contents: Option<&'a RawValue>,
}

impl Shape<'_> {
    /// None if it is no conversation.
    fn dialect(&self) -> Option<&'static str> {
        if self.contents.is_some() {
            Some("gemini")
        } else if self.input.is_some() {
            Some("responses")
        } else if self.messages.is_none() {
            None
        } else if self.system.is_some() && self.max_tokens.is_some() {
            Some("anthropic")
        } else {
            Some("openai")
        }
    }
}

fn path_of(dialect: &str, model: &str) -> Result<String, Error> {
    Ok(match dialect {
        "openai" => "/v1/chat/completions".to_owned(),
        "responses" => "/v1/responses".to_owned(),
        "anthropic" => "/v1/messages".to_owned(),
        "gemini" => {
            let model = utf8_percent_encode(model, NON_ALPHANUMERIC);
            format!("/v1beta/models/{model}:generateContent")
        }
        _ => {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "`dialect` is one of `openai`, `responses`, `anthropic` and `gemini`",
            )
            .with_param("dialect"));
        }
    })
}

fn param(query: &str, name: &str) -> Option<String> {
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(query: &str, body: &str) -> Result<(String, String, Option<String>), String> {
        let request = Request::builder()
            .uri(format!("/admin/api/explain{query}"))
            .header("x-api-key", "k")
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let call = explained(request)
            .await
            .map_err(|error| error.to_string())?;
        let dialect = call.payload.dialect().map_or("", |dialect| dialect.name());
        let caller = call.caller.id.as_deref().map(str::to_owned);
        Ok((call.model.to_string(), dialect.to_owned(), caller))
    }

    #[tokio::test]
    async fn the_dialect_is_told_or_seen() {
        let key = Caller::from_key("k").id.unwrap().to_string();
        for (query, body, dialect, caller) in [
            ("", r#"{"model":"m"}"#, "", None),
            ("", r#"{"model":"m","caller":"c"}"#, "", Some("c")),
            (
                "",
                r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#,
                "openai-chat",
                Some(&*key),
            ),
            (
                "",
                r#"{"model":"m","system":"s","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
                "anthropic",
                Some(&*key),
            ),
            (
                "",
                r#"{"model":"m","input":"hi"}"#,
                "openai-responses",
                Some(&*key),
            ),
            (
                "",
                r#"{"model":"m","contents":[{"parts":[{"text":"hi"}]}]}"#,
                "gemini",
                Some(&*key),
            ),
            (
                "?dialect=anthropic",
                r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#,
                "anthropic",
                Some(&*key),
            ),
            (
                "?caller=d&path=%2Fv1%2Fmessages",
                r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#,
                "anthropic",
                Some("d"),
            ),
        ] {
            let told = of(query, body).await.unwrap();
            let expected = (
                "m".to_owned(),
                dialect.to_owned(),
                caller.map(str::to_owned),
            );
            assert_eq!(told, expected, "{query} {body}");
        }
        for (query, body) in [
            ("", "no"),
            ("", "{}"),
            ("?dialect=latin", r#"{"model":"m"}"#),
            ("?path=/nowhere", r#"{"model":"m"}"#),
        ] {
            assert!(of(query, body).await.is_err(), "{query} {body}");
        }
    }
}
