//! Reasoning goes back to who made it, whoever asks and whoever serves: real sockets, scripted vendors that refuse what is not theirs.

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use support::{Running, call, post, served, whole};
use trunkline::testing::{Answer, Recorded, Script, Server, Vendor};

const CONFIG: &str = r#"
retry: { max_attempts: 1 }
providers:
  deepseek: { base_url: "${O}", accounts: [k] }
  a: { kind: anthropic-compatible, base_url: "${A}", accounts: [k] }
  r: { kind: responses-compatible, base_url: "${R}", accounts: [k] }
  openrouter: { base_url: "${P}", accounts: [k] }
  g: { kind: gemini-compatible, base_url: "${G}", accounts: [k] }
  b: { kind: bedrock, region: eu-central-1, api: converse, base_url: "${B}", accounts: [k] }
models:
  chat: [deepseek/deepseek-reasoner]
  claude: [a/claude-sonnet-4-5]
  native: [r/up]
  google: [g/gemini-3-pro]
  converse: [b/us.anthropic.claude-sonnet-4-5]
  router: [openrouter/anthropic/claude-sonnet-4.5]
"#;

/// The models, and what each vendor alone can read.
const BLOBS: [(&str, &str); 6] = [
    ("chat", "hm of its own"),
    ("claude", "Q2xhdWRl+/Q="),
    ("native", "gAAAAABnative_-=="),
    ("google", "R29vZ2xl+/8="),
    // Claude's signatures are the same wherever it runs.
    ("converse", "Q2xhdWRl+/Q="),
    ("router", "cm91dGVyIHM+/w=="),
];

/// The texts that scripts have in place of these.
const SCRIPTED: [&str; 2] = ["c2NyaXB0ZWQgc2lnbmF0dXJl", "gAAAAABzY3JpcHRlZA"];

fn script() -> Script {
    Script::new()
        .thinking("hm")
        .tool_call("call_1", "weather", r#"{"city":"Berlin"}"#)
        .usage(10, 3)
}

/// The turn of a vendor, with its own blob in it.
fn turn(model: &str, stream: bool) -> Answer {
    let blob = BLOBS.iter().find(|(name, _)| *name == model).unwrap().1;
    if model == "converse" && stream {
        let events = script().converse_events().into_iter();
        let events = events.map(|(name, data)| (name, data.replace(SCRIPTED[0], blob)));
        return Answer::event_stream(events).chunks_of(11);
    }
    let answer = match model {
        "converse" => script().converse(),
        "chat" | "router" => script().openai("up", stream, true),
        "claude" => script().anthropic("up", stream),
        "native" => script().responses("up", stream),
        _ => script().gemini("up", stream),
    };
    let text = String::from_utf8(answer.content().to_vec()).unwrap();
    let text = match model {
        "chat" => text.replace(
            r#""reasoning_content":"hm""#,
            r#""reasoning_content":"hm of its own""#,
        ),
        "router" => text.replace(
            r#""reasoning_content":"hm""#,
            &format!(r#""reasoning_details":[{{"type":"reasoning.text","text":"hm","signature":"{blob}","format":"anthropic-claude-v1","index":0}}]"#),
        ),
        _ => {
            let old = SCRIPTED.iter().find(|old| text.contains(**old)).unwrap();
            text.replace(&format!("{old}\""), &format!("{blob}\""))
        }
    };
    assert!(text.contains(blob), "{text}");
    if stream {
        Answer::sse([text]).chunks_of(11)
    } else {
        Answer::json(200, text)
    }
}

/// What a vendor refuses: marks and tags of ours, others' blobs, ids outside its grammar, calls and results that do not match.
fn objection(model: &str, request: &Recorded) -> Option<String> {
    let text = request.text();
    // Plain words are for every vendor of the dialect.
    let own = |name: &str| name == model || (name == "chat" && model == "router");
    let claudes = |name: &str| matches!(name, "claude" | "converse");
    let shared = |name: &str| own(name) || claudes(name) && claudes(model);
    let others = BLOBS.iter().filter(|(name, _)| !shared(name));
    let mut foreign: Vec<&str> = others.map(|(_, blob)| *blob).collect();
    foreign.extend(["tlo1.", "\"tl1.", "746c312e"]);
    if let Some(found) = foreign.into_iter().find(|word| text.contains(word)) {
        return Some(format!("foreign: {found}"));
    }
    let body: Value = serde_json::from_str(&text).unwrap();
    let (calls, results) = ids(model, &body);
    let most = if matches!(model, "chat" | "router") {
        40
    } else {
        64
    };
    let legal = |id: &String| {
        (1..=most).contains(&id.len())
            && id
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    if model != "google" && !calls.iter().all(legal) {
        return Some(format!("ids: {calls:?}"));
    }
    (calls != results).then(|| format!("{calls:?} are answered by {results:?}"))
}

/// The ids of calls and of results.
fn ids(model: &str, body: &Value) -> (Vec<String>, Vec<String>) {
    let result = match model {
        "chat" | "router" => Some("tool_call_id"),
        "claude" => Some("tool_use_id"),
        _ => None,
    };
    let (mut calls, mut results): (Vec<String>, Vec<String>) = Default::default();
    walk(body, &mut |object| {
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = text("type").unwrap_or_default();
        match kind.as_str() {
            "tool_use" => calls.extend(text("id")),
            "function" if object.contains_key("id") => calls.extend(text("id")),
            "function_call" => calls.extend(text("call_id")),
            "function_call_output" => results.extend(text("call_id")),
            _ => {}
        }
        if let Some(name) = result {
            results.extend(text(name));
        }
        if let Some(call) = object.get("toolUse") {
            calls.extend(call["toolUseId"].as_str().map(str::to_owned));
        }
        if let Some(result) = object.get("toolResult") {
            results.extend(result["toolUseId"].as_str().map(str::to_owned));
        }
        let name_of = |member: &str| object.get(member).map(|call| call["name"].to_string());
        calls.extend(name_of("functionCall"));
        results.extend(name_of("functionResponse"));
    });
    (calls, results)
}

fn walk(value: &Value, see: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            see(object);
            object.values().for_each(|value| walk(value, see));
        }
        Value::Array(list) => list.iter().for_each(|value| walk(value, see)),
        _ => {}
    }
}

struct Bed {
    vendors: Vec<(&'static str, Vendor)>,
    gateway: Running,
    _servers: Vec<Server>,
}

async fn bed() -> Bed {
    let mut vendors = Vec::new();
    let mut servers = Vec::new();
    for (model, _) in BLOBS {
        let vendor = Vendor::new();
        vendor.on(move |request| {
            let stream = request.text().contains("\"stream\":true")
                || request.path().contains("streamGenerate")
                || request.path().contains("converse-stream");
            Some(match objection(model, request) {
                Some(why) => Answer::openai_error(400, "invalid_request_error", "refused", &why),
                None => turn(model, stream),
            })
        });
        servers.push(served(&vendor).await);
        vendors.push((model, vendor));
    }
    let env = [
        ("B", servers[4].url("")),
        ("O", servers[0].url("/v1")),
        ("A", servers[1].url("/v1")),
        ("R", servers[2].url("/v1")),
        ("G", servers[3].url("/v1beta")),
        ("P", servers[5].url("/v1")),
    ];
    let gateway = Running::start(CONFIG, &env).await;
    Bed {
        vendors,
        gateway,
        _servers: servers,
    }
}

/// A caller of one dialect, and how it goes on with a conversation.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Front {
    Chat,
    Messages,
    Responses,
    Generate,
}

const FRONTS: [Front; 4] = [
    Front::Chat,
    Front::Messages,
    Front::Responses,
    Front::Generate,
];

impl Front {
    fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".into(),
            Self::Messages => "/v1/messages".into(),
            Self::Responses => "/v1/responses".into(),
            Self::Generate if stream => {
                format!("/v1beta/models/{model}:streamGenerateContent?alt=sse")
            }
            Self::Generate => format!("/v1beta/models/{model}:generateContent"),
        }
    }

    /// The conversation's first turn.
    fn opening(self) -> Vec<Value> {
        match self {
            Self::Generate => vec![json!({"role":"user","parts":[{"text":"Hello"}]})],
            _ => vec![json!({"role":"user","content":"Hello"})],
        }
    }

    fn body(self, model: &str, stream: bool, turns: &[Value]) -> String {
        let schema = json!({"type":"object","properties":{"city":{"type":"string"}}});
        let body = match self {
            Self::Chat => json!({"model":model,"stream":stream,"messages":turns,
                "tools":[{"type":"function","function":{"name":"weather","parameters":schema}}]}),
            Self::Messages => {
                json!({"model":model,"stream":stream,"max_tokens":4096,"messages":turns,
                "thinking":{"type":"enabled","budget_tokens":1024},
                "tools":[{"name":"weather","input_schema":schema}]})
            }
            Self::Responses => json!({"model":model,"stream":stream,"input":turns,
                "tools":[{"type":"function","name":"weather","parameters":schema}]}),
            Self::Generate => json!({"contents":turns,
                "tools":[{"functionDeclarations":[{"name":"weather","parameters":schema}]}]}),
        };
        body.to_string()
    }

    /// What a client makes of an answer: the turns it sends back, with the tool's result.
    fn echo(self, body: &str, stream: bool) -> Vec<Value> {
        match self {
            Self::Chat => {
                let message = match stream {
                    false => parse(body)["choices"][0]["message"].clone(),
                    true => gathered(body),
                };
                let id = message["tool_calls"][0]["id"].clone();
                vec![
                    message,
                    json!({"role":"tool","tool_call_id":id,"content":"sunny"}),
                ]
            }
            Self::Messages => {
                let content = match stream {
                    false => parse(body)["content"].clone(),
                    true => blocks(body),
                };
                let call = content.as_array().unwrap().last().unwrap();
                let result =
                    json!({"type":"tool_result","tool_use_id":call["id"],"content":"sunny"});
                vec![
                    json!({"role":"assistant","content":content}),
                    json!({"role":"user","content":[result]}),
                ]
            }
            Self::Responses => {
                let mut items = match stream {
                    false => parse(body)["output"].clone(),
                    true => events(body).last().unwrap()["response"]["output"].clone(),
                };
                let items = items.as_array_mut().unwrap();
                let call = items.iter().find(|item| item["type"] == "function_call");
                let id = call.unwrap()["call_id"].clone();
                let result = json!({"type":"function_call_output","call_id":id,"output":"sunny"});
                items.push(result);
                items.clone()
            }
            Self::Generate => {
                let answers = if stream {
                    events(body)
                } else {
                    vec![parse(body)]
                };
                let parts: Vec<Value> = answers
                    .iter()
                    .filter_map(|answer| answer["candidates"][0]["content"]["parts"].as_array())
                    .flatten()
                    .cloned()
                    .collect();
                let call = parts
                    .iter()
                    .find_map(|part| part.get("functionCall"))
                    .unwrap();
                let mut response = json!({"name":"weather","response":{"output":"sunny"}});
                if let Some(id) = call.get("id") {
                    response["id"] = id.clone();
                }
                vec![
                    json!({"role":"model","parts":parts}),
                    json!({"role":"user","parts":[{"functionResponse":response}]}),
                ]
            }
        }
    }
}

fn parse(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{body}"))
}

fn events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(parse).collect()
}

/// A message out of its chunks.
fn gathered(body: &str) -> Value {
    let mut message = json!({"role":"assistant","content":null});
    for event in events(body) {
        let delta = &event["choices"][0]["delta"];
        if let Some(text) = delta["reasoning_content"].as_str() {
            let known = message["reasoning_content"].as_str().unwrap_or_default();
            message["reasoning_content"] = format!("{known}{text}").into();
        }
        for name in ["reasoning_details", "extra_content"] {
            match (&mut message[name], &delta[name]) {
                (_, Value::Null) => {}
                (Value::Array(known), Value::Array(more)) => known.extend(more.clone()),
                (known, more) => *known = more.clone(),
            }
        }
        for call in delta["tool_calls"].as_array().unwrap_or(&Vec::new()) {
            if call.get("id").is_some() {
                message["tool_calls"] = json!([call]);
                continue;
            }
            let known = &mut message["tool_calls"][0];
            if let Some(extra) = call.get("extra_content") {
                known["extra_content"] = extra.clone();
            }
            let more = call["function"]["arguments"].as_str().unwrap_or_default();
            let text = known["function"]["arguments"].as_str().unwrap_or_default();
            known["function"]["arguments"] = format!("{text}{more}").into();
        }
    }
    message
        .as_object_mut()
        .unwrap()
        .retain(|name, value| name == "content" || !value.is_null());
    message
}

/// Blocks out of their events.
fn blocks(body: &str) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    let mut input = String::new();
    for event in events(body) {
        let delta = &event["delta"];
        match event["type"].as_str().unwrap() {
            "content_block_start" => blocks.push(event["content_block"].clone()),
            "content_block_delta" => {
                let block = blocks.last_mut().unwrap();
                if let Some(text) = delta["thinking"].as_str() {
                    let known = block["thinking"].as_str().unwrap().to_owned();
                    block["thinking"] = (known + text).into();
                }
                if let Some(text) = delta["signature"].as_str() {
                    block["signature"] = text.into();
                }
                input += delta["partial_json"].as_str().unwrap_or_default();
            }
            "content_block_stop" if blocks.last().unwrap()["type"] == "tool_use" => {
                blocks.last_mut().unwrap()["input"] = parse(&input);
            }
            _ => {}
        }
    }
    blocks.into()
}

impl Bed {
    async fn ask(&self, front: Front, model: &str, stream: bool, turns: &[Value]) -> String {
        let url = self.gateway.url(&front.path(model, stream));
        let (status, _, body) = post(&url, front.body(model, stream, turns)).await;
        assert_eq!(status, 200, "{front:?} at {model}: {body}");
        body
    }

    /// The latest request a vendor has received.
    fn last(&self, model: &str) -> String {
        let vendor = &self
            .vendors
            .iter()
            .find(|(name, _)| *name == model)
            .unwrap()
            .1;
        vendor.requests().last().unwrap().text().into_owned()
    }
}

#[tokio::test]
async fn reasoning_goes_back_to_its_maker_and_to_nobody_else() {
    let bed = bed().await;
    for stream in [false, true] {
        for front in FRONTS {
            for (model, blob) in BLOBS {
                let mut turns = front.opening();
                let answer = bed.ask(front, model, stream, &turns).await;
                turns.extend(front.echo(&answer, stream));
                // To the same origin: byte for byte.
                bed.ask(front, model, stream, &turns).await;
                let seen = bed.last(model);
                assert!(
                    seen.contains(&format!("\"{blob}\"")),
                    "{front:?} at {model}, {stream}: {seen}\nafter {answer}"
                );
                // To all others: they would refuse it. What has passed byte for byte has no mark: between vendors of the caller's own
                // dialect it passes again, and by its format it may be Claude's.
                let passes = |model: &str| matches!(model, "chat" | "router");
                let claudes = |other: &str| {
                    [model, other]
                        .iter()
                        .all(|m| matches!(*m, "router" | "claude" | "converse"))
                };
                for (other, _) in BLOBS.iter().filter(|(other, _)| *other != model) {
                    let unmarked = match front {
                        Front::Chat => passes(model) && passes(other) || claudes(other),
                        Front::Messages => claudes(other),
                        Front::Responses | Front::Generate => false,
                    };
                    if unmarked {
                        continue;
                    }
                    let answer = bed.ask(front, other, stream, &turns).await;
                    // And on the way back the first one finds its own again, and nobody else's.
                    let mut turns = turns.clone();
                    turns.extend(front.echo(&answer, stream));
                    bed.ask(front, model, stream, &turns).await;
                    let seen = bed.last(model);
                    assert!(seen.contains(&format!("\"{blob}\"")), "{front:?}: {seen}");
                }
            }
        }
    }
}

const GROUPS: &str = r#"
retry: { max_attempts: 3, base: 1ms, max: 2ms }
providers:
  r:
    kind: responses-compatible
    base_url: "${R}"
    accounts:
      - { name: one, api_key: k-one, GROUP }
      - { name: two, api_key: k-two, GROUP }
models:
  native: [r/up]
"#;

/// A vendor whose accounts give blobs of their own and refuse each other's. One of them may be out.
fn groups(out: &Arc<AtomicUsize>) -> Vendor {
    let vendor = Vendor::new();
    let out = out.clone();
    vendor.on(move |request| {
        let key = request.header("authorization").unwrap();
        let (own, other, number) = match key.ends_with("k-one") {
            true => ("gAAAone", "gAAAtwo", 1),
            false => ("gAAAtwo", "gAAAone", 2),
        };
        if out.load(Ordering::SeqCst) == number {
            return Some(
                Answer::openai_error(429, "rate_limit_error", "slow_down", "later")
                    .header("retry-after", "60"),
            );
        }
        let text = request.text();
        if text.contains(other) || text.contains("tlo1.") {
            return Some(Answer::openai_error(
                400,
                "invalid_request_error",
                "invalid_encrypted_content",
                "no",
            ));
        }
        let stream = text.contains("\"stream\":true");
        let answer = script().responses("up", stream);
        let body = String::from_utf8(answer.content().to_vec()).unwrap();
        let old = SCRIPTED.iter().find(|old| body.contains(**old)).unwrap();
        let body = body.replace(&format!("{old}\""), &format!("{own}\""));
        let token = format!("turn-{number}");
        Some(
            match stream {
                true => Answer::sse([body]),
                false => Answer::json(200, body),
            }
            .header("x-codex-turn-state", &token),
        )
    });
    vendor
}

#[tokio::test]
async fn a_conversation_prefers_the_group_that_made_its_reasoning() {
    for front in [Front::Responses, Front::Messages] {
        for stream in [false, true] {
            let out = Arc::new(AtomicUsize::new(0));
            let vendor = groups(&out);
            let server = served(&vendor).await;
            let config = GROUPS.replace(", GROUP", "");
            let gateway = Running::start(&config, &[("R", server.url("/v1"))]).await;
            let url = gateway.url(&front.path("native", stream));
            let ask = async |turns: &[Value]| {
                let (status, headers, body) = post(&url, front.body("native", stream, turns)).await;
                assert_eq!(status, 200, "{body}");
                (
                    headers["x-trunkline-account"].to_str().unwrap().to_owned(),
                    body,
                )
            };
            let mut turns = front.opening();
            let (first, body) = ask(&turns).await;
            assert!(body.contains("tlo1.") && !body.contains("one\":"), "{body}");
            turns.extend(front.echo(&body, stream));
            for _ in 0..6 {
                assert_eq!(ask(&turns).await.0, first, "{front:?}");
                let seen = vendor.requests().last().unwrap().text().into_owned();
                assert!(seen.contains(&format!("\"gAAA{first}\"")), "{seen}");
            }
            out.store(if first == "one" { 1 } else { 2 }, Ordering::SeqCst);
            let (next, _) = ask(&turns).await;
            assert_ne!(next, first);
            let requests = vendor.requests();
            let seen = requests.last().unwrap().text();
            assert!(!seen.contains("gAAA") && seen.contains("weather"), "{seen}");
            // Left out beforehand: nobody had to refuse it.
            assert_eq!(requests.len(), 9);
        }
    }
}

#[tokio::test]
async fn one_group_passes_byte_for_byte() {
    let vendor = groups(&Arc::default());
    let server = served(&vendor).await;
    let config = GROUPS.replace("GROUP", "group: org");
    let gateway = Running::start(&config, &[("R", server.url("/v1"))]).await;
    for stream in [false, true] {
        let front = Front::Responses;
        let body = front.body("native", stream, &front.opening());
        let (status, _, body) = post(&gateway.url("/v1/responses"), body).await;
        assert_eq!(status, 200);
        assert!(body.contains("\"gAAA") && !body.contains("tlo1."), "{body}");
    }
}

#[tokio::test]
async fn case_109_reasoning_the_vendor_refuses_is_left_out_once() {
    let vendor = groups(&Arc::default());
    let server = served(&vendor).await;
    let config = GROUPS.replace("GROUP", "group: org");
    let gateway = Running::start(&config, &[("R", server.url("/v1"))]).await;
    // Without marks both blobs are sent, and one of them is always another account's.
    let reasoning =
        |blob: &str| json!({"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":blob});
    let said = json!({"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"hi"}]});
    let turns = [
        json!({"role":"user","content":"Hello"}),
        reasoning("gAAAone"),
        reasoning("gAAAtwo"),
        said,
        json!({"role":"user","content":"Go on"}),
    ];
    let body = Front::Responses.body("native", false, &turns);
    let (status, headers, body) = post(&gateway.url("/v1/responses"), body).await;
    assert_eq!(status, 200, "{body}");
    assert!(
        headers["x-trunkline-lossy"]
            .to_str()
            .unwrap()
            .contains("input[1]"),
        "{headers:?}"
    );
    let requests = vendor.requests();
    assert_eq!(requests.len(), 2);
    let seen = requests[1].text();
    assert!(
        !seen.contains("reasoning") && !seen.contains("msg_1"),
        "{seen}"
    );
}

#[tokio::test]
async fn case_116_a_turns_token_comes_back_to_its_account() {
    let out = Arc::new(AtomicUsize::new(0));
    let vendor = groups(&out);
    let server = served(&vendor).await;
    let config = GROUPS.replace(", GROUP", "");
    let gateway = Running::start(&config, &[("R", server.url("/v1"))]).await;
    let front = Front::Responses;
    let url = gateway.url("/v1/responses");
    let body = || front.body("native", true, &front.opening());
    let (_, headers, _) = post(&url, body()).await;
    let first = headers["x-trunkline-account"].clone();
    let token = headers["x-codex-turn-state"].to_str().unwrap().to_owned();
    let own = format!("turn-{}", if first == "one" { 1 } else { 2 });
    assert!(token.ends_with(&own) && token != own, "{token}");
    let go_on = || whole(call(&url, body()).header("x-codex-turn-state", &token));
    for _ in 0..6 {
        let (_, headers, _) = go_on().await;
        assert_eq!(headers["x-trunkline-account"], first);
        let requests = vendor.requests();
        assert_eq!(
            requests.last().unwrap().header("x-codex-turn-state"),
            Some(&*own)
        );
    }
    out.store(if first == "one" { 1 } else { 2 }, Ordering::SeqCst);
    let (status, headers, _) = go_on().await;
    assert_eq!(status, 200);
    assert_ne!(headers["x-trunkline-account"], first);
    let requests = vendor.requests();
    assert_eq!(requests.last().unwrap().header("x-codex-turn-state"), None);
    // Callers of other dialects are not given one.
    let url = gateway.url("/v1/messages");
    let (_, headers, _) = post(
        &url,
        Front::Messages.body("native", true, &Front::Messages.opening()),
    )
    .await;
    assert!(!headers.contains_key("x-codex-turn-state"));
}

#[tokio::test]
async fn a_refused_thought_signature_gives_way_to_the_word() {
    let bed = bed().await;
    let google = &bed.vendors[3].1;
    google.push(Answer::gemini_error(
        400,
        "INVALID_ARGUMENT",
        "Thought signature is not valid.",
    ));
    let front = Front::Generate;
    let mut turns = front.opening();
    turns.push(json!({"role":"model","parts":[{"functionCall":{"name":"weather","args":{}},"thoughtSignature":"b3RoZXI="}]}));
    turns.push(json!({"role":"user","parts":[{"functionResponse":{"name":"weather","response":{"output":"sunny"}}}]}));
    bed.ask(front, "google", false, &turns).await;
    let requests = google.requests();
    assert!(requests[0].text().contains("b3RoZXI="));
    let seen = requests[1].text();
    assert!(
        !seen.contains("b3RoZXI=") && seen.contains("skip_thought_signature_validator"),
        "{seen}"
    );
}
