//! The official OpenAI, Anthropic and Google Python SDKs, unmodified, through the gateway to vendors of four dialects: text, an image,
//! two tools at once, their results; whole and streamed.
//!
//! Runs when a Python with the SDKs is there (`TRUNKLINE_PYTHON`, else `python3`), and says so when it is not. With
//! `TRUNKLINE_REQUIRE_SDKS=1` a missing SDK is a failure.

mod support;

use std::process::Command;

use support::{Running, served};
use trunkline::testing::{Answer, Recorded, Script, Vendor};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn official_sdks_are_served_over_every_dialect() {
    let Some(python) = python() else {
        return;
    };
    let [openai, responses, anthropic, gemini] = std::array::from_fn(|_| Vendor::new());
    openai.on(|request| Some(openai_answer(request)));
    responses.on(|request| Some(responses_answer(request)));
    anthropic.on(|request| Some(anthropic_answer(request)));
    gemini.on(|request| Some(gemini_answer(request)));
    let servers = [
        served(&openai).await,
        served(&responses).await,
        served(&anthropic).await,
        served(&gemini).await,
    ];
    let text = r#"
providers:
  o: { kind: openai-compatible, base_url: "${O}", accounts: [vendor-key] }
  r: { kind: responses-compatible, base_url: "${R}", accounts: [vendor-key] }
  a: { kind: anthropic-compatible, base_url: "${A}", accounts: [vendor-key] }
  g: { kind: gemini-compatible, base_url: "${G}", accounts: [vendor-key] }
models:
  over-openai: [o/upstream]
  over-responses: [r/upstream]
  over-anthropic: [a/claude-sonnet-4-5]
  over-gemini: [g/gemini-3-flash-preview]
"#;
    let gateway = Running::start(
        text,
        &[
            ("O", servers[0].url("/v1")),
            ("R", servers[1].url("/v1")),
            ("A", servers[2].url("/v1")),
            ("G", servers[3].url("/v1beta")),
        ],
    )
    .await;

    let out = run(python, "run.py", gateway.url("")).await;
    assert_eq!(out.matches("ok:").count(), 33, "{out}");

    // Four exchanges for each of four APIs, whole and streamed; streams of Responses are read in two ways.
    for vendor in [&openai, &responses, &anthropic, &gemini] {
        assert_eq!(vendor.requests().len(), 36);
        for request in vendor.requests() {
            let keys = format!(
                "{:?}{:?}{:?}",
                request.header("authorization"),
                request.header("x-api-key"),
                request.header("x-goog-api-key")
            );
            assert!(
                keys.contains("vendor-key") && !keys.contains("caller"),
                "{keys}"
            );
        }
    }
    assert_eq!(gateway.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn official_sdks_do_everything_else() {
    let Some(python) = python() else {
        return;
    };
    let [openai, gemini, native] = std::array::from_fn(|_| Vendor::new());
    openai.on(|request| Some(other_answer(request)));
    native.on(|request| Some(stored_answer(request)));
    gemini.on(|request| {
        let count = request.text().matches("\"content\"").count();
        let vectors = vec![r#"{"values":[0.5,-1.0,0.25]}"#; count].join(",");
        Some(Answer::json(
            200,
            format!(r#"{{"embeddings":[{vectors}]}}"#),
        ))
    });
    let servers = [
        served(&openai).await,
        served(&gemini).await,
        served(&native).await,
    ];
    let text = r#"
providers:
  o: { kind: openai-compatible, base_url: "${O}", accounts: [vendor-key-1, vendor-key-2] }
  g: { kind: gemini-compatible, base_url: "${G}", accounts: [vendor-key] }
  r: { kind: responses-compatible, base_url: "${R}", accounts: [vendor-key-1, vendor-key-2] }
models:
  m: { deployments: [o/upstream], balance: round-robin }
  gem: [g/gemini-embedding-001]
  native: { deployments: [r/up], balance: round-robin }
"#;
    let env = [
        ("O", servers[0].url("/v1")),
        ("G", servers[1].url("/v1beta")),
        ("R", servers[2].url("/v1")),
    ];
    let gateway = Running::start(text, &env).await;
    let out = run(python, "operations.py", gateway.url("")).await;
    assert_eq!(out.matches("ok:").count(), 7, "{out}");
    assert_eq!(gateway.in_flight(), 0);
}

/// A vendor's other operations. What must have arrived unharmed is checked; files and batches are those of the account asking.
fn other_answer(request: &Recorded) -> Answer {
    let key = request.header("authorization").unwrap_or_default();
    let whose = key.strip_prefix("Bearer vendor-key-").unwrap_or("nobody");
    let text = request.text();
    let has = |pieces: &[&str]| pieces.iter().all(|piece| text.contains(piece));
    let file = |name: &str| {
        format!(
            r#"{{"id":"file-{name}{whose}","object":"file","bytes":1,"created_at":1,"filename":"f","purpose":"batch","status":"processed"}}"#
        )
    };
    let batch = format!(
        r#"{{"id":"batch_{whose}","object":"batch","endpoint":"/v1/chat/completions","input_file_id":"file-in{whose}","output_file_id":"file-out{whose}","completion_window":"24h","status":"completed","created_at":1}}"#
    );
    let image = r#"{"created":1,"data":[{"b64_json":"AAAA"}]}"#;
    let path = request.path().strip_prefix("/v1").unwrap_or_default();
    // An id of the other account is none here.
    let path = path.replace(&format!("{whose}/"), "*/");
    let path = match path.strip_suffix(whose) {
        Some(path) => format!("{path}*"),
        None => path,
    };
    let renamed = has(&["upstream"]);
    match (request.method.as_str(), &*path) {
        ("POST", "/embeddings") if renamed => {
            let item = |index| {
                format!(r#"{{"object":"embedding","index":{index},"embedding":[0.5,-1.0,0.25]}}"#)
            };
            let (a, b) = (item(0), item(1));
            Answer::json(
                200,
                format!(
                    r#"{{"object":"list","model":"up","data":[{a},{b}],"usage":{{"prompt_tokens":2,"total_tokens":2}}}}"#
                ),
            )
        }
        ("POST", "/moderations") if renamed => Answer::json(
            200,
            r#"{"id":"modr-1","model":"up","results":[{"flagged":false}]}"#,
        ),
        ("POST", "/images/generations") if renamed => Answer::json(200, image),
        ("POST", "/images/edits")
            if renamed && has(&["filename=\"cat.png\"", "PNG\r\n--", "a hat"]) =>
        {
            Answer::json(200, image)
        }
        ("POST", "/audio/speech") if renamed => Answer::status(200)
            .header("content-type", "audio/mpeg")
            .body("ID3\0sound"),
        ("POST", "/audio/transcriptions")
            if renamed
                && has(&[
                    "filename=\"odd name.m4a\"",
                    "audio/x-m4a",
                    "\0\u{1}\r\nsound",
                    "timestamp_granularities[]",
                    "name=\"language\"",
                ]) =>
        {
            Answer::json(200, r#"{"text":"hello"}"#)
        }
        ("POST", "/audio/translations") if renamed => Answer::json(200, r#"{"text":"hello"}"#),
        ("POST", "/files") if has(&["name=\"purpose\"", "filename=\"in.jsonl\""]) => {
            Answer::json(200, file("in"))
        }
        ("GET", "/files/file-in*") => Answer::json(200, file("in")),
        ("GET", "/files/file-out*/content") => Answer::status(200)
            .header("content-type", "application/octet-stream")
            .body("output\n"),
        ("DELETE", "/files/file-in*") => Answer::json(
            200,
            format!(r#"{{"id":"file-in{whose}","object":"file","deleted":true}}"#),
        ),
        ("POST", "/batches")
            if request.string("/input_file_id") == Some(format!("file-in{whose}")) =>
        {
            Answer::json(200, batch)
        }
        ("GET", "/batches/batch_*") | ("POST", "/batches/batch_*/cancel") => {
            Answer::json(200, batch)
        }
        ("GET", "/files") => {
            let query = request.path_and_query();
            let first = !query.contains("after=");
            if !first && !query.contains(&format!("after=file-in{whose}")) {
                return Answer::openai_error(400, "invalid_request_error", "", "after whom?");
            }
            let page = file(if first { "in" } else { "out" });
            Answer::json(
                200,
                format!(r#"{{"object":"list","data":[{page}],"has_more":{first}}}"#),
            )
        }
        (method, path) => Answer::openai_error(
            404,
            "invalid_request_error",
            "",
            &format!("not here: {method} {path}"),
        ),
    }
}

/// An answer that the vendor keeps.
fn kept(answer: &Answer, stream: bool) -> Answer {
    let text = String::from_utf8(answer.content().to_vec()).expect("text");
    let text = text.replace(r#""store":false"#, r#""store":true"#);
    if stream {
        Answer::sse([text])
    } else {
        Answer::json(200, text)
    }
}

/// A vendor that keeps its answers: each account's have its own ids.
fn stored_answer(request: &Recorded) -> Answer {
    let stream = request.field("/stream").as_deref() == Some("true");
    let path = request.path();
    if request.method == "POST" {
        let before = request.string("/previous_response_id");
        if before.is_some_and(|id| id.contains("tl1")) {
            return Answer::openai_error(400, "invalid_request_error", "", "no such answer");
        }
        let answer = Script::new()
            .text("Hello.")
            .usage(1, 1)
            .responses("up", stream);
        return kept(&answer, stream);
    }
    let id = path.rsplit('/').next().unwrap_or_default();
    if id.contains("tl1") {
        return Answer::openai_error(404, "invalid_request_error", "", "no such answer");
    }
    let whole = format!(
        r#"{{"id":"{id}","object":"response","created_at":1,"model":"up","output":[],"status":"completed","parallel_tool_calls":true,"tool_choice":"auto","tools":[]}}"#
    );
    Answer::json(200, whole)
}

/// Runs a script of tests/sdk; gives what it printed.
async fn run(python: String, script: &'static str, url: String) -> String {
    let output = tokio::task::spawn_blocking(move || {
        let script = format!("{}/tests/sdk/{script}", env!("CARGO_MANIFEST_DIR"));
        Command::new(python)
            .args([script, url])
            .output()
            .expect("Python runs")
    })
    .await
    .expect("a result");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    print!("{out}");
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

/// A Python that has the SDKs, if there is one.
fn python() -> Option<String> {
    let python = std::env::var("TRUNKLINE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !has_sdks(&python) {
        let required = std::env::var("TRUNKLINE_REQUIRE_SDKS").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "{python} cannot import openai, anthropic and google.genai: pip install -r tests/sdk/requirements.txt"
        );
        eprintln!(
            "skipped: {python} cannot import openai, anthropic and google.genai (pip install -r tests/sdk/requirements.txt)"
        );
        return None;
    }
    Some(python)
}

fn has_sdks(python: &str) -> bool {
    let import = Command::new(python)
        .args(["-c", "import anthropic, openai, google.genai"])
        .output();
    import.is_ok_and(|output| output.status.success())
}

/// What the model says, by what it is asked; the checks on the request are the point: everything must have arrived.
fn script(text: &str, has_image: bool, has_tools: bool, results: bool) -> Script {
    if results {
        Script::new().text("It is both sunny.").usage(60, 5)
    } else if has_tools {
        Script::new()
            .text("Let me see.")
            .tool_call("call_paris", "weather", r#"{"city": "Paris"}"#)
            .tool_call("call_rome", "weather", r#"{"city": "Rome"}"#)
            .usage(50, 30)
    } else if has_image {
        Script::new().text("There is one pixel.").usage(90, 5)
    } else if text.contains("Say hello") {
        Script::new().text("Hello, caller.").usage(10, 4)
    } else {
        Script::new()
            .text("The question did not arrive.")
            .usage(1, 1)
    }
}

fn openai_answer(request: &Recorded) -> Answer {
    let text = request.text();
    let image = text.contains("\"image_url\"") && text.contains("data:image/png;base64,iVBOR");
    // Both results, each after its call and under the id the SDK was given.
    let results = ["sunny in Paris", "sunny in Rome"]
        .iter()
        .all(|result| text.contains(result))
        && text.matches("\"tool_call_id\"").count() == 2
        && text
            .matches("\"role\":\"tool\"")
            .count()
            .max(text.matches("\"role\": \"tool\"").count())
            == 2;
    let tools = request.string("/tools/0/function/name").as_deref() == Some("weather")
        && request
            .field("/tools/0/function/parameters/required")
            .is_some();
    let stream = request.field("/stream").as_deref() == Some("true");
    let usage = request.field("/stream_options/include_usage").as_deref() == Some("true");
    script(&text, image, tools, results).openai("upstream", stream, usage)
}

fn responses_answer(request: &Recorded) -> Answer {
    let text = request.text();
    let image = text.contains("\"input_image\"") && text.contains("data:image/png;base64,iVBOR");
    let results = ["sunny in Paris", "sunny in Rome"]
        .iter()
        .all(|result| text.contains(result))
        && text.matches("\"function_call_output\"").count() == 2
        && text.matches("\"function_call\"").count() == 2;
    let tools = request.string("/tools/0/name").as_deref() == Some("weather")
        && request.field("/tools/0/parameters/required").is_some()
        && request.field("/tools/0/strict").as_deref() == Some("false");
    let stream = request.field("/stream").as_deref() == Some("true");
    script(&text, image, tools, results).responses("up", stream)
}

fn anthropic_answer(request: &Recorded) -> Answer {
    let text = request.text();
    if request.header("anthropic-version").is_none() || request.field("/max_tokens").is_none() {
        return Answer::anthropic_error(
            400,
            "invalid_request_error",
            "anthropic-version and max_tokens are required",
        );
    }
    let image = text.contains("\"image\"") && text.contains("image/png") && text.contains("iVBOR");
    let results = ["sunny in Paris", "sunny in Rome"]
        .iter()
        .all(|result| text.contains(result))
        && text.matches("\"tool_result\"").count() == 2
        && text.matches("\"tool_use\"").count() == 2;
    let tools = request.string("/tools/0/name").as_deref() == Some("weather")
        && request.field("/tools/0/input_schema/required").is_some();
    let stream = request.field("/stream").as_deref() == Some("true");
    script(&text, image, tools, results).anthropic("claude-sonnet-4-5", stream)
}

fn gemini_answer(request: &Recorded) -> Answer {
    let text = request.text();
    let image =
        text.contains("\"inlineData\"") && text.contains("image/png") && text.contains("iVBOR");
    let results = ["sunny in Paris", "sunny in Rome"]
        .iter()
        .all(|result| text.contains(result))
        && text.matches("\"functionResponse\"").count() == 2
        && text.matches("\"functionCall\"").count() == 2
        // The model's own, or the one for calls of other models: without it the real vendor refuses.
        && text.contains("\"thoughtSignature\"");
    let function = "/tools/0/functionDeclarations/0";
    let tools = request.string(&format!("{function}/name")).as_deref() == Some("weather")
        // The SDK has its own spelling, which passes as it is.
        && ["parametersJsonSchema", "parameters_json_schema"]
            .iter()
            .any(|name| request.field(&format!("{function}/{name}/required")).is_some());
    let stream = request.path().ends_with(":streamGenerateContent");
    script(&text, image, tools, results).gemini("gemini-3-flash-preview", stream)
}
