//! Addresses in a conversation, replaced by what stands there, where the vendor takes bytes only.

use std::sync::Arc;

use serde_json::Value;

use super::Attempt;
use crate::{
    chat::{ChatRequest, Content, Source},
    dialect::{Call, Dialect},
    error::{Error, ErrorKind},
    media::{Fetched, MediaKind, MediaSource, Wanted},
    provider::Provider,
    request::{Operation, Payload},
};

/// The dialect that a conversation has to be translated into for its vendor. What is passed on as the caller wrote it is not touched.
pub(super) fn translated_for(attempt: &Attempt) -> Option<&'static dyn Dialect> {
    if attempt.request.operation != Operation::Chat {
        return None;
    }
    let (deployment, payload) = (&*attempt.deployment, &attempt.request.payload);
    let call = Call::new(&Operation::Chat, &deployment.model, payload.wants_stream());
    let dialect = deployment.provider.speaks(&call, payload)?;
    let front = payload.dialect();
    front
        .is_none_or(|front| front.name() != dialect.name())
        .then_some(dialect)
}

/// The conversation with bytes in place of addresses; none if it can be said as it is. What was fetched for an earlier attempt of
/// the call is not fetched again.
pub(super) async fn inlined(
    attempt: &Attempt,
    dialect: &'static dyn Dialect,
    media: &dyn MediaSource,
) -> Result<Option<ChatRequest>, Error> {
    let deployment = &*attempt.deployment;
    let (provider, payload) = (&*deployment.provider, &attempt.request.payload);
    let call = Call::new(&Operation::Chat, &deployment.model, payload.wants_stream());
    let chat = payload.chat()?;
    if !chat.messages.iter().any(|m| has_address(&m.content)) {
        return Ok(None);
    }
    let mut chat = chat.clone();
    let mut wanted: Vec<Wanted> = Vec::new();
    for message in &mut chat.messages {
        visit(&mut message.content, &mut |kind, source| {
            if let Source::Url(url) = source
                && needs_bytes(dialect, provider, &call, kind, url)
            {
                let new = Wanted::new(kind, url.as_str());
                if !wanted.contains(&new) {
                    wanted.push(new);
                }
            }
        });
    }
    if wanted.is_empty() {
        return Ok(None);
    }
    let found = fetch(payload, media, &wanted).await?;
    for message in &mut chat.messages {
        visit(&mut message.content, &mut |kind, source| {
            let Source::Url(url) = source else { return };
            let at = wanted.iter().position(|w| w.kind == kind && w.url == *url);
            if let Some(found) = at.and_then(|at| found.get(at)) {
                *source = Source::Base64 {
                    media_type: found.media_type.clone(),
                    data: found.data.clone(),
                };
            }
        });
    }
    Ok(Some(chat))
}

fn needs_bytes(
    dialect: &dyn Dialect,
    provider: &dyn Provider,
    call: &Call<'_>,
    kind: MediaKind,
    url: &str,
) -> bool {
    let is_web = ["https://", "http://"].iter().any(|scheme| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    is_web
        && match provider.fetches(call) {
            Some(takes) => !takes,
            None => dialect.needs_bytes(kind, url, provider.quirks()),
        }
}

/// All that is wanted, in order, or the first error.
async fn fetch(
    payload: &Payload,
    media: &dyn MediaSource,
    wanted: &[Wanted],
) -> Result<Vec<Arc<Fetched>>, Error> {
    let mut shelf = payload.shelf().lock().await;
    let missing: Vec<Wanted> = wanted
        .iter()
        .filter(|wanted| !shelf.contains_key(wanted))
        .cloned()
        .collect();
    if !missing.is_empty() {
        let found = media.fetch(&missing).await;
        for (wanted, found) in missing.into_iter().zip(found) {
            shelf.insert(wanted, found.map(Arc::new));
        }
    }
    wanted
        .iter()
        .map(|wanted| match shelf.get(wanted) {
            Some(Ok(found)) => Ok(found.clone()),
            Some(Err(error)) => Err(named(error, payload, wanted)),
            None => Err(Error::new(
                ErrorKind::Server,
                "the media source lost an address",
            )),
        })
        .collect()
}

/// The error with the field it is about.
fn named(error: &Error, payload: &Payload, wanted: &Wanted) -> Error {
    let path = path(payload, &wanted.url);
    let message = format!("`{path}` could not be fetched: {}", error.message());
    let named = Error::new(error.kind(), message).with_param(path);
    match error.code() {
        Some(code) => named.with_code(code),
        None => named,
    }
}

/// Where the caller wrote this address.
fn path(payload: &Payload, url: &str) -> String {
    serde_json::from_slice::<Value>(payload.bytes())
        .ok()
        .and_then(|body| find(&body, url))
        .unwrap_or_else(|| "messages".to_owned())
}

/// The path of the first text that is `text`, as `a[1].b`.
fn find(value: &Value, text: &str) -> Option<String> {
    match value {
        Value::String(own) => (own == text).then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(i, item)| Some(join(&format!("[{i}]"), &find(item, text)?))),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, member)| Some(join(name, &find(member, text)?))),
        _ => None,
    }
}

fn join(head: &str, tail: &str) -> String {
    let dot = if tail.is_empty() || tail.starts_with('[') {
        ""
    } else {
        "."
    };
    format!("{head}{dot}{tail}")
}

/// Shows every address, to be replaced or not.
fn visit(parts: &mut [Content], see: &mut dyn FnMut(MediaKind, &mut Source)) {
    for part in parts {
        let (kind, media) = match part {
            Content::Image(media) => (MediaKind::Image, media),
            Content::Document(media) => (MediaKind::Document, media),
            Content::Audio(media) => (MediaKind::Audio, media),
            Content::ToolResult(result) => {
                visit(&mut result.content, see);
                continue;
            }
            _ => continue,
        };
        match &mut media.source {
            Source::Parts(inner) => visit(inner, see),
            source @ Source::Url(_) => see(kind, source),
            _ => {}
        }
    }
}

/// Is there any address at all? Most conversations have none and need not be copied.
fn has_address(parts: &[Content]) -> bool {
    parts.iter().any(|part| match part {
        Content::Image(media) | Content::Document(media) | Content::Audio(media) => {
            match &media.source {
                Source::Url(_) => true,
                Source::Parts(inner) => has_address(inner),
                _ => false,
            }
        }
        Content::ToolResult(result) => has_address(&result.content),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_as_the_caller_wrote_it() {
        let body: Value = serde_json::from_str(
            r#"{"system":"https://b","messages":[{"content":"x"},{"content":[{"type":"text"},{"image_url":{"url":"https://a"}}]}],
               "contents":[{"parts":[{"fileData":{"fileUri":"https://c"}}]}]}"#,
        )
        .unwrap();
        for (url, path) in [
            ("https://a", Some("messages[1].content[1].image_url.url")),
            ("https://b", Some("system")),
            ("https://c", Some("contents[0].parts[0].fileData.fileUri")),
            ("https://d", None),
        ] {
            assert_eq!(find(&body, url).as_deref(), path);
        }
    }
}
