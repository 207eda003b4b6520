//! The vendor: both dialects, whole or streamed, as fast as it can or at a pace.
//!
//! What it does is in the path, so that a proxy need not know: `/<events>/<pace in ms>/v1/…`. No events is a whole answer.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, time::Interval};

pub async fn run(listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

async fn answer(request: Request<Incoming>) -> Result<Answer, hyper::Error> {
    let (parts, mut body) = request.into_parts();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let path = parts.uri.path();
    let mut numbers = path.split('/').skip(1).map(|part| part.parse().ok());
    let (events, pace): (usize, u64) = match (numbers.next(), numbers.next()) {
        (Some(Some(events)), Some(Some(pace))) => (events, pace as u64),
        _ => (0, 0),
    };
    let texts = if path.ends_with("/messages") {
        &*ANTHROPIC
    } else {
        &*OPENAI
    };
    let (kind, body) = if events == 0 {
        let body = Full::new(texts.whole.clone()).boxed_unsync();
        ("application/json", body)
    } else {
        let pace = (pace > 0).then(|| tokio::time::interval(Duration::from_millis(pace)));
        let stream = Stream {
            texts,
            events,
            sent: 0,
            pace,
        };
        ("text/event-stream; charset=utf-8", stream.boxed_unsync())
    };
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

/// A stream, each event a chunk of its own.
struct Stream {
    texts: &'static Texts,
    events: usize,
    sent: usize,
    pace: Option<Interval>,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (head, tail) = (self.texts.head.len(), self.texts.tail.len());
        let at = self.sent;
        let bytes = if let Some(bytes) = self.texts.head.get(at) {
            bytes
        } else if at - head < self.events {
            if let Some(pace) = &mut self.pace {
                ready!(pace.poll_tick(cx));
            }
            &self.texts.event
        } else if at - head - self.events < tail {
            &self.texts.tail[at - head - self.events]
        } else {
            return Poll::Ready(None);
        };
        let bytes = bytes.clone();
        self.sent += 1;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// What a dialect's answers are made of.
struct Texts {
    whole: Bytes,
    head: Vec<Bytes>,
    event: Bytes,
    tail: Vec<Bytes>,
}

static OPENAI: LazyLock<Texts> = LazyLock::new(|| {
    let chunk = |delta: &str, finish: &str| {
        Bytes::from(format!(
            "data: {{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\
             \"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_f7a584cf1f\",\
             \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
        ))
    };
    let usage = "data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\
        \"model\":\"gpt-4.1-2025-04-14\",\"choices\":[],\"usage\":{\"prompt_tokens\":119,\"completion_tokens\":50,\"total_tokens\":169}}\n\n";
    Texts {
        whole: openai_answer(),
        head: vec![chunk(r#"{"role":"assistant","content":""}"#, "null")],
        event: chunk(r#"{"content":" trunk"}"#, "null"),
        tail: vec![
            chunk("{}", r#""stop""#),
            Bytes::from_static(usage.as_bytes()),
            Bytes::from_static(b"data: [DONE]\n\n"),
        ],
    }
});

static ANTHROPIC: LazyLock<Texts> = LazyLock::new(|| {
    let event = |name: &str, rest: &str| {
        Bytes::from(format!(
            "event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n"
        ))
    };
    Texts {
        whole: anthropic_answer(),
        head: vec![
            event(
                "message_start",
                r#","message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":119,"output_tokens":1}}"#,
            ),
            event(
                "content_block_start",
                r#","index":0,"content_block":{"type":"text","text":""}"#,
            ),
        ],
        event: event(
            "content_block_delta",
            r#","index":0,"delta":{"type":"text_delta","text":" trunk"}"#,
        ),
        tail: vec![
            event("content_block_stop", r#","index":0"#),
            event(
                "message_delta",
                r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":50}"#,
            ),
            event("message_stop", ""),
        ],
    }
});

/// A whole answer of 1.2 KB.
fn openai_answer() -> Bytes {
    let text = "A trunk line is a group of circuits shared by many callers. ".repeat(13);
    format!(
        r#"{{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1741569952,"model":"gpt-4.1-2025-04-14","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":119,"completion_tokens":210,"total_tokens":329,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}}}},"service_tier":"default"}}"#
    )
    .into()
}

/// The same from Anthropic.
fn anthropic_answer() -> Bytes {
    let text = "A trunk line is a group of circuits shared by many callers. ".repeat(13);
    format!(
        r#"{{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":119,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":210}}}}"#
    )
    .into()
}
