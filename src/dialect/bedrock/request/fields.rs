//! `additionalModelRequestFields`: what each family of models is told in its own words.

use super::{
    super::models::{Family, Model},
    nested,
    tools::{Choice, Tools},
};
use crate::{
    Json,
    chat::{ChatRequest, Effort, Fidelity, Reasoning},
    dialect::{
        Target,
        anthropic::shared::{self, Plan as ClaudePlan},
    },
    json,
};

/// The member of the request.
const NAME: &str = "additionalModelRequestFields";

/// How the model is told to think.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) claude: ClaudePlan,
    /// Will it think because it was told to?
    pub(super) on: bool,
    /// Does it refuse a limit while it thinks that much?
    pub(super) unlimited: bool,
    other: Option<(&'static str, Json)>,
}

impl Plan {
    /// Does without thinking after all.
    pub(super) fn drop_thinking(&mut self) {
        self.claude.drop_thinking();
        self.on = false;
    }
}

/// Says `request.reasoning` in terms of this model.
pub(super) fn plan(
    request: &ChatRequest,
    model: &Model,
    target: &Target<'_>,
    report: &mut Fidelity,
) -> Plan {
    if let Some(able) = &model.claude {
        // Without a limit the vendor takes the model's own.
        let most = request.max_tokens.filter(|most| *most > 0);
        let most = most.or(target.max_output).unwrap_or(u64::MAX);
        let claude = shared::plan(request, able, most, report);
        return Plan {
            on: claude.on,
            claude,
            ..Plan::default()
        };
    }
    let Some(level) = request.reasoning.as_ref().and_then(level) else {
        return Plan::default();
    };
    let asked = request.reasoning.as_ref();
    let budget = asked.and_then(|asked| asked.budget).unwrap_or_default();
    // One that is all that was asked for is told of below, where no level takes its place.
    let alone = asked.is_some_and(|asked| asked.effort.is_none()) && level != Effort::None;
    let takes_levels = model.is(&[Family::GptOss, Family::Qwen, Family::Nova2]);
    if budget > 0 && (takes_levels || !alone) {
        report.changed("reasoning.budget", "this model takes no budget");
    }
    let mut plan = Plan::default();
    match model.family {
        Family::GptOss => {
            let known = match level {
                Effort::None | Effort::Minimal | Effort::Low => Effort::Low,
                Effort::Medium => Effort::Medium,
                _ => Effort::High,
            };
            note(level, known, report);
            plan.other = Some(("reasoning_effort", word(known)));
        }
        Family::Qwen => {
            let known = match level {
                Effort::None | Effort::Minimal | Effort::Low => Effort::Low,
                _ => Effort::High,
            };
            note(level, known, report);
            plan.other = Some(("reasoning_config", word(known)));
        }
        Family::Nova2 if level == Effort::None => {}
        Family::Nova2 => {
            let known = match level {
                Effort::Minimal | Effort::Low => Effort::Low,
                Effort::Medium => Effort::Medium,
                _ => Effort::High,
            };
            note(level, known, report);
            plan.on = true;
            plan.unlimited = known == Effort::High;
            let config = json::object(|o| {
                o.field("type", "enabled")
                    .field("maxReasoningEffort", known.as_str());
            });
            plan.other = Some(("reasoningConfig", config));
        }
        _ if level == Effort::None => {}
        _ => report.dropped("reasoning", "this model cannot be told how to think"),
    }
    plan
}

/// The level that is meant; none if nothing is.
fn level(asked: &Reasoning) -> Option<Effort> {
    if asked.enabled == Some(false) {
        return Some(Effort::None);
    }
    asked
        .effort
        .or_else(|| {
            Some(match asked.budget? {
                0 => Effort::None,
                1..=2048 => Effort::Low,
                2049..=8192 => Effort::Medium,
                _ => Effort::High,
            })
        })
        .or_else(|| (asked.enabled == Some(true)).then_some(Effort::High))
}

fn note(asked: Effort, known: Effort, report: &mut Fidelity) {
    if asked != known {
        report.changed("reasoning", "the nearest level this model knows");
    }
}

fn word(level: Effort) -> Json {
    Json::from_serialize(level.as_str()).unwrap_or_else(|_| Json::null())
}

/// Writes the member; none if there is nothing to say. What the caller says of it in the vendor's words counts.
pub(super) fn written(
    request: &ChatRequest,
    model: &Model,
    plan: &Plan,
    tools: &Tools<'_>,
    report: &mut Fidelity,
) -> Option<Json> {
    let mut members: Vec<(String, Json)> = Vec::new();
    let mut add = |name: &str, value: Json| members.push((name.to_owned(), value));
    if let Some(thinking) = &plan.claude.thinking {
        add("thinking", thinking.clone());
    }
    if let Some(effort) = plan.claude.effort {
        add(
            "output_config",
            json::object(|o| {
                o.field("effort", effort);
            }),
        );
    }
    if let Some((name, value)) = &plan.other {
        add(name, value.clone());
    }
    if let Some(k) = request.top_k {
        let number = Json::from_serialize(&k).unwrap_or_else(|_| Json::null());
        match model.family {
            _ if plan.on => report.dropped("top_k", "the model refuses it while it thinks"),
            Family::Claude if model.claude.is_some_and(|able| able.sampling) => {
                add("top_k", number);
            }
            Family::Nova | Family::Nova2 => {
                add(
                    "inferenceConfig",
                    super::super::wire::member("topK", &number),
                );
            }
            _ => report.dropped("top_k", "this model does not take it"),
        }
    }
    if request.parallel_tool_calls == Some(false) && !tools.entries.is_empty() {
        if model.family == Family::Claude {
            add("tool_choice", serial(tools.choice.as_ref()));
        } else {
            report.dropped(
                "parallel_tool_calls",
                "this model cannot be kept from calling several tools at once",
            );
        }
    }
    for (name, value) in nested(request, NAME) {
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, slot)) => *slot = value,
            None => members.push((name, value)),
        }
    }
    if members.is_empty() {
        return None;
    }
    Some(json::object(|o| {
        for (name, value) in &members {
            o.field(name, value);
        }
    }))
}

/// Claude's own `tool_choice`, for the one thing that the vendor's cannot say.
fn serial(choice: Option<&Choice<'_>>) -> Json {
    json::object(|o| {
        match choice {
            None | Some(Choice::Auto) => o.field("type", "auto"),
            Some(Choice::Any) => o.field("type", "any"),
            Some(Choice::Tool(name)) => o.field("type", "tool").field("name", &**name),
        };
        o.field("disable_parallel_tool_use", &true);
    })
}
