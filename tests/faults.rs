//! The faults of the test kit against the leaf of the stack: what is harmless does no harm, and nothing else passes for an answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use tower::{Service, ServiceExt};
use trunkline::{
    Body, BoxError, Error, ErrorKind, ModelRequest, Provider, Secret, Upstream,
    chat::{ChatRequest, ChatResponse, Content, Message},
    client::{Client, ClientOptions, ReqwestClient},
    provider::{Bedrock, Compatible},
    testing::{Answer, Effect, Encoding, Fault, Script, Vendor},
    upstream::{Account, Attempt, Deployment, Timeouts},
};

const DIALECTS: [&str; 6] = [
    "openai-chat",
    "openai-responses",
    "anthropic",
    "gemini",
    "bedrock-converse",
    "cohere",
];

fn provider(dialect: &str, base: &str) -> Arc<dyn Provider> {
    let compatible = match dialect {
        "openai-chat" => Compatible::openai("v", base),
        "openai-responses" => Compatible::responses("v", base),
        "anthropic" => Compatible::anthropic("v", base),
        "gemini" => Compatible::gemini("v", base),
        "cohere" => Compatible::cohere("v", base),
        _ => {
            let bedrock = Bedrock::new("v", "us-east-1").expect("a region");
            return Arc::new(bedrock.with_base_url(base).expect("a URL"));
        }
    };
    Arc::new(compatible.expect("a URL"))
}

fn attempt(dialect: &str, base: &str, stream: bool) -> Attempt {
    let second = Some(Duration::from_secs(1));
    let account = Arc::new(Account::new("a", Secret::new("sk-secret")));
    let deployment = Deployment::new(provider(dialect, base), account, "m")
        .with_timeouts(Timeouts::new(second, second));
    let mut chat = ChatRequest::new("m", vec![Message::user("Hello")]);
    chat.stream = stream;
    Attempt::new(ModelRequest::chat(chat), Arc::new(deployment))
}

/// The attempt, to the end of its answer. A caller's patience ends after a minute.
async fn ask<C, B>(client: C, attempt: Attempt) -> Result<ChatResponse, Error>
where
    C: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let answer = Upstream::new(client).oneshot(attempt).await?;
    answer.into_chat().await
}

fn script() -> Script {
    Script::new()
        .thinking("They want the weather.")
        .text("Grüße aus Köln 🙂, let me look.")
        .tool_call("call_1", "weather", r#"{"city":"Köln"}"#)
        .tool_call("call_2", "clock", r#"{"zone":"CET"}"#)
        .usage(120, 30)
}

fn answer(dialect: &str, stream: bool) -> Answer {
    script()
        .answer(dialect, "m", stream)
        .expect("a known dialect")
}

/// What has to be the same whatever harmless thing happens on the way. Ids may not: two calls of one id are told apart.
fn essence(answer: &ChatResponse) -> String {
    let calls: Vec<_> = answer
        .content
        .iter()
        .filter_map(|content| match content {
            Content::ToolCall(call) => Some((&call.name, &call.arguments)),
            _ => None,
        })
        .collect();
    let mut ids: Vec<_> = answer
        .content
        .iter()
        .filter_map(|content| match content {
            Content::ToolCall(call) => Some(&call.id),
            _ => None,
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    format!(
        "{} {calls:?} {} ids, {:?}",
        answer.text(),
        ids.len(),
        answer.stop
    )
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_vendor_ends_as_it_should() {
    let (mut tried, mut wrongs) = (0, Vec::new());
    for dialect in DIALECTS {
        for stream in [false, true] {
            let vendor = Vendor::new();
            let attempt = || attempt(dialect, "http://vendor.test/v1", stream);
            vendor.push(answer(dialect, stream));
            let right = ask(vendor.clone(), attempt()).await.expect("no fault");
            for fault in Fault::ALL {
                let places: &[f64] = match fault.effect() {
                    Effect::Midway => &[0.0, 0.3, 0.6, 0.9, 1.0],
                    _ => &[0.5],
                };
                for &place in places {
                    let case = format!("{fault} at {place} in {dialect}, stream: {stream}");
                    vendor.push(answer(dialect, stream).fault_at(fault, place));
                    let limit = Duration::from_secs(60);
                    let got = tokio::time::timeout(limit, ask(vendor.clone(), attempt())).await;
                    let wrong = match (got, fault.effect()) {
                        // A whole answer has no clock of its own but the caller's.
                        (Err(_), _) => (stream || !fault.stalls()).then(|| "hangs".to_owned()),
                        (Ok(Err(error)), Effect::Harmless) => Some(format!("{error:?}")),
                        (Ok(Ok(got)), Effect::Harmless) if got.usage != right.usage => {
                            Some(format!("{:?} is not {:?}", got.usage, right.usage))
                        }
                        // Struck after its last word, an answer may pass for whole; then it has to be.
                        (Ok(Ok(got)), Effect::Harmless | Effect::Midway) => {
                            let (got, right) = (essence(&got), essence(&right));
                            (got != right).then(|| format!("{got}\nis not {right}"))
                        }
                        (Ok(Ok(_)), _) => Some("passes for an answer".to_owned()),
                        (Ok(Err(error)), Effect::Unanswered) => {
                            (error.kind() == ErrorKind::StreamBroken).then(|| format!("{error:?}"))
                        }
                        (Ok(Err(_)), _) => None,
                    };
                    wrongs.extend(wrong.map(|wrong| format!("{case}: {wrong}")));
                    tried += 1;
                }
            }
            assert_eq!(vendor.in_flight(), 0, "{dialect}");
        }
    }
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
    assert!(tried >= DIALECTS.len() * 2 * Fault::ALL.len());
}

#[tokio::test]
async fn every_fault_over_real_sockets_ends_as_it_should() {
    let vendor = Vendor::new();
    let server = vendor.serve().await.expect("a free port");
    let base = server.url("/v1");
    let options = ClientOptions::new();
    let direct = Client::new(&options).expect("a client");
    let reqwest = ReqwestClient::new(&options).expect("a client");
    let mut asked = 0;
    for (dialect, stream) in [
        ("openai-chat", true),
        ("anthropic", false),
        ("bedrock-converse", true),
    ] {
        for fault in Fault::ALL.into_iter().filter(|fault| !fault.stalls()) {
            for transport in ["direct", "reqwest"] {
                let case = format!("{fault} in {dialect} by {transport}");
                // A connection that is kept might be closed just as it is used again, and the call never arrive.
                let struck = answer(dialect, stream).fault_at(fault, 0.4);
                vendor.push(struck.header("connection", "close"));
                asked += 1;
                let attempt = attempt(dialect, &base, stream);
                let got = match transport {
                    "direct" => ask(direct.clone(), attempt).await,
                    _ => ask(reqwest.clone(), attempt).await,
                };
                match fault.effect() {
                    Effect::Harmless => assert!(got.is_ok(), "{case}: {got:?}"),
                    Effect::Unanswered => assert!(got.is_err(), "{case}"),
                    // The event at which the stream tells its end has come by then.
                    _ if fault == Fault::ShortBody && stream => assert!(got.is_ok(), "{case}"),
                    _ => assert!(got.is_err(), "{case}"),
                }
                vendor.wait_for_idle().await;
                assert_eq!(vendor.received(), asked, "{case}");
            }
        }
    }
}

/// pain P63 and P64
#[tokio::test]
async fn what_was_compressed_unasked_is_read_and_what_cannot_be_is_named() {
    let vendor = Vendor::new();
    let attempt = |stream| attempt("openai-chat", "http://vendor.test/v1", stream);
    for encoding in Encoding::ALL {
        for stream in [false, true] {
            vendor.push(answer("openai-chat", stream).encoded(encoding).chunks_of(3));
            let got = ask(vendor.clone(), attempt(stream))
                .await
                .expect("an answer");
            assert!(got.text().contains("Grüße aus Köln 🙂"), "{encoding:?}");
        }
        // A refusal is read as well: its kind stands in its body.
        let refusal =
            Answer::openai_error(429, "insufficient_quota", "insufficient_quota", "No money.");
        vendor.push(refusal.encoded(encoding));
        let error = ask(vendor.clone(), attempt(false))
            .await
            .expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::QuotaExhausted, "{encoding:?}");
        assert_eq!(error.message(), "No money.");
        let shown = error.body().expect("the vendor's own body");
        assert!(shown.bytes.starts_with(b"{"), "{encoding:?}");
    }
    for (fault, names) in [
        (Fault::UnknownEncoding, "x-brand-new"),
        (Fault::FalseEncoding, "gzip"),
        (Fault::TruncatedGzip, "gzip"),
        (Fault::TruncatedBrotli, "br"),
        (Fault::TruncatedZstd, "zstd"),
    ] {
        for stream in [false, true] {
            vendor.push(answer("openai-chat", stream).fault_at(fault, 0.5));
            let error = ask(vendor.clone(), attempt(stream)).await.expect_err("cut");
            assert_eq!(error.code(), Some("content_encoding"), "{fault}: {error}");
            assert!(error.message().contains(names), "{fault}: {error}");
        }
    }
    let twice = answer("openai-chat", false).encoded(Encoding::Gzip);
    vendor.push(twice.encoded(Encoding::Brotli));
    let error = ask(vendor.clone(), attempt(false))
        .await
        .expect_err("twice");
    assert!(error.message().contains("several"), "{error}");
    for request in vendor.requests() {
        assert_eq!(request.header("accept-encoding"), None);
    }
}

/// A few bytes that become very many are stopped at the limit, not gathered.
#[tokio::test]
async fn a_compressed_bomb_is_defused() {
    let vendor = Vendor::new();
    for encoding in Encoding::ALL {
        let bomb = vec![b' '; 8 << 20];
        vendor.push(Answer::json(200, bomb).encoded(encoding));
        let upstream = Upstream::new(vendor.clone()).with_max_body(1 << 20);
        let attempt = attempt("openai-chat", "http://vendor.test/v1", false);
        let error = upstream.oneshot(attempt).await.expect_err("too large");
        assert!(error.message().contains("1048576"), "{encoding:?}: {error}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_unsaid_is_not_used_again() {
    let vendor = Vendor::new();
    let server = vendor.serve().await.expect("a free port");
    let client = Client::new(&ClientOptions::new()).expect("a client");
    for calls in 1..=3 {
        vendor.push(answer("openai-chat", false).fault(Fault::CloseIdle));
        let attempt = attempt("openai-chat", &server.url("/v1"), false);
        ask(client.clone(), attempt).await.expect("an answer");
        while server.open_connections() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.connections(), calls);
    }
    assert_eq!(vendor.finished(), 3);
}

#[tokio::test]
async fn a_vendor_that_dies_refuses_and_comes_back_at_its_address() {
    let vendor = Vendor::new();
    vendor.always(answer("openai-chat", true).stall_after(3));
    let server = vendor.serve().await.expect("a free port");
    let client = Client::new(&ClientOptions::new()).expect("a client");
    let attempt = || attempt("openai-chat", &server.url("/v1"), true);
    let running = tokio::spawn(ask(client.clone(), attempt()));
    vendor.wait_for_requests(1).await;
    server.go_down().await;
    assert_eq!(server.open_connections(), 0);
    running.await.expect("no panic").expect_err("cut");
    let error = ask(client.clone(), attempt()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.is_unsent(), "{error:?}");

    server.come_back().await;
    vendor.always(answer("openai-chat", true));
    ask(client, attempt()).await.expect("an answer");
    assert_eq!((vendor.received(), vendor.aborted()), (2, 1));
}
