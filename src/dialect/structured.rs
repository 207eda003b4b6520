//! An answer of a certain shape, where the vendor enforces none.
//!
//! Most vendors can at least be made to call a tool. So the schema becomes the input of one further tool that has to be called
//! ([`as_tool`]), and whoever writes the answer for the caller takes its input for the answer's text. What was done follows from
//! the request alone ([`stand_in`]). Where no call can be forced, words at the end of the system prompt ask for the shape
//! ([`as_words`]).

use std::borrow::Cow;

use crate::{
    Extra, Json,
    chat::{ChatRequest, Fidelity, Message, ResponseFormat, Role, Tool, ToolChoice},
    dialect::{Quirks, quirks::Formats},
    json::{self, Value},
};

/// The member that holds an answer which is no object.
const MEMBER: &str = "value";

/// The same in quotes, as it stands in the answer.
pub(crate) const MEMBER_KEY: &str = "\"value\"";

/// Where the report says what became of the shape.
const PATH: &str = "response_format";

/// The tool that stands for a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StandIn {
    /// Its name, which none of the caller's tools has.
    pub(crate) name: Cow<'static, str>,
    /// The schema is not an object's: the answer is a member of the input.
    pub(crate) wrapped: bool,
}

/// The tool that stands for the shape this request asks for, if some vendor needs one.
pub(crate) fn stand_in(request: &ChatRequest) -> Option<StandIn> {
    let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format else {
        return None;
    };
    const NAME: &str = "structured_output";
    let taken = |name: &str| request.tools.iter().any(|tool| tool.name == name);
    let name = match taken(NAME) {
        false => Cow::Borrowed(NAME),
        true => (2_u32..)
            .map(|n| format!("{NAME}_{n}"))
            .find(|name| !taken(name))
            .map(Cow::Owned)?,
    };
    Some(StandIn {
        name,
        wrapped: !is_object(schema),
    })
}

/// The request with a tool in place of the schema. None if it asks for no schema.
///
/// The tool is forced; where the caller has tools too, one of all of them is. A caller who requires one of its own gets that.
pub(crate) fn as_tool(request: &ChatRequest, report: &mut Fidelity) -> Option<ChatRequest> {
    let stand_in = stand_in(request)?;
    let mut request = request.clone();
    let Some(ResponseFormat::JsonSchema {
        description,
        schema,
        ..
    }) = request.response_format.take()
    else {
        return None;
    };
    let choice = match request.tool_choice.take() {
        Some(
            choice @ (ToolChoice::Required
            | ToolChoice::Tool { .. }
            | ToolChoice::Allowed { required: true, .. }),
        ) if !request.tools.is_empty() => {
            report.dropped(PATH, "the answer has to be the call of a tool");
            request.tool_choice = Some(choice);
            return Some(request);
        }
        _ if request.tools.is_empty() => None,
        Some(ToolChoice::None) => None,
        Some(ToolChoice::Allowed { mut names, .. }) => {
            names.push(stand_in.name.to_string());
            Some(ToolChoice::Allowed {
                required: true,
                names,
            })
        }
        _ => Some(ToolChoice::Required),
    };
    report.changed(
        PATH,
        "no schema is enforced here: the answer is asked for as the call of a tool",
    );
    let name = stand_in.name.into_owned();
    request.tool_choice = Some(choice.unwrap_or_else(|| ToolChoice::Tool { name: name.clone() }));
    let schema = match stand_in.wrapped {
        true => wrap(&schema),
        false => schema,
    };
    let description =
        description.unwrap_or_else(|| "Gives the answer. Call it once, with all of it.".to_owned());
    request
        .tools
        .push(Tool::function(name, description, schema));
    Some(request)
}

/// The request with words in place of the shape, behind the leading system messages. None if it asks for none.
pub(crate) fn as_words(request: &ChatRequest, report: &mut Fidelity) -> Option<ChatRequest> {
    let words = words(request.response_format.as_ref()?)?;
    report.changed(
        PATH,
        "it is not enforced here: the system prompt asks for it",
    );
    let mut request = request.clone();
    request.response_format = None;
    let first = request
        .messages
        .iter()
        .position(|message| message.role != Role::System)
        .unwrap_or(request.messages.len());
    request.messages.insert(first, Message::system(words));
    Some(request)
}

/// How a system prompt asks for this shape; none if any text will do.
pub(crate) fn words(format: &ResponseFormat) -> Option<String> {
    match format {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => Some(
            "Answer with one JSON object and nothing else: no prose, no code fence.".to_owned(),
        ),
        ResponseFormat::JsonSchema { schema, .. } => Some(format!(
            "Answer with one JSON value that obeys this JSON schema, and nothing else: no prose, no code fence.\n{schema}"
        )),
    }
}

/// The request as a vendor with these quirks can be asked; none if it can be as it stands. `forced`: may it be made to call a tool
/// in this call?
pub(crate) fn restated(
    request: &ChatRequest,
    quirks: &Quirks,
    forced: bool,
    report: &mut Fidelity,
) -> Option<ChatRequest> {
    if !is_beyond(request, quirks) {
        return None;
    }
    let asked = request.response_format.as_ref()?;
    match (asked, quirks.formats) {
        (ResponseFormat::JsonObject, Formats::Schema) => {
            report.changed(PATH, "this vendor wants a schema: one of any object");
            let mut request = request.clone();
            request.response_format = Some(ResponseFormat::JsonSchema {
                name: None,
                description: None,
                schema: json::object(|o| {
                    o.field("type", "object");
                }),
                strict: Some(false),
            });
            Some(request)
        }
        (ResponseFormat::JsonSchema { .. }, _) if forced => as_tool(request, report),
        (ResponseFormat::JsonSchema { schema, .. }, Formats::Object) if is_object(schema) => {
            let mut request = as_words(request, report)?;
            request.response_format = Some(ResponseFormat::JsonObject);
            Some(request)
        }
        _ => as_words(request, report),
    }
}

/// Does it ask for a shape that this vendor does not know?
pub(crate) fn is_beyond(request: &ChatRequest, quirks: &Quirks) -> bool {
    matches!(
        (&request.response_format, quirks.formats),
        (
            Some(ResponseFormat::JsonSchema { .. }),
            Formats::Object | Formats::None
        ) | (
            Some(ResponseFormat::JsonObject),
            Formats::Schema | Formats::None
        )
    )
}

/// Is it the schema of an object? Tools take nothing else.
fn is_object(schema: &Json) -> bool {
    let Some(members) = members(schema) else {
        return false;
    };
    match members.get("type") {
        Some(kind) => kind.as_str() == "\"object\"",
        None => members.get("properties").is_some(),
    }
}

fn members(schema: &Json) -> Option<Extra> {
    let value = Value::root(schema.as_str().as_bytes()).ok()?;
    Some(value.object().ok()?.into_extra())
}

/// The schema as the only member of an object's. Definitions move to the root, where references look for them.
fn wrap(schema: &Json) -> Json {
    const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];
    let mut definitions = Vec::new();
    let inner = match members(schema) {
        // `true` is a schema too.
        None => schema.clone(),
        Some(mut members) => {
            for name in DEFINITIONS {
                definitions.extend(members.remove(name).map(|json| (name, json)));
            }
            json::object(|o| {
                o.extra(&members);
            })
        }
    };
    let properties = json::object(|o| {
        o.field(MEMBER, &inner);
    });
    json::object(|o| {
        o.field("type", "object")
            .field("properties", &properties)
            .array("required", [MEMBER])
            .field("additionalProperties", &false);
        for (name, definition) in &definitions {
            o.field(name, definition);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ToolKind;

    fn request(schema: &str) -> ChatRequest {
        let mut request = ChatRequest::new("m", vec![Message::system("s"), Message::user("hi")]);
        request.response_format = Some(ResponseFormat::JsonSchema {
            name: Some("person".into()),
            description: None,
            schema: Json::parse(schema).unwrap(),
            strict: Some(true),
        });
        request
    }

    fn tool(name: &str) -> Tool {
        Tool::function(name, "", Json::empty_object())
    }

    #[test]
    fn the_schema_becomes_a_tool_and_the_choice_leaves_no_other_way() {
        let mut report = Fidelity::new();
        let asked = request(r#"{"type":"object","properties":{"a":{}}}"#);
        let alone = as_tool(&asked, &mut report).unwrap();
        assert_eq!(alone.response_format, None);
        let name = "structured_output".to_owned();
        assert_eq!(
            alone.tool_choice,
            Some(ToolChoice::Tool { name: name.clone() })
        );
        assert_eq!(report.notes().len(), 1);

        for (choice, want) in [
            (None, ToolChoice::Required),
            (Some(ToolChoice::Auto), ToolChoice::Required),
            (
                Some(ToolChoice::None),
                ToolChoice::Tool { name: name.clone() },
            ),
            (
                Some(ToolChoice::Allowed {
                    required: false,
                    names: vec!["f".into()],
                }),
                ToolChoice::Allowed {
                    required: true,
                    names: vec!["f".into(), name.clone()],
                },
            ),
        ] {
            let mut asked = asked.clone();
            asked.tools.push(tool("f"));
            asked.tool_choice = choice;
            let told = as_tool(&asked, &mut Fidelity::new()).unwrap();
            assert_eq!(told.tool_choice, Some(want));
            assert_eq!(told.tools.len(), 2);
        }

        let mut asked = asked;
        asked.tools = vec![tool("f")];
        asked.tool_choice = Some(ToolChoice::Required);
        let told = as_tool(&asked, &mut Fidelity::new()).unwrap();
        assert_eq!((told.tools.len(), told.tool_choice), (1, asked.tool_choice));
        assert!(as_tool(&ChatRequest::new("m", vec![]), &mut report).is_none());
    }

    #[test]
    fn what_is_no_object_is_wrapped_and_a_taken_name_is_not_taken_again() {
        let mut asked = request(
            r##"{"type":"array","items":{"$ref":"#/$defs/x"},"$defs":{"x":{"type":"string"}}}"##,
        );
        asked.tools = vec![tool("structured_output")];
        let stands = stand_in(&asked).unwrap();
        assert_eq!(
            (&*stands.name, stands.wrapped),
            ("structured_output_2", true)
        );
        let told = as_tool(&asked, &mut Fidelity::new()).unwrap();
        let ToolKind::Function {
            schema: Some(schema),
            ..
        } = &told.tools[1].kind
        else {
            panic!("a function");
        };
        assert_eq!(
            schema.as_str(),
            r##"{"type":"object","properties":{"value":{"type":"array","items":{"$ref":"#/$defs/x"}}},"required":["value"],"additionalProperties":false,"$defs":{"x":{"type":"string"}}}"##
        );
    }

    #[test]
    fn every_vendor_is_asked_as_it_can_be() {
        let schema = request(r#"{"type":"object"}"#);
        let mut object = schema.clone();
        object.response_format = Some(ResponseFormat::JsonObject);
        for (asked, formats, forced, want) in [
            (&schema, Formats::All, true, "as it stands"),
            (&schema, Formats::Schema, true, "as it stands"),
            (&object, Formats::Object, true, "as it stands"),
            (&schema, Formats::Object, true, "tool"),
            (&schema, Formats::None, true, "tool"),
            (&schema, Formats::Object, false, "words, object"),
            (&schema, Formats::None, false, "words"),
            (&object, Formats::None, true, "words"),
            (&object, Formats::Schema, true, "schema"),
        ] {
            let quirks = Quirks {
                formats,
                ..Quirks::NONE
            };
            let mut report = Fidelity::new();
            let told = restated(asked, &quirks, forced, &mut report);
            let got = match &told {
                None => "as it stands",
                Some(told) => match (&told.response_format, told.messages.len()) {
                    (None, 2) if told.tools.len() == 1 => "tool",
                    (None, 3) => "words",
                    (Some(ResponseFormat::JsonObject), 3) => "words, object",
                    (Some(ResponseFormat::JsonSchema { .. }), 2) => "schema",
                    _ => "something else",
                },
            };
            assert_eq!(got, want, "{formats:?} {forced}");
            assert_eq!(report.is_exact(), told.is_none());
        }
    }
}
