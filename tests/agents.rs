//! Coding agents, unmodified and headless, through the gateway to vendors of six dialects: Claude Code (Messages), Codex (Responses)
//! and gemini-cli (generateContent) each run a shell command that the model asks for, and report its result back.
//!
//! They are taken from `TRUNKLINE_AGENTS`, a directory with the programs in it (`npm install` of tests/agents/package.json makes
//! `tests/agents/node_modules/.bin`), else from the PATH. One that is missing is said to be skipped; with
//! `TRUNKLINE_REQUIRE_AGENTS=1` that is a failure.

mod support;

use std::{path::PathBuf, process::Stdio, time::Duration};

use serde_json::Value;
use support::{Running, process::Dir, served};
use tokio::process::Command;
use trunkline::{
    chat::{Content, Message},
    dialect::{
        Dialect, anthropic::Anthropic, gemini::Gemini, openai_chat::OpenAiChat,
        openai_responses::OpenAiResponses,
    },
    testing::{Answer, Recorded, Script, Vendor},
};

/// What the model wants to have run. Only a shell makes the second text out of it.
const COMMAND: &str = "printf 'proof-%d' 42 | tee proof.txt";
const RESULT: &str = "proof-42";
const FAREWELL: &str = "The command ran as asked.";
const PROMPT: &str = "Run the shell command I need and tell me about it.";
/// The agents' own names for their shells.
const SHELLS: [&str; 5] = [
    "Bash",
    "run_shell_command",
    "shell_command",
    "exec_command",
    "shell",
];
/// An agent takes a few seconds; on a busy machine several times that.
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claude_code_works_over_every_dialect() {
    let setup = |_: &Dir, base: &str, model: &str| {
        let arguments =
            format!("-p|{PROMPT}|--output-format|json|--allowedTools|Bash|--model|{model}");
        let env = vec![
            ("ANTHROPIC_BASE_URL", base.to_owned()),
            ("ANTHROPIC_API_KEY", "caller".to_owned()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
        ];
        (arguments, env)
    };
    over_every_dialect("claude", setup).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codex_works_over_every_dialect() {
    let setup = |dir: &Dir, base: &str, model: &str| {
        let config = format!(
            r#"model = "{model}"
model_provider = "gateway"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.gateway]
name = "gateway"
base_url = "{base}/v1"
env_key = "GATEWAY_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"#
        );
        dir.write("config.toml", &config);
        let arguments = format!("exec|--skip-git-repo-check|--json|-s|danger-full-access|{PROMPT}");
        (arguments, vec![("GATEWAY_KEY", "caller".to_owned())])
    };
    over_every_dialect("codex", setup).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gemini_cli_works_over_every_dialect() {
    let setup = |dir: &Dir, base: &str, model: &str| {
        let settings = r#"{"security":{"auth":{"selectedType":"gemini-api-key"}},"privacy":{"usageStatisticsEnabled":false}}"#;
        std::fs::create_dir_all(dir.path().join(".gemini")).expect("a directory");
        dir.write(".gemini/settings.json", settings);
        let arguments = format!("-p|{PROMPT}|--yolo|--output-format|json|-m|{model}");
        let env = vec![
            ("GEMINI_API_KEY", "caller".to_owned()),
            ("GOOGLE_GEMINI_BASE_URL", base.to_owned()),
            ("GEMINI_CLI_TRUST_WORKSPACE", "true".to_owned()),
        ];
        (arguments, env)
    };
    over_every_dialect("gemini", setup).await;
}

async fn over_every_dialect(
    name: &str,
    setup: impl Fn(&Dir, &str, &str) -> (String, Vec<(&'static str, String)>),
) {
    let Some(program) = agent(name) else {
        let required = std::env::var("TRUNKLINE_REQUIRE_AGENTS").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "there is no `{name}`: npm install in tests/agents"
        );
        eprintln!("skipped: there is no `{name}` (npm install in tests/agents)");
        return;
    };
    let mut vendors = Vec::new();
    let (mut servers, mut env) = (Vec::new(), Vec::new());
    let (mut providers, mut models) = (String::new(), String::new());
    for (wire, settings, base, model) in WIRES {
        let vendor = Vendor::new();
        vendor.on(move |request| Some(answer(wire, model, request)));
        let server = served(&vendor).await;
        let word: &'static str = wire.name();
        env.push((word, server.url(base)));
        providers += &format!(
            "  {word}: {{ {settings}, base_url: \"${{{word}}}\", accounts: [{{ api_key: vendor-key }}] }}\n"
        );
        models += &format!("  over-{word}: [\"{word}/{model}\"]\n");
        vendors.push((format!("over-{word}"), vendor));
        servers.push(server);
    }
    // The last is what agents ask small questions of, by names of their own.
    let text = format!("providers:\n{providers}models:\n{models}  \"*\": chat\n");
    let gateway = Running::start(&text, &env).await;
    for (model, vendor) in &vendors {
        let dir = Dir::new();
        let (arguments, env) = setup(&dir, &gateway.url(""), model.as_str());
        let mut command = Command::new(&program);
        command
            .args(arguments.split('|'))
            .current_dir(dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", dir.path())
            .env("CODEX_HOME", dir.path())
            .env("NO_PROXY", "127.0.0.1")
            .envs(env)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let run = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = run
            .unwrap_or_else(|_| panic!("{name} does not end over {model}"))
            .expect("it starts");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{name} over {model}: {said}");
        assert!(said.contains(FAREWELL), "{name} over {model}: {said}");
        let proof = std::fs::read_to_string(dir.path().join("proof.txt")).unwrap_or_default();
        assert_eq!(proof.trim(), RESULT, "{name} over {model}: {said}");
        let calls = vendor.requests().len();
        assert!(calls >= 2, "{name} over {model} made {calls} calls");
        println!("ok: {name} over {model}, {calls} calls");
    }
    assert_eq!(gateway.in_flight(), 0);
}

/// The program: where it was said to be, else on the PATH.
fn agent(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("TRUNKLINE_AGENTS").or_else(|| std::env::var_os("PATH"))?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

/// What is spoken to the vendor.
#[derive(Clone, Copy, Debug)]
enum Wire {
    Chat,
    Responses,
    Anthropic,
    Gemini,
    Converse,
    Cohere,
}

/// Settings, the start of the API, and a model such as the agents know: they choose their tools and their limits by its name.
const WIRES: [(Wire, &str, &str, &str); 6] = [
    (Wire::Chat, "kind: openai-compatible", "/v1", "gpt-4o"),
    (
        Wire::Responses,
        "kind: responses-compatible",
        "/v1",
        "gpt-5",
    ),
    (
        Wire::Anthropic,
        "kind: anthropic-compatible",
        "/v1",
        "claude-sonnet-4-5",
    ),
    (
        Wire::Gemini,
        "kind: gemini-compatible",
        "/v1beta",
        "gemini-3-flash-preview",
    ),
    (
        Wire::Converse,
        "kind: bedrock, region: us-east-1, api: converse",
        "",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    (
        Wire::Cohere,
        "kind: cohere",
        "/v2",
        "command-a-reasoning-08-2025",
    ),
];

impl Wire {
    const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Converse => "converse",
            Self::Cohere => "cohere",
        }
    }

    /// What is asked, if it is spelled as the dialect has it.
    fn read(self, body: &[u8]) -> Result<Asked, String> {
        let front: &dyn Dialect = match self {
            Self::Chat => &OpenAiChat,
            Self::Responses => &OpenAiResponses,
            Self::Anthropic => &Anthropic,
            Self::Gemini => &Gemini,
            // Nobody is served in these two.
            Self::Converse | Self::Cohere => {
                let body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
                return Ok(self.read_vendor_only(&body));
            }
        };
        let front = front.front().expect("they serve callers");
        let chat = front
            .decode_request(body)
            .map_err(|error| error.message().to_owned())?;
        Ok(Asked {
            stream: chat.stream,
            tools: chat.tools.iter().map(|tool| tool.name.clone()).collect(),
            result: chat.messages.iter().find_map(result),
        })
    }

    fn read_vendor_only(self, body: &Value) -> Asked {
        let (tools, name) = match self {
            Self::Converse => ("/toolConfig/tools", "/toolSpec/name"),
            _ => ("/tools", "/function/name"),
        };
        let list = |pointer| body.pointer(pointer).and_then(Value::as_array);
        let names = list(tools).into_iter().flatten();
        let names = names.filter_map(|tool| tool.pointer(name)?.as_str());
        let results = list("/messages").into_iter().flatten();
        let results = results.filter_map(|message| match self {
            Self::Converse => {
                let blocks = message["content"].as_array()?;
                let result = blocks.iter().find_map(|block| block.get("toolResult"))?;
                Some(result["content"].to_string())
            }
            _ if message["role"] == "tool" => Some(message["content"].to_string()),
            _ => None,
        });
        let result: Vec<String> = results.collect();
        Asked {
            stream: body["stream"] == true,
            tools: names.map(str::to_owned).collect(),
            result: (!result.is_empty()).then(|| result.concat()),
        }
    }
}

/// What matters of a request.
struct Asked {
    stream: bool,
    tools: Vec<String>,
    result: Option<String>,
}

fn answer(wire: Wire, model: &str, request: &Recorded) -> Answer {
    let asked = match wire.read(&request.body) {
        Ok(asked) => asked,
        Err(why) => return Answer::openai_error(400, "invalid", "invalid", &why),
    };
    let path = request.path();
    let stream =
        asked.stream || path.ends_with(":streamGenerateContent") || path.ends_with("-stream");
    let script = turn(&asked);
    match wire {
        Wire::Chat => script.openai(model, stream, true),
        Wire::Responses => script.responses(model, stream),
        Wire::Anthropic => script.anthropic(model, stream),
        Wire::Gemini => script.gemini(model, stream),
        Wire::Converse if stream => Answer::event_stream(script.converse_events()),
        Wire::Converse => script.converse(),
        Wire::Cohere => script.cohere(stream),
    }
}

/// The model calls the agent's shell, and is content once it sees what the command printed.
fn turn(asked: &Asked) -> Script {
    if let Some(result) = &asked.result {
        return match result.contains(RESULT) {
            true => Script::new().text(FAREWELL),
            false => Script::new().text(format!("The result did not arrive: {result}")),
        };
    }
    let shell = SHELLS
        .into_iter()
        .find(|shell| asked.tools.iter().any(|tool| tool == shell));
    match shell {
        None => Script::new().text("A small answer."),
        Some("shell") => Script::new().thinking("A shell will do.").tool_call(
            "call_1",
            "shell",
            serde_json::json!({"command": ["bash", "-lc", COMMAND]}).to_string(),
        ),
        Some(name) => {
            let member = if name == "exec_command" {
                "cmd"
            } else {
                "command"
            };
            Script::new()
                .thinking("A shell will do.")
                .text("Let me run it.")
                .tool_call(
                    "call_1",
                    name,
                    serde_json::json!({member: COMMAND, "description": "Makes the proof"})
                        .to_string(),
                )
        }
    }
}

/// What a tool said, if the message is that.
fn result(message: &Message) -> Option<String> {
    let results: Vec<String> = message
        .content
        .iter()
        .filter_map(|part| match part {
            Content::ToolResult(result) => Some(
                result
                    .content
                    .iter()
                    .filter_map(Content::as_text)
                    .collect::<String>(),
            ),
            _ => None,
        })
        .collect();
    (!results.is_empty()).then(|| results.concat())
}
