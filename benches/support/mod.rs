//! The whole stack over a vendor in memory, as the benches call it.
#![allow(dead_code, reason = "each bench uses its part")]

pub mod valgrind;

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt::Write,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::{Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use trunkline::{
    Body, FailoverLayer, IngressLayer, PoolLayer, RetryBackoffLayer, Secret, SseNormalizeLayer,
    Upstream,
    chat::EventSink,
    dialect::{
        Asked, Dialect, EventEncoder, anthropic::Anthropic, gemini::Gemini,
        openai_chat::OpenAiChat, openai_responses::OpenAiResponses,
    },
    failover::Chains,
    pool::{Pool, Pools, Vendor},
    provider::Compatible,
    retry::RetryPolicy,
    upstream::Account,
    wire::Frame,
};

/// Any of the services under test.
pub type Http = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// What the vendor speaks.
#[derive(Clone, Copy)]
pub enum Speaks {
    OpenAi,
    Anthropic,
}

/// A vendor that always gives the same answer, without a socket: the bare client call.
pub fn client(content_type: &'static str, answer: Bytes) -> Http {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            // A real client reads the request as well.
            let _ = request.into_body().collect().await;
            let mut response = Response::new(Body::from(answer));
            response.headers_mut().insert(
                http::header::CONTENT_TYPE,
                http::HeaderValue::from_static(content_type),
            );
            Ok(response)
        }
    }))
}

/// The same for a stream whose events come one by one, each on its own.
pub fn paced_client(answer: Bytes) -> Http {
    let mut events = Vec::new();
    let mut rest = answer;
    while let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
        events.push(rest.split_to(end + 2));
    }
    let events: Arc<[Bytes]> = events.into();
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Body>| {
        let events = events.clone();
        async move {
            let _ = request.into_body().collect().await;
            let mut response = Response::new(Body::new(Paced {
                events,
                next: 0,
                waits: false,
            }));
            response.headers_mut().insert(
                http::header::CONTENT_TYPE,
                http::HeaderValue::from_static("text/event-stream"),
            );
            Ok(response)
        }
    }))
}

/// Nothing is there before each event, and whoever asks again finds it.
struct Paced {
    events: Arc<[Bytes]>,
    next: usize,
    waits: bool,
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        self.waits = !self.waits;
        if self.waits {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let event = self.events.get(self.next).cloned();
        self.next += 1;
        Poll::Ready(event.map(|event| Ok(http_body::Frame::data(event))))
    }
}

/// All layers over that client: three accounts, a chain, retries.
pub fn stack(speaks: Speaks, client: Http) -> Http {
    let mut vendor = vendor(speaks);
    for name in ["a", "b", "c"] {
        vendor = vendor.account(Arc::new(Account::new(name, Secret::new("bench-key"))), 1);
    }
    let pools = Pools::with_seed(1).pool("bench", Pool::new().vendor(vendor));
    stack_of(pools, Chains::new().chain("bench", ["other"]), client)
}

/// A vendor without accounts.
pub fn vendor(speaks: Speaks) -> Vendor {
    let provider = match speaks {
        Speaks::OpenAi => Compatible::openai("bench", "http://bench.example/v1"),
        Speaks::Anthropic => Compatible::anthropic("bench", "http://bench.example/v1"),
    };
    Vendor::new(Arc::new(provider.expect("a legal URL")), "upstream-model")
}

/// All layers over that client, with these pools and chains.
pub fn stack_of(pools: Pools, chains: Chains, client: Http) -> Http {
    let service = ServiceBuilder::new()
        .layer(IngressLayer::new())
        .layer(SseNormalizeLayer::new())
        .layer(FailoverLayer::new(chains))
        .layer(RetryBackoffLayer::new(RetryPolicy::new()))
        .layer(PoolLayer::new(pools))
        .service(Upstream::new(client));
    BoxCloneSyncService::new(service)
}

/// A chat request of about `bytes` bytes, for OpenAI's front.
pub fn request(stream: bool, bytes: usize) -> Request<Body> {
    let text = "lorem ipsum ".repeat(bytes / 12);
    let body = format!(
        r#"{{"model":"bench","stream":{stream},"messages":[{{"role":"user","content":"{text}"}}]}}"#
    );
    Request::post("http://gateway.example/v1/chat/completions")
        .header("content-type", "application/json")
        .header("authorization", "Bearer caller")
        .body(Body::from(body))
        .expect("a legal request")
}

/// Calls the service and reads the whole answer; tells its size.
pub async fn drain(service: &Http, request: Request<Body>) -> usize {
    let mut service = service.clone();
    let response = service
        .ready()
        .await
        .expect("infallible")
        .call(request)
        .await;
    let mut body = response.expect("infallible").into_body();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        size += frame
            .expect("a whole answer")
            .data_ref()
            .map_or(0, Bytes::len);
    }
    size
}

/// A stream of `events` text deltas in OpenAI's dialect, about 300 bytes each, with its beginning and end.
pub fn openai_stream(events: usize) -> Bytes {
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\
             \"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_f7a584cf1f\",\
             \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"obfuscation\":\"aB3\"}}\n\n"
        )
    };
    let mut out = chunk(
        r#"{"role":"assistant","content":"","refusal":null}"#,
        "null",
    );
    for _ in 0..events {
        out.push_str(&chunk(r#"{"content":" trunk"}"#, "null"));
    }
    out.push_str(&chunk("{}", r#""stop""#));
    out.push_str("data: [DONE]\n\n");
    out.into()
}

/// The same in Anthropic's dialect.
pub fn anthropic_stream(events: usize) -> Bytes {
    let mut out = String::from(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\
         \"model\":\"claude\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n\
         event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    );
    for _ in 0..events {
        let _ = write!(
            out,
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\" trunk\"}}}}\n\n"
        );
    }
    out.push_str(
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
         event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":7}}\n\n\
         event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    out.into()
}

/// A whole answer in OpenAI's dialect.
pub fn openai_answer() -> Bytes {
    Bytes::from_static(
        br#"{"id":"chatcmpl-1","object":"chat.completion","created":1741569952,"model":"gpt-4.1","choices":[{"index":0,"message":{"role":"assistant","content":"A trunk line is a group of circuits shared by many callers.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":13,"total_tokens":32}}"#,
    )
}

/// The dialects between which is translated.
pub const DIALECTS: [&dyn Dialect; 4] = [&OpenAiChat, &OpenAiResponses, &Anthropic, &Gemini];

/// An answer of `events` pieces of text, as a vendor of the dialect streams it.
pub fn frames(dialect: &dyn Dialect, events: usize) -> Vec<Frame> {
    let mut sink = EventSink::new();
    sink.start("answer-1", "model");
    for _ in 0..events {
        sink.text(" trunk");
    }
    sink.end();
    let mut encoder = encoder(dialect);
    let mut frames = VecDeque::new();
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut frames);
    }
    frames.into()
}

/// An encoder for callers of the dialect.
pub fn encoder(dialect: &dyn Dialect) -> Box<dyn EventEncoder> {
    let front = dialect.front().expect("a front");
    front.encoder(&Asked::new("model", true, 1_790_000_000))
}

/// Translates a whole stream; tells how many frames came out.
pub fn translate(from: &dyn Dialect, to: &dyn Dialect, frames: &[Frame]) -> usize {
    let (mut decoder, mut encoder) = (from.decoder(), encoder(to));
    let (mut sink, mut out) = (EventSink::new(), VecDeque::new());
    let mut written = 0;
    for frame in frames {
        let _ = decoder.decode(frame, &mut sink);
        while let Some(event) = sink.next_event() {
            encoder.encode(event, &mut out);
        }
        written += out.drain(..).count();
    }
    written
}

/// The plain way to do as little as can be done with JSON: every frame parsed and written again.
pub fn round_trip(frames: &[Frame]) -> usize {
    let values = frames
        .iter()
        .filter_map(|frame| serde_json::from_slice::<serde_json::Value>(frame.data()).ok());
    values
        .filter_map(|value| serde_json::to_vec(&value).ok())
        .map(|bytes| bytes.len())
        .sum()
}
