//! The scripted vendors of the SDKs: a row each, and what they say.
//!
//! A vendor answers by what it is asked, and only if everything has arrived in its own dialect, which the path tells.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use serde_json::Value;
use trunkline::testing::{Answer, Recorded, Script};

/// One vendor.
pub struct Row {
    /// Callers ask for `over-{name}`.
    pub name: &'static str,
    /// Its settings, besides the address and the account.
    pub settings: &'static str,
    /// Where its API begins.
    pub base: &'static str,
    /// The model there.
    pub model: &'static str,
    /// What has to be in the paths that are called.
    pub path: &'static str,
    /// Does this model think when it is told to?
    pub thinks: bool,
}

const fn row(
    name: &'static str,
    settings: &'static str,
    base: &'static str,
    model: &'static str,
    path: &'static str,
) -> Row {
    Row {
        name,
        settings,
        base,
        model,
        path,
        thinks: true,
    }
}

/// All vendors.
pub const ROWS: [Row; 12] = [
    row(
        "openai",
        "kind: openai-compatible",
        "/v1",
        "gpt-5",
        "/v1/chat/completions",
    ),
    row(
        "responses",
        "kind: responses-compatible",
        "/v1",
        "gpt-5",
        "/v1/responses",
    ),
    row(
        "anthropic",
        "kind: anthropic-compatible",
        "/v1",
        "claude-sonnet-4-5",
        "/v1/messages",
    ),
    row(
        "gemini",
        "kind: gemini-compatible",
        "/v1beta",
        "gemini-3-flash-preview",
        "/v1beta/models/gemini-3-flash-preview:",
    ),
    row(
        "deepseek",
        "",
        "/v1",
        "deepseek-reasoner",
        "/v1/chat/completions",
    ),
    row(
        "bedrock-claude",
        "kind: bedrock, region: us-east-1",
        "",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4-5-20250929-v1%3A0/",
    ),
    row(
        "converse",
        "kind: bedrock, region: us-east-1, api: converse",
        "",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4-5-20250929-v1%3A0/co",
    ),
    Row {
        thinks: false,
        ..row(
            "nova",
            "kind: bedrock, region: us-east-1",
            "",
            "amazon.nova-lite-v1:0",
            "nova-lite-v1%3A0/converse",
        )
    },
    row(
        "cohere",
        "",
        "/v2",
        "command-a-reasoning-08-2025",
        "/v2/chat",
    ),
    row(
        "vertex",
        "kind: vertex",
        "",
        "gemini-3-flash-preview",
        "/publishers/google/models/gemini-3-flash-preview:",
    ),
    row("azure", "kind: azure", "", "gpt-5-prod", "/openai/v1/"),
    // It has no schemas: it is made to call a tool instead.
    Row {
        thinks: false,
        ..row(
            "old-claude",
            "kind: anthropic-compatible",
            "/v1",
            "claude-3-haiku-20240307",
            "/v1/messages",
        )
    },
];

const THOUGHT: &str = "They ask about Oslo.";
/// What a vendor alone can read, with all the letters that may be lost on the way.
const SIGNATURE: &str = "c2lnbmVk+/+/c2lnbmVk+w==";
const DATA: &str = r#"{"city":"Oslo","sunny":true}"#;

/// The dialect that is spoken to the vendor.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wire {
    Chat,
    Responses,
    Anthropic,
    Gemini,
    BedrockClaude,
    Converse,
    Cohere,
}

impl Wire {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            _ if path.ends_with("/chat/completions") => Self::Chat,
            _ if path.ends_with("/responses") => Self::Responses,
            _ if path.ends_with("/messages") => Self::Anthropic,
            _ if path.contains("enerateContent") => Self::Gemini,
            _ if path.contains("/invoke") => Self::BedrockClaude,
            _ if path.contains("/converse") => Self::Converse,
            _ if path.ends_with("/v2/chat") => Self::Cohere,
            _ => return None,
        })
    }

    /// How it spells an image, a call, a result; and where a tool, its schema and the order to think are.
    fn words(self) -> ([&'static str; 3], [&'static str; 3]) {
        match self {
            Self::Chat => (
                [
                    r#""url":"data:image/png;base64,iVBOR"#,
                    r#""arguments":"#,
                    r#""tool_call_id":"#,
                ],
                [
                    "/tools/0/function/name",
                    "/tools/0/function/parameters/required",
                    "/reasoning_effort",
                ],
            ),
            Self::Cohere => (
                Self::Chat.words().0,
                [
                    "/tools/0/function/name",
                    "/tools/0/function/parameters/required",
                    "/thinking/type",
                ],
            ),
            Self::Responses => (
                [
                    r#""image_url":"data:image/png;base64,iVBOR"#,
                    r#""type":"function_call""#,
                    r#""type":"function_call_output""#,
                ],
                [
                    "/tools/0/name",
                    "/tools/0/parameters/required",
                    "/reasoning/effort",
                ],
            ),
            Self::Anthropic | Self::BedrockClaude => (
                [
                    r#""source":{"data":"iVBOR"#,
                    r#""type":"tool_use""#,
                    r#""type":"tool_result""#,
                ],
                [
                    "/tools/0/name",
                    "/tools/0/input_schema/required",
                    "/thinking/budget_tokens",
                ],
            ),
            Self::Gemini => (
                [
                    r#""inlineData":{"data":"iVBOR"#,
                    r#""functionCall":"#,
                    r#""functionResponse":"#,
                ],
                [
                    "/tools/0/functionDeclarations/0/name",
                    "/tools/0/functionDeclarations/0/parametersJsonSchema/required",
                    "/generationConfig/thinkingConfig",
                ],
            ),
            Self::Converse => (
                [
                    r#""image":{"format":"png","source":{"bytes":"iVBOR"#,
                    r#""toolUse":"#,
                    r#""toolResult":"#,
                ],
                [
                    "/toolConfig/tools/0/toolSpec/name",
                    "/toolConfig/tools/0/toolSpec/inputSchema/json/required",
                    "/additionalModelRequestFields/thinking/budget_tokens",
                ],
            ),
        }
    }

    /// Is it an answer in pieces that is asked for?
    fn streams(self, request: &Recorded) -> bool {
        let path = request.path();
        match self {
            Self::Gemini => path.ends_with(":streamGenerateContent"),
            Self::BedrockClaude | Self::Converse => path.ends_with("-stream"),
            _ => request.field("/stream").as_deref() == Some("true"),
        }
    }

    /// What has to be there for the dialect's own sake.
    fn objection(self, request: &Recorded, body: &Value) -> Option<&'static str> {
        match self {
            Self::Anthropic if request.header("anthropic-version").is_none() => {
                Some("anthropic-version is required")
            }
            Self::BedrockClaude if body["anthropic_version"] != "bedrock-2023-05-31" => {
                Some("anthropic_version is required")
            }
            Self::Anthropic | Self::BedrockClaude if body["max_tokens"].is_null() => {
                Some("max_tokens is required")
            }
            Self::Responses
                if body["tools"]
                    .as_array()
                    .is_some_and(|tools| tools.iter().any(|tool| tool["strict"] != false)) =>
            {
                Some("nobody has asked for strict tools")
            }
            _ => None,
        }
    }

    fn answer(self, script: &Script, row: &Row, request: &Recorded) -> Answer {
        let stream = self.streams(request);
        match self {
            Self::Chat => {
                let usage = request.field("/stream_options/include_usage");
                script.openai(row.model, stream, usage.as_deref() == Some("true"))
            }
            Self::Responses => script.responses(row.model, stream),
            Self::Anthropic => script.anthropic(row.model, stream),
            Self::Gemini => script.gemini(row.model, stream),
            Self::BedrockClaude => script.claude_on_bedrock(row.model, stream),
            Self::Converse if stream => Answer::event_stream(script.converse_events()),
            Self::Converse => script.converse(),
            Self::Cohere => script.cohere(stream),
        }
    }
}

/// The answer of this row's vendor.
pub fn answer(row: &Row, request: &Recorded) -> Answer {
    let path = request.path();
    if let Some(counted) = counted(path) {
        return Answer::json(200, counted);
    }
    let Some(wire) = Wire::of(path).filter(|_| path.contains(row.path)) else {
        return Answer::openai_error(404, "invalid_request_error", "", path);
    };
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if let Some(objection) = wire.objection(request, &body) {
        return Answer::openai_error(400, "invalid_request_error", "", objection);
    }
    let script = script(row, wire, &body).signature(SIGNATURE);
    wire.answer(&script, row, request)
}

/// Is it for a number of tokens?
pub fn is_count(path: &str) -> bool {
    counted(path).is_some()
}

/// Seven tokens, in the words of whoever is asked.
fn counted(path: &str) -> Option<&'static str> {
    Some(match path {
        _ if path.ends_with("/messages/count_tokens") => r#"{"input_tokens":7}"#,
        _ if path.ends_with(":countTokens") => r#"{"totalTokens":7}"#,
        _ if path.ends_with("/responses/input_tokens") => {
            r#"{"object":"response.input_tokens","input_tokens":7}"#
        }
        _ if path.ends_with("/count-tokens") => r#"{"inputTokens":7}"#,
        _ => return None,
    })
}

/// What the model says. If something is missing, it says so.
fn script(row: &Row, wire: Wire, body: &Value) -> Script {
    // The members in the order of their names, without a space.
    let text = body.to_string();
    let ([image, call, result], [tool, schema, thinking]) = wire.words();
    // Google's SDK has its own spelling, which passes as it is.
    let other = schema.replace("parametersJsonSchema", "parameters_json_schema");
    let has_tool = body.pointer(tool).and_then(Value::as_str) == Some("weather")
        && (body.pointer(schema).is_some() || body.pointer(&other).is_some());
    let has_thinking = body.pointer(thinking).is_some() || !row.thinks;
    let said = |word: &str| text.contains(word);
    let answered = |cities: &[&str]| {
        let told = cities.iter().all(|city| said(&format!("sunny in {city}")));
        told && [call, result].map(|word| text.matches(word).count()) == [cities.len(); 2]
    };
    let missing = |what: &str| Script::new().text(format!("{what} did not arrive: {text}"));

    if said("Describe Oslo") {
        // A schema, or a tool that stands for it.
        let (whole, tool) = (said("sunny"), said(r#""name":"structured_output""#));
        // What a caller says in the vendor's own dialect passes as it is.
        let lacks_tool = row.name == "old-claude" && !tool && body["output_config"].is_null();
        return match (whole && !lacks_tool, tool) {
            (false, _) => missing("The schema"),
            (true, false) => Script::new().text(DATA),
            (true, true) => Script::new().tool_call("call_data", "structured_output", DATA),
        };
    }
    if said("Think of Oslo") {
        if said("sunny in") {
            return match (answered(&["Oslo"]), came_back(row, wire, &text)) {
                (true, true) => Script::new().text("Oslo is sunny.").usage(60, 5),
                (true, false) => missing("The reasoning"),
                (false, _) => missing("The result"),
            };
        }
        let mut script = Script::new();
        if row.thinks {
            script = script.thinking(THOUGHT);
        }
        return match (has_tool, has_thinking) {
            (true, true) => script
                .tool_call("call_oslo", "weather", r#"{"city": "Oslo"}"#)
                .usage(50, 30),
            (true, false) => missing("The order to think"),
            (false, _) => missing("The tool"),
        };
    }
    if said("sunny in") {
        // The model's own, or the one for calls of other models: without it the real vendor refuses.
        let signed = wire != Wire::Gemini || said(r#""thoughtSignature":"#);
        return match answered(&["Paris", "Rome"]) && signed {
            true => Script::new().text("It is both sunny.").usage(60, 5),
            false => missing("A result"),
        };
    }
    if has_tool {
        return Script::new()
            .text("Let me see.")
            .tool_call("call_paris", "weather", r#"{"city": "Paris"}"#)
            .tool_call("call_rome", "weather", r#"{"city": "Rome"}"#)
            .usage(50, 30);
    }
    if said(image) {
        return Script::new().text("There is one pixel.").usage(90, 5);
    }
    match said("Say hello") {
        true => Script::new().text("Hello, caller.").usage(10, 4),
        false => missing("The question"),
    }
}

/// Is the vendor's reasoning there again, byte for byte?
fn came_back(row: &Row, wire: Wire, text: &str) -> bool {
    let holds = |name: &str, value: &str| text.contains(&format!(r#""{name}":"{value}""#));
    match wire {
        _ if !row.thinks => true,
        Wire::Responses => holds("encrypted_content", SIGNATURE),
        Wire::Anthropic | Wire::BedrockClaude | Wire::Converse => {
            holds("signature", SIGNATURE) && text.contains(THOUGHT)
        }
        Wire::Gemini => {
            // Google's SDK holds bytes, and writes them in the other alphabet.
            let bytes = STANDARD.decode(SIGNATURE).expect("base64");
            holds("thoughtSignature", SIGNATURE)
                || holds("thoughtSignature", &URL_SAFE.encode(bytes))
        }
        Wire::Cohere => holds("thinking", THOUGHT),
        // Only this one wants it.
        Wire::Chat => row.name != "deepseek" || holds("reasoning_content", THOUGHT),
    }
}
