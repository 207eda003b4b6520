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
        return;
    }
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

    let url = gateway.url("");
    let output = tokio::task::spawn_blocking(move || {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/run.py");
        Command::new(python)
            .args([script, &url])
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
