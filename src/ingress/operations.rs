//! The operations other than conversations: which path is which, and what a call must say.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header, request::Parts};

use crate::{
    error::{Error, ErrorKind},
    issued::{claim, claim_text},
    operation::{EmbeddingForm, ImageTask, Operation},
    request::{ModelRequest, Payload},
};

/// The header that names a model for calls that have no other place for it.
const MODEL: HeaderName = HeaderName::from_static("x-trunkline-model");

/// The operation that is always at this path.
pub(super) fn fixed(path: &str) -> Option<Operation> {
    Some(match path {
        "/embeddings" => Operation::Embeddings(EmbeddingForm::OpenAi),
        "/rerank" | "/reranks" => Operation::Rerank,
        "/moderations" => Operation::Moderations,
        "/images/generations" => Operation::Images(ImageTask::Generate),
        "/images/edits" => Operation::Images(ImageTask::Edit),
        "/images/variations" => Operation::Images(ImageTask::Vary),
        "/audio/speech" => Operation::Speech,
        "/audio/transcriptions" => Operation::Transcription,
        "/audio/translations" => Operation::Translation,
        _ => return None,
    })
}

/// Does an account keep what is at this path?
pub(super) fn is_resource(path: &str) -> bool {
    const ALL: [&str; 10] = [
        "/batches",
        "/containers",
        "/conversations",
        "/files",
        "/fine_tuning",
        "/messages/batches",
        "/tasks",
        "/uploads",
        "/vector_stores",
        "/videos",
    ];
    // Here only what is below: the path itself is a conversation's.
    const BELOW: [&str; 2] = ["/responses", "/chat/completions"];
    let rest = |name: &&str| path.strip_prefix(*name);
    ALL.iter()
        .filter_map(rest)
        .any(|rest| rest.is_empty() || rest.starts_with('/'))
        || BELOW
            .iter()
            .filter_map(rest)
            .any(|rest| rest.starts_with('/'))
}

/// The call, with the ids in it as their account knows them.
pub(super) fn read(
    operation: Operation,
    in_path: Option<String>,
    parts: &Parts,
    bytes: Bytes,
) -> Result<ModelRequest, Error> {
    let mut pin = None;
    let mut named = in_path.or_else(|| header_model(parts));
    let operation = match operation {
        Operation::Resource { method, path } => {
            let (path, model) = without_model(&path);
            named = named.or(model);
            let path = claim_text(&path, &mut pin)?.into();
            Operation::Resource { method, path }
        }
        other => other,
    };
    let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
    let is_form = content_type.as_ref().is_some_and(is_form);
    let payload = match content_type {
        Some(content_type) if is_form => Payload::form(bytes, content_type)?,
        content_type => {
            let bytes = claim(bytes, false, &mut pin)?;
            check_json(&operation, &bytes)?;
            Payload::opaque(bytes, content_type)
        }
    };
    let model = named.or_else(|| payload.model()).unwrap_or_default();
    if model.is_empty() && !may_lack_model(&operation) {
        return Err(Error::invalid(
            "model",
            "`model` is required: name a model, see GET /v1/models",
        ));
    }
    let mut request = ModelRequest::new(model, operation, payload);
    request.pin = pin;
    Ok(request)
}

fn header_model(parts: &Parts) -> Option<String> {
    let model = parts.headers.get(MODEL)?.to_str().ok()?.trim();
    (!model.is_empty()).then(|| model.to_owned())
}

/// The path without `model` in its query, which is for this gateway alone, and that model.
fn without_model(path: &str) -> (String, Option<String>) {
    let Some((path, query)) = path.split_once('?') else {
        return (path.to_owned(), None);
    };
    let mut model = None;
    let mut kept = String::new();
    for pair in query.split('&') {
        match pair.strip_prefix("model=") {
            Some(name) => {
                let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
                model = Some(name.into_owned()).filter(|name| !name.is_empty());
            }
            None => {
                kept.push(if kept.is_empty() { '?' } else { '&' });
                kept.push_str(pair);
            }
        }
    }
    (format!("{path}{kept}"), model)
}

fn is_form(content_type: &HeaderValue) -> bool {
    const FORM: &[u8] = b"multipart/form-data";
    let kind = content_type.as_bytes().get(..FORM.len());
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(FORM))
}

/// What is asked in JSON, and nothing else.
fn check_json(operation: &Operation, bytes: &[u8]) -> Result<(), Error> {
    match operation {
        Operation::Transcription | Operation::Translation | Operation::Images(ImageTask::Vary) => {
            let message = "this takes a form: send multipart/form-data";
            Err(Error::new(ErrorKind::InvalidRequest, message)
                .with_status(http::StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .with_param("content-type")
                .with_code("unsupported_media_type"))
        }
        Operation::Resource { .. } => Ok(()),
        _ if bytes.trim_ascii_start().first() != Some(&b'{') => {
            Err(Error::invalid("", "the request body must be a JSON object"))
        }
        _ => match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
            Ok(_) => Ok(()),
            Err(why) => Err(Error::invalid(
                "",
                format!("the request body is not valid JSON: {why}"),
            )),
        },
    }
}

/// Vendors have a model for these that they take if none is named.
const fn may_lack_model(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Moderations | Operation::Images(_) | Operation::Resource { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_in_a_query_is_for_the_gateway() {
        for (path, kept, model) in [
            ("/files", "/files", None),
            ("/files?model=a%2Fb", "/files", Some("a/b")),
            (
                "/files?after=x&model=m&limit=2",
                "/files?after=x&limit=2",
                Some("m"),
            ),
            ("/files?model=", "/files", None),
        ] {
            let (rest, found) = without_model(path);
            assert_eq!((rest.as_str(), found.as_deref()), (kept, model), "{path}");
        }
    }

    #[test]
    fn paths_are_told_apart() {
        for path in [
            "/files",
            "/files/x/content",
            "/responses/resp_1",
            "/chat/completions/c/messages",
        ] {
            assert!(is_resource(path), "{path}");
        }
        for path in ["/responses", "/chat/completions", "/filesystem", "/file"] {
            assert!(!is_resource(path), "{path}");
        }
    }
}
