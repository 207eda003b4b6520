//! Callers of OpenAI's Responses over vendors of every dialect, and callers of every dialect over a vendor of Responses: real
//! sockets, scripted vendors.

mod support;

use serde_json::Value;
use support::{Running, chat, messages, post, served};
use trunkline::testing::{Answer, Script, Server, Vendor};

const CONFIG: &str = r#"
retry: { max_attempts: 2, base: 1ms, max: 5ms }
providers:
  o: { kind: openai-compatible, base_url: "${O}", accounts: [k] }
  a: { kind: anthropic-compatible, base_url: "${A}", accounts: [k] }
  r: { kind: responses-compatible, base_url: "${R}", accounts: [k] }
models:
  chat: [o/up]
  claude: [a/claude-sonnet-4-5]
  native: [r/up]
"#;

struct Bed {
    chat: Vendor,
    claude: Vendor,
    native: Vendor,
    gateway: Running,
    _servers: [Server; 3],
}

async fn bed() -> Bed {
    let (chat, claude, native) = (Vendor::new(), Vendor::new(), Vendor::new());
    let servers = [
        served(&chat).await,
        served(&claude).await,
        served(&native).await,
    ];
    let env = [
        ("O", servers[0].url("/v1")),
        ("A", servers[1].url("/v1")),
        ("R", servers[2].url("/v1")),
    ];
    let gateway = Running::start(CONFIG, &env).await;
    Bed {
        chat,
        claude,
        native,
        gateway,
        _servers: servers,
    }
}

impl Bed {
    async fn responses(&self, body: &str) -> (u16, String) {
        let (status, _, text) = post(&self.gateway.url("/v1/responses"), body).await;
        (status, text)
    }
}

fn ask(model: &str, stream: bool) -> String {
    format!(r#"{{"model":"{model}","stream":{stream},"input":"Hello"}}"#)
}

fn hello() -> Script {
    Script::new().text("Hello there.").usage(10, 3)
}

#[tokio::test]
async fn case_52_the_same_dialect_passes_byte_for_byte() {
    let bed = bed().await;
    let odd = "{ \"input\" : [{\"type\":\"novel\",\"z\":1.0,\"a\":2}],\n \"model\":\"native\", \"previous_response_id\":\"resp_1\" }";
    let answer =
        r#"{"id":"x",  "object":"response","status":"completed","output":[{"type":"novel" }]}"#;
    bed.native.push(Answer::json(200, answer));
    let (status, body) = bed.responses(odd).await;
    assert_eq!((status, body.as_str()), (200, answer));
    assert_eq!(
        bed.native.requests()[0].text(),
        odd.replace("\"native\"", "\"up\"")
    );
    assert_eq!(bed.native.requests()[0].path(), "/v1/responses");

    let streamed = hello().responses("up", true);
    let sent = String::from_utf8(streamed.content().to_vec()).unwrap();
    bed.native.push(streamed.chunks_of(7));
    let (status, body) = bed.responses(&ask("native", true)).await;
    assert_eq!((status, body), (200, sent));
}

#[tokio::test]
async fn responses_meet_every_vendor() {
    let bed = bed().await;
    let turn = || {
        hello()
            .thinking("hm")
            .tool_call("call_1", "f", r#"{"a":1}"#)
    };
    for stream in [false, true] {
        bed.chat.always(turn().openai("up", stream, true));
        bed.claude.always(turn().anthropic("claude", stream));
        bed.native.always(turn().responses("up", stream));
        for model in ["chat", "claude", "native"] {
            let (status, body) = bed.responses(&ask(model, stream)).await;
            assert_eq!(status, 200, "{body}");
            let whole: Value = if stream {
                assert!(!body.contains("[DONE]"), "{body}");
                let last = body.trim_end().lines().last().unwrap();
                let event: Value = serde_json::from_str(last.trim_start_matches("data: ")).unwrap();
                assert_eq!(event["type"], "response.completed");
                event["response"].clone()
            } else {
                serde_json::from_str(&body).unwrap()
            };
            let items = whole["output"].as_array().unwrap();
            let of = |kind: &str| items.iter().find(|item| item["type"] == kind).unwrap();
            assert_eq!(
                of("message")["content"][0]["text"],
                "Hello there.",
                "{model}"
            );
            assert_eq!(of("reasoning")["summary"][0]["text"], "hm", "{model}");
            assert!(of("reasoning")["encrypted_content"].is_string(), "{model}");
            assert_eq!(of("function_call")["call_id"], "call_1", "{model}");
            assert_eq!(of("function_call")["arguments"], r#"{"a":1}"#, "{model}");
            assert_eq!(whole["usage"]["input_tokens"], 10, "{model}");
            assert_eq!(whole["store"], false);
        }
    }
}

#[tokio::test]
async fn callers_of_every_dialect_meet_a_vendor_of_responses() {
    let bed = bed().await;
    for stream in [false, true] {
        bed.native.always(hello().responses("up", stream));
        let (status, _, body) = post(
            &bed.gateway.url("/v1/chat/completions"),
            chat("native", stream),
        )
        .await;
        assert_eq!(status, 200, "{body}");
        assert!(
            body.contains("Hello") && body.contains("\"finish_reason\":\"stop\""),
            "{body}"
        );
        let (status, _, body) =
            post(&bed.gateway.url("/v1/messages"), messages("native", stream)).await;
        assert_eq!(status, 200, "{body}");
        assert!(
            body.contains("Hello") && body.contains("end_turn"),
            "{body}"
        );
    }
    for request in bed.native.requests() {
        assert_eq!(request.field("/store").as_deref(), Some("false"));
    }
}

#[tokio::test]
async fn case_51_what_nobody_here_has_stored() {
    let bed = bed().await;
    let body = r#"{"model":"chat","input":"go on","previous_response_id":"resp_1"}"#;
    let (status, text) = bed.responses(body).await;
    assert_eq!(status, 400);
    assert!(
        text.contains("previous_response_not_found") && text.contains("send the whole"),
        "{text}"
    );
    for (member, value) in [
        ("previous_response_id", "\"resp_1\""),
        ("conversation", "\"conv_1\""),
        ("conversation", "{\"id\":\"conv_1\"}"),
        ("prompt", "{\"id\":\"p\"}"),
        ("background", "true"),
    ] {
        for model in ["chat", "claude"] {
            let body = format!(r#"{{"model":"{model}","input":"hi","{member}":{value}}}"#);
            let (status, text) = bed.responses(&body).await;
            let text: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(status, 400, "{body}: {text}");
            assert_eq!(text["error"]["param"], member, "{body}: {text}");
        }
    }
    assert!(bed.chat.requests().is_empty() && bed.claude.requests().is_empty());
    // Served, and told: nobody will find this answer again.
    bed.claude.always(
        Script::new()
            .text("Hi.")
            .usage(1, 1)
            .anthropic("claude-sonnet-4-5", false),
    );
    for (store, lossy) in [("true", true), ("false", false), ("null", false)] {
        let body =
            format!(r#"{{"model":"claude","max_output_tokens":9,"input":"hi","store":{store}}}"#);
        let (status, headers, text) = post(&bed.gateway.url("/v1/responses"), body).await;
        assert_eq!(status, 200, "{text}");
        let told = headers
            .get("x-trunkline-lossy")
            .map(|value| value.to_str().unwrap());
        assert_eq!(
            told.is_some_and(|told| told.contains("store=dropped")),
            lossy,
            "{store}: {told:?}"
        );
        assert!(text.contains("\"store\":false"), "{text}");
    }
    let (status, text) = bed.responses(r#"{"model":"chat","input":[]}"#).await;
    assert_eq!(status, 400);
    assert!(text.contains("`input` must not be empty"), "{text}");
}

#[tokio::test]
async fn case_98_a_break_is_told_as_a_failed_response() {
    let bed = bed().await;
    bed.chat
        .always(hello().openai("up", true, true).end_early_after(2));
    bed.native
        .always(hello().responses("up", true).end_early_after(5));
    for model in ["chat", "native"] {
        let response = reqwest::Client::new()
            .post(bed.gateway.url("/v1/responses"))
            .header("content-type", "application/json")
            .body(ask(model, true))
            .send()
            .await
            .unwrap();
        let mut response = response;
        let mut text = String::new();
        let cut = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => text += &String::from_utf8_lossy(&chunk),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert!(cut, "a clean end would pass for success: {text}");
        let events: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect();
        let numbers: Vec<u64> = events
            .iter()
            .map(|e| e["sequence_number"].as_u64().unwrap())
            .collect();
        assert_eq!(
            numbers,
            (0..numbers.len() as u64).collect::<Vec<_>>(),
            "{text}"
        );
        let [.., error, failed] = events.as_slice() else {
            panic!("{text}")
        };
        assert_eq!(error["type"], "error");
        assert_eq!(failed["type"], "response.failed");
        assert_eq!(failed["response"]["id"], events[0]["response"]["id"]);
        assert_eq!(failed["response"]["status"], "failed");
        assert!(
            !text.contains("[DONE]") && !text.contains("response.completed"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn case_101_a_failure_before_any_output_is_an_http_error() {
    let bed = bed().await;
    let failed = r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}}"#;
    bed.native.always(Answer::data([failed]));
    let (status, _, body) = post(
        &bed.gateway.url("/v1/chat/completions"),
        chat("native", true),
    )
    .await;
    assert_eq!(status, 429, "{body}");
    assert!(body.contains("rate_limit_exceeded"), "{body}");
}

#[tokio::test]
async fn custom_tools_and_namespaces_come_back_as_they_were_declared() {
    let bed = bed().await;
    let name = trunkline::dialect::Dialect::tool_name(
        &trunkline::dialect::anthropic::Anthropic,
        "crm::find",
    );
    bed.claude.always(
        Script::new()
            .tool_call("c1", "apply_patch", r#"{"content":"*** Begin"}"#)
            .tool_call("c2", name, r#"{"q":1}"#)
            .anthropic("claude", true),
    );
    let (_, text) = bed
        .responses(
            r#"{"model":"claude","stream":true,"input":"x","tools":[{"type":"custom","name":"apply_patch"},
            {"type":"namespace","name":"crm","tools":[{"type":"function","name":"find","parameters":{"type":"object","properties":{}}}]},
            {"type":"novel"}]}"#,
        )
        .await;
    let last = text.trim_end().lines().last().unwrap();
    let event: Value = serde_json::from_str(last.trim_start_matches("data: ")).unwrap();
    let output = &event["response"]["output"];
    assert_eq!(output[0]["type"], "custom_tool_call", "{text}");
    assert_eq!(output[0]["input"], "*** Begin");
    assert_eq!(
        (&output[1]["namespace"], &output[1]["name"]),
        (&"crm".into(), &"find".into())
    );
}

#[tokio::test]
async fn the_demo_vendor_speaks_responses() {
    let bed = bed().await;
    let demo = trunkline::testing::Demo::new();
    bed.native.on(move |request| Some(demo.answer(request)));
    let (status, body) = bed.responses(&ask("native", false)).await;
    assert_eq!(status, 200);
    assert!(body.contains("You said: \u{201c}Hello\u{201d}"), "{body}");
    let tool = r#"{"model":"native","input":"Use weather","tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]}"#;
    let (_, body) = bed.responses(tool).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["output"][1]["arguments"], r#"{"city":"demo"}"#);
    let result = r#"{"model":"native","input":[{"type":"function_call_output","call_id":"c","output":"sunny"}]}"#;
    assert!(
        bed.responses(result)
            .await
            .1
            .contains("The tool answered: sunny")
    );
}
