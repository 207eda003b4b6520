//! Parts of messages and results, written.

use super::encode::Writer;
use crate::{
    chat::{CacheMarker, Content, Media, Source},
    dialect::{
        labels,
        openai_chat::request::{data_uri, document_text},
        openai_responses::NAME,
    },
    error::{Error, ErrorKind},
    json::{self, Json},
};

/// A part of a message of the user's or the operator's, or of a result; none if nothing of it is left.
pub(super) fn part(w: &mut Writer<'_>, path: &str, part: &Content) -> Result<Option<Json>, Error> {
    let json = match part {
        // Vendors refuse empty parts.
        Content::Text { text, .. } if text.is_empty() => return Ok(None),
        Content::Text {
            text: said, cache, ..
        } => text(said, marker(w, cache.as_ref())),
        Content::Refusal(said) => text(said, None),
        Content::Document(media) => match document_text(media) {
            Some(said) => text(&said, marker(w, media.cache.as_ref())),
            None => medium(w, path, part, media)?,
        },
        Content::Image(media) | Content::Audio(media) => medium(w, path, part, media)?,
        Content::Other {
            dialect: NAME,
            json,
        } => json.clone(),
        _ => {
            w.report
                .dropped(path, "this part has no place in a message of this role");
            return Ok(None);
        }
    };
    Ok(Some(json))
}

pub(super) fn text(text: &str, marker: Option<Json>) -> Json {
    json::object(|o| {
        o.field("type", "input_text")
            .field("text", text)
            .optional("prompt_cache_breakpoint", marker);
    })
}

/// What the model has said.
pub(super) fn said(part: &Content) -> Json {
    json::object(|o| match part {
        Content::Refusal(text) => {
            o.field("type", "refusal").field("refusal", text);
        }
        part => {
            o.field("type", "output_text")
                .field("text", part.as_text().unwrap_or_default());
        }
    })
}

/// A cache breakpoint, where the model knows any.
fn marker(w: &mut Writer<'_>, cache: Option<&CacheMarker>) -> Option<Json> {
    let cache = cache?;
    if !w.model.takes_breakpoints() {
        w.no_cache();
        return None;
    }
    let ttl = match cache.ttl.as_deref() {
        Some("30m") => Some("30m"),
        Some("1h" | "12h") => Some("12h"),
        _ => None,
    };
    Some(json::object(|o| {
        o.field("mode", "explicit").optional("ttl", ttl);
    }))
}

fn medium(w: &mut Writer<'_>, path: &str, part: &Content, media: &Media) -> Result<Json, Error> {
    let unsupported = |what: &str| {
        let text = format!("`{path}`: this vendor does not take {what}");
        Err(Error::new(ErrorKind::Unsupported, text).with_param(path))
    };
    let ours = w.is_ours();
    labels::medium(w.report, path, part, media);
    let marker = marker(w, media.cache.as_ref());
    let (kind, member, value) = match (part, &media.source) {
        (Content::Image(_), Source::Base64 { media_type, data }) => {
            ("input_image", "image_url", data_uri(media_type, data))
        }
        (Content::Image(_), Source::Url(url)) => ("input_image", "image_url", url.clone()),
        (Content::Image(_), Source::File(id)) if ours => ("input_image", "file_id", id.clone()),
        (Content::Document(_), Source::Base64 { media_type, data }) => {
            ("input_file", "file_data", data_uri(media_type, data))
        }
        (Content::Document(_), Source::Url(url)) => ("input_file", "file_url", url.clone()),
        (Content::Document(_), Source::File(id)) if ours => ("input_file", "file_id", id.clone()),
        (Content::Audio(_), Source::Base64 { media_type, data }) => {
            return Ok(audio(media_type, data));
        }
        (_, Source::File(_)) => return unsupported("files uploaded to another vendor"),
        (Content::Audio(_), _) => return unsupported("sound by address"),
        _ => return unsupported("a part of this kind"),
    };
    Ok(json::object(|o| {
        o.field("type", kind);
        if member == "file_data" {
            // A file without a name is refused.
            let title = media.title.as_deref().unwrap_or("document.pdf");
            o.field("filename", title);
        } else if kind == "input_file" {
            o.optional("filename", media.title.as_deref());
        }
        o.field(member, &value)
            .optional("detail", media.detail.as_deref())
            .optional("prompt_cache_breakpoint", marker);
    }))
}

fn audio(media_type: &str, data: &str) -> Json {
    let format = match media_type {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        other => other.rsplit('/').next().unwrap_or(other),
    };
    let inner = json::object(|o| {
        o.field("data", data).field("format", format);
    });
    json::object(|o| {
        o.field("type", "input_audio").field("input_audio", &inner);
    })
}
