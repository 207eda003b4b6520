//! A request, written for a vendor.

use bytes::Bytes;

use super::{
    super::{
        NAME,
        models::{self, Abilities},
        schema,
        wire::{Block, Cache, Turn, TurnRole},
    },
    parts::{self, At},
    reasoning::{self, Plan},
    tools::{self, Entry, note_schema},
    turns,
};
use crate::{
    Json,
    chat::{ChatRequest, Fidelity, ResponseFormat, Role},
    dialect::Target,
    error::{Error, ErrorKind},
    json::{self, ObjectWriter},
};

/// The most cache breakpoints in one request.
const MAX_BREAKPOINTS: usize = 4;

/// What an answer may be long if neither the caller nor the catalogue says.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// Members that are written from fields: never again from `extra`.
const WRITTEN: &[&str] = &[
    "model",
    "max_tokens",
    "system",
    "messages",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "service_tier",
    "stream",
];

/// Members of this dialect that callers of other dialects may send along.
const EXTENSIONS: &[&str] = &[
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "mcp_servers",
    "speed",
];

/// Writes a request. Members stand in a fixed order: the same request gives the same bytes.
pub(in super::super) fn encode(
    request: &ChatRequest,
    target: &Target<'_>,
    report: &mut Fidelity,
) -> Result<Bytes, Error> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "`n`: this vendor gives one answer a request",
        )
        .with_param("n"));
    }
    if request.messages.is_empty() {
        return Err(Error::invalid("messages", "`messages` must not be empty"));
    }
    let able = models::abilities(target.model);
    let max_tokens = max_tokens(request, target, report);
    let (mut system, first) = system(request, report)?;
    let mut turns = turns::turns(
        &request.messages,
        first,
        request.dialect == Some(NAME),
        &able,
        report,
    )?;
    let mut tools = tools::tools(request, &able, report);
    let choice = tools::choice(request, !tools.is_empty(), &able, report);
    let mut plan = reasoning::plan(request, &able, max_tokens, report);
    if plan.manual && choice.as_ref().is_some_and(tools::Choice::is_forced) {
        report.dropped(
            "reasoning",
            "the vendor does not think when a tool is forced",
        );
        plan.drop_thinking();
    }
    if plan.manual && breaks_off(&turns) {
        report.dropped(
            "reasoning",
            "the vendor wants its own thinking back before a tool call that it answers; it is not in the conversation",
        );
        plan.drop_thinking();
    }
    let format = format(request, &able, &mut system, report);
    let top_cache = request.cache.as_ref().map(|marker| {
        let (cache, changed) = Cache::of(marker);
        if changed {
            report.changed("cache_control", "the vendor caches for 5m or 1h");
        }
        cache
    });
    limit_breakpoints(
        &mut tools,
        &mut system,
        &mut turns,
        usize::from(top_cache.is_some()),
        report,
    );

    let mut out = ObjectWriter::new();
    out.field("model", target.model)
        .field("max_tokens", &max_tokens);
    if !system.is_empty() {
        out.field("system", &system);
    }
    out.field("messages", &turns);
    if !tools.is_empty() {
        out.field("tools", &tools);
    }
    out.optional("tool_choice", choice)
        .optional("thinking", plan.thinking.as_ref());
    output_config(request, &plan, format, &mut out);
    sampling(request, &able, &plan, &mut out, report);
    stops(request, &mut out, report);
    metadata(request, &mut out, report);
    out.optional("service_tier", service_tier(request, report))
        .optional("cache_control", top_cache);
    if request.stream {
        out.field("stream", &true);
    }
    extras(request, top_cache.is_some(), &mut out, report);
    unsaid(request, report);
    Ok(out.finish().into())
}

fn max_tokens(request: &ChatRequest, target: &Target<'_>, report: &mut Fidelity) -> u64 {
    request.max_tokens.unwrap_or_else(|| {
        report.defaulted("max_tokens", "the vendor requires a limit");
        target.max_output.unwrap_or(DEFAULT_MAX_TOKENS)
    })
}

/// The leading system messages, a block for each text, and where the conversation begins.
fn system<'a>(
    request: &'a ChatRequest,
    report: &mut Fidelity,
) -> Result<(Vec<Block<'a>>, usize), Error> {
    let mut blocks = Vec::new();
    let mut first = 0;
    for (i, message) in request.messages.iter().enumerate() {
        if message.role != Role::System {
            break;
        }
        first = i + 1;
        if message.name.is_some() {
            report.dropped(
                format_args!("messages[{i}].name"),
                "the vendor has no names of speakers",
            );
        }
        for (part, content) in message.content.iter().enumerate() {
            let at = At { message: i, part };
            blocks.extend(parts::block(content, Role::System, at, report)?);
        }
    }
    Ok((blocks, first))
}

/// Does a tool loop go on whose last call was not thought about (or whose thinking is lost)?
fn breaks_off(turns: &[Turn<'_>]) -> bool {
    let answers = |turn: &Turn<'_>| {
        turn.role == TurnRole::User
            && matches!(turn.content.first(), Some(Block::ToolResult { .. }))
    };
    let mut back = turns
        .iter()
        .rev()
        .skip_while(|turn| turn.role == TurnRole::System);
    back.next().is_some_and(answers)
        && back
            .find(|turn| turn.role == TurnRole::Assistant)
            .is_some_and(|turn| {
                !matches!(
                    turn.content.first(),
                    Some(Block::Thinking { .. } | Block::RedactedThinking { .. })
                )
            })
}

/// The answer's shape: the vendor's own way, or words at the end of the system prompt.
fn format(
    request: &ChatRequest,
    able: &Abilities,
    system: &mut Vec<Block<'_>>,
    report: &mut Fidelity,
) -> Option<Json> {
    match request.response_format.as_ref()? {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => {
            report.changed(
                "response_format",
                "the vendor has no such mode: the system prompt asks for a JSON object",
            );
            system.push(Block::text(
                "Answer with one JSON object and nothing else: no prose, no code fence.",
            ));
            None
        }
        ResponseFormat::JsonSchema { schema, .. } if able.formats => {
            let schema = if request.dialect == Some(NAME) {
                schema.clone()
            } else {
                let (schema, changes) = schema::normalise(schema);
                note_schema("response_format.schema", &changes, report);
                schema
            };
            Some(json::object(|o| {
                o.field("type", "json_schema").field("schema", &schema);
            }))
        }
        ResponseFormat::JsonSchema { schema, .. } => {
            report.changed(
                "response_format",
                "this model enforces no schema: the system prompt asks for it",
            );
            system.push(Block::text(format!(
                "Answer with one JSON value that obeys this JSON schema, and nothing else: no prose, no code fence.\n{schema}"
            )));
            None
        }
    }
}

/// Keeps the last breakpoints: they cover the longest prefixes.
fn limit_breakpoints<'a>(
    tools: &mut [Entry<'a>],
    system: &mut [Block<'a>],
    turns: &mut [Turn<'a>],
    taken: usize,
    report: &mut Fidelity,
) {
    let mut each = |see: &mut dyn FnMut(Option<&mut Option<Cache>>)| {
        for tool in &mut *tools {
            tool.breakpoints(see);
        }
        let blocks = turns.iter_mut().flat_map(|turn| &mut turn.content);
        for block in system.iter_mut().chain(blocks) {
            block.breakpoints(see);
        }
    };
    let mut count = taken;
    each(&mut |slot| count += usize::from(slot.is_none_or(|cache| cache.is_some())));
    let excess = count.saturating_sub(MAX_BREAKPOINTS);
    let mut left = excess;
    each(&mut |slot| {
        if let Some(cache) = slot {
            if left > 0 && cache.take().is_some() {
                left -= 1;
            }
        }
    });
    if excess > 0 {
        report.dropped(
            "cache_control",
            format!(
                "the vendor takes {MAX_BREAKPOINTS} breakpoints: the first {excess} are left out"
            ),
        );
    }
}

fn output_config(request: &ChatRequest, plan: &Plan, format: Option<Json>, out: &mut ObjectWriter) {
    let mut config = ObjectWriter::new();
    config
        .optional("effort", plan.effort)
        .optional("format", format.as_ref());
    for (name, value) in nested(request, "output_config") {
        let ours = match name.as_str() {
            "effort" => plan.effort.is_some(),
            "format" => format.is_some(),
            _ => false,
        };
        if !ours {
            config.field(&name, &value);
        }
    }
    let config = config.into_json();
    if config.as_str() != "{}" {
        out.field("output_config", &config);
    }
}

/// The members of an object in `extra`, if they are in this dialect.
fn nested(request: &ChatRequest, name: &str) -> Vec<(String, Json)> {
    if !is_own(request) {
        return Vec::new();
    }
    request
        .extra
        .get(name)
        .and_then(|json| {
            let root = json::Value::root(json.as_str().as_bytes()).ok()?;
            let members = root.object().ok()?.into_extra();
            Some(
                members
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.clone()))
                    .collect(),
            )
        })
        .unwrap_or_default()
}

/// Does `extra` mean something here? What is built in process is meant for whoever gets it.
fn is_own(request: &ChatRequest) -> bool {
    matches!(request.dialect, None | Some(NAME))
}

fn sampling(
    request: &ChatRequest,
    able: &Abilities,
    plan: &Plan,
    out: &mut ObjectWriter,
    report: &mut Fidelity,
) {
    const REFUSED: &str = "this model refuses it";
    const THINKING: &str = "the vendor refuses it while the model thinks";
    let mut temperature = request.temperature;
    let (mut top_p, mut top_k) = (request.top_p, request.top_k);
    if temperature.is_some_and(|t| t > 1.0) {
        report.changed("temperature", "the vendor's scale ends at 1");
        temperature = Some(1.0);
    }
    if !able.sampling || plan.on {
        let why = if able.sampling { THINKING } else { REFUSED };
        // 1 is the default: leaving it out changes nothing.
        if temperature.take().is_some_and(|t| t != 1.0) {
            report.dropped("temperature", why);
        }
        if top_k.take().is_some() {
            report.dropped("top_k", why);
        }
        let near_all = if able.sampling { 0.95 } else { 1.0 };
        if let Some(p) = top_p.filter(|p| !able.sampling || *p < near_all) {
            top_p = None;
            if p < 1.0 {
                report.dropped("top_p", why);
            }
        }
    }
    if !able.both_samplings && temperature.is_some() && top_p.take().is_some() {
        report.dropped("top_p", "this model takes it or `temperature`, not both");
    }
    out.optional("temperature", temperature)
        .optional("top_p", top_p)
        .optional("top_k", top_k);
}

fn stops(request: &ChatRequest, out: &mut ObjectWriter, report: &mut Fidelity) {
    let (kept, blank): (Vec<&String>, Vec<&String>) = request
        .stop
        .iter()
        .partition(|stop| !stop.trim().is_empty());
    if !blank.is_empty() {
        report.dropped("stop", "the vendor refuses stop texts of white space");
    }
    if !kept.is_empty() {
        out.array("stop_sequences", kept);
    }
}

fn metadata(request: &ChatRequest, out: &mut ObjectWriter, report: &mut Fidelity) {
    let mut metadata = ObjectWriter::new();
    match request.user.as_deref() {
        Some(user) if request.dialect != Some(NAME) && is_personal(user) => {
            report.dropped(
                "user",
                "the vendor wants no e-mail addresses or phone numbers",
            );
        }
        user => {
            metadata.optional("user_id", user);
        }
    }
    for (name, value) in nested(request, "metadata") {
        if name != "user_id" {
            metadata.field(&name, &value);
        }
    }
    let metadata = metadata.into_json();
    if metadata.as_str() != "{}" {
        out.field("metadata", &metadata);
    }
}

/// Does it look like an e-mail address or a phone number?
fn is_personal(user: &str) -> bool {
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    let phone = user
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-(). ".contains(&b));
    let mail = user
        .split_once('@')
        .is_some_and(|(_, host)| host.contains('.'));
    mail || (phone && (7..=15).contains(&digits))
}

fn service_tier<'a>(request: &'a ChatRequest, report: &mut Fidelity) -> Option<&'a str> {
    match request.service_tier.as_deref()? {
        "auto" | "priority" => Some("auto"),
        "default" | "standard_only" => Some("standard_only"),
        other if is_own(request) => Some(other),
        _ => {
            report.dropped("service_tier", "the vendor has no such tier");
            None
        }
    }
}

fn extras(request: &ChatRequest, cached: bool, out: &mut ObjectWriter, report: &mut Fidelity) {
    for (name, value) in request.extra.iter() {
        let taken = WRITTEN.contains(&name) || (name == "cache_control" && cached);
        if taken && (is_own(request) || name == "thinking") {
            continue;
        }
        if !taken && (is_own(request) || EXTENSIONS.contains(&name)) {
            out.field(name, value);
        } else if name != "web_search_options" {
            report.dropped(name, "the vendor has no such member");
        }
    }
}

/// What has no member here at all.
fn unsaid(request: &ChatRequest, report: &mut Fidelity) {
    let is_set = |value: Option<f64>| value.is_some_and(|v| v != 0.0);
    for (name, set) in [
        ("frequency_penalty", is_set(request.frequency_penalty)),
        ("presence_penalty", is_set(request.presence_penalty)),
        ("seed", request.seed.is_some()),
        ("logprobs", request.logprobs == Some(true)),
        ("top_logprobs", request.top_logprobs.is_some_and(|n| n > 0)),
        ("prompt_cache_key", request.cache_key.is_some()),
    ] {
        if set {
            report.dropped(name, "the vendor has no such member");
        }
    }
}
