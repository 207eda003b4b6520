//! A request of a caller, read.

use std::cell::RefCell;

use super::{decode_items, decode_tools};
use crate::{
    chat::{ChatRequest, Fidelity, Message, Reasoning, ResponseFormat, Role},
    dialect::{
        openai_chat::request::{effort, one_of, read},
        openai_responses::NAME,
    },
    error::{Error, ErrorKind},
    json::{Json, Object, Value},
};

/// What asks a vendor to give its reasoning in a form that can be sent back.
pub(super) const ENCRYPTED: &str = "reasoning.encrypted_content";

/// What asks for log probabilities.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";

/// Reads a request.
///
/// # Errors
/// If something has the wrong type, is required and missing, or is kept at a vendor; the error names it.
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
    refuse_stored(&mut o)?;
    if let Some(instructions) = o.take("instructions") {
        let text = instructions.string()?;
        if !text.is_empty() {
            request.messages.push(Message::text(Role::System, text));
        }
    }
    request.tools = decode_tools::tools(o.take("tools"))?;
    decode_items::input(&o.require("input")?, &mut request)?;
    request.tool_choice = decode_tools::choice(&mut o)?;
    request.parallel_tool_calls = read(o.take("parallel_tool_calls"), |v| v.bool())?;
    request.max_tokens = read(o.take("max_output_tokens"), |v| v.u64())?;
    request.temperature = read(o.take("temperature"), |v| v.f64())?;
    request.top_p = read(o.take("top_p"), |v| v.f64())?;
    request.top_logprobs = read(o.take("top_logprobs"), |v| v.u64())?;
    request.reasoning = read(o.take("reasoning"), |v| reasoning(&v))?;
    let text = o.take("text");
    let mut verbosity = None;
    if let Some(text) = &text {
        let mut inner = text.object()?;
        request.response_format = read(inner.take("format"), |v| response_format(&v))?;
        verbosity = Some(inner.into_extra()).filter(|extra| !extra.is_empty());
    }
    let older = o.take("user");
    request.user = read(one_of(o.take("safety_identifier"), older), |v| v.string())?;
    request.cache_key = read(o.take("prompt_cache_key"), |v| v.string())?;
    request.service_tier = read(o.take("service_tier"), |v| v.string())?;
    request.stream = read(o.take("stream"), |v| v.bool())?.unwrap_or_default();
    let include = include(&mut o, &mut request)?;
    leave_out_what_holds_anyway(&mut o);
    request.extra = o.into_extra();
    if let Some(extra) = verbosity {
        let rest = crate::json::object(|o| {
            o.extra(&extra);
        });
        request.extra.insert("text", rest);
    }
    if let Some(include) = include {
        request.extra.insert("include", include);
    }
    Ok(request)
}

/// Nothing is kept here: what a caller keeps at a vendor can only be passed through to it.
fn refuse_stored(o: &mut Object<'_, '_>) -> Result<(), Error> {
    for name in ["previous_response_id", "conversation", "prompt"] {
        if o.take(name).is_some() {
            return Err(stored(name, "previous_response_not_found"));
        }
    }
    if let Some(background) = o.take("background")
        && background.bool()?
    {
        return Err(stored("background", "unsupported_parameter"));
    }
    Ok(())
}

/// The refusal of something that only the vendor who stores it can serve.
pub(super) fn stored(path: &str, code: &str) -> Error {
    let text = format!(
        "`{path}` refers to what a vendor has stored; the vendor of this model has not: send the whole conversation in `input`"
    );
    Error::new(ErrorKind::Unsupported, text)
        .with_param(path)
        .with_code(code)
}

/// Takes what has a field; returns what is left.
fn include(o: &mut Object<'_, '_>, request: &mut ChatRequest) -> Result<Option<Json>, Error> {
    let Some(list) = o.take("include") else {
        return Ok(None);
    };
    let mut rest = Vec::new();
    for item in list.items()? {
        match &*item.str()? {
            // It is asked for anyway.
            ENCRYPTED => {}
            LOGPROBS => request.logprobs = Some(true),
            other => rest.push(other.to_owned()),
        }
    }
    if rest.is_empty() {
        return Ok(None);
    }
    Json::from_serialize(&rest).map(Some)
}

/// Members that say what is true of every translated request: nobody is to be told that they were left out.
fn leave_out_what_holds_anyway(o: &mut Object<'_, '_>) {
    for (name, value) in [
        ("store", "false"),
        ("background", "false"),
        ("truncation", "\"disabled\""),
    ] {
        if o.peek(name)
            .is_some_and(|raw| matches!(raw.get(), "null") || raw.get() == value)
        {
            o.take_raw(name);
        }
    }
    // Padding against eavesdroppers, and a client's notes to its own vendor.
    for name in ["stream_options", "client_metadata"] {
        o.take_raw(name);
    }
}

fn reasoning(value: &Value<'_, '_>) -> Result<Reasoning, Error> {
    let mut o = value.object()?;
    let level = read(o.take("effort"), |v| effort(&v))?.flatten();
    let older = o.take("generate_summary");
    let summary = one_of(o.take("summary"), older);
    let show = read(summary, |v| {
        let words = v.str()?;
        // How long it is to be is for this dialect's vendors.
        if !matches!(&*words, "auto" | "none") {
            v.lost();
        }
        Ok(words != "none")
    })?;
    Ok(Reasoning {
        effort: level,
        show,
        raw: Some((NAME, value.json())),
        ..Reasoning::default()
    })
}

fn response_format(value: &Value<'_, '_>) -> Result<ResponseFormat, Error> {
    let mut o = value.object()?;
    let kind = o.require("type")?;
    match &*kind.str()? {
        "text" => Ok(ResponseFormat::Text),
        "json_object" => Ok(ResponseFormat::JsonObject),
        "json_schema" => Ok(ResponseFormat::JsonSchema {
            name: read(o.take("name"), |v| v.string())?,
            description: read(o.take("description"), |v| v.string())?,
            schema: o.require("schema")?.json(),
            strict: read(o.take("strict"), |v| v.bool())?,
        }),
        other => Err(kind.error(format_args!(
            "must be one of text, json_object, json_schema, not {other:?}"
        ))),
    }
}
