//! Pictures, documents and sounds, written.

use crate::{
    Json,
    chat::{Content, Fidelity, Media, Source},
    error::{Error, ErrorKind},
    json,
};

/// Endings of addresses and what they mean.
const ENDINGS: &[(&str, &str)] = &[
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("html", "text/html"),
    ("csv", "text/csv"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/flac"),
];

/// What the vendor takes inside a tool's result.
const IN_RESULTS: &[&str] = &[
    "image/png",
    "image/jpeg",
    "image/webp",
    "application/pdf",
    "text/plain",
];

/// Of an address: without its query, and the media type its ending means.
pub(super) fn kind_of_url(url: &str) -> (&str, Option<&'static str>) {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let ending = path
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    let known = ENDINGS
        .iter()
        .find(|(known, _)| Some(*known) == ending.as_deref())
        .map(|(_, mime)| *mime);
    (path, known)
}

/// Is it an address that Google AI Studio fetches itself: of its own files, or of a video?
pub(in super::super) fn is_googles(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    match uri.host().map(str::to_ascii_lowercase).as_deref() {
        Some("generativelanguage.googleapis.com") => uri.path().contains("/files/"),
        Some("youtube.com" | "www.youtube.com" | "m.youtube.com" | "youtu.be") => true,
        _ => false,
    }
}

/// Writes media as a part.
pub(super) fn part(
    content: &Content,
    path: &str,
    own: bool,
    report: &mut Fidelity,
) -> Result<Option<Json>, Error> {
    let (media, usual) = match content {
        Content::Image(media) => (media, "image/jpeg"),
        Content::Document(media) => (media, "application/pdf"),
        Content::Audio(media) => (media, "audio/mpeg"),
        _ => return Ok(None),
    };
    if media.detail.is_some() {
        report.dropped(
            format_args!("{path}.detail"),
            "the vendor has its own scale",
        );
    }
    if media.citations {
        report.dropped(
            format_args!("{path}.citations"),
            "the vendor has no citations of documents",
        );
    }
    if media.context.is_some() {
        report.dropped(
            format_args!("{path}.context"),
            "the vendor has no place for it",
        );
    }
    // Texts stand under their title.
    if media.title.is_some() && !matches!(media.source, Source::Text(_) | Source::Parts(_)) {
        report.dropped(
            format_args!("{path}.title"),
            "the vendor has no names of files",
        );
    }
    if media.cache.is_some() {
        report.dropped(
            format_args!("{path}.cache_control"),
            "the vendor places cache breakpoints itself",
        );
    }
    Ok(Some(match &media.source {
        Source::Base64 { media_type, data } => inline(&mime(media_type), data),
        Source::Url(url) => {
            if let Some((mime, data)) = data_url(url) {
                return Ok(Some(inline(&self::mime(mime), data)));
            }
            if !own {
                report.changed(path, "the vendor fetches the address itself");
            }
            let mime = kind_of_url(url).1.unwrap_or(usual);
            let file = json::object(|o| {
                o.field("fileUri", url).field("mimeType", mime);
            });
            json::object(|o| {
                o.field("fileData", &file);
            })
        }
        Source::File(_) => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("`{path}`: a file id of another vendor; send the file itself"),
            )
            .with_param(path));
        }
        Source::Text(text) => text_part(media, text),
        Source::Parts(parts) => {
            let text: String = parts.iter().filter_map(Content::as_text).collect();
            if parts.iter().any(|part| part.as_text().is_none()) {
                report.dropped(path, "of a document made of parts only the texts are told");
            }
            text_part(media, &text)
        }
    }))
}

/// May this part stand inside a result?
pub(super) fn fits_result(part: &Json) -> bool {
    IN_RESULTS.iter().any(|mime| {
        part.as_str()
            .starts_with(&format!("{{\"inlineData\":{{\"mimeType\":\"{mime}\""))
    })
}

fn inline(mime: &str, data: &str) -> Json {
    let blob = json::object(|o| {
        o.field("mimeType", mime).field("data", data);
    });
    json::object(|o| {
        o.field("inlineData", &blob);
    })
}

fn text_part(media: &Media, text: &str) -> Json {
    let titled = match &media.title {
        Some(title) => format!("{title}\n{text}"),
        None => text.to_owned(),
    };
    json::object(|o| {
        o.field("text", &titled);
    })
}

fn mime(kind: &str) -> String {
    match kind.to_ascii_lowercase().as_str() {
        "image/jpg" => "image/jpeg".to_owned(),
        "audio/mp3" => "audio/mpeg".to_owned(),
        kind => kind.to_owned(),
    }
}

fn data_url(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}
