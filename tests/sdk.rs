//! The official OpenAI, Anthropic and Google SDKs, for Python and for JavaScript, unmodified, through the gateway to vendors of every dialect: text, an image,
//! two tools at once, their results, thinking that comes back, data of a schema; whole and streamed.
//!
//! Runs when a Python with the SDKs is there (`TRUNKLINE_PYTHON`, else `python3`), and Node.js with the packages
//! (`TRUNKLINE_JS_SDKS`, a directory `node_modules`), and says so when they are not. With `TRUNKLINE_REQUIRE_SDKS=1` a missing SDK
//! is a failure.

mod support;
#[path = "sdk/vendors.rs"]
mod vendors;

use std::process::Command;

use support::{Running, served};
use trunkline::testing::{Answer, Recorded, Script, Server, Vendor};
use vendors::{ROWS, Row};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn official_sdks_are_served_over_every_dialect() {
    let Some(python) = python() else {
        return;
    };
    let bed = Bed::new().await;
    let out = run(python, "run.py", &bed.arguments()).await;
    // Two ways for each of four APIs, completions and counts; and the errors.
    assert_eq!(out.matches("ok:").count(), ROWS.len() * 10 + 1, "{out}");
    // Seven exchanges for each of four APIs, whole and streamed, where streams of Responses are mostly read in two ways; and two
    // completions.
    bed.check(7 * 4 * 2 + 6 + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn official_javascript_sdks_are_served_over_every_dialect() {
    if !has_javascript_sdks() {
        return;
    }
    let bed = Bed::new().await;
    let out = run("node".to_owned(), "run.mjs", &bed.arguments()).await;
    assert_eq!(out.matches("ok:").count(), ROWS.len() * 8, "{out}");
    bed.check(5 * 4 * 2);
}

/// All vendors, and a gateway before them.
struct Bed {
    vendors: Vec<Vendor>,
    gateway: Running,
    _servers: Vec<Server>,
}

impl Bed {
    async fn new() -> Self {
        let (mut vendors, mut servers, mut env) = (Vec::new(), Vec::new(), Vec::new());
        let (mut providers, mut models) = (String::new(), String::new());
        for (row, variable) in ROWS.iter().zip(VARIABLES) {
            let vendor = Vendor::new();
            vendor.on(move |request| Some(vendors::answer(row, request)));
            let server = served(&vendor).await;
            env.push((variable, server.url(row.base)));
            let Row {
                name,
                settings,
                model,
                ..
            } = row;
            let comma = if settings.is_empty() { "" } else { ", " };
            providers += &format!(
                "  {name}: {{ {settings}{comma}base_url: \"${{{variable}}}\", accounts: [{{ api_key: vendor-key }}] }}\n"
            );
            models += &format!("  over-{name}: [\"{name}/{model}\"]\n");
            vendors.push(vendor);
            servers.push(server);
        }
        let text = format!("providers:\n{providers}models:\n{models}");
        Self {
            gateway: Running::start(&text, &env).await,
            vendors,
            _servers: servers,
        }
    }

    /// What the scripts are told: where it is, the models that think, and the others.
    fn arguments(&self) -> [String; 3] {
        let models = |thinks: bool| {
            let rows = ROWS.iter().filter(|row| row.thinks == thinks);
            let names: Vec<String> = rows.map(|row| format!("over-{}", row.name)).collect();
            names.join(",")
        };
        [self.gateway.url(""), models(true), models(false)]
    }

    /// Every vendor was asked that often for an answer, with its own key; and all is over.
    fn check(&self, calls: usize) {
        for (row, vendor) in ROWS.iter().zip(&self.vendors) {
            let requests = vendor.requests();
            for request in &requests {
                let names = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];
                let keys = format!("{:?}", names.map(|name| request.header(name)));
                assert!(
                    keys.contains("vendor-key") && !keys.contains("caller"),
                    "{}: {keys}",
                    row.name
                );
            }
            let answers = requests.iter().filter(|r| !vendors::is_count(r.path()));
            assert_eq!(answers.count(), calls, "{}", row.name);
        }
        assert_eq!(self.gateway.in_flight(), 0);
    }
}

/// A name for the address of each.
const VARIABLES: [&str; ROWS.len()] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];

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
    let out = run(python, "operations.py", &[gateway.url("")]).await;
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
async fn run(program: String, script: &str, arguments: &[String]) -> String {
    let script = format!("{}/tests/sdk/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(program);
    command.arg(script).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().expect("it runs"));
    let output = output.await.expect("a result");
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
    let modules = ["-c", "import anthropic, openai, google.genai"];
    let how = "pip install -r tests/sdk/requirements.txt, and say in TRUNKLINE_PYTHON where";
    is_there("the Python SDKs", how, Command::new(&python).args(modules)).then_some(python)
}

/// Are Node.js and the packages there?
fn has_javascript_sdks() -> bool {
    let all = "const r = require('module').createRequire(process.env.TRUNKLINE_JS_SDKS + '/');
        ['openai', '@anthropic-ai/sdk', '@google/genai'].forEach((name) => r(name))";
    let how = "npm install in tests/agents, and say in TRUNKLINE_JS_SDKS where its node_modules is";
    is_there(
        "the JavaScript SDKs",
        how,
        Command::new("node").args(["-e", all]),
    )
}

/// Does the command do well? If not, the test is skipped, or fails where all is required.
fn is_there(what: &str, how: &str, command: &mut Command) -> bool {
    let there = command.output().is_ok_and(|output| output.status.success());
    if !there {
        let required = std::env::var("TRUNKLINE_REQUIRE_SDKS").is_ok_and(|value| value == "1");
        assert!(!required, "{what} are missing: {how}");
        eprintln!("skipped: {what} are missing ({how})");
    }
    there
}
