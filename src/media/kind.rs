//! What bytes are, by how they begin.

use super::MediaKind;

/// The media type of what was found, if it is of the kind that was expected. Bytes are believed before headers, and a text only if
/// the header says that it is one.
pub(super) fn media_type(kind: MediaKind, header: Option<&str>, bytes: &[u8]) -> Option<String> {
    let by_bytes = match kind {
        MediaKind::Image => image(bytes),
        MediaKind::Document => bytes.starts_with(b"%PDF-").then_some("application/pdf"),
        MediaKind::Audio => audio(bytes),
    };
    if let Some(known) = by_bytes {
        return Some(known.to_owned());
    }
    let header = header?.split(';').next()?.trim().to_ascii_lowercase();
    let is_text = matches!(
        &*header,
        "text/plain" | "text/markdown" | "text/csv" | "text/html" | "text/xml"
    );
    let readable = is_text
        && kind == MediaKind::Document
        && !bytes.is_empty()
        && !bytes.contains(&0)
        && std::str::from_utf8(bytes).is_ok();
    readable.then_some(header)
}

fn image(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Some("image/jpeg")
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some("image/gif")
    } else if is_riff(bytes, b"WEBP") {
        Some("image/webp")
    } else {
        match bytes.get(4..12) {
            Some(b"ftypheic" | b"ftypheix") => Some("image/heic"),
            Some(b"ftypmif1") => Some("image/heif"),
            _ => None,
        }
    }
}

fn audio(bytes: &[u8]) -> Option<&'static str> {
    if is_riff(bytes, b"WAVE") {
        Some("audio/wav")
    } else if bytes.starts_with(b"OggS") {
        Some("audio/ogg")
    } else if bytes.starts_with(b"fLaC") {
        Some("audio/flac")
    } else if bytes.starts_with(b"ID3") {
        Some("audio/mpeg")
    } else {
        match bytes {
            // ADTS has the layer bits unset, MPEG audio one of them set.
            [0xff, second, ..] if second & 0xf6 == 0xf0 => Some("audio/aac"),
            [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x06 != 0 => Some("audio/mpeg"),
            _ => (bytes.get(4..11) == Some(b"ftypM4A")).then_some("audio/mp4"),
        }
    }
}

fn is_riff(bytes: &[u8], form: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_tell_and_headers_only_of_texts() {
        use MediaKind::{Audio, Document, Image};
        for (kind, header, bytes, want) in [
            (
                Image,
                "image/jpeg",
                &b"\x89PNG\r\n\x1a\nx"[..],
                Some("image/png"),
            ),
            (Image, "image/png", b"<html>secret</html>", None),
            (Image, "image/svg+xml", b"<svg/>", None),
            (Image, "text/plain", b"secret", None),
            (Image, "image/png", b"", None),
            (
                Document,
                "application/octet-stream",
                b"%PDF-1.7",
                Some("application/pdf"),
            ),
            (
                Document,
                "text/plain; charset=utf-8",
                b"words",
                Some("text/plain"),
            ),
            (Document, "application/json", b"{\"secret\":1}", None),
            (Document, "text/plain", b"\0\x01", None),
            (Document, "application/pdf", b"words", None),
            (
                Audio,
                "audio/wav",
                b"RIFF\0\0\0\0WAVEfmt ",
                Some("audio/wav"),
            ),
            (Audio, "", b"ID3\x04", Some("audio/mpeg")),
            (Audio, "", b"\xff\xfb\x90", Some("audio/mpeg")),
            (Audio, "audio/mpeg", b"words", None),
        ] {
            let got = media_type(kind, Some(header), bytes);
            assert_eq!(got.as_deref(), want, "{kind:?} {header}");
        }
    }
}
