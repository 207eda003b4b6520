//! Streams that break after content and are continued by somebody else: for each front, from each vendor to each vendor.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use trunkline::{
    Body, Calls, FailoverLayer, IngressLayer, PoolLayer, Pools, RetryBackoffLayer, Secret,
    SseNormalizeLayer, Upstream,
    continuation::{Continuations, ContinueLayer},
    dialect::{Prefill, Quirks},
    failover::Chains,
    pool::{Pool, Vendor as Member},
    provider::Compatible,
    retry::RetryPolicy,
    testing::{Answer, Script, Vendor, grammar},
    upstream::Account,
};

type Gateway = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

const FRONTS: [&str; 5] = [
    "openai-chat",
    "openai-completions",
    "openai-responses",
    "anthropic",
    "gemini",
];

/// A call goes to the model `m`, of the first vendor, and from there to `n`, of the second.
struct Bed {
    first: Vendor,
    second: Vendor,
    gateway: Gateway,
    counts: Continuations,
    calls: Calls,
}

impl Bed {
    fn new(first: &str, second: &str, most: u32, total: u64) -> Self {
        let (vendors, counts, calls) = (
            [Vendor::new(), Vendor::new()],
            Continuations::new(),
            Calls::new(),
        );
        let mut upstream = Upstream::new(Vendor::new());
        let mut pools = Pools::new();
        for ((name, dialect), vendor) in [("first", first), ("second", second)]
            .into_iter()
            .zip(&vendors)
        {
            upstream = upstream.with_egress(name, vendor.clone());
            let base = "https://vendor.test/v1";
            let provider = match dialect {
                "anthropic" | "newer" => Compatible::anthropic(name, base),
                "gemini" => Compatible::gemini(name, base),
                "openai-responses" => Compatible::responses(name, base),
                "cohere" => Compatible::cohere(name, base),
                _ => Compatible::openai(name, base),
            };
            let mut quirks = Quirks::NONE;
            quirks.prefill = match dialect {
                "prefix" => Prefill::Prefix,
                "last" => Prefill::Last,
                _ => Prefill::Usual,
            };
            let provider = provider.unwrap().quirks(quirks);
            let account = Account::new(format!("{name}-1"), Secret::new("key")).with_egress(name);
            let model = if dialect == "newer" {
                "claude-opus-4-6"
            } else {
                "claude-sonnet-4-5"
            };
            let member = Member::new(Arc::new(provider), model).account(Arc::new(account), 1);
            let asked = if name == "first" { "m" } else { "n" };
            pools = pools.pool(asked, Pool::new().failures(0).vendor(member));
        }
        let ingress = IngressLayer::new()
            .heartbeat(None)
            .timeout(Duration::from_secs(total))
            .calls(calls.clone());
        let service = ServiceBuilder::new()
            .layer(ingress)
            .layer(ContinueLayer::new(most).counts(counts.clone()))
            .layer(SseNormalizeLayer::new())
            .layer(FailoverLayer::new(Chains::new().chain("m", ["n"])))
            .layer(RetryBackoffLayer::new(RetryPolicy::new()))
            .layer(PoolLayer::new(pools))
            .service(upstream);
        let [first, second] = vendors;
        Self {
            first,
            second,
            gateway: BoxCloneSyncService::new(service),
            counts,
            calls,
        }
    }

    /// What came of the body, and whether it ended well.
    async fn ask(&self, front: &str, more: &str) -> (String, bool) {
        let turns = r#"[{"role":"user","content":"Count."}]"#;
        let said = match front {
            "openai-chat" => {
                format!(r#""messages":{turns},"stream_options":{{"include_usage":true}}"#)
            }
            "anthropic" => format!(r#""max_tokens":900,"messages":{turns}"#),
            "openai-responses" => r#""input":"Count.""#.to_owned(),
            "openai-completions" => {
                r#""prompt":"Count.","stream_options":{"include_usage":true}"#.to_owned()
            }
            _ => r#""contents":[{"role":"user","parts":[{"text":"Count."}]}]"#.to_owned(),
        };
        let path = match front {
            "openai-chat" => "/v1/chat/completions",
            "anthropic" => "/v1/messages",
            "openai-responses" => "/v1/responses",
            "openai-completions" => "/v1/completions",
            _ => "/v1beta/models/m:streamGenerateContent?alt=sse",
        };
        let named = if front == "gemini" {
            ""
        } else {
            r#""model":"m","stream":true,"#
        };
        let body = format!("{{{named}{said}{more}}}");
        let request = Request::post(format!("http://gateway.test{path}"))
            .body(Body::from(body))
            .unwrap();
        let response = self.gateway.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["x-trunkline-account"], "first-1");
        let (mut body, mut all) = (response.into_body(), Vec::new());
        let well = loop {
            match body.frame().await {
                None => break true,
                Some(Err(_)) => break false,
                Some(Ok(frame)) => all.extend_from_slice(&frame.into_data().unwrap()),
            }
        };
        (String::from_utf8(all).unwrap(), well)
    }
}

fn script(text: &str, input: u64, output: u64) -> Script {
    Script::new().text(text).usage(input, output)
}

/// The stream of a vendor.
fn told(dialect: &str, script: &Script) -> Answer {
    match dialect {
        "anthropic" | "newer" => script.anthropic("claude-sonnet-4-5", true),
        "gemini" => script.gemini("claude-sonnet-4-5", true),
        "openai-responses" => script.responses("claude-sonnet-4-5", true),
        "cohere" => script.cohere(true),
        _ => script.openai("claude-sonnet-4-5", true, true),
    }
}

/// The same, cut after the frame in which `last` is said.
fn cut(dialect: &str, script: &Script, last: &str) -> Answer {
    let answer = told(dialect, script);
    let text = String::from_utf8(answer.content().to_vec()).unwrap();
    let end = if text.contains("\r\n") {
        "\r\n\r\n"
    } else {
        "\n\n"
    };
    let at = text.find(last).expect("it is said");
    let at = at + text[at..].find(end).unwrap() + end.len();
    answer.cut_after(at)
}

/// The data of all frames.
fn frames(body: &str) -> Vec<Value> {
    let lines = body.lines().filter_map(|line| line.strip_prefix("data: "));
    lines
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

/// All text, and the sums of usage, as a client of the dialect reads them.
fn read(front: &str, body: &str) -> (String, u64, u64) {
    let (mut text, mut input, mut output) = (String::new(), 0, 0);
    let mut more = |value: &Value| text.push_str(value.as_str().unwrap_or_default());
    for frame in frames(body) {
        let mut count = |usage: &Value, i: &str, o: &str| {
            input = usage[i].as_u64().unwrap_or(input);
            output = usage[o].as_u64().unwrap_or(output);
        };
        match front {
            "openai-chat" | "openai-completions" => {
                let choice = &frame["choices"][0];
                more(if front == "openai-chat" {
                    &choice["delta"]["content"]
                } else {
                    &choice["text"]
                });
                count(&frame["usage"], "prompt_tokens", "completion_tokens");
            }
            "openai-responses" => {
                if frame["type"] == "response.output_text.delta" {
                    more(&frame["delta"]);
                }
                count(&frame["response"]["usage"], "input_tokens", "output_tokens");
            }
            "anthropic" => {
                more(&frame["delta"]["text"]);
                count(&frame["usage"], "input_tokens", "output_tokens");
            }
            _ => {
                more(&frame["candidates"][0]["content"]["parts"][0]["text"]);
                count(
                    &frame["usageMetadata"],
                    "promptTokenCount",
                    "candidatesTokenCount",
                );
            }
        }
    }
    (text, input, output)
}

/// What the vendor was told that has been said so far.
fn prefill(vendor: &Vendor) -> (String, Value) {
    let requests = vendor.requests();
    assert!(!requests.is_empty(), "nobody was asked to go on");
    let body: Value = serde_json::from_str(&requests.last().unwrap().text()).unwrap();
    let last = body["messages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["role"], "assistant", "{body}");
    let content = &last["content"];
    let text = content
        .as_str()
        .or(content[0]["text"].as_str())
        .unwrap()
        .to_owned();
    (text, last)
}

#[tokio::test(start_paused = true)]
async fn a_broken_text_goes_on_as_one_legal_stream_of_the_callers_dialect() {
    for front in FRONTS {
        for (first, second) in [
            ("openai", "anthropic"),
            ("newer", "anthropic"),
            ("openai-responses", "prefix"),
            ("gemini", "last"),
            ("cohere", "anthropic"),
        ] {
            let bed = Bed::new(first, second, 1, 600);
            bed.first.push(cut(
                first,
                &script("One two three four five six.", 10, 4).id("resp_abc"),
                "three",
            ));
            // The account that broke off is asked first, and cannot go on.
            bed.first.always(told(first, &script("No.", 1, 1)));
            bed.second
                .always(told(second, &script(" four five six.", 20, 3).id("xyz")));
            let context = format!("{front}, {first} to {second}");
            let (body, well) = bed.ask(front, "").await;
            assert!(well, "{context}: {body}");
            assert_eq!(
                grammar::check_stream(front, body.as_bytes()),
                Some(vec![]),
                "{context}: {body}"
            );
            let (text, input, output) = read(front, &body);
            let (said, _) = prefill(&bed.second);
            assert!(
                said.starts_with("One two three") && !said.ends_with(' '),
                "{context}: {said:?}"
            );
            assert_eq!(text, format!("{said} four five six."), "{context}: {body}");
            assert!(input >= 20 && output >= 3, "{context}: {body}");
            if first == "newer" {
                assert_eq!(input, 30, "both were paid for: {context}: {body}");
            }
            let marks: Vec<Value> = frames(&body)
                .into_iter()
                .filter(|f| f.get("trunkline").is_some())
                .collect();
            let [marked] = marks.as_slice() else {
                panic!("{context}: one mark: {body}");
            };
            let mark = &marked["trunkline"];
            assert_eq!(mark["continued"], 1, "{context}");
            assert_eq!(mark["attempts"][0]["account"], "first-1", "{context}");
            assert_eq!(mark["attempts"][1]["account"], "second-1", "{context}");
            assert_eq!(mark["attempts"][1]["input_tokens"], 20, "{context}");
            assert_eq!(
                (bed.counts.tried(), bed.counts.succeeded()),
                (1, 1),
                "{context}"
            );
            let record = bed.calls.latest().remove(0);
            assert_eq!(
                (record.ending, record.continued),
                ("completed", 1),
                "{context}"
            );
            assert!(record.way.starts_with("first/first-1:"), "{}", record.way);
            assert!(
                record.way.starts_with("first/first-1:stream_broken"),
                "{}",
                record.way
            );
            assert!(
                record.way.ends_with("⇒ second/second-1:ok"),
                "{}",
                record.way
            );
            assert_eq!(bed.first.requests().len(), 1, "{context}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_joined_is_not_and_the_break_is_told_as_ever() {
    let plain = || cut("newer", &script("One two three four.", 10, 4), "two");
    let call = Script::new()
        .text("I look.")
        .tool_call("t1", "look", r#"{"a":1}"#)
        .usage(9, 9);
    let thinks = Script::new()
        .thinking("Hm hm hm.")
        .signature("c2ln")
        .text("One two three.")
        .usage(9, 9);
    let late = |kind: &str| {
        let begun = plain().content();
        let at = begun.windows(3).position(|w| w == b"two").unwrap();
        let end = at + begun[at..].windows(2).position(|w| w == b"\n\n").unwrap() + 2;
        let error = format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"late\"}}}}\n\n"
        );
        let body = [&begun[..end], error.as_bytes()].concat();
        Answer::status(200)
            .header("content-type", "text/event-stream")
            .body(body)
    };
    let format = r#","response_format":{"type":"json_object"}"#;
    // (what, how it breaks, more of the request, how often it may go on, the call's time, is somebody asked?)
    let cases = [
        ("it is off", plain(), "", 0, 600, false),
        ("JSON", plain(), format, 1, 600, false),
        ("two answers", plain(), r#","n":2"#, 1, 600, false),
        (
            "log probabilities",
            plain(),
            r#","logprobs":true"#,
            1,
            600,
            false,
        ),
        (
            "a tool is required",
            plain(),
            r#","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required""#,
            1,
            600,
            false,
        ),
        (
            "a call is open",
            cut("newer", &call, "partial_json"),
            "",
            1,
            600,
            false,
        ),
        (
            "a call is whole",
            cut("newer", &call, "\"content_block_stop\",\"index\":1"),
            "",
            1,
            600,
            false,
        ),
        (
            "thinking is open",
            cut("newer", &thinks, "Hm"),
            "",
            1,
            600,
            false,
        ),
        (
            "thinking was signed",
            cut("newer", &thinks, "One"),
            "",
            1,
            600,
            false,
        ),
        (
            "the caller's fault",
            late("invalid_request_error"),
            "",
            1,
            600,
            false,
        ),
        (
            "the vendor's fault",
            late("overloaded_error"),
            "",
            1,
            600,
            true,
        ),
        (
            "no time is left",
            plain().between(Duration::from_millis(2_400)),
            "",
            1,
            10,
            false,
        ),
        ("nothing is against it", plain(), "", 1, 10, true),
    ];
    for (what, breaks, more, most, total, asked) in cases {
        // What Claude cannot be asked for is asked of somebody else.
        let (first, breaks) = match more {
            "" => ("newer", breaks),
            _ => (
                "openai",
                cut("openai", &script("One two three four.", 10, 4), "two"),
            ),
        };
        let bed = Bed::new(first, "anthropic", most, total);
        bed.first.push(breaks);
        bed.second
            .always(told("anthropic", &script(" three four.", 20, 3)));
        let (body, well) = bed.ask("openai-chat", more).await;
        assert_eq!(
            (well, bed.second.requests().len()),
            (asked, usize::from(asked)),
            "{what}: {body}"
        );
        assert_eq!(body.contains("\"trunkline\""), asked, "{what}: {body}");
        if !asked {
            assert!(body.contains("\"error\""), "{what}: {body}");
            assert_eq!(bed.calls.latest()[0].ending, "broken", "{what}");
            assert_eq!(bed.counts.tried(), 0, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_whose_end_was_told_does_not_go_on() {
    let bed = Bed::new("newer", "anthropic", 1, 600);
    bed.first.push(cut(
        "newer",
        &script("One two.", 9, 9),
        "content_block_stop",
    ));
    let (body, well) = bed.ask("anthropic", "").await;
    assert!(!well && body.contains("event: error"), "{body}");
    assert!(bed.second.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_who_can_go_on_and_a_second_break_are_told_truthfully() {
    // Whoever cannot is not even asked.
    for second in ["openai", "newer", "gemini", "cohere", "openai-responses"] {
        let bed = Bed::new("newer", second, 3, 600);
        bed.first
            .push(cut("newer", &script("One two three.", 10, 4), "two"));
        let (body, well) = bed.ask("anthropic", "").await;
        assert!(!well && body.contains("event: error"), "{second}: {body}");
        assert!(body.contains("cut"), "the break itself is told: {body}");
        assert!(bed.second.requests().is_empty(), "{second}");
        assert_eq!((bed.counts.tried(), bed.counts.succeeded()), (1, 0));
        assert_eq!(bed.calls.latest()[0].continued, 0, "{second}");
    }
    // Whoever goes on may break off too; how often is bounded by what was set and by the call's attempts.
    for (most, well, asked) in [(1, false, 1), (2, true, 2)] {
        let bed = Bed::new("newer", "anthropic", most, 600);
        bed.first
            .push(cut("newer", &script("One two three.", 10, 4), "two"));
        bed.second.push(cut(
            "anthropic",
            &script(" three four five.", 20, 4),
            "four",
        ));
        bed.second
            .always(told("anthropic", &script(" five six.", 40, 3)));
        for front in ["anthropic"] {
            let (body, ended) = bed.ask(front, "").await;
            assert_eq!(
                (ended, bed.second.requests().len()),
                (well, asked),
                "{body}"
            );
            if well {
                assert_eq!(
                    grammar::check_stream(front, body.as_bytes()),
                    Some(vec![]),
                    "{body}"
                );
                let (text, input, _) = read(front, &body);
                assert_eq!(
                    (text.as_str(), input),
                    ("One two three four five six.", 70),
                    "{body}"
                );
                assert!(body.contains("\"continued\":2"), "{body}");
                assert_eq!(bed.calls.latest()[0].continued, 2);
            }
        }
    }
    let bed = Bed::new("newer", "anthropic", 99, 600);
    bed.first
        .push(cut("newer", &script("One two three.", 10, 4), "two"));
    bed.second
        .on(|_| Some(cut("anthropic", &script(" and two.", 9, 9), "two")));
    let (_, well) = bed.ask("anthropic", "").await;
    assert!(!well);
    assert!(
        bed.second.requests().len() <= 3,
        "four attempts are the most of a call"
    );
}

#[tokio::test(start_paused = true)]
async fn white_space_is_kept_back_and_not_said_twice_and_thoughts_are_dropped() {
    let bed = Bed::new("openai", "prefix", 1, 600);
    bed.first
        .push(cut("openai", &script("One.\n\nTwo.", 9, 9), "One."));
    let begun = Script::new()
        .thinking("Where was I?")
        .text("\n\nTwo.")
        .usage(9, 9);
    bed.second.always(told("openai", &begun));
    let (body, well) = bed
        .ask(
            "openai-chat",
            r#","max_completion_tokens":50,"reasoning_effort":"high""#,
        )
        .await;
    assert!(well, "{body}");
    let (said, message) = prefill(&bed.second);
    assert_eq!(said, "One.");
    assert_eq!(message["prefix"], true);
    let (text, ..) = read("openai-chat", &body);
    assert_eq!(text, "One.\n\nTwo.", "{body}");
    assert!(!body.contains("Where was I?"), "{body}");
    let sent: Value = serde_json::from_str(&bed.second.requests()[0].text()).unwrap();
    assert_eq!(sent["max_tokens"], 49, "{sent}");
    assert!(sent.get("reasoning_effort").is_none(), "{sent}");
}
