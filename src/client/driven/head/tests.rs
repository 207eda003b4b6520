use super::*;

fn take(bytes: &str, has_body: bool) -> io::Result<Option<Head>> {
    Head::take(&mut BytesMut::from(bytes), has_body)
}

#[test]
fn the_head_says_how_the_body_ends_and_whether_another_answer_may_follow() {
    let chunked = || Framing::Chunked(Chunk::Size);
    for (head, status, framing, keeps) in [
        (
            "1.1 200 OK|content-length: 2",
            200,
            Framing::Length(2),
            true,
        ),
        ("1.1 200|Content-Length:2", 200, Framing::Length(2), true),
        ("1.1 200 |content-length: 0", 200, Framing::Over, true),
        (
            "1.1 200 OK|content-length: 2|content-length: 2",
            200,
            Framing::Length(2),
            true,
        ),
        (
            "1.1 200 OK|content-length: 2, 2 ,2",
            200,
            Framing::Length(2),
            true,
        ),
        (
            "1.1 200 OK|content-length: 18446744073709551615",
            200,
            Framing::Length(u64::MAX),
            true,
        ),
        (
            "1.1 200 OK|transfer-encoding: chunked",
            200,
            chunked(),
            true,
        ),
        (
            "1.1 200 OK|transfer-encoding: gzip,\tCHUNKED",
            200,
            chunked(),
            true,
        ),
        (
            "1.1 200 OK|transfer-encoding: gzip|transfer-encoding: chunked",
            200,
            chunked(),
            true,
        ),
        (
            "1.1 200 OK|transfer-encoding: chunked, ,",
            200,
            chunked(),
            true,
        ),
        // Of two ways to say it chunks are the one that counts. Then nothing may follow.
        (
            "1.1 200 OK|transfer-encoding: chunked|content-length: 2",
            200,
            chunked(),
            false,
        ),
        (
            "1.1 200 OK|content-length: x|transfer-encoding: chunked",
            200,
            chunked(),
            false,
        ),
        (
            "1.0 200 OK|transfer-encoding: chunked|connection: keep-alive",
            200,
            chunked(),
            false,
        ),
        (
            "1.1 200 OK|transfer-encoding: identity|content-length: 2",
            200,
            Framing::UntilClosed,
            false,
        ),
        (
            "1.1 200 OK|transfer-encoding: chunked, gzip",
            200,
            Framing::UntilClosed,
            false,
        ),
        (
            "1.1 200 OK|transfer-encoding: chunkedx",
            200,
            Framing::UntilClosed,
            false,
        ),
        ("1.1 200 OK", 200, Framing::UntilClosed, false),
        // Answers without a body, whatever they say of it.
        ("1.1 204 No|content-length: 2", 204, Framing::Over, true),
        (
            "1.1 304 No|transfer-encoding: chunked",
            304,
            Framing::Over,
            true,
        ),
        (
            "1.1 205 Reset|content-length: 2",
            205,
            Framing::Length(2),
            true,
        ),
        // Who hangs up.
        (
            "1.1 200 OK|content-length: 2|connection: x, Close",
            200,
            Framing::Length(2),
            false,
        ),
        (
            "1.1 200 OK|content-length: 2|connection: keep-alive|connection: close",
            200,
            Framing::Length(2),
            false,
        ),
        (
            "1.0 200 OK|content-length: 2",
            200,
            Framing::Length(2),
            false,
        ),
        (
            "1.0 200 OK|content-length: 2|connection: Keep-Alive",
            200,
            Framing::Length(2),
            true,
        ),
        (
            "1.0 200 OK|content-length: 2|connection: keep-alive, close",
            200,
            Framing::Length(2),
            false,
        ),
        // Heads before the head, and no heads at all before it.
        (
            "1.1 100 Continue||HTTP/1.1 103 Hints|link: x||HTTP/1.1 200 OK|content-length: 2",
            200,
            Framing::Length(2),
            true,
        ),
        (
            "1.1 999 Odd|content-length: 2",
            999,
            Framing::Length(2),
            true,
        ),
    ] {
        let bytes = format!("HTTP/{}\r\n\r\n", head.replace('|', "\r\n"));
        let taken = take(&bytes, true).unwrap().unwrap();
        assert_eq!(taken.response.status(), status, "{head}");
        assert_eq!(taken.framing, framing, "{head}");
        assert_eq!(taken.keeps, keeps, "{head}");
        let version = match head.starts_with("1.0") {
            true => Version::HTTP_10,
            false => Version::HTTP_11,
        };
        assert_eq!(taken.response.version(), version, "{head}");
        // The answer to HEAD says what another one would have said.
        let taken = take(&bytes, false).unwrap().unwrap();
        assert_eq!(taken.framing, Framing::Over, "{head}");
        // Lines may end without a carriage return, and begin behind empty ones.
        let taken = take(&format!("\r\n{}", bytes.replace('\r', "")), true);
        assert_eq!(taken.unwrap().unwrap().framing, framing, "{head}");
    }
}

#[test]
fn what_is_no_head_is_an_error() {
    for head in [
        "HTTP/2 200 OK|",
        "HTTP/1.2 200 OK|",
        "HTTP/0.9 200 OK|",
        "ICY 200 OK|",
        "GET / HTTP/1.1|",
        "{\"error\": 1}",
        "HTTP/1.1 20 OK|",
        "HTTP/1.1 2000 OK|",
        "HTTP/1.1 099 OK|content-length: 2|",
        "HTTP/1.1 -20 OK|",
        "HTTP/1.1 101 Switching Protocols|upgrade: h2c|",
        "HTTP/1.1 200 OK|content-length|",
        "HTTP/1.1 200 OK|content-length : 2|",
        "HTTP/1.1 200 OK| content-length: 2|",
        "HTTP/1.1 200 OK|a: b| folded|",
        "HTTP/1.1 200 OK|: b|",
        "HTTP/1.1 200 OK|a b: c|",
        "HTTP/1.1 200 OK|a: b\0c|",
        "HTTP/1.1 200 OK|a: b\rc: d|",
        "HTTP/1.1 200 OK\rX|",
        "HTTP/1.1 200 OK|content-length: |",
        "HTTP/1.1 200 OK|content-length: 2,|",
        "HTTP/1.1 200 OK|content-length: -2|",
        "HTTP/1.1 200 OK|content-length: +2|",
        "HTTP/1.1 200 OK|content-length: 0x2|",
        "HTTP/1.1 200 OK|content-length: 2 2|",
        "HTTP/1.1 200 OK|content-length: 2, 3|",
        "HTTP/1.1 200 OK|content-length: 2|content-length: 3|",
        "HTTP/1.1 200 OK|content-length: 18446744073709551616|",
    ] {
        let bytes = format!("{}\r\n", head.replace('|', "\r\n"));
        let error = take(&bytes, true).err().map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::InvalidData), "{head:?}");
    }
}

#[test]
fn a_head_is_taken_when_all_of_it_is_there() {
    let head = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\na: \r\nb:c  \r\nb: \u{fc} d\r\ncontent-length: 2\r\n\r\n";
    for cut in 0..head.len() {
        // Byte by byte: a cut may be within a character.
        let mut buffer = BytesMut::from(&head.as_bytes()[..cut]);
        assert!(Head::take(&mut buffer, true).unwrap().is_none(), "{cut}");
        buffer.extend_from_slice(&head.as_bytes()[cut..]);
        buffer.extend_from_slice(b"hi");
        let whole = buffer.clone();
        let place = buffer.as_ptr_range();
        let taken = Head::take(&mut buffer, true).unwrap().unwrap();
        assert_eq!(&buffer[..], b"hi", "{cut} {whole:?}");
        let headers = taken.response.headers();
        let values: Vec<_> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_bytes()))
            .collect();
        let folded = "\u{fc} d".as_bytes();
        assert_eq!(
            values,
            [
                ("a", &b""[..]),
                ("b", b"c"),
                ("b", folded),
                ("content-length", b"2")
            ],
            "{cut}"
        );
        // Nothing of it was copied.
        for (_, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
            assert!(place.contains(&value.as_ptr()), "{cut}");
        }
    }
}

#[test]
fn heads_end_some_time() {
    let headers = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count));
    assert_eq!(
        take(&headers(MOST_HEADERS), true)
            .unwrap()
            .unwrap()
            .response
            .headers()
            .len(),
        MOST_HEADERS
    );
    assert!(take(&headers(MOST_HEADERS + 1), true).is_err());
    let long = |length: usize| format!("HTTP/1.1 200 OK\r\na: {}", "x".repeat(length));
    assert!(take(&long(MOST_BYTES - 21), true).unwrap().is_none());
    assert!(take(&long(MOST_BYTES), true).is_err());
    // Even one of empty lines.
    assert!(take(&"\r\n".repeat(MOST_BYTES / 2), true).is_err());
}
