//! A request, written for a vendor.

use bytes::Bytes;

use super::{
    super::{
        NAME,
        models::{self, Abilities},
        schema,
        wire::{Block, Cache, Turn, TurnRole},
    },
    choice::{self, Choice},
    parts::{self, At},
    reasoning::{self, Plan},
    settings::{self, nested},
    tools::{self, Entry, note_schema},
    turns,
};
use crate::{
    Json,
    chat::{ChatRequest, Content, Fidelity, ResponseFormat, Role, Source},
    dialect::{Target, labels, structured},
    error::{Error, ErrorKind},
    json::{self, ObjectWriter},
};

/// The most cache breakpoints in one request.
const MAX_BREAKPOINTS: usize = 4;

/// What an answer may be long if neither the caller nor the catalogue says.
const DEFAULT_MAX_TOKENS: u64 = 4096;

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
    foreign_files(request)?;
    let mut able = models::abilities(target.model);
    able.sampling &= !target.quirks.no_sampling;
    let max_tokens = max_tokens(request, target, report);
    let by_tool = by_tool(request, &able, max_tokens, report);
    let request = by_tool.as_ref().unwrap_or(request);
    let (mut system, first) = system(request, report)?;
    let mut turns = turns::turns(
        &request.messages,
        first,
        request.dialect == Some(NAME),
        &able,
        report,
    )?;
    let mut tools = tools::tools(request, &able, report);
    let choice = choice::choice(request, !tools.is_empty(), &able, report);
    let mut plan = reasoning::plan(request, &able, max_tokens, report);
    if plan.manual && choice.as_ref().is_some_and(Choice::is_forced) {
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
    settings::sampling(request, &able, &plan, &mut out, report);
    settings::stops(request, &mut out, report);
    settings::metadata(request, &mut out, report);
    out.optional("service_tier", settings::service_tier(request, report))
        .optional("cache_control", top_cache);
    if request.stream {
        out.field("stream", &true);
    }
    settings::extras(request, top_cache.is_some(), &mut out, report);
    settings::unsaid(request, report);
    Ok(out.finish().into())
}

/// Ids of uploaded files mean something only to the vendor who gave them.
fn foreign_files(request: &ChatRequest) -> Result<(), Error> {
    fn is_file(part: &Content) -> bool {
        match part {
            Content::Image(media) | Content::Document(media) | Content::Audio(media) => {
                matches!(media.source, Source::File(_))
            }
            Content::ToolResult(result) => result.content.iter().any(is_file),
            _ => false,
        }
    }
    if matches!(request.dialect, None | Some(NAME)) {
        return Ok(());
    }
    for (message, turn) in request.messages.iter().enumerate() {
        if let Some(part) = turn.content.iter().position(is_file) {
            return Err(parts::unsupported(
                At { message, part },
                "a file id of another vendor; send the file itself",
            ));
        }
    }
    Ok(())
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

/// The request with a tool that stands for the answer's schema, where the model enforces none and can be made to call one. It
/// cannot while it thinks by a budget.
fn by_tool(
    request: &ChatRequest,
    able: &Abilities,
    max_tokens: u64,
    report: &mut Fidelity,
) -> Option<ChatRequest> {
    let thinks = || reasoning::plan(request, able, max_tokens, &mut Fidelity::new()).manual;
    if able.formats || !able.forced_tools || thinks() {
        return None;
    }
    structured::as_tool(request, report)
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
        ResponseFormat::JsonSchema {
            schema,
            name,
            description,
            ..
        } if able.formats => {
            labels::schema(name.as_deref(), description.as_deref(), report);
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
        format => {
            if let ResponseFormat::JsonSchema {
                name, description, ..
            } = format
            {
                labels::schema(name.as_deref(), description.as_deref(), report);
            }
            report.changed(
                "response_format",
                match format {
                    ResponseFormat::JsonObject => {
                        "the vendor has no such mode: the system prompt asks for a JSON object"
                    }
                    _ => "this model enforces no schema: the system prompt asks for it",
                },
            );
            system.extend(structured::words(format).map(Block::text));
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
        if let Some(cache) = slot
            && left > 0
            && cache.take().is_some()
        {
            left -= 1;
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
