//! The tools of a request.

use std::{borrow::Cow, collections::HashSet};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    super::{
        MAX_TOOL_NAME, NAME,
        models::Abilities,
        schema,
        wire::{Cache, has_breakpoint},
    },
    parts::breakpoint,
};
use crate::{
    Extra, Json,
    chat::{ChatRequest, Content, Fidelity, Tool, ToolChoice, ToolKind},
    dialect::alias::alias,
    json,
};

/// One tool, ready to be written.
#[derive(Debug)]
pub(super) enum Entry<'a> {
    Client {
        name: Cow<'a, str>,
        description: Option<&'a str>,
        schema: Json,
        strict: bool,
        extra: Option<&'a Extra>,
        cache: Option<Cache>,
    },
    /// One the vendor runs itself.
    Hosted(Cow<'a, Json>),
}

impl Entry<'_> {
    /// As [`Block::breakpoints`](super::super::wire::Block::breakpoints).
    pub(super) fn breakpoints(&mut self, see: &mut dyn FnMut(Option<&mut Option<Cache>>)) {
        match self {
            Self::Client { cache, .. } => see(Some(cache)),
            Self::Hosted(json) if has_breakpoint(json) => see(None),
            Self::Hosted(_) => {}
        }
    }
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::Client {
            name,
            description,
            schema,
            strict,
            extra,
            cache,
        } = self
        else {
            let Self::Hosted(json) = self else {
                return serializer.serialize_none();
            };
            return json.serialize(serializer);
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", name)?;
        if let Some(description) = description {
            map.serialize_entry("description", description)?;
        }
        map.serialize_entry("input_schema", schema)?;
        if *strict {
            map.serialize_entry("strict", strict)?;
        }
        for (name, value) in extra.iter().flat_map(|extra| extra.iter()) {
            map.serialize_entry(name, value)?;
        }
        if let Some(cache) = cache {
            map.serialize_entry("cache_control", cache)?;
        }
        map.end()
    }
}

/// The tools of a request; those the history mentions are among them.
pub(super) fn tools<'a>(
    request: &'a ChatRequest,
    able: &Abilities,
    report: &mut Fidelity,
) -> Vec<Entry<'a>> {
    let used = names_in_history(request);
    if request.tools.is_empty() && !used.is_empty() && request.dialect != Some(NAME) {
        report.defaulted(
            "tools",
            "the conversation calls tools that the request does not describe",
        );
        if request.extra.get("web_search_options").is_some() {
            report.dropped(
                "web_search_options",
                "the tools of the conversation are told instead, to be called no more",
            );
        }
        return used.into_iter().map(minimal).collect();
    }
    let used: HashSet<&str> = used.into_iter().collect();
    let mut entries = Vec::new();
    let allowed = allowed(request);
    for (i, tool) in request.tools.iter().enumerate() {
        let name = tool.name.as_str();
        if allowed.as_ref().is_some_and(|names| !names.contains(name)) {
            if !used.contains(name) {
                report.mapped(
                    format_args!("tools[{i}]"),
                    "a tool that is not allowed is not told",
                );
                continue;
            }
            report.changed(
                format_args!("tools[{i}]"),
                "the tool is not allowed, but the conversation has called it: it stays",
            );
        }
        entries.extend(entry(tool, i, request, able, report));
    }
    if request.extra.get("web_search_options").is_some() && request.dialect != Some(NAME) {
        report.changed("web_search_options", "the vendor's own web search");
        entries.push(Entry::Hosted(Cow::Owned(web_search())));
    }
    entries
}

/// The only tools that count, if they were named and any of them is there.
pub(in crate::dialect) fn allowed(request: &ChatRequest) -> Option<HashSet<&str>> {
    let Some(ToolChoice::Allowed { names, .. }) = &request.tool_choice else {
        return None;
    };
    let tools: HashSet<&str> = request.tools.iter().map(|t| t.name.as_str()).collect();
    let known: HashSet<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| tools.contains(name))
        .collect();
    (!known.is_empty()).then_some(known)
}

pub(in crate::dialect) fn names_in_history(request: &ChatRequest) -> Vec<&str> {
    let mut seen = HashSet::new();
    request
        .messages
        .iter()
        .flat_map(|message| &message.content)
        .filter_map(|part| match part {
            Content::ToolCall(call) => Some(call.name.as_str()),
            _ => None,
        })
        .filter(|name| seen.insert(*name))
        .collect()
}

fn entry<'a>(
    tool: &'a Tool,
    i: usize,
    request: &ChatRequest,
    able: &Abilities,
    report: &mut Fidelity,
) -> Option<Entry<'a>> {
    let own_words = matches!(request.dialect, None | Some(NAME));
    let path = format!("tools[{i}]");
    let (schema, strict) = match &tool.kind {
        ToolKind::Hosted { dialect, json } if *dialect == NAME => {
            return Some(Entry::Hosted(Cow::Borrowed(json)));
        }
        ToolKind::Hosted { json, .. } if is_web_search(json) => {
            report.changed(path, "the vendor's own web search");
            return Some(Entry::Hosted(Cow::Owned(web_search())));
        }
        ToolKind::Hosted { .. } => {
            report.dropped(path, "another vendor runs this tool");
            return None;
        }
        ToolKind::Custom { format } => {
            if format.is_some() {
                report.dropped(
                    format_args!("{path}.format"),
                    "the vendor knows no grammars",
                );
            }
            (free_text(), false)
        }
        ToolKind::Function { schema, strict } => {
            let schema = object_schema(schema.as_ref());
            if *strict != Some(true) {
                (schema, false)
            } else if !able.formats {
                report.dropped(format_args!("{path}.strict"), "this model is not strict");
                (schema, false)
            } else if request.dialect == Some(NAME) {
                (schema, true)
            } else {
                let (schema, changes) = schema::normalise(&schema);
                note_schema(&path, &changes, report);
                (schema, true)
            }
        }
    };
    if !own_words {
        for (name, _) in tool.extra.iter() {
            report.dropped(
                format_args!("{path}.{name}"),
                "the vendor has no such member",
            );
        }
    }
    Some(Entry::Client {
        name: alias(&tool.name, MAX_TOOL_NAME),
        description: tool.description.as_deref(),
        schema,
        strict,
        extra: own_words.then_some(&tool.extra),
        cache: breakpoint(tool.cache.as_ref(), &path, report),
    })
}

/// Notes what a vendor's grammar made of a schema.
pub(in crate::dialect) fn note_schema(
    path: &str,
    changes: &schema::Changes,
    report: &mut Fidelity,
) {
    if changes.closed {
        report.changed(path, "objects of the schema admit no further properties");
    }
    for keyword in &changes.moved {
        report.changed(
            format_args!("{path}.{keyword}"),
            "the vendor cannot enforce it: it is part of the description",
        );
    }
}

fn minimal(name: &str) -> Entry<'_> {
    Entry::Client {
        name: alias(name, MAX_TOOL_NAME),
        description: None,
        schema: object_schema(None),
        strict: false,
        extra: None,
        cache: None,
    }
}

/// The vendor insists on `"type":"object"`.
pub(in crate::dialect) fn object_schema(schema: Option<&Json>) -> Json {
    let Some(schema) = schema.filter(|schema| schema.is_object()) else {
        return json::object(|o| {
            o.field("type", "object")
                .field("properties", &Json::empty_object());
        });
    };
    let root = json::Value::root(schema.as_str().as_bytes());
    let members = root.as_ref().ok().and_then(|root| root.object().ok());
    match members {
        Some(members) if members.peek("type").is_none() => {
            let extra = members.into_extra();
            json::object(|o| {
                o.field("type", "object");
                if extra.get("properties").is_none() {
                    o.field("properties", &Json::empty_object());
                }
                o.extra(&extra);
            })
        }
        _ => schema.clone(),
    }
}

pub(in crate::dialect) fn free_text() -> Json {
    json::object(|o| {
        let content = json::object(|o| {
            o.field("type", "string");
        });
        let properties = json::object(|o| {
            o.field("content", &content);
        });
        o.field("type", "object")
            .field("properties", &properties)
            .array("required", ["content"]);
    })
}

fn is_web_search(json: &Json) -> bool {
    #[derive(serde::Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    json.deserialize::<Kind>()
        .is_ok_and(|tool| tool.kind.starts_with("web_search"))
}

fn web_search() -> Json {
    json::object(|o| {
        o.field("type", "web_search_20250305")
            .field("name", "web_search");
    })
}
