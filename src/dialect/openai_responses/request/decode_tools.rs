//! Tools of a caller, read.

use crate::{
    chat::{Tool, ToolChoice, ToolKind},
    dialect::{
        openai_chat::request::read,
        openai_responses::{NAME, NAMESPACE},
    },
    error::Error,
    json::{self, Extra, Json, Object, Value},
};

/// Reads a list of tools. Those of a namespace are tools of their own, under both names.
pub(super) fn tools(list: Option<Value<'_, '_>>) -> Result<Vec<Tool>, Error> {
    let mut found = Vec::new();
    if let Some(list) = list {
        for item in list.items()? {
            tool(&item, "", &mut found)?;
        }
    }
    Ok(found)
}

fn tool(value: &Value<'_, '_>, space: &str, found: &mut Vec<Tool>) -> Result<(), Error> {
    let mut o = value.object()?;
    let kind = o.require("type")?.string()?;
    let mut tool = Tool {
        name: kind.clone(),
        description: None,
        kind: ToolKind::Hosted {
            dialect: NAME,
            json: value.json(),
        },
        cache: None,
        extra: Extra::new(),
    };
    match kind.as_str() {
        "function" | "custom" => {
            let name = o.require("name")?.string()?;
            tool.name = match space {
                "" => name,
                space => format!("{space}{NAMESPACE}{name}"),
            };
            tool.description = read(o.take("description"), |v| v.string())?;
            tool.kind = if kind == "custom" {
                let format = o.take("format");
                ToolKind::Custom {
                    format: format.map(|v| nested(&v)).transpose()?,
                }
            } else {
                ToolKind::Function {
                    schema: o.take("parameters").map(|v| v.json()),
                    strict: read(o.take("strict"), |v| v.bool())?,
                }
            };
            tool.extra = o.into_extra();
        }
        "namespace" => {
            let name = o.require("name")?.string()?;
            for item in o.require("tools")?.items()? {
                self::tool(&item, &name, found)?;
            }
            return Ok(());
        }
        _ => o.forget(),
    }
    found.push(tool);
    Ok(())
}

/// A grammar stands in a member of its own in Chat Completions, which is how it is kept.
fn nested(format: &Value<'_, '_>) -> Result<Json, Error> {
    let mut o = format.object()?;
    let kind = o.require("type")?.string()?;
    let rest = o.into_extra();
    Ok(json::object(|o| {
        o.field("type", &kind);
        if !rest.is_empty() {
            let inner = json::object(|o| {
                o.extra(&rest);
            });
            o.field(&kind, &inner);
        }
    }))
}

/// Reads `tool_choice`. One that only vendors of this dialect know is left where it is.
pub(super) fn choice(o: &mut Object<'_, '_>) -> Result<Option<ToolChoice>, Error> {
    let Some(value) = o.take("tool_choice") else {
        return Ok(None);
    };
    if value.is_string() {
        return word(&value).map(Some);
    }
    let mut inner = value.object()?;
    let kind = inner.require("type")?;
    match &*kind.str()? {
        "auto" | "none" | "required" => word(&kind).map(Some),
        "function" | "custom" => Ok(Some(ToolChoice::Tool {
            name: name(&mut inner)?,
        })),
        "allowed_tools" => {
            let required = match inner.take("mode") {
                Some(mode) => word(&mode)? == ToolChoice::Required,
                None => false,
            };
            let mut names = Vec::new();
            for item in inner.require("tools")?.items()? {
                names.push(name(&mut item.object()?)?);
            }
            Ok(Some(ToolChoice::Allowed { required, names }))
        }
        kind => Ok(Some(ToolChoice::Tool {
            name: kind.to_owned(),
        })),
    }
}

fn word(value: &Value<'_, '_>) -> Result<ToolChoice, Error> {
    match &*value.str()? {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        other => Err(value.error(format_args!(
            "must be one of none, auto, required, or name a tool, not {other:?}"
        ))),
    }
}

/// The name of a tool, or the type of one that the vendor runs.
fn name(o: &mut Object<'_, '_>) -> Result<String, Error> {
    let space = read(o.take("namespace"), |v| v.string())?;
    let kind = o.take("type");
    match (o.take("name"), space, kind) {
        (Some(name), Some(space), _) => Ok(format!("{space}{NAMESPACE}{}", name.str()?)),
        (Some(name), None, _) => name.string(),
        (None, _, Some(kind)) => kind.string(),
        (None, ..) => o.require("type")?.string(),
    }
}
