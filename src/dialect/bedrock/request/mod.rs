//! A request, written for the vendor.

mod fields;
mod finish;
mod formats;
mod media;
mod points;
mod results;
mod search;
mod settings;
mod tools;
mod turns;

use bytes::Bytes;

use self::turns::Conversation;
use super::{
    NAME,
    models::{Family, Model},
    wire::{Block, Speaker},
};
use crate::{
    Json,
    chat::{ChatRequest, Fidelity, ResponseFormat},
    dialect::{
        Target,
        alias::alias,
        anthropic::shared::{normalise, note_schema},
        structured,
    },
    error::{Error, ErrorKind},
    json::{self, ObjectWriter},
};

/// The most characters of the name of an answer's schema.
const MAX_NAME: usize = 64;

/// Writes a request. Members stand in a fixed order, the conversation first: the same request gives the same bytes, and a longer
/// conversation begins as the shorter one did.
pub(super) fn encode(
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
    let model = Model::of(target.model);
    let by_tool = by_tool(request, &model, target, report);
    let request = by_tool.as_ref().unwrap_or(request);
    let mut said = turns::conversation(request, &model, report)?;
    let mut plan = fields::plan(request, &model, target, report);
    if plan.claude.manual && finish::breaks_off(&said.turns) {
        report.dropped(
            "reasoning",
            "the vendor wants its own thinking back before a tool call that it answers; it is not in the conversation",
        );
        if request
            .reasoning
            .as_ref()
            .is_none_or(|asked| asked.effort.is_some())
        {
            // The other half of the wish.
            report.dropped("reasoning.budget", "the model does not think in this turn");
        }
        plan.drop_thinking();
    }
    let mut tools = tools::tools(request, &model, plan.on, report);
    let format = format(request, &model, &mut said, report);
    points::limit(
        &mut tools.entries,
        &mut said.system,
        &mut said.turns,
        report,
    );

    let mut out = ObjectWriter::new();
    if !said.system.is_empty() {
        out.field("system", &said.system);
    }
    out.field("messages", &said.turns);
    out.optional("toolConfig", tools.config());
    let config = settings::inference(request, &model, &mut plan, report);
    out.optional("inferenceConfig", config);
    out.optional(
        "additionalModelRequestFields",
        fields::written(request, &model, &plan, &tools, report),
    );
    out.optional("outputConfig", format.as_ref());
    settings::rest(request, &model, format.is_some(), &mut out, report);
    Ok(out.finish().into())
}

/// The request with a tool that stands for the answer's schema, where the model enforces none and can be made to call one. Claude
/// cannot while it thinks.
fn by_tool(
    request: &ChatRequest,
    model: &Model,
    target: &Target<'_>,
    report: &mut Fidelity,
) -> Option<ChatRequest> {
    let thinks = || fields::plan(request, model, target, &mut Fidelity::new()).on;
    let claude = model.family == Family::Claude;
    if model.formats || !model.can_be_forced() || (claude && thinks()) {
        return None;
    }
    structured::as_tool(request, report)
}

/// The answer's shape: the vendor's own way, or words at the end of the system prompt.
fn format(
    request: &ChatRequest,
    model: &Model,
    said: &mut Conversation<'_>,
    report: &mut Fidelity,
) -> Option<Json> {
    let asked = request.response_format.as_ref()?;
    let (name, description, schema) = match asked {
        ResponseFormat::Text => return None,
        ResponseFormat::JsonSchema {
            name,
            description,
            schema,
            ..
        } if model.formats => (name, description, schema),
        ResponseFormat::JsonSchema { .. } | ResponseFormat::JsonObject => {
            report.changed(
                "response_format",
                "it is not enforced here: the prompt asks for it",
            );
            ask(asked, model, said);
            return None;
        }
    };
    let (schema, changes) = normalise(schema);
    note_schema("response_format.schema", &changes, report);
    let inner = json::object(|o| {
        o.optional("name", name.as_deref().map(|name| alias(name, MAX_NAME)))
            .optional(
                "description",
                description.as_deref().filter(|words| !words.is_empty()),
            )
            // As a text, not as JSON.
            .field("schema", schema.as_str());
    });
    let structure = super::wire::member("jsonSchema", &inner);
    let format = json::object(|o| {
        o.field("type", "json_schema")
            .field("structure", &structure);
    });
    Some(super::wire::member("textFormat", &format))
}

/// Asks for the shape in words.
fn ask(asked: &ResponseFormat, model: &Model, said: &mut Conversation<'_>) {
    let words = structured::words(asked).map(Block::text);
    if model.system {
        said.system.extend(words);
    } else if let Some(turn) = said.turns.iter_mut().find(|t| t.role == Speaker::User) {
        // This model has no system prompt.
        turn.content.extend(words);
    }
}

/// Does `extra` mean something here? What is built in process is meant for whoever gets it.
fn is_own(request: &ChatRequest) -> bool {
    matches!(request.dialect, None | Some(NAME))
}

/// The members of an object in `extra`.
fn nested(request: &ChatRequest, name: &str) -> Vec<(String, Json)> {
    let members = request.extra.get(name).and_then(|json| {
        let root = json::Value::root(json.as_str().as_bytes()).ok()?;
        Some(root.object().ok()?.into_extra())
    });
    members
        .iter()
        .flat_map(|members| members.iter())
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
}
