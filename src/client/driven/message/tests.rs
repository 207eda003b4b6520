use std::future::poll_fn;

use futures_util::{StreamExt, stream};
use http_body::Frame;
use http_body_util::StreamBody;

use super::*;
use crate::BoxError;

/// Takes a few bytes at once, and waits before each time if told so.
struct Slow {
    most: usize,
    waits: bool,
    is_vectored: bool,
    has_waited: bool,
    written: Vec<u8>,
    flushed: usize,
}

impl Slow {
    const fn new(most: usize, waits: bool, is_vectored: bool) -> Self {
        Self {
            most,
            waits,
            is_vectored,
            has_waited: false,
            written: Vec::new(),
            flushed: 0,
        }
    }

    fn take(&mut self, cx: &Context<'_>, pieces: &[&[u8]]) -> Poll<io::Result<usize>> {
        self.has_waited = self.waits && !self.has_waited;
        if self.has_waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let bytes = pieces.concat();
        let here = bytes.len().min(self.most);
        self.written.extend_from_slice(&bytes[..here]);
        Poll::Ready(Ok(here))
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(cx, &[bytes])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &**piece).collect();
        match self.is_vectored {
            true => self.take(cx, &pieces),
            false => {
                let first = pieces.into_iter().find(|piece| !piece.is_empty());
                self.take(cx, first.as_slice())
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed = self.written.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

type Pieces = &'static [Result<&'static str, ()>];

/// A body that comes in these pieces, waiting before each of them, and may fail.
fn streamed(pieces: Pieces) -> Body {
    let pieces = stream::iter(pieces).map(|piece| match piece {
        Ok(text) => Ok(Frame::data(Bytes::from_static(text.as_bytes()))),
        Err(()) => Err(BoxError::from("it broke off")),
    });
    let waiting = pieces.then(async |piece| {
        tokio::task::yield_now().await;
        piece
    });
    Body::new(StreamBody::new(Box::pin(waiting)))
}

fn message(method: &str, url: &str, headers: &[(&'static str, &str)], body: Body) -> Message {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).unwrap();
    Message::new(request)
}

/// Everything that is written, and whether all of it was.
async fn write(message: &mut Message, to: &mut Slow) -> io::Result<()> {
    poll_fn(|cx| message.poll_write(cx, to)).await
}

/// Method, URL, headers and body; what is written of the head, and behind it.
type Case<'a> = (
    &'a str,
    &'a str,
    &'a [(&'static str, &'a str)],
    &'a dyn Fn() -> Body,
    &'a [&'a str],
    &'a str,
);

#[tokio::test]
async fn requests_are_written_the_same_however_little_is_taken_at_once() {
    let large = "x".repeat(8 * ROOM);
    let whole = || Body::from(large.clone());
    // Behind what is small, before it, and all of it small.
    let (middle, end) = large.split_at(ROOM - 9);
    let (middle, end) = (middle.to_owned(), end.to_owned());
    let pieces = || {
        Body::pieces([
            "xxxxxxxxx".into(),
            middle.clone().into(),
            end[9..].to_owned().into(),
        ])
    };
    let late = || {
        Body::pieces([
            end[2..].to_owned().into(),
            "x".into(),
            (middle.clone() + "x").into(),
        ])
    };
    let small = || Body::pieces(["a", "b", "c"].map(Bytes::from));
    const HOST: &str = "host: h";
    let length = format!("content-length: {}", large.len());
    let cases: [Case<'_>; 23] = [
        (
            "POST",
            "http://h/",
            &[],
            &pieces,
            &["POST / HTTP/1.1", HOST, &length],
            &large,
        ),
        (
            "POST",
            "http://h/",
            &[],
            &late,
            &["POST / HTTP/1.1", HOST, &length],
            &large,
        ),
        (
            "POST",
            "http://h/",
            &[],
            &small,
            &["POST / HTTP/1.1", HOST, "content-length: 3"],
            "abc",
        ),
        // The first line, and who it is for.
        (
            "GET",
            "http://h",
            &[],
            &Body::empty,
            &["GET / HTTP/1.1", HOST],
            "",
        ),
        (
            "GET",
            "http://h?a=b",
            &[],
            &Body::empty,
            &["GET /?a=b HTTP/1.1", HOST],
            "",
        ),
        (
            "DELETE",
            "http://u:p@h:8080/a/b%20c?d#e",
            &[],
            &Body::empty,
            &["DELETE /a/b%20c?d HTTP/1.1", "host: h:8080"],
            "",
        ),
        (
            "GET",
            "http://h:80/",
            &[],
            &Body::empty,
            &["GET / HTTP/1.1", HOST],
            "",
        ),
        (
            "GET",
            "https://h:443/",
            &[],
            &Body::empty,
            &["GET / HTTP/1.1", HOST],
            "",
        ),
        (
            "GET",
            "https://h:80/",
            &[],
            &Body::empty,
            &["GET / HTTP/1.1", "host: h:80"],
            "",
        ),
        (
            "GET",
            "http://[::1]:443/",
            &[],
            &Body::empty,
            &["GET / HTTP/1.1", "host: [::1]:443"],
            "",
        ),
        (
            "GET",
            "http://h/",
            &[("host", "other")],
            &Body::empty,
            &["GET / HTTP/1.1", "host: other"],
            "",
        ),
        // How long it is, is our own business.
        (
            "HEAD",
            "http://h/",
            &[
                ("content-length", "7"),
                ("a", "b"),
                ("connection", "close"),
                ("a", ""),
            ],
            &Body::empty,
            &["HEAD / HTTP/1.1", HOST, "a: b", "a: "],
            "",
        ),
        (
            "POST",
            "http://h/",
            &[("content-length", "7"), ("transfer-encoding", "chunked")],
            &Body::empty,
            &["POST / HTTP/1.1", HOST, "content-length: 0"],
            "",
        ),
        (
            "POST",
            "http://h/",
            &[("content-length", "7"), ("content-length", "8")],
            &|| Body::from("hi"),
            &["POST / HTTP/1.1", HOST, "content-length: 2"],
            "hi",
        ),
        (
            "GET",
            "http://h/",
            &[],
            &|| Body::from("hi"),
            &["GET / HTTP/1.1", HOST, "content-length: 2"],
            "hi",
        ),
        (
            "POST",
            "http://h/",
            &[],
            &whole,
            &["POST / HTTP/1.1", HOST, &length],
            &large,
        ),
        // Streams say it themselves, or their request does, or nobody.
        (
            "POST",
            "http://h/",
            &[("content-length", "3")],
            &|| Body::new(http_body_util::Full::new(Bytes::from("hello"))),
            &["POST / HTTP/1.1", HOST, "content-length: 5"],
            "hello",
        ),
        (
            "POST",
            "http://h/",
            &[("content-length", "5")],
            &|| streamed(&[Ok("he"), Ok(""), Ok("llo")]),
            &["POST / HTTP/1.1", HOST, "content-length: 5"],
            "hello",
        ),
        (
            "POST",
            "http://h/",
            &[("content-length", "0")],
            &|| streamed(&[]),
            &["POST / HTTP/1.1", HOST, "content-length: 0"],
            "",
        ),
        (
            "POST",
            "http://h/",
            &[],
            &|| streamed(&[Ok("he"), Ok(""), Ok("llo, all of you"), Ok("!")]),
            &["POST / HTTP/1.1", HOST, "transfer-encoding: chunked"],
            "2\r\nhe\r\nf\r\nllo, all of you\r\n1\r\n!\r\n0\r\n\r\n",
        ),
        (
            "POST",
            "http://h/",
            &[("content-length", "many")],
            &|| streamed(&[]),
            &["POST / HTTP/1.1", HOST, "transfer-encoding: chunked"],
            "0\r\n\r\n",
        ),
        // More than are written at once.
        (
            "PUT",
            "http://h/",
            &[],
            &|| {
                let pieces = ["a", "b", "c", "d", "e", "f"].map(Bytes::from);
                let pieces = pieces.map(|bytes| Ok::<_, BoxError>(Frame::data(bytes)));
                Body::new(StreamBody::new(stream::iter(pieces)))
            },
            &["PUT / HTTP/1.1", HOST, "transfer-encoding: chunked"],
            "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n1\r\nf\r\n0\r\n\r\n",
        ),
        // What is no data is left out.
        (
            "POST",
            "http://h/",
            &[],
            &|| {
                let trailers =
                    HeaderMap::from_iter([(header::ETAG, header::HeaderValue::from_static("x"))]);
                let frames = [Frame::data(Bytes::from("hi")), Frame::trailers(trailers)];
                Body::new(StreamBody::new(stream::iter(frames.map(Ok::<_, BoxError>))))
            },
            &["POST / HTTP/1.1", HOST, "transfer-encoding: chunked"],
            "2\r\nhi\r\n0\r\n\r\n",
        ),
    ];
    for (method, url, headers, body, head, rest) in cases {
        let wanted = format!("{}\r\n\r\n{rest}", head.join("\r\n"));
        for most in [1, 7, 4096, usize::MAX] {
            for (waits, is_vectored) in [(false, true), (true, true), (true, false)] {
                let mut message = message(method, url, headers, body());
                assert!(message.is_unsent());
                assert_eq!(message.is_answered_in_full, method != "HEAD");
                let mut to = Slow::new(most, waits, is_vectored);
                write(&mut message, &mut to).await.unwrap();
                let written = String::from_utf8(to.written).unwrap();
                // Headers of one name keep their order, those of different names need not.
                assert_eq!(sorted(&written), sorted(&wanted), "{most} {waits}");
                assert_eq!(to.flushed, wanted.len(), "{url}");
                assert!(!message.is_unsent());
            }
        }
    }
}

fn sorted(request: &str) -> (Vec<&str>, &str) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.split("\r\n").collect();
    lines[1..].sort_by_key(|line| line.split(':').next());
    (lines, body)
}

#[tokio::test]
async fn a_body_that_is_not_what_it_said_is_never_sent_again() {
    for (length, pieces, wanted) in [
        (None, &[Err(())][..], "it broke off"),
        (None, &[Ok("hello"), Err(())], "it broke off"),
        (Some("5"), &[Err(())], "it broke off"),
        (Some("5"), &[Ok("hello"), Err(())], "it broke off"),
        (Some("5"), &[], "shorter"),
        (Some("5"), &[Ok("hell")], "shorter"),
        (Some("5"), &[Ok("hello!"), Ok("hello")], "longer"),
        (Some("5"), &[Ok("hello"), Ok("!")], "longer"),
        (Some("0"), &[Ok("!")], "longer"),
    ] {
        for (most, waits) in [(1, true), (7, false), (usize::MAX, false)] {
            let headers: Vec<_> = length.map(|l| ("content-length", l)).into_iter().collect();
            let mut message = message("POST", "http://h/", &headers, streamed(pieces));
            let mut to = Slow::new(most, waits, true);
            let error = write(&mut message, &mut to).await.unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
            assert!(message.is_broken && !message.is_unsent(), "{pieces:?}");
            // Nothing tells the other side that this was all, nor more than was said.
            let written = String::from_utf8(to.written).unwrap();
            let body = written.split_once("\r\n\r\n").map(|(_, body)| body);
            assert!(
                !body.unwrap_or_default().ends_with("0\r\n\r\n"),
                "{written}"
            );
            if length.is_some() {
                assert!(body.unwrap_or_default().len() <= 5, "{written}");
            }
        }
    }
    // Even if nothing of it was written, since all of it came at once.
    let failing = StreamBody::new(stream::iter([Err::<Frame<Bytes>, _>(BoxError::from("no"))]));
    let mut message = message("POST", "http://h/", &[], Body::new(failing));
    let mut to = Slow::new(7, false, true);
    write(&mut message, &mut to).await.unwrap_err();
    assert!(to.written.is_empty() && !message.is_unsent());
}

#[tokio::test]
async fn what_is_there_is_sent_off_before_the_rest_comes() {
    let (tell, rest) = tokio::sync::oneshot::channel::<()>();
    let first = stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from("hi")))]);
    let never = stream::once(async move {
        rest.await.unwrap();
        Ok(Frame::data(Bytes::from("ho")))
    });
    let body = Body::new(StreamBody::new(Box::pin(first.chain(never))));
    let mut message = message("POST", "http://h/", &[("content-length", "4")], body);
    let mut to = Slow::new(usize::MAX, false, true);
    let now = poll_fn(|cx| Poll::Ready(message.poll_write(cx, &mut to))).await;
    assert!(now.is_pending());
    assert!(to.written.ends_with(b"\r\n\r\nhi"));
    assert_eq!(to.flushed, to.written.len());
    tell.send(()).unwrap();
    write(&mut message, &mut to).await.unwrap();
    assert!(to.written.ends_with(b"\r\n\r\nhiho"));
}

#[tokio::test]
async fn a_writer_that_takes_nothing_is_an_error() {
    let mut message = message("GET", "http://h/", &[], Body::empty());
    let error = write(&mut message, &mut Slow::new(0, false, true)).await;
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::WriteZero);
    assert!(message.is_unsent());
}
