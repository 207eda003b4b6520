//! Media types and endings of addresses, and what they are to the vendor.

use std::borrow::Cow;

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
pub(super) enum What {
    Image,
    Document,
    Video,
    Audio,
}

/// The kind of block and the format of a media type; none if the vendor does not take it.
pub(super) fn of_type(kind: &str, usual: What) -> Option<(What, Cow<'static, str>)> {
    let bare = kind.split(';').next().unwrap_or(kind).trim();
    let bare = bare.to_ascii_lowercase();
    if let Some((_, what, format)) = TYPES.iter().find(|(name, ..)| *name == bare) {
        return Some((*what, Cow::Borrowed(format)));
    }
    if bare.starts_with("text/") && usual == What::Document {
        return Some((What::Document, "txt".into()));
    }
    None
}

/// The same, by the ending of an address.
pub(super) fn of_ending(url: &str, usual: What) -> Option<(What, Cow<'static, str>)> {
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
