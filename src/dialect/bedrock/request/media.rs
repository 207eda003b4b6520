//! Images, documents, videos and sounds, written.

use std::{borrow::Cow, collections::HashSet};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    super::{
        models::{Family, Model},
        wire::{Kind, member},
    },
    formats::{What, of_ending, of_type},
};
use crate::{
    Json,
    chat::{Content, Fidelity, Media, Source},
    dialect::labels,
    error::{Error, ErrorKind},
    json,
};

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
        // Its labels have a place.
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
    labels::medium(report, path, content, media);
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
        let (what, format) = of_type(kind, usual)
            .ok_or_else(|| unsupported(path, &format!("the vendor takes no `{kind}`")))?;
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
