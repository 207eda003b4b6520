//! A request of a caller, read.

use std::cell::RefCell;

use super::{decode_messages, decode_tools};
use crate::{
    chat::{CacheMarker, ChatRequest, Effort, Fidelity, Reasoning, ResponseFormat},
    dialect::openai_chat::NAME,
    error::Error,
    json::{self, Json, Object, Value},
};

/// Reads a request.
///
/// # Errors
/// If something has the wrong type, or is required and missing; the error names it.
pub(in super::super) fn decode(body: &[u8]) -> Result<ChatRequest, Error> {
    let unread = RefCell::default();
    let mut request = conversation(&Value::accounted(body, &unread)?)?;
    request.unread = Fidelity::of_unread(unread.into_inner());
    Ok(request)
}

fn conversation(root: &Value<'_, '_>) -> Result<ChatRequest, Error> {
    if !root.is_object() {
        return Err(root.error("must be a JSON object"));
    }
    let mut o = root.object()?;
    let mut request = ChatRequest::new(o.require("model")?.string()?, Vec::new());
    request.dialect = Some(NAME);
    request.messages = decode_messages::messages(&o.require("messages")?)?;
    request.tools = decode_tools::tools(&mut o)?;
    request.tool_choice = decode_tools::choice(&mut o)?;
    request.parallel_tool_calls = read(o.take("parallel_tool_calls"), |v| v.bool())?;

    let older = o.take("max_tokens");
    let newer = o.take("max_completion_tokens");
    request.max_tokens = read(one_of(newer, older), |v| v.u64())?;
    request.temperature = read(o.take("temperature"), |v| v.f64())?;
    request.top_p = read(o.take("top_p"), |v| v.f64())?;
    request.top_k = top_k(&mut o)?;
    request.frequency_penalty = read(o.take("frequency_penalty"), |v| v.f64())?;
    request.presence_penalty = read(o.take("presence_penalty"), |v| v.f64())?;
    request.seed = read(o.take("seed"), |v| v.i64())?;
    request.stop = read(o.take("stop"), |v| texts(&v))?.unwrap_or_default();
    request.n = read(o.take("n"), |v| v.u64())?;
    request.logprobs = read(o.take("logprobs"), |v| v.bool())?;
    request.top_logprobs = read(o.take("top_logprobs"), |v| v.u64())?;

    request.reasoning = reasoning(&mut o)?;
    request.response_format = read(o.take("response_format"), |v| response_format(&v))?;
    let newer = o.take("safety_identifier");
    request.user = read(one_of(o.take("user"), newer), |v| v.string())?;
    request.cache_key = read(o.take("prompt_cache_key"), |v| v.string())?;
    request.cache = read(o.take("cache_control"), |v| cache_marker(&v))?;
    request.service_tier = read(o.take("service_tier"), |v| v.string())?;
    request.stream = read(o.take("stream"), |v| v.bool())?.unwrap_or_default();
    request.include_usage = match o.take("stream_options") {
        Some(options) => {
            read(options.object()?.take("include_usage"), |v| v.bool())?.unwrap_or_default()
        }
        None => false,
    };
    request.extra = o.into_extra();
    Ok(request)
}

/// Reads a member that may be absent.
pub(in crate::dialect) fn read<'a, 'p, T>(
    value: Option<Value<'a, 'p>>,
    read: impl FnOnce(Value<'a, 'p>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    value.map(read).transpose()
}

/// The first of two members that say the same; of the other nobody hears.
pub(in crate::dialect) fn one_of<'a, 'p>(
    first: Option<Value<'a, 'p>>,
    second: Option<Value<'a, 'p>>,
) -> Option<Value<'a, 'p>> {
    if let (Some(first), Some(second)) = (&first, &second)
        && first.text() != second.text()
    {
        second.lost();
    }
    first.or(second)
}

/// The level of that name; of one that only its vendor knows nobody hears.
pub(in crate::dialect) fn effort(value: &Value<'_, '_>) -> Result<Option<Effort>, Error> {
    let found = Effort::from_name(&value.str()?);
    if found.is_none() {
        value.lost();
    }
    Ok(found)
}

/// `cache_control`, or OpenAI's own `prompt_cache_breakpoint`.
pub(in crate::dialect) fn cache_marker(value: &Value<'_, '_>) -> Result<CacheMarker, Error> {
    let mut marker = value.object()?;
    // There is one kind of them: its name says no more than that it is there.
    marker.take("type");
    marker.take("mode");
    Ok(CacheMarker::new(read(marker.take("ttl"), |v| v.string())?))
}

/// vLLM's and its kin's; `-1` says "not at all".
fn top_k(o: &mut Object<'_, '_>) -> Result<Option<u64>, Error> {
    let given = read(o.take("top_k"), |v| v.i64())?;
    Ok(given.and_then(|k| u64::try_from(k).ok()))
}

/// A text or a list of texts.
pub(in crate::dialect) fn texts(value: &Value<'_, '_>) -> Result<Vec<String>, Error> {
    if value.is_string() {
        return Ok(vec![value.string()?]);
    }
    if !value.is_array() {
        return Err(value.error("must be a string or an array of strings"));
    }
    value.items()?.map(|item| item.string()).collect()
}

/// How hard to think, in any of the members that vendors have for it. They are kept as they came, for vendors of this dialect.
fn reasoning(o: &mut Object<'_, '_>) -> Result<Option<Reasoning>, Error> {
    let mut found = Reasoning::default();
    let mut raw: Vec<(&'static str, Json)> = Vec::new();
    if let Some(value) = o.take("reasoning_effort") {
        // Some vendors have levels of their own, e.g. "default".
        found.effort = effort(&value)?;
        raw.push(("reasoning_effort", value.json()));
    }
    if let Some(value) = o.take("reasoning") {
        let mut inner = value.object()?;
        let level = read(inner.take("effort"), |v| effort(&v))?.flatten();
        found.effort = level.or(found.effort);
        found.budget = read(inner.take("max_tokens"), |v| v.u64())?;
        found.enabled = read(inner.take("enabled"), |v| v.bool())?;
        found.show = read(inner.take("exclude"), |v| v.bool())?.map(|hide| !hide);
        raw.push(("reasoning", value.json()));
    }
    if let Some(value) = o.take("thinking") {
        let mut inner = value.object()?;
        let kind = read(inner.take("type"), |v| v.string())?;
        found.enabled = match kind.as_deref() {
            Some("enabled" | "adaptive") => Some(true),
            Some("disabled") => Some(false),
            _ => found.enabled,
        };
        found.budget = read(inner.take("budget_tokens"), |v| v.u64())?.or(found.budget);
        found.show = match read(inner.take("display"), |v| v.string())?.as_deref() {
            Some("summarized") => Some(true),
            Some("omitted") => Some(false),
            _ => found.show,
        };
        raw.push(("thinking", value.json()));
    }
    if let Some(value) = o.take("enable_thinking") {
        found.enabled = Some(value.bool()?);
        raw.push(("enable_thinking", value.json()));
    }
    if let Some(value) = o.take("thinking_budget") {
        found.budget = Some(value.u64()?);
        raw.push(("thinking_budget", value.json()));
    }
    if raw.is_empty() {
        return Ok(None);
    }
    let members = json::object(|o| {
        for (name, value) in &raw {
            o.field(name, value);
        }
    });
    found.raw = Some((NAME, members));
    Ok(Some(found))
}

fn response_format(value: &Value<'_, '_>) -> Result<ResponseFormat, Error> {
    let mut o = value.object()?;
    let kind = o.require("type")?;
    match &*kind.str()? {
        "text" => Ok(ResponseFormat::Text),
        "json_object" => Ok(match o.take("schema") {
            // llama.cpp's spelling.
            Some(schema) => ResponseFormat::JsonSchema {
                name: None,
                description: None,
                schema: schema.json(),
                strict: None,
            },
            None => ResponseFormat::JsonObject,
        }),
        "json_schema" => {
            let spec = o.require("json_schema")?;
            let mut spec = spec.object()?;
            Ok(ResponseFormat::JsonSchema {
                name: read(spec.take("name"), |v| v.string())?,
                description: read(spec.take("description"), |v| v.string())?,
                schema: spec
                    .take("schema")
                    .map_or_else(Json::empty_object, |schema| schema.json()),
                strict: read(spec.take("strict"), |v| v.bool())?,
            })
        }
        other => Err(kind.error(format_args!(
            "must be one of text, json_object, json_schema, not {other:?}"
        ))),
    }
}
