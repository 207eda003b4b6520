//! Parts of messages, written.

use std::borrow::Cow;

use super::encode::{Writer, text_part};
use crate::{
    chat::{CacheMarker, Content, Media, Source},
    dialect::{ReasoningField, labels, openai_chat::NAME},
    error::{Error, ErrorKind},
    json::{self, Json},
};

/// A text where one will do, else a list of parts.
pub(super) fn content(
    w: &mut Writer<'_>,
    at: usize,
    parts: &[(usize, &Content)],
) -> Result<Json, Error> {
    let as_parts = w.quirks.content_parts;
    content_of(w, at, parts, as_parts)
}

/// The same for a system message: most imitators of OpenAI read only a text there, whatever else they take.
pub(super) fn system_content(
    w: &mut Writer<'_>,
    at: usize,
    parts: &[(usize, &Content)],
) -> Result<Json, Error> {
    let as_parts = w.quirks.content_parts && (w.is_ours() || w.model.is_openai());
    content_of(w, at, parts, as_parts)
}

/// `as_parts`: may several texts be a list? Else they are joined, unless one is marked.
fn content_of(
    w: &mut Writer<'_>,
    at: usize,
    parts: &[(usize, &Content)],
    as_parts: bool,
) -> Result<Json, Error> {
    let mut items: Vec<Json> = Vec::new();
    let mut texts: Vec<Cow<'_, str>> = Vec::new();
    let mut only_text = true;
    let mut marked = false;
    for (j, part) in parts {
        let path = format!("messages[{at}].content[{j}]");
        let text = match part {
            // Vendors refuse empty parts.
            Content::Text { text, .. } if text.is_empty() && parts.len() > 1 => continue,
            Content::Text { text, .. } | Content::Refusal(text) => Cow::Borrowed(text.as_str()),
            Content::Document(medium) => match document_text(medium) {
                Some(text) => Cow::Owned(text),
                None => {
                    items.push(medium_part(w, &path, part, medium)?);
                    only_text = false;
                    continue;
                }
            },
            Content::Image(medium) | Content::Audio(medium) => {
                if medium.cache.is_some() {
                    w.no_cache();
                }
                items.push(medium_part(w, &path, part, medium)?);
                only_text = false;
                continue;
            }
            Content::Other {
                dialect: NAME,
                json,
            } => {
                items.push(json.clone());
                only_text = false;
                continue;
            }
            _ => {
                w.report
                    .dropped(&path, "this part has no place in a message of this role");
                continue;
            }
        };
        let cache = match part {
            Content::Text { cache, .. } => cache.as_ref(),
            Content::Document(medium) => medium.cache.as_ref(),
            _ => None,
        };
        let marker = cache.and_then(|cache| marker(w, cache));
        marked |= marker.is_some();
        items.push(text_part(&text, marker));
        texts.push(text);
    }
    if only_text && !marked && (texts.len() < 2 || !as_parts) {
        return Ok(string(&texts.join("\n\n")));
    }
    Ok(array(&items))
}

/// A cache breakpoint as the target spells it.
fn marker(w: &mut Writer<'_>, cache: &CacheMarker) -> Option<(&'static str, Json)> {
    if w.model.takes_breakpoints() {
        let ttl = match cache.ttl.as_deref() {
            Some("30m") => Some("30m"),
            Some("1h" | "12h") => Some("12h"),
            _ => None,
        };
        return Some((
            "prompt_cache_breakpoint",
            json::object(|o| {
                o.field("mode", "explicit").optional("ttl", ttl);
            }),
        ));
    }
    if w.model.is_claude() || w.quirks.reasoning == ReasoningField::Details {
        return Some((
            "cache_control",
            json::object(|o| {
                o.field("type", "ephemeral")
                    .optional("ttl", cache.ttl.as_deref());
            }),
        ));
    }
    w.no_cache();
    None
}

/// The text of a document that is text, under its title.
pub(in crate::dialect) fn document_text(medium: &Media) -> Option<String> {
    let body = match &medium.source {
        Source::Text(text) => text.clone(),
        Source::Parts(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(Content::as_text).collect();
            (texts.len() == parts.len()).then(|| texts.join("\n"))?
        }
        _ => return None,
    };
    let head: Vec<&str> = [&medium.title, &medium.context]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    Some(if head.is_empty() {
        body
    } else {
        format!("{}\n\n{body}", head.join("\n"))
    })
}

/// An image, a sound or a document as a part.
pub(super) fn medium_part(
    w: &mut Writer<'_>,
    path: &str,
    part: &Content,
    medium: &Media,
) -> Result<Json, Error> {
    let unsupported = |what: &str| {
        let text = format!("`{path}`: this vendor does not take {what}");
        Err(Error::new(ErrorKind::Unsupported, text).with_param(path))
    };
    let ours = w.is_ours();
    labels::medium(w.report, path, part, medium);
    match (part, &medium.source) {
        (Content::Image(_), Source::Base64 { media_type, data }) => {
            Ok(image(&data_uri(media_type, data), medium.detail.as_deref()))
        }
        (Content::Image(_), Source::Url(url)) => Ok(image(url, medium.detail.as_deref())),
        (Content::Audio(_), Source::Base64 { media_type, data }) => {
            let format = match media_type.as_str() {
                "audio/mpeg" | "audio/mp3" => "mp3",
                "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
                other => other.rsplit('/').next().unwrap_or(other),
            };
            Ok(typed(
                "input_audio",
                &json::object(|o| {
                    o.field("data", data).field("format", format);
                }),
            ))
        }
        (Content::Document(_), Source::Base64 { media_type, data }) => {
            if !w.quirks.files && !ours {
                return unsupported("documents");
            }
            let title = medium.title.as_deref().unwrap_or("document.pdf");
            Ok(typed(
                "file",
                &json::object(|o| {
                    o.field("file_data", &data_uri(media_type, data))
                        .field("filename", title);
                }),
            ))
        }
        (Content::Document(_), Source::File(id)) if ours => Ok(typed(
            "file",
            &json::object(|o| {
                o.field("file_id", id);
            }),
        )),
        (Content::Document(_), Source::Url(url)) if ours => Ok(json::object(|o| {
            o.field("type", "document_url")
                .field("document_url", url)
                .optional("document_name", medium.title.as_deref());
        })),
        (_, Source::File(_)) => unsupported("files uploaded to another vendor"),
        (Content::Document(_), Source::Url(_)) => unsupported("documents by address"),
        (Content::Audio(_), _) => unsupported("sound by address"),
        _ => unsupported("a part of this kind"),
    }
}

fn image(url: &str, detail: Option<&str>) -> Json {
    typed(
        "image_url",
        &json::object(|o| {
            o.field("url", url).optional("detail", detail);
        }),
    )
}

/// `{"type":kind,kind:inner}`.
fn typed(kind: &str, inner: &Json) -> Json {
    json::object(|o| {
        o.field("type", kind).field(kind, inner);
    })
}

pub(in crate::dialect) fn data_uri(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

fn string(text: &str) -> Json {
    Json::from_serialize(text).unwrap_or_else(|_| Json::null())
}

fn array(items: &[Json]) -> Json {
    Json::from_serialize(items).unwrap_or_else(|_| Json::null())
}
