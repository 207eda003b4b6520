//! Amazon Bedrock through a whole gateway: Claude by `InvokeModel`, signed, whole and as an event stream.

mod support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use support::{Running, call, chat, messages, post, served, whole};
use trunkline::{
    provider::aws::{AwsKeys, SigV4},
    testing::{Answer, Recorded, Script, Server, Vendor},
    wire::event_stream::MessageSplitter,
};

const CONFIG: &str = r#"
retry: { max_attempts: 2, base: 1ms, max: 2ms }
providers:
  aws:
    kind: bedrock
    region: eu-central-1
    base_url: ${AWS}
    accounts:
      - { name: one, access_key_id: AKIDEXAMPLE, secret_access_key: canary-secret, session_token: canary-token }
      - { name: two, api_key: canary-bearer }
models:
  claude: { deployments: [{ provider: aws, model: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0" }], balance: round-robin }
  signed: { deployments: [{ provider: aws, model: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", accounts: [one] }] }
  "aws/*": { deployments: [{ provider: aws, model: "*", accounts: [two] }] }
"#;

const MODEL: &str = "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0";

struct Bed {
    vendor: Vendor,
    gateway: Running,
    _server: Server,
}

async fn bed() -> Bed {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    Bed {
        gateway: Running::start(CONFIG, &[("AWS", server.url(""))]).await,
        vendor,
        _server: server,
    }
}

fn hello() -> Script {
    Script::new()
        .text("Hello there.")
        .tool_call("call_1", "weather", r#"{"city":"Berlin"}"#)
        .usage(10, 9)
}

/// All that comes before the connection is cut.
async fn until_cut(url: &str, body: String) -> String {
    let mut response = call(url, body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut all = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        all.extend(chunk);
    }
    String::from_utf8(all).unwrap()
}

/// What arrived is what was signed, to the byte.
fn is_signed(request: &Recorded) {
    let date = request.header("x-amz-date").unwrap();
    let host = request.header("host").unwrap();
    assert_eq!(request.header("x-amz-security-token"), Some("canary-token"));
    let anew = http::Request::builder()
        .method(request.method.clone())
        .uri(format!("http://{host}{}", request.path_and_query()))
        .header("content-type", request.header("content-type").unwrap());
    let (mut parts, ()) = anew.body(()).unwrap().into_parts();
    let keys = AwsKeys::new("AKIDEXAMPLE", "canary-secret").with_session_token("canary-token");
    SigV4::new("eu-central-1", "bedrock")
        .sign(&keys, &mut parts, &request.body, time(date))
        .unwrap();
    assert_eq!(parts.headers["x-amz-date"], date);
    assert_eq!(
        request.header("authorization").unwrap(),
        parts.headers["authorization"].to_str().unwrap()
    );
}

/// `20260131T235959Z`, told apart by counting days.
fn time(text: &str) -> SystemTime {
    let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().unwrap();
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut days: u64 = (1970..year).map(|y| 365 + u64::from(is_leap(y))).sum();
    let lengths = [
        31,
        28 + u64::from(is_leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
    ];
    days += lengths.iter().take(month as usize - 1).sum::<u64>() + day - 1;
    let seconds = number(9..11) * 3600 + number(11..13) * 60 + number(13..15);
    UNIX_EPOCH + Duration::from_secs(days * 86_400 + seconds)
}

#[tokio::test]
async fn callers_of_openais_dialect_meet_claude() {
    let bed = bed().await;
    for stream in [false, true] {
        bed.vendor.always(
            hello()
                .claude_on_bedrock("claude-sonnet-4-5", stream)
                .chunks_of(11),
        );
        let url = bed.gateway.url("/v1/chat/completions");
        let (status, _, body) = post(&url, chat("signed", stream)).await;
        assert_eq!(status, 200, "{body}");
        for part in ["Hello", "weather", "tool_calls"] {
            assert!(body.contains(part), "{part} in {body}");
        }
        assert_eq!(body.contains("[DONE]"), stream);
        let request = bed.vendor.requests().pop().unwrap();
        is_signed(&request);
        let verb = if stream {
            "invoke-with-response-stream"
        } else {
            "invoke"
        };
        assert_eq!(request.path_and_query(), format!("{MODEL}/{verb}"));
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(sent["anthropic_version"], "bedrock-2023-05-31");
        assert!(sent["max_tokens"].is_u64());
        assert!(
            sent["model"].is_null() && sent["stream"].is_null(),
            "{sent}"
        );
        for name in ["anthropic-version", "anthropic-beta", "x-api-key"] {
            assert_eq!(request.header(name), None);
        }
    }
}

// Mapping case E60.
#[tokio::test]
async fn callers_of_anthropics_dialect_are_passed_through() {
    let bed = bed().await;
    for stream in [false, true] {
        let script = hello();
        bed.vendor
            .always(script.claude_on_bedrock("claude-sonnet-4-5", stream));
        let body = format!(
            r#"{{"model":"signed","max_tokens":1e2,"stream":{stream},"messages":[{{"role" : "user","content":"H\u00e9"}}],"metadata":{{"user_id":"u"}},"service_tier":"auto"}}"#
        );
        let request = call(&bed.gateway.url("/v1/messages"), body)
            .header("x-api-key", "caller")
            .header("anthropic-version", "2026-10-21")
            .header(
                "anthropic-beta",
                "interleaved-thinking-2025-05-14,unknown-2026-11-01",
            );
        let (status, headers, answer) = whole(request).await;
        assert_eq!(status, 200, "{answer}");

        let request = bed.vendor.requests().pop().unwrap();
        is_signed(&request);
        assert_eq!(
            request.text(),
            r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["interleaved-thinking-2025-05-14"],"max_tokens":1e2,"messages":[{"role" : "user","content":"H\u00e9"}],"metadata":{"user_id":"u"}}"#
        );
        for name in ["anthropic-version", "anthropic-beta", "x-api-key"] {
            assert_eq!(request.header(name), None);
        }
        // What Claude said comes as Anthropic would have sent it.
        if stream {
            assert!(
                headers["content-type"]
                    .to_str()
                    .unwrap()
                    .starts_with("text/event-stream")
            );
            assert_eq!(
                request.header("accept"),
                Some("application/vnd.amazon.eventstream")
            );
            let said = names(&answer);
            let expected = script.anthropic("claude-sonnet-4-5", true).content();
            assert_eq!(said, names(std::str::from_utf8(&expected).unwrap()));
            assert!(!answer.contains("amazon-bedrock"), "{answer}");
        } else {
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(answer["content"][0]["text"], "Hello there.");
        }
    }
}

fn names(stream: &str) -> Vec<&str> {
    stream
        .lines()
        .filter(|line| line.starts_with("event:"))
        .collect()
}

#[tokio::test]
async fn a_throttled_account_gives_way_to_the_next() {
    let refusals = [
        Answer::bedrock_error(429, "ThrottlingException", "Too many tokens, please wait."),
        Answer::event_stream([("throttlingException", r#"{"message":"Too many requests"}"#)]),
        Answer::bedrock_error(503, "ServiceUnavailableException", "Later."),
        Answer::event_stream([("internalServerException", r#"{"message":"Oops"}"#)]),
    ];
    for refusal in refusals {
        let bed = bed().await;
        bed.vendor.push(refusal);
        bed.vendor.always(hello().claude_on_bedrock("m", true));
        let (status, _, body) =
            post(&bed.gateway.url("/v1/messages"), messages("claude", true)).await;
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("message_stop"));
        let requests = bed.vendor.requests();
        assert_eq!(requests.len(), 2);
        // One account signs, the other shows its key.
        let mut shown: Vec<bool> = requests
            .iter()
            .map(|request| request.header("authorization") == Some("Bearer canary-bearer"))
            .collect();
        shown.sort_unstable();
        assert_eq!(shown, [false, true]);
    }
}

#[tokio::test]
async fn refusals_are_told_in_the_callers_words_and_without_keys() {
    let bed = bed().await;
    for (answer, status, said) in [
        (
            Answer::bedrock_error(400, "ValidationException", "max_tokens: must be at least 1"),
            400,
            "max_tokens: must be at least 1",
        ),
        (
            Answer::bedrock_error(
                400,
                "ValidationException",
                "Input is too long for requested model.",
            ),
            400,
            "prompt is too long: Input is too long",
        ),
    ] {
        bed.vendor.always(answer);
        let (found, _, body) =
            post(&bed.gateway.url("/v1/messages"), messages("claude", false)).await;
        assert_eq!(found, status, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["type"], "error");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(said), "{message}");
    }
    let echo = "The security token canary-token of AKIDEXAMPLE (canary-secret) is invalid.";
    bed.vendor.always(Answer::bedrock_error(
        403,
        "UnrecognizedClientException",
        echo,
    ));
    let (_, _, body) = post(&bed.gateway.url("/v1/messages"), messages("signed", false)).await;
    assert!(!body.contains("canary") && !body.contains("AKID"), "{body}");
}

// Mapping case E53, pain P72.
#[tokio::test]
async fn what_breaks_after_content_is_told_by_its_kind() {
    let events = || {
        let mut splitter = MessageSplitter::new();
        splitter.push(hello().claude_on_bedrock("m", true).content());
        let mut events = Vec::new();
        while let Some(frame) = splitter.next_frame().unwrap() {
            let data = String::from_utf8(frame.data().to_vec()).unwrap();
            events.push((frame.name().unwrap().to_owned(), data));
        }
        events
    };
    for (exception, kind) in [
        ("throttlingException", "rate_limit_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("modelTimeoutException", "timeout_error"),
        ("internalServerException", "api_error"),
        ("validationException", "invalid_request_error"),
    ] {
        let bed = bed().await;
        let mut begun: Vec<_> = events().into_iter().take(4).collect();
        begun.push((exception.to_owned(), r#"{"message":"It broke"}"#.to_owned()));
        bed.vendor.always(Answer::event_stream(begun));
        let url = bed.gateway.url("/v1/messages");
        let body = until_cut(&url, messages("claude", true)).await;
        let error =
            format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"It broke"}}}}"#);
        assert!(body.contains("Hello") && body.contains(&error), "{body}");
        assert!(!body.contains("message_stop"), "{body}");
        let url = bed.gateway.url("/v1/chat/completions");
        let body = until_cut(&url, chat("claude", true)).await;
        assert!(
            body.contains("Hello") && body.contains("It broke"),
            "{body}"
        );
        assert!(!body.contains("[DONE]"), "{body}");
        assert_eq!(bed.vendor.requests().len(), 2, "nothing is tried again");
    }

    // A byte that changed on its way, a stream that ends in the middle of a message.
    let content = hello().claude_on_bedrock("m", true).content();
    let mut changed = content.to_vec();
    let at = changed.len() / 2;
    changed[at] ^= 1;
    for broken in [Bytes::from(changed), content.slice(..at)] {
        let bed = bed().await;
        let answer =
            Answer::status(200).header("content-type", "application/vnd.amazon.eventstream");
        bed.vendor.always(answer.stream([broken]));
        let url = bed.gateway.url("/v1/messages");
        let body = until_cut(&url, messages("claude", true)).await;
        assert!(
            body.contains("event: error") && !body.contains("message_stop"),
            "{body}"
        );
    }
}

/// Bedrock has no `/completions`: Claude and all others are asked in chat.
#[tokio::test]
async fn callers_of_the_api_before_chat_are_served() {
    let bed = bed().await;
    let script = || Script::new().text(" a time").usage(2, 3);
    for (model, stream, answer) in [
        ("claude", false, script().anthropic("m", false)),
        ("claude", true, script().claude_on_bedrock("m", true)),
        ("aws/amazon.nova-lite-v1:0", false, script().converse()),
        (
            "aws/amazon.nova-lite-v1:0",
            true,
            Answer::event_stream(script().converse_events()),
        ),
    ] {
        bed.vendor.always(answer);
        let body =
            json!({"model": model, "stream": stream, "prompt": "Once upon", "max_tokens": 9});
        let url = bed.gateway.url("/v1/completions");
        let (status, _, body) = post(&url, body.to_string()).await;
        assert_eq!(status, 200, "{model}: {body}");
        assert!(
            body.contains("text_completion") && body.contains(r#""text":" a"#),
            "{model}: {body}"
        );
        let asked = bed.vendor.requests().pop().unwrap();
        assert_eq!(
            asked.string("/messages/0/content/0/text").as_deref(),
            Some("Once upon")
        );
    }
}

/// The recordings are no part of the crate. The test looks for them in `../shared/corpus`, or where `TRUNKLINE_CORPUS` says.
#[tokio::test]
async fn recorded_exchanges_are_had_again() {
    let Some(corpus) = corpus() else {
        println!("no recordings here: skipped");
        return;
    };
    let bed = bed().await;
    let url = bed.gateway.url("/v1/messages");
    let mut count = 0;
    for file in ["bedrock/invoke.jsonl", "bedrock/invoke-stream.jsonl"] {
        for line in fs::read_to_string(corpus.join(file)).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let Some((model, body)) = asked(&case) else {
                continue;
            };
            count += 1;
            let id = &case["id"];
            let stream = file.contains("stream");
            let answer = recorded(&case["response"], stream);
            let expected = answer.content();
            bed.vendor.always(answer);

            let mut asked = body.clone();
            asked["model"] = format!("aws/{model}").into();
            asked["stream"] = stream.into();
            let (status, _, said) = post(&url, asked.to_string()).await;
            assert_eq!(status, 200, "{id}: {said}");
            let request = bed.vendor.requests().pop().unwrap();
            let sent: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(sent, body, "{id}");
            let recorded_path = case["request"]["path"]
                .as_str()
                .unwrap()
                .replace(':', "%3A");
            assert_eq!(request.path_and_query(), recorded_path, "{id}");
            if !stream {
                let said: Value = serde_json::from_str(&said).unwrap();
                let expected: Value = serde_json::from_slice(&expected).unwrap();
                assert_eq!(said["content"], expected["content"], "{id}");
                continue;
            }
            let said: Vec<Value> = said
                .lines()
                .filter_map(|line| line.strip_prefix("data: "))
                .map(|data| serde_json::from_str(data).unwrap())
                .collect();
            assert_eq!(said, events(expected), "{id}");
        }
    }
    assert!(count > 20, "{count} exchanges of Claude");
}

/// What models of all makers were recorded to answer by `Converse` is told to callers of both dialects.
#[tokio::test]
async fn other_models_converse() {
    let Some(corpus) = corpus() else {
        println!("no recordings here: skipped");
        return;
    };
    let bed = bed().await;
    let mut count = 0;
    for (file, stream) in [("converse", false), ("converse-stream", true)] {
        let file = corpus.join(format!("bedrock/{file}.jsonl"));
        for line in fs::read_to_string(file).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let Some(model) = conversed(&case) else {
                continue;
            };
            count += 1;
            let id = &case["id"];
            bed.vendor.always(recorded(&case["response"], stream));
            for (path, body) in [
                ("/v1/chat/completions", chat(&model, stream)),
                ("/v1/messages", messages(&model, stream)),
            ] {
                let (status, _, said) = post(&bed.gateway.url(path), body).await;
                assert_eq!(status, 200, "{id}: {said}");
                assert!(!said.contains(r#""error":"#), "{id}: {said}");
                let request = bed.vendor.requests().pop().unwrap();
                let verb = if stream {
                    "converse-stream"
                } else {
                    "converse"
                };
                let model = model.trim_start_matches("aws/").replace(':', "%3A");
                assert_eq!(request.path(), format!("/model/{model}/{verb}"), "{id}");
                let sent: Value = serde_json::from_slice(&request.body).unwrap();
                assert_eq!(sent["messages"][0]["content"][0]["text"], "Hello");
            }
        }
    }
    assert!(count > 50, "{count} exchanges");
}

// Mapping case E53.
#[tokio::test]
async fn a_conversation_breaks_as_claude_does() {
    let bed = bed().await;
    let (url, model) = (bed.gateway.url("/v1/messages"), "aws/amazon.nova-lite-v1:0");
    let events = || hello().converse_events();
    bed.vendor
        .always(Answer::event_stream(events()).chunks_of(13));
    let (_, _, said) = post(&url, messages(model, true)).await;
    for part in ["Hello", "weather", "message_stop"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    for (exception, kind) in [
        ("throttlingException", "rate_limit_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("internalServerException", "api_error"),
    ] {
        let mut begun: Vec<_> = events().into_iter().take(3).collect();
        begun.push((exception, r#"{"message":"It broke"}"#.to_owned()));
        bed.vendor.always(Answer::event_stream(begun));
        let said = until_cut(&url, messages(model, true)).await;
        assert!(said.contains("Hello") && said.contains(kind), "{said}");
        assert!(
            said.contains("It broke") && !said.contains("message_stop"),
            "{said}"
        );
    }
}

/// The model, as callers name it, if another than Claude was asked with success.
fn conversed(case: &Value) -> Option<String> {
    let path = case["request"]["path"].as_str()?;
    let model = path.strip_prefix("/model/")?.split('/').next()?;
    let fits = case["response"]["status"] == 200 && !model.contains("anthropic");
    (fits && !model.contains("%2F")).then(|| format!("aws/{}", model.replace("%3A", ":")))
}

/// The model and the body, if it is Claude who was asked, by messages and with success.
fn asked(case: &Value) -> Option<(String, Value)> {
    let path = case["request"]["path"].as_str()?;
    let model = path.strip_prefix("/model/")?.split('/').next()?;
    let body: Value = serde_json::from_str(case["request"]["body"].as_str()?).ok()?;
    let fits = model.contains("anthropic.claude")
        && case["response"]["status"] == 200
        && body["messages"].is_array();
    fits.then(|| (model.replace("%3A", ":"), body))
}

fn recorded(response: &Value, stream: bool) -> Answer {
    if !stream {
        return Answer::json(200, response["body"].as_str().unwrap().to_owned());
    }
    let bytes = STANDARD
        .decode(response["body_b64"].as_str().unwrap())
        .unwrap();
    Answer::status(200)
        .header("content-type", "application/vnd.amazon.eventstream")
        .stream([bytes])
        .chunks_of(701)
}

/// Claude's own events in an event stream, without what Bedrock adds.
fn events(stream: Bytes) -> Vec<Value> {
    let mut splitter = MessageSplitter::new();
    splitter.push(stream);
    let mut events = Vec::new();
    while let Some(frame) = splitter.next_frame().unwrap() {
        let chunk: Value = serde_json::from_slice(frame.data()).unwrap();
        let event = STANDARD.decode(chunk["bytes"].as_str().unwrap()).unwrap();
        let mut event: Value = serde_json::from_slice(&event).unwrap();
        event
            .as_object_mut()
            .unwrap()
            .remove("amazon-bedrock-invocationMetrics");
        events.push(event);
    }
    assert_eq!(events.last(), Some(&json!({"type": "message_stop"})));
    events
}

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    env::var_os("TRUNKLINE_CORPUS")
        .map(PathBuf::from)
        .into_iter()
        .chain([beside])
        .find(|path| path.is_dir())
}

#[tokio::test]
async fn claude_is_counted_by_its_own_id_for_callers_of_any_dialect() {
    let bed = bed().await;
    bed.vendor.always(Answer::json(200, r#"{"inputTokens":7}"#));
    let url = bed.gateway.url("/v1/messages/count_tokens");
    let body = r#"{"model":"claude","messages":[{"role":"user","content":"hi"}]}"#;
    let (status, headers, text) = post(&url, body.to_owned()).await;
    assert_eq!(
        (status, &*text),
        (200, r#"{"input_tokens":7}"#),
        "{headers:?}"
    );
    let asked = bed.vendor.requests();
    let path = asked[0].path();
    assert!(
        path.ends_with("/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens"),
        "{path}"
    );
    assert_eq!(
        asked[0].text(),
        r#"{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"hi"}]}]}}}"#
    );
}
