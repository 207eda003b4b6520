use proptest::prelude::*;

use super::*;

/// What was read, and how it stands then: what is left of the body and in the buffer, unless something was wrong.
type Read = (Vec<u8>, Option<(Framing, Vec<u8>)>);

/// Reads piece by piece.
fn read<'a>(mut framing: Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let (mut buffer, mut data) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match framing.take(&mut buffer) {
                Ok(Some(more)) => {
                    assert!(!more.is_empty());
                    data.extend_from_slice(&more);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                    return (data, None);
                }
            }
        }
    }
    (data, Some((framing, buffer.to_vec())))
}

const fn chunked() -> Framing {
    Framing::Chunked(Chunk::Size)
}

#[test]
fn every_split_gives_the_same() {
    let over = Some(Framing::Over);
    let at = |chunk| Some(Framing::Chunked(chunk));
    for (framing, bytes, data, state, rest) in [
        // What comes behind a body is not touched.
        (Framing::Over, "HTTP", "", over, "HTTP"),
        (
            Framing::Length(5),
            "helloHTTP",
            "hello",
            Some(Framing::Over),
            "HTTP",
        ),
        (
            Framing::Length(5),
            "hell",
            "hell",
            Some(Framing::Length(1)),
            "",
        ),
        (
            Framing::Length(u64::MAX),
            "hell",
            "hell",
            Some(Framing::Length(u64::MAX - 4)),
            "",
        ),
        (
            Framing::UntilClosed,
            "2\r\nhi\r\n0\r\n\r\n",
            "2\r\nhi\r\n0\r\n\r\n",
            Some(Framing::UntilClosed),
            "",
        ),
        (chunked(), "0\r\n\r\nHTTP", "", Some(Framing::Over), "HTTP"),
        (
            chunked(),
            "1\r\nh\r\n0A\r\n0123456789\r\n00\r\n\r\nHTTP/1.1 200 OK\r\n",
            "h0123456789",
            Some(Framing::Over),
            "HTTP/1.1 200 OK\r\n",
        ),
        // Extensions and trailers say nothing to us.
        (
            chunked(),
            "2 \t\r\nhi\r\n2 ;a=\"b;c\"\r\nho\r\n0;x\r\nA: b\r\nc:d\r\n\r\n\r\n",
            "hiho",
            Some(Framing::Over),
            "\r\n",
        ),
        // Data that look like the end.
        (
            chunked(),
            "7\r\n0\r\n\r\n\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n",
            "0\r\n\r\n\r\n\r\n",
            Some(Framing::Over),
            "",
        ),
        // Cut off.
        (chunked(), "", "", at(Chunk::Size), ""),
        (chunked(), "a;b", "", at(Chunk::Size), "a;b"),
        (chunked(), "5\r\nhel", "hel", at(Chunk::Data(2)), ""),
        (chunked(), "3\r\nhel", "hel", at(Chunk::DataEnd), ""),
        (chunked(), "3\r\nhel\r", "hel", at(Chunk::DataEnd), "\r"),
        (
            chunked(),
            "0\r\na: b\r\n\r",
            "",
            at(Chunk::Trailers(4)),
            "\r",
        ),
        (
            chunked(),
            "ffffffffffffffff\r\nhi",
            "hi",
            at(Chunk::Data(u64::MAX - 2)),
            "",
        ),
        (
            chunked(),
            "00000000000000000000003\r\nhel\r\n",
            "hel",
            at(Chunk::Size),
            "",
        ),
        // Wrong.
        (chunked(), "\r\n", "", None, ""),
        (chunked(), ";a\r\n", "", None, ""),
        (chunked(), " 2\r\n", "", None, ""),
        (chunked(), "-2\r\n", "", None, ""),
        (chunked(), "+2\r\n", "", None, ""),
        (chunked(), "0x2\r\n", "", None, ""),
        (chunked(), "2 2\r\n", "", None, ""),
        (chunked(), "2g\r\n", "", None, ""),
        (chunked(), "2\u{c}\r\n", "", None, ""),
        (chunked(), "2\nhi\r\n", "", None, ""),
        (chunked(), "2\r\r\nhi\r\n", "", None, ""),
        (chunked(), "2;a\rb\r\nhi\r\n", "", None, ""),
        (chunked(), "2;a\nb\r\nhi\r\n", "", None, ""),
        (chunked(), "2\r\nhi\n0\r\n\r\n", "hi", None, ""),
        (chunked(), "2\r\nhi\r0\r\n\r\n", "hi", None, ""),
        (chunked(), "2\r\nhis\r\n0\r\n\r\n", "hi", None, ""),
        (
            chunked(),
            "2\r\nhi\r\nHTTP/1.1 200 OK\r\n\r\n",
            "hi",
            None,
            "",
        ),
        (chunked(), "0\r\na: b\n\r\n", "", None, ""),
        (chunked(), "0\r\na: b\rc: d\r\n\r\n", "", None, ""),
        (chunked(), "0\r\n\n", "", None, ""),
        (chunked(), "10000000000000000\r\n", "", None, ""),
        (chunked(), "fffffffffffffffff\r\n", "", None, ""),
    ] {
        let wanted: Read = (data.into(), state.map(|framing| (framing, rest.into())));
        let pieces = bytes.as_bytes();
        let anew = || match framing {
            Framing::Over => Framing::Over,
            Framing::Length(length) => Framing::Length(length),
            Framing::UntilClosed => Framing::UntilClosed,
            Framing::Chunked(_) => chunked(),
        };
        assert_eq!(read(anew(), [pieces]), wanted, "{bytes:?}");
        assert_eq!(read(anew(), pieces.chunks(1)), wanted, "{bytes:?}");
        for first in 0..pieces.len() {
            for second in first..=pieces.len() {
                let cut = [&pieces[..first], &pieces[first..second], &pieces[second..]];
                assert_eq!(read(anew(), cut), wanted, "{cut:?}");
            }
        }
    }
}

#[test]
fn lines_and_trailers_end_some_time() {
    let most = MOST_OF_A_LINE;
    // The carriage return is one of the bytes.
    let line = |length: usize| format!("2;{}\r\nhi", "x".repeat(length - 3));
    let trailer = |length: usize| format!("0\r\n{}\r\n", "x".repeat(length - 1));
    let many = |count: usize| format!("0\r\n{}", "abcd\r\n".repeat(count));
    for (bytes, is_right) in [
        (line(most), true),
        (line(most + 1), false),
        (format!("2;{}", "x".repeat(most - 2)), true),
        (format!("2;{}", "x".repeat(most - 1)), false),
        (trailer(most), true),
        (trailer(most + 1), false),
        (many(most / 4), true),
        (many(most / 4 + 1), false),
    ] {
        for size in [bytes.len(), 4099, 97] {
            let (_, end) = read(chunked(), bytes.as_bytes().chunks(size));
            assert_eq!(end.is_some(), is_right, "{} by {size}", bytes.len());
        }
    }
}

#[test]
fn chunks_that_came_together_are_one_piece() {
    let mut buffer = BytesMut::from("1\r\nh\r\n2\r\nel\r\n5;x\r\nlo wo\r\n5\r\nr");
    let mut framing = chunked();
    let data = framing.take(&mut buffer).unwrap().unwrap();
    assert_eq!(data, "hello wor");
    assert_eq!(framing, Framing::Chunked(Chunk::Data(4)));
}

#[test]
fn only_some_bodies_end_with_the_connection() {
    for (framing, ends, left) in [
        (Framing::Over, true, Some(0)),
        (Framing::UntilClosed, true, None),
        (Framing::Length(3), false, Some(3)),
        (chunked(), false, None),
        (Framing::Chunked(Chunk::Trailers(0)), false, None),
    ] {
        assert_eq!(framing.ends_with_connection(), ends, "{framing:?}");
        assert_eq!(framing.left(), left, "{framing:?}");
    }
}

/// All at once, as plainly as it can be said: the data, then what is behind the body, or that it is cut off, or wrong.
fn plainly(mut bytes: &[u8]) -> (Vec<u8>, Option<Option<&[u8]>>) {
    let mut data = Vec::new();
    let mut is_last = false;
    loop {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            return (data, Some(None));
        };
        let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
        let Some(line) = line.strip_suffix(b"\r").filter(|l| !l.contains(&b'\r')) else {
            return (data, None);
        };
        bytes = rest;
        if is_last {
            match line {
                [] => return (data, Some(Some(bytes))),
                _ => continue,
            }
        }
        let line = String::from_utf8_lossy(line);
        let digits = line
            .split(';')
            .next()
            .unwrap()
            .trim_end_matches([' ', '\t']);
        let are_digits = digits.chars().all(|digit| digit.is_ascii_hexdigit());
        let Some(size) = u64::from_str_radix(digits, 16).ok().filter(|_| are_digits) else {
            return (data, None);
        };
        is_last = size == 0;
        if is_last {
            continue;
        }
        let here = usize::try_from(size).map_or(bytes.len(), |size| size.min(bytes.len()));
        data.extend_from_slice(&bytes[..here]);
        match &bytes[here..] {
            [b'\r', b'\n', rest @ ..] => bytes = rest,
            [] | [b'\r'] => return (data, Some(None)),
            _ => return (data, None),
        }
    }
}

proptest! {
    #[test]
    fn chunks_are_read_as_they_are_written(
        chunks in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..40), "(;[a-z= ]{0,5})?"), 0..6),
        trailers in prop::collection::vec("[a-z]{1,5}: [a-z]{0,5}", 0..3),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"\r\n;0af \x80"[..])), 0..3),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut bytes = Vec::new();
        for (data, extension) in &chunks {
            bytes.extend_from_slice(format!("{:x}{extension}\r\n", data.len()).as_bytes());
            bytes.extend_from_slice(data);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n");
        for trailer in &trailers {
            bytes.extend_from_slice(format!("{trailer}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\nHTTP/1.1 200 OK\r\n");
        if changes.is_empty() {
            let data: Vec<u8> = chunks.into_iter().flat_map(|(data, _)| data).collect();
            prop_assert_eq!(plainly(&bytes), (data, Some(Some(&b"HTTP/1.1 200 OK\r\n"[..]))));
        }
        for (at, byte) in &changes {
            *at.get_mut(&mut bytes) = *byte;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        let (data, end) = read(chunked(), pieces);
        let (wanted, wanted_end) = plainly(&bytes);
        prop_assert_eq!(data, wanted);
        match (end, wanted_end) {
            (None, None) => {}
            (Some((Framing::Over, rest)), Some(Some(wanted))) => prop_assert_eq!(rest, wanted),
            (Some((Framing::Chunked(_), _)), Some(None)) => {}
            (end, wanted) => prop_assert!(false, "{end:?} instead of {wanted:?}"),
        }
    }
}
