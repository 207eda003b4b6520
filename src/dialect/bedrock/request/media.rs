//! Images, documents, videos and sounds, written.

use std::{borrow::Cow, collections::HashSet};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::super::{
    models::{Family, Model},
    wire::{Kind, member},
};
use crate::{
    Json,
    chat::{Content, Fidelity, Media, Source},
    error::{Error, ErrorKind},
    json,
};

/// What a media type is to the vendor: its kind of block and its format.
const TYPES: &[(&str, What, &str)] = &[
    ("image/png", What::Image, "png"),
    ("image/jpeg", What::Image, "jpeg"),
    ("image/jpg", What::Image, "jpeg"),
    ("image/gif", What::Image, "gif"),
    ("image/webp", What::Image, "webp"),
    ("application/pdf", What::Document, "pdf"),
    ("text/csv", What::Document, "csv"),
    ("application/msword", What::Document, "doc"),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        What::Document,
        "docx",
    ),
    ("application/vnd.ms-excel", What::Document, "xls"),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        What::Document,
        "xlsx",
    ),
    ("text/html", What::Document, "html"),
    ("text/markdown", What::Document, "md"),
    ("text/plain", What::Document, "txt"),
    ("application/json", What::Document, "txt"),
    ("video/mp4", What::Video, "mp4"),
    ("video/quicktime", What::Video, "mov"),
    ("video/x-matroska", What::Video, "mkv"),
    ("video/webm", What::Video, "webm"),
    ("video/x-flv", What::Video, "flv"),
    ("video/mpeg", What::Video, "mpeg"),
    ("video/x-ms-wmv", What::Video, "wmv"),
    ("video/3gpp", What::Video, "three_gp"),
    ("audio/mpeg", What::Audio, "mp3"),
    ("audio/mp3", What::Audio, "mp3"),
    ("audio/wav", What::Audio, "wav"),
    ("audio/x-wav", What::Audio, "wav"),
    ("audio/flac", What::Audio, "flac"),
    ("audio/ogg", What::Audio, "ogg"),
    ("audio/opus", What::Audio, "opus"),
    ("audio/aac", What::Audio, "aac"),
    ("audio/mp4", What::Audio, "mp4"),
];

/// Endings of addresses that are no format by themselves.
const ENDINGS: &[(&str, &str)] = &[("jpg", "jpeg"), ("htm", "html"), ("3gp", "three_gp")];

/// A kind of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Image,
    Document,
    Video,
    Audio,
}

/// One file, ready.
#[derive(Debug)]
pub(super) struct File {
    pub(super) kind: Kind,
    pub(super) json: Json,
    /// May it stand inside a tool's result?
    pub(super) fits_result: bool,
}

/// The names of the documents so far. The vendor wants each once, of few characters.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// A name for a document of this title.
    fn give(&mut self, title: Option<&str>) -> String {
        let legal = clean(title.unwrap_or_default());
        let base = if legal.is_empty() { "document" } else { &legal };
        let mut name = base.to_owned();
        let mut n = 2u32;
        while !self.0.insert(name.clone()) {
            name = format!("{base} ({n})");
            n = n.saturating_add(1);
        }
        name
    }
}

/// A file name without its ending, in letters, digits, single spaces and `-()[]`.
fn clean(title: &str) -> String {
    const LONGEST: usize = 180;
    let stem = match title.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() && end.len() <= 5 => stem,
        _ => title,
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
    let mut name = String::new();
    for c in stem.chars().take(LONGEST) {
        if legal(c) {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with(' ') {
            // What else stood there separates words.
            name.push(' ');
        }
    }
    name.trim_end().to_owned()
}

/// Writes an image, a document, a video or a sound; none if the part is none of these.
pub(super) fn file(
    content: &Content,
    path: &str,
    model: &Model,
    names: &mut Names,
    report: &mut Fidelity,
) -> Result<Option<File>, Error> {
    let video;
    let (media, usual) = match content {
        Content::Image(media) => (media, What::Image),
        Content::Document(media) => (media, What::Document),
        Content::Audio(media) => (media, What::Audio),
        Content::Other { json, .. } => match video_address(json) {
            Some(url) => {
                video = Media::new(Source::Url(url));
                (&video, What::Video)
            }
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    if media
        .detail
        .as_deref()
        .is_some_and(|detail| detail != "auto")
    {
        report.dropped(path, "the vendor has no levels of detail");
    }
    let (what, format, source) = place(media, usual, path, model)?;
    match what {
        What::Image => {}
        What::Document => {
            return document(media, format, &source, path, model, names, report).map(Some);
        }
        What::Video if model.family == Family::Claude => {
            return Err(unsupported(path, "this model takes no video"));
        }
        What::Video => {}
        What::Audio if !model.hears => {
            return Err(unsupported(path, "this model takes no sound"));
        }
        What::Audio => {}
    }
    let inner = json::object(|o| {
        o.field("format", &*format).field("source", &source);
    });
    let (name, kind, fits_result) = match what {
        What::Image => ("image", Kind::Other, model.image_in_result()),
        What::Video => ("video", Kind::Video, false),
        _ => ("audio", Kind::Other, false),
    };
    Ok(Some(File {
        kind,
        json: member(name, &inner),
        fits_result,
    }))
}

fn document(
    media: &Media,
    format: Cow<'static, str>,
    source: &Json,
    path: &str,
    model: &Model,
    names: &mut Names,
    report: &mut Fidelity,
) -> Result<File, Error> {
    let cites = media.citations && model.cites();
    if media.citations && !cites {
        report.dropped(path, "this model does not cite documents");
    }
    let context = media
        .context
        .as_deref()
        .filter(|context| !context.is_empty());
    if context.is_some() && !model.cites() {
        report.dropped(path, "this model takes no context of a document");
    }
    let inner = json::object(|o| {
        o.field("format", &*format)
            .field("name", &names.give(media.title.as_deref()))
            .field("source", source)
            .optional("context", context.filter(|_| model.cites()));
        if cites {
            let on = json::object(|o| {
                o.field("enabled", &true);
            });
            o.field("citations", &on);
        }
    });
    Ok(File {
        kind: Kind::Document,
        json: member("document", &inner),
        fits_result: model.document_in_result(&format),
    })
}

/// What it is, its format, and where its bytes are.
fn place(
    media: &Media,
    usual: What,
    path: &str,
    model: &Model,
) -> Result<(What, Cow<'static, str>, Json), Error> {
    let inline = |kind: &str, data: &str| {
        let (what, format) = known(kind, usual, path)?;
        Ok((what, format, bytes(data)))
    };
    match &media.source {
        Source::Base64 { media_type, data } => inline(media_type, data),
        Source::Url(url) | Source::File(url) if url.starts_with("s3://") => {
            if !model.reads_s3() {
                return Err(unsupported(
                    path,
                    "this model reads no S3 location; send the bytes",
                ));
            }
            let (what, format) = of_ending(url, usual)
                .ok_or_else(|| unsupported(path, "the ending of the address tells no format"))?;
            let place = json::object(|o| {
                o.field("uri", url);
            });
            Ok((what, format, member("s3Location", &place)))
        }
        Source::Url(url) => match url
            .strip_prefix("data:")
            .and_then(|rest| rest.split_once(";base64,"))
        {
            Some((kind, data)) => inline(kind, data),
            None => Err(unsupported(
                path,
                "the vendor fetches no addresses; send the bytes",
            )),
        },
        Source::File(_) => Err(unsupported(
            path,
            "a file id of another vendor; send the bytes",
        )),
        Source::Text(_) | Source::Parts(_) if usual != What::Document => {
            Err(unsupported(path, "only a document can be text"))
        }
        Source::Text(text) => Ok((What::Document, "txt".into(), words(text, model))),
        Source::Parts(parts) => {
            if parts.iter().any(|part| part.as_text().is_none()) {
                return Err(unsupported(
                    path,
                    "a document made of parts must be of texts",
                ));
            }
            let texts = parts.iter().filter_map(Content::as_text);
            if model.cites() {
                let texts = texts.map(|text| {
                    json::object(|o| {
                        o.field("text", text);
                    })
                });
                let source = json::object(|o| {
                    o.array("content", texts);
                });
                return Ok((What::Document, "txt".into(), source));
            }
            let text = texts.collect::<Vec<_>>().join("\n");
            Ok((What::Document, "txt".into(), words(&text, model)))
        }
    }
}

/// A document's text. Only Claude is known to take it as such.
fn words(text: &str, model: &Model) -> Json {
    if model.cites() {
        json::object(|o| {
            o.field("text", text);
        })
    } else {
        bytes(&STANDARD.encode(text))
    }
}

fn bytes(data: &str) -> Json {
    json::object(|o| {
        o.field("bytes", data);
    })
}

fn known(kind: &str, usual: What, path: &str) -> Result<(What, Cow<'static, str>), Error> {
    let bare = kind.split(';').next().unwrap_or(kind).trim();
    let bare = bare.to_ascii_lowercase();
    if let Some((_, what, format)) = TYPES.iter().find(|(name, ..)| *name == bare) {
        return Ok((*what, Cow::Borrowed(format)));
    }
    if bare.starts_with("text/") && usual == What::Document {
        return Ok((What::Document, "txt".into()));
    }
    Err(unsupported(path, &format!("the vendor takes no `{kind}`")))
}

fn of_ending(url: &str, usual: What) -> Option<(What, Cow<'static, str>)> {
    let ending = url.rsplit_once('.')?.1.to_ascii_lowercase();
    let format = ENDINGS
        .iter()
        .find(|(name, _)| *name == ending)
        .map_or(ending.as_str(), |(_, format)| format);
    let rows = || TYPES.iter().filter(|(_, _, f)| *f == format);
    let row = rows()
        .find(|(_, what, _)| *what == usual)
        .or(rows().next())?;
    Some((row.1, Cow::Borrowed(row.2)))
}

/// The address in a `video_url` part of OpenAI-like callers.
fn video_address(json: &Json) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Part {
        video_url: Video,
    }
    #[derive(serde::Deserialize)]
    struct Video {
        url: String,
    }
    if !json.as_str().contains("\"video_url\"") {
        return None;
    }
    Some(json.deserialize::<Part>().ok()?.video_url.url)
}

fn unsupported(path: &str, message: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("`{path}`: {message}")).with_param(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_documents_are_legal_and_given_once() {
        let mut names = Names::default();
        for (title, expected) in [
            (Some("Q3 report_(final).pdf"), "Q3 report (final)"),
            (Some("Q3 report (final)"), "Q3 report (final) (2)"),
            (Some("  ä?/b.tar.gz "), "b tar"),
            (None, "document"),
            (Some("…"), "document (2)"),
        ] {
            assert_eq!(names.give(title), expected);
        }
    }
}
