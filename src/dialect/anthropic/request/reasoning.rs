//! How hard to think: the vendor's `thinking` and `output_config.effort`, and what they mean.

use super::super::{
    NAME,
    models::{Abilities, Thinking},
};
use crate::{
    Json,
    chat::{ChatRequest, Effort, Fidelity, Reasoning},
    error::Error,
    json::{self, Value},
};

/// The least budget the vendor takes.
const LEAST_BUDGET: u64 = 1024;

/// `(level, budget)`, ascending.
const BUDGETS: &[(Effort, u64)] = &[
    (Effort::Minimal, LEAST_BUDGET),
    (Effort::Low, LEAST_BUDGET),
    (Effort::Medium, 2048),
    (Effort::High, 4096),
    (Effort::XHigh, 8192),
    (Effort::Max, 16384),
];

/// The `thinking` member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    kind: String,
    budget: Option<u64>,
    display: Option<String>,
}

impl Mode {
    pub(super) fn read(value: &Value<'_, '_>) -> Result<Self, Error> {
        let mut members = value.object()?;
        Ok(Self {
            kind: members.require("type")?.string()?,
            budget: members.take("budget_tokens").map(|v| v.u64()).transpose()?,
            display: members
                .take("display")
                .map(|v| {
                    let display = v.string()?;
                    if !matches!(display.as_str(), "summarized" | "omitted") {
                        v.lost();
                    }
                    Ok::<_, Error>(display)
                })
                .transpose()?,
        })
    }
}

/// What a mode means, in everybody's terms.
pub(super) fn of_mode(mode: &Mode, raw: Json) -> Reasoning {
    Reasoning {
        effort: None,
        budget: mode.budget.filter(|_| mode.kind == "enabled"),
        enabled: match mode.kind.as_str() {
            "enabled" | "adaptive" => Some(true),
            "disabled" | "between_tools" => Some(false),
            _ => None,
        },
        show: match mode.display.as_deref() {
            Some("summarized") => Some(true),
            Some("omitted") => Some(false),
            _ => None,
        },
        raw: Some((NAME, raw)),
    }
}

/// What is sent.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Plan {
    pub(in crate::dialect) thinking: Option<Json>,
    pub(in crate::dialect) effort: Option<&'static str>,
    /// Will the model think by a budget, or at all?
    pub(in crate::dialect) on: bool,
    pub(in crate::dialect) manual: bool,
}

impl Plan {
    /// Does without thinking after all.
    pub(in crate::dialect) fn drop_thinking(&mut self) {
        *self = Self {
            effort: self.effort,
            ..Self::default()
        };
    }
}

/// Says `request.reasoning` in terms of this model.
pub(in crate::dialect) fn plan(
    request: &ChatRequest,
    able: &Abilities,
    max_tokens: u64,
    report: &mut Fidelity,
) -> Plan {
    let own_words = request.dialect == Some(NAME);
    let mut asked = request.reasoning.clone().unwrap_or_default();
    let mut raw = asked
        .raw
        .take()
        .filter(|(dialect, _)| *dialect == NAME)
        .map(|(_, json)| json);
    if raw.is_none() {
        // An OpenAI-like caller may spell this member as the vendor does.
        raw = request.extra.get("thinking").cloned();
    }
    let mode = raw.as_ref().and_then(mode_of);
    if let (Some(mode), Some(raw)) = (&mode, &raw) {
        let meant = of_mode(mode, raw.clone());
        asked.budget = asked.budget.or(meant.budget);
        asked.enabled = asked.enabled.or(meant.enabled);
        asked.show = asked.show.or(meant.show);
    }
    if request.reasoning.is_none() && raw.is_none() {
        return Plan::default();
    }

    if asked.effort.is_some() && asked.budget.is_some() && !own_words {
        report.changed(
            "reasoning.budget",
            "beside a level it counts only where the model takes both",
        );
        report.changed(
            "reasoning.effort",
            "beside a budget it counts only where the model takes both",
        );
    }
    let mut plan = Plan::default();
    if let (Some(mode), Some(raw)) = (mode.filter(|mode| fits(mode, able, max_tokens)), raw) {
        plan.on = asked.enabled == Some(true);
        plan.manual = mode.kind == "enabled";
        plan.thinking = Some(raw);
        plan.effort = asked.effort.and_then(|effort| level(effort, able, report));
        return plan;
    }
    if asked.enabled == Some(false) || asked.effort == Some(Effort::None) {
        rest(able, &mut plan, report);
        return plan;
    }
    if own_words && asked.enabled.is_none() && asked.budget.is_none() {
        // In this dialect a level alone does not switch thinking on.
        plan.effort = asked.effort.and_then(|effort| level(effort, able, report));
        return plan;
    }
    match able.thinking {
        Thinking::None => {
            report.dropped("reasoning", "this model cannot think");
        }
        Thinking::Manual => budgeted(&asked, max_tokens, &mut plan, report),
        Thinking::Both if asked.budget.is_some() => {
            budgeted(&asked, max_tokens, &mut plan, report);
            plan.effort = asked.effort.and_then(|effort| level(effort, able, report));
        }
        Thinking::Both | Thinking::Adaptive => adaptive(&asked, able, &mut plan, report),
    }
    plan
}

fn mode_of(raw: &Json) -> Option<Mode> {
    let value = Value::root(raw.as_str().as_bytes()).ok()?;
    Mode::read(&value).ok()
}

/// Does the model take this as it stands?
fn fits(mode: &Mode, able: &Abilities, max_tokens: u64) -> bool {
    match mode.kind.as_str() {
        "enabled" => {
            matches!(able.thinking, Thinking::Manual | Thinking::Both)
                && mode
                    .budget
                    .is_some_and(|b| b >= LEAST_BUDGET && b < max_tokens)
        }
        "adaptive" => matches!(able.thinking, Thinking::Both | Thinking::Adaptive),
        "disabled" => able.can_rest && able.thinking != Thinking::None,
        // A mode newer than this table.
        _ => able.thinking == Thinking::Adaptive,
    }
}

fn rest(able: &Abilities, plan: &mut Plan, report: &mut Fidelity) {
    if !able.thinks_unasked && able.can_rest {
        return;
    }
    if able.can_rest {
        plan.thinking = Some(json::object(|o| {
            o.field("type", "disabled");
        }));
    } else {
        report.changed("reasoning", "this model always thinks: as little as it can");
        plan.effort = Some(Effort::Low.as_str());
    }
}

fn budgeted(asked: &Reasoning, max_tokens: u64, plan: &mut Plan, report: &mut Fidelity) {
    let wanted = asked.budget.unwrap_or_else(|| {
        let level = asked.effort.unwrap_or(Effort::High);
        BUDGETS
            .iter()
            .find(|(effort, _)| *effort == level)
            .map_or(LEAST_BUDGET, |(_, budget)| *budget)
    });
    if max_tokens <= LEAST_BUDGET {
        report.dropped(
            "reasoning",
            "`max_tokens` leaves no room for the least budget of 1024 tokens",
        );
        return;
    }
    let budget = wanted.max(LEAST_BUDGET).min(max_tokens - 1);
    if budget != wanted {
        report.changed(
            "reasoning",
            "the budget has to be from 1024 to `max_tokens`",
        );
    }
    plan.on = true;
    plan.manual = true;
    plan.thinking = Some(json::object(|o| {
        o.field("type", "enabled").field("budget_tokens", &budget);
    }));
}

fn adaptive(asked: &Reasoning, able: &Abilities, plan: &mut Plan, report: &mut Fidelity) {
    let effort = asked.effort.or_else(|| {
        let budget = asked.budget?;
        report.changed("reasoning", "this model takes a level, not a budget");
        BUDGETS
            .iter()
            .skip(1)
            .find(|(_, most)| budget <= *most)
            .map(|(effort, _)| *effort)
            .or(Some(Effort::Max))
    });
    plan.on = true;
    plan.thinking = Some(json::object(|o| {
        o.field("type", "adaptive").optional(
            "display",
            asked
                .show
                .map(|show| if show { "summarized" } else { "omitted" }),
        );
    }));
    plan.effort = effort.and_then(|effort| level(effort, able, report));
}

/// The nearest level the model knows.
fn level(effort: Effort, able: &Abilities, report: &mut Fidelity) -> Option<&'static str> {
    let Some(highest) = able.effort else {
        report.dropped("reasoning.effort", "this model knows no levels");
        return None;
    };
    let known = match effort {
        Effort::None | Effort::Minimal => Effort::Low,
        Effort::XHigh if !able.xhigh => Effort::High,
        other => other,
    }
    .min(highest);
    if known != effort {
        report.changed("reasoning.effort", "the nearest level this model knows");
    }
    Some(known.as_str())
}
