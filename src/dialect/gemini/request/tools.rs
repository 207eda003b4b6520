//! The tools of a request and whether they must be called.

use super::super::{
    NAME,
    models::Abilities,
    schema::{self, Changes},
    tool_name,
};
use crate::{
    Json,
    chat::{ChatRequest, Fidelity, Tool, ToolChoice, ToolKind},
    json,
};

/// Tools, ready to be written.
#[derive(Default)]
pub(super) struct Tools {
    pub(super) entries: Vec<Json>,
    pub(super) config: Option<Json>,
    /// Is there any function?
    pub(super) functions: bool,
}

/// Writes tools and tool choice.
pub(super) fn tools(request: &ChatRequest, able: &Abilities, report: &mut Fidelity) -> Tools {
    let own = request.dialect == Some(NAME);
    let mut functions = Vec::new();
    let mut hosted = Vec::new();
    let mut strict = false;
    for (i, tool) in request.tools.iter().enumerate() {
        let path = format!("tools[{i}]");
        match &tool.kind {
            ToolKind::Function { schema, strict: to } => {
                strict |= *to == Some(true);
                if *to == Some(true) && !able.validates() {
                    report.dropped(format_args!("{path}.strict"), "this model is not strict");
                }
                functions.push(function(tool, schema.as_ref(), own, able, &path, report));
            }
            ToolKind::Custom { format } => {
                if format.is_some() {
                    report.dropped(
                        format_args!("{path}.format"),
                        "the vendor knows no grammars",
                    );
                }
                let schema = free_text();
                functions.push(function(tool, Some(&schema), own, able, &path, report));
            }
            ToolKind::Hosted { dialect, json } if *dialect == NAME => hosted.push(json.clone()),
            ToolKind::Hosted { json, .. } if json.as_str().contains("\"web_search") => {
                report.changed(path, "the vendor's own web search");
                hosted.push(google_search());
            }
            ToolKind::Hosted { .. } => report.dropped(path, "another vendor runs this tool"),
        }
    }
    if request.extra.get("web_search_options").is_some() && !own {
        report.changed("web_search_options", "the vendor's own web search");
        hosted.push(google_search());
    }
    if !functions.is_empty() && !hosted.is_empty() && !able.is_third() && !own {
        report.dropped(
            "tools",
            "this model runs its own tools or calls functions, not both",
        );
        hosted.clear();
    }
    if request.parallel_tool_calls == Some(false) {
        report.dropped(
            "parallel_tool_calls",
            "the vendor cannot be kept from calling several tools at once",
        );
    }
    let mut out = Tools {
        functions: !functions.is_empty(),
        ..Tools::default()
    };
    if !functions.is_empty() {
        out.entries.push(json::object(|o| {
            o.array("functionDeclarations", functions);
        }));
    }
    let mixed = out.functions && !hosted.is_empty() && !own;
    out.entries.extend(hosted);
    out.config = config(request, strict && able.validates(), mixed, &out);
    out
}

fn function(
    tool: &Tool,
    schema: Option<&Json>,
    own: bool,
    able: &Abilities,
    path: &str,
    report: &mut Fidelity,
) -> Json {
    let (member, schema) = match schema {
        Some(schema) if is_bare(schema) => ("", None),
        Some(given) => {
            let (member, schema, changes) =
                written(given, able, "parametersJsonSchema", "parameters");
            note(path, &changes, report);
            (member, Some(schema))
        }
        None => ("", None),
    };
    if tool.cache.is_some() {
        report.dropped(
            format_args!("{path}.cache_control"),
            "the vendor places cache breakpoints itself",
        );
    }
    if !own {
        for (name, _) in tool.extra.iter() {
            report.dropped(
                format_args!("{path}.{name}"),
                "the vendor has no such member",
            );
        }
    }
    json::object(|o| {
        o.field("name", &*tool_name(&tool.name))
            .optional("description", tool.description.as_deref())
            .optional(member, schema);
        if own {
            o.extra(&tool.extra);
        }
    })
}

/// A schema as this model takes it, under the member it goes to.
pub(super) fn written<'n>(
    schema: &Json,
    able: &Abilities,
    json: &'n str,
    own: &'n str,
) -> (&'n str, Json, Changes) {
    if able.json_schema() {
        let (schema, changes) = schema::json_schema(schema);
        (json, schema, changes)
    } else {
        let (schema, changes) = schema::open_api(schema);
        (own, schema, changes)
    }
}

/// Tells what became of a schema.
pub(super) fn note(path: &str, changes: &Changes, report: &mut Fidelity) {
    for (at, why) in changes {
        let at = schema::below(path, at);
        report.changed(at.trim_end_matches('.'), *why);
    }
}

/// An object without members: some models refuse that, and all know it without being told.
fn is_bare(schema: &Json) -> bool {
    schema::members(schema).is_some_and(|members| {
        let no_properties = members
            .get("properties")
            .is_none_or(|p| schema::members(p).is_some_and(|p| p.is_empty()));
        let known = [
            "type",
            "properties",
            "additionalProperties",
            "required",
            "$schema",
        ];
        no_properties
            && members.iter().all(|(name, _)| known.contains(&name))
            && members
                .get("type")
                .is_none_or(|kind| kind.as_str().eq_ignore_ascii_case("\"object\""))
            && members
                .get("additionalProperties")
                .is_none_or(|more| more.as_str() == "false")
    })
}

fn config(request: &ChatRequest, strict: bool, mixed: bool, tools: &Tools) -> Option<Json> {
    let rest = request
        .extra
        .get("toolConfig")
        .filter(|_| request.dialect == Some(NAME))
        .and_then(schema::members);
    let calling = calling(request.tool_choice.as_ref(), strict, tools);
    if calling.is_none() && rest.is_none() && !mixed {
        return None;
    }
    Some(json::object(|o| {
        o.optional("functionCallingConfig", calling);
        if mixed {
            o.field("includeServerSideToolInvocations", &true);
        }
        if let Some(rest) = &rest {
            o.extra(rest);
        }
    }))
}

fn calling(choice: Option<&ToolChoice>, strict: bool, tools: &Tools) -> Option<Json> {
    // The vendor refuses a choice where there is no function.
    if !tools.functions && !matches!(choice, Some(ToolChoice::None)) {
        return None;
    }
    let auto = if strict { "VALIDATED" } else { "AUTO" };
    let (mode, names) = match choice {
        None if strict => ("VALIDATED", Vec::new()),
        None => return None,
        Some(ToolChoice::Auto) => (auto, Vec::new()),
        Some(ToolChoice::None) => ("NONE", Vec::new()),
        Some(ToolChoice::Required) => ("ANY", Vec::new()),
        Some(ToolChoice::Tool { name }) => ("ANY", vec![tool_name(name)]),
        Some(ToolChoice::Allowed { required, names }) => (
            if *required { "ANY" } else { "VALIDATED" },
            names.iter().map(|name| tool_name(name)).collect(),
        ),
    };
    Some(json::object(|o| {
        o.field("mode", mode);
        if !names.is_empty() {
            o.array("allowedFunctionNames", names);
        }
    }))
}

fn google_search() -> Json {
    json::object(|o| {
        o.field("googleSearch", &Json::empty_object());
    })
}

fn free_text() -> Json {
    let content = json::object(|o| {
        o.field("type", "string");
    });
    let properties = json::object(|o| {
        o.field("content", &content);
    });
    json::object(|o| {
        o.field("type", "object")
            .field("properties", &properties)
            .array("required", ["content"]);
    })
}
