//! The size of an image, from its first bytes, and what vendors make of it.

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// How much of an image is looked at: a JPEG's size stands behind its embedded preview.
const HEAD: usize = 96 << 10;

/// What is taken for the size where it cannot be known.
pub(super) const USUAL: (u64, u64) = (1024, 1024);

/// What an image of this size costs at vendors of a dialect.
pub(super) fn tokens(dialect: &str, (width, height): (u64, u64), low: bool) -> u64 {
    let (width, height) = (width.clamp(1, 20_000), height.clamp(1, 20_000));
    match dialect {
        // A pixel in 750, of an image whose longer side is 1568 at most.
        "anthropic" | "bedrock-converse" => {
            let long = width.max(height);
            let (width, height) = fit((width, height), long, 1568);
            (width * height / 750).clamp(1, 1_600)
        }
        // 258 for a small one, or for each tile of 768.
        "gemini" if width <= 384 && height <= 384 => 258,
        "gemini" => width.div_ceil(768) * height.div_ceil(768) * 258,
        // 85, and 170 for each tile of 512 when its shorter side is 768 at most.
        _ if low => 85,
        _ => {
            let long = width.max(height);
            let (width, height) = fit((width, height), long, 2048);
            let (width, height) = fit((width, height), width.min(height), 768);
            85 + 170 * width.div_ceil(512) * height.div_ceil(512)
        }
    }
}

/// Made smaller until `side` is no longer than `most`.
fn fit((width, height): (u64, u64), side: u64, most: u64) -> (u64, u64) {
    if side <= most {
        return (width, height);
    }
    ((width * most / side).max(1), (height * most / side).max(1))
}

/// Width and height of an image in base64, if it is of a known kind.
pub(super) fn size(base64: &str) -> Option<(u64, u64)> {
    let head = base64.as_bytes().get(..HEAD).unwrap_or(base64.as_bytes());
    let whole = head.len() - head.len() % 4;
    let alphabet = match head.iter().any(|b| matches!(b, b'-' | b'_')) {
        true => &URL_SAFE,
        false => &STANDARD,
    };
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(alphabet, config);
    size_of(&engine.decode(head.get(..whole)?).ok()?)
}

fn size_of(bytes: &[u8]) -> Option<(u64, u64)> {
    let be = |at: usize, n: usize| number(bytes.get(at..at.checked_add(n)?)?.iter());
    let le = |at: usize, n: usize| number(bytes.get(at..at.checked_add(n)?)?.iter().rev());
    if bytes.starts_with(b"\x89PNG") {
        return Some((be(16, 4)?, be(20, 4)?));
    }
    if bytes.starts_with(b"GIF8") {
        return Some((le(6, 2)?, le(8, 2)?));
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12)? == b"WEBP" {
        return match bytes.get(12..16)? {
            b"VP8X" => Some((le(24, 3)? + 1, le(27, 3)? + 1)),
            b"VP8 " => Some((le(26, 2)? & 0x3fff, le(28, 2)? & 0x3fff)),
            b"VP8L" => {
                let bits = le(21, 4)?;
                Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
            }
            _ => None,
        };
    }
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return None;
    }
    let mut at = 2;
    loop {
        let (mark, kind) = (be(at, 1)?, be(at + 1, 1)?);
        if mark != 0xff {
            return None;
        }
        if kind == 0xff {
            at += 1;
            continue;
        }
        // Frame headers, of whatever coding.
        if matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc) {
            return Some((be(at + 7, 2)?, be(at + 5, 2)?));
        }
        let length = be(at + 2, 2)?.max(2);
        at = at.checked_add(2 + usize::try_from(length).ok()?)?;
    }
}

fn number<'b>(bytes: impl Iterator<Item = &'b u8>) -> Option<u64> {
    Some(bytes.fold(0, |all, byte| all << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD as BASE64;

    #[test]
    fn sizes_are_read_off_the_first_bytes() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([0, 0, 4, 0, 0, 0, 3, 0, 8, 6]);
        let gif = b"GIF89a\x20\x03\x58\x02..".to_vec();
        let mut jpeg = vec![
            0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xff, 0xc2, 0, 17, 8,
        ];
        jpeg.extend([2, 88, 3, 32, 3, 0]);
        let mut webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
        webp.extend([0x1f, 3, 0, 0x57, 2, 0]);
        for (bytes, want) in [
            (&png, Some((1024, 768))),
            (&gif, Some((800, 600))),
            (&jpeg, Some((800, 600))),
            (&webp, Some((800, 600))),
            (&b"<svg>".to_vec(), None),
        ] {
            let padded = [bytes.as_slice(), &[0; 3]].concat();
            assert_eq!(size(&BASE64.encode(padded)), want);
        }
        for end in 0..jpeg.len() {
            let cut = size_of(&jpeg[..end]);
            assert!(cut.is_none() || end > 16, "{end}");
        }
        assert_eq!(size("no base64 at all!"), None);
    }

    #[test]
    fn every_vendor_has_its_rule() {
        for (dialect, size, low, want) in [
            ("anthropic", (1092, 1092), false, 1589),
            ("anthropic", (200, 200), false, 53),
            ("anthropic", (8000, 8000), false, 1600),
            ("openai-chat", (1024, 1024), false, 765),
            ("openai-responses", (2048, 4096), false, 1105),
            ("openai-chat", (4096, 4096), true, 85),
            ("gemini", (300, 300), false, 258),
            ("gemini", (1000, 700), false, 516),
        ] {
            assert_eq!(tokens(dialect, size, low), want, "{dialect} {size:?}");
        }
    }
}
