//! Tools of a caller, read.

use super::decode::{cache_marker, read};
use crate::{
    chat::{Tool, ToolChoice, ToolKind},
    dialect::openai_chat::NAME,
    error::Error,
    json::{Object, Value},
};

/// Reads `tools`, and `functions` of the time before.
pub(super) fn tools(o: &mut Object<'_, '_>) -> Result<Vec<Tool>, Error> {
    let mut found = Vec::new();
    if let Some(list) = o.take("tools") {
        for item in list.items()? {
            found.push(tool(&item)?);
        }
    }
    if let Some(list) = o.take("functions") {
        for item in list.items()? {
            found.push(function(&item)?);
        }
    }
    Ok(found)
}

fn tool(value: &Value<'_, '_>) -> Result<Tool, Error> {
    let mut o = value.object()?;
    let kind = read(o.take("type"), |v| v.string())?;
    match kind.as_deref() {
        Some("function") | None => {
            let mut tool = function(&o.require("function")?)?;
            tool.cache = read(o.take("cache_control"), |v| cache_marker(&v))?;
            Ok(tool)
        }
        Some("custom") => {
            let custom = o.require("custom")?;
            let mut custom = custom.object()?;
            let mut tool = bare(custom.require("name")?.string()?);
            tool.description = read(custom.take("description"), |v| v.string())?;
            tool.kind = ToolKind::Custom {
                format: custom.take("format").map(|v| v.json()),
            };
            Ok(tool)
        }
        Some(kind) => {
            o.forget();
            let mut tool = bare(kind.to_owned());
            tool.kind = ToolKind::Hosted {
                dialect: NAME,
                json: value.json(),
            };
            Ok(tool)
        }
    }
}

fn function(value: &Value<'_, '_>) -> Result<Tool, Error> {
    let mut o = value.object()?;
    let mut tool = bare(o.require("name")?.string()?);
    tool.description = read(o.take("description"), |v| v.string())?;
    tool.kind = ToolKind::Function {
        schema: o.take("parameters").map(|v| v.json()),
        strict: read(o.take("strict"), |v| v.bool())?,
    };
    tool.extra = o.into_extra();
    Ok(tool)
}

fn bare(name: String) -> Tool {
    let mut tool = Tool::function(name, "", crate::Json::null());
    tool.description = None;
    tool
}

/// Reads `tool_choice`, or `function_call` of the time before.
pub(super) fn choice(o: &mut Object<'_, '_>) -> Result<Option<ToolChoice>, Error> {
    let older = read(o.take("function_call"), |v| {
        if v.is_string() {
            return word(&v);
        }
        let name = v.object()?.require("name")?.string()?;
        Ok(ToolChoice::Tool { name })
    })?;
    let newer = read(o.take("tool_choice"), |v| {
        if v.is_string() {
            return word(&v);
        }
        let mut o = v.object()?;
        let kind = o.require("type")?;
        match &*kind.str()? {
            "allowed_tools" => allowed(&o.require("allowed_tools")?),
            "auto" | "none" | "required" | "any" => word(&kind),
            "function" | "custom" => Ok(ToolChoice::Tool {
                name: tool_name(&mut o)?,
            }),
            other => Err(kind.error(format_args!(
                "must be one of function, custom, allowed_tools, not {other:?}"
            ))),
        }
    })?;
    Ok(newer.or(older))
}

fn word(value: &Value<'_, '_>) -> Result<ToolChoice, Error> {
    match &*value.str()? {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        // Mistral says "any".
        "required" | "any" => Ok(ToolChoice::Required),
        other => Err(value.error(format_args!(
            "must be one of none, auto, required, or name a tool, not {other:?}"
        ))),
    }
}

fn allowed(value: &Value<'_, '_>) -> Result<ToolChoice, Error> {
    let mut o = value.object()?;
    let required = match o.take("mode") {
        Some(mode) => word(&mode)? == ToolChoice::Required,
        None => false,
    };
    let mut names = Vec::new();
    for item in o.require("tools")?.items()? {
        names.push(tool_name(&mut item.object()?)?);
    }
    Ok(ToolChoice::Allowed { required, names })
}

/// The name in `{"type":"function","function":{"name":…}}`, its like for custom tools, or the flat form.
fn tool_name(o: &mut Object<'_, '_>) -> Result<String, Error> {
    o.take("type");
    for member in ["function", "custom"] {
        if let Some(inner) = o.take(member) {
            return inner.object()?.require("name")?.string();
        }
    }
    o.require("name")?.string()
}
