//! A request for a vendor, written.

use std::fmt::Write;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{encode_messages, encode_tools};
use crate::{
    chat::{ChatRequest, Effort, Fidelity, Reasoning, ResponseFormat},
    dialect::{Quirks, ReasoningField},
    dialect::{
        Target,
        adjacent::adjacent,
        alias::alias,
        distinct::distinct,
        openai_chat::{NAME, model::Model},
        structured,
    },
    error::Error,
    json::{self, Json, ObjectWriter, Value},
};

/// What writing one request needs to know and to tell.
pub(super) struct Writer<'w> {
    pub(super) request: &'w ChatRequest,
    pub(super) quirks: &'w Quirks,
    pub(super) model: Model,
    pub(super) report: &'w mut Fidelity,
    /// Was it told already that cache markers have no place here?
    pub(super) told_cache: bool,
}

/// Writes a request.
pub(in super::super) fn encode(
    request: &ChatRequest,
    target: &Target<'_>,
    report: &mut Fidelity,
) -> Result<Bytes, Error> {
    let quirks = target.quirks;
    // A vendor that thinks may refuse to be forced meanwhile.
    let thinks = quirks.reasoning != ReasoningField::None
        && matches!(request.reasoning.as_ref().and_then(level), Some(effort) if effort != Effort::None);
    let forced = quirks.required != "auto" && !thinks;
    let restated = structured::restated(request, quirks, forced, report);
    let request = restated.as_ref().unwrap_or(request);
    let request = distinct(request, NAME, report);
    let request = adjacent(&request, NAME, report);
    let mut writer = Writer {
        request: &request,
        quirks,
        model: Model::new(target.model),
        report,
        told_cache: false,
    };
    let messages = encode_messages::messages(&mut writer)?;
    let mut o = ObjectWriter::new();
    o.field("model", target.model).array("messages", messages);
    let has_functions = encode_tools::tools(&mut writer, &mut o);
    writer.limits(target.max_output, &mut o);
    let effort = writer.reasoning(has_functions, &mut o);
    writer.sampling(effort, &mut o);
    writer.response_format(&mut o);
    writer.rest(&mut o);
    Ok(o.finish().into())
}

impl Writer<'_> {
    /// Did the caller speak this dialect, or build the request in process? Then what is said is meant as it stands.
    pub(super) fn is_ours(&self) -> bool {
        self.request.dialect.is_none_or(|dialect| dialect == NAME)
    }

    fn limits(&mut self, most: Option<u64>, o: &mut ObjectWriter) {
        let Some(mut limit) = self.request.max_tokens else {
            return;
        };
        if limit == 0 {
            self.report
                .changed("max_tokens", "0 is not taken here: 1 is the least");
            limit = 1;
        }
        if let Some(most) = most.filter(|most| *most < limit) {
            self.report.changed(
                "max_tokens",
                format!("the model writes at most {most} tokens"),
            );
            limit = most;
        }
        let name = if self.quirks.max_completion_tokens {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        o.field(name, &limit);
    }

    /// How hard to think. Returns the level that holds.
    fn reasoning(&mut self, has_functions: bool, o: &mut ObjectWriter) -> Option<Effort> {
        let empty = Reasoning::default();
        let asked = self.request.reasoning.as_ref();
        let details = self.quirks.reasoning == ReasoningField::Details;
        let level = asked.and_then(level);
        if has_functions && !details && self.model.refuses_tools(level) {
            self.report.changed(
                "reasoning_effort",
                "this model takes function tools in this dialect only without reasoning: it is switched off",
            );
            o.field("reasoning_effort", Effort::None.as_str());
            return Some(Effort::None);
        }
        let asked = asked.unwrap_or(&empty);
        if let Some((NAME, raw)) = &asked.raw {
            if let Ok(value) = Value::root(raw.as_str().as_bytes())
                && let Ok(members) = value.object()
            {
                o.extra(&members.into_extra());
            }
            return level;
        }
        if asked.budget.is_some() && (!details || asked.effort.is_some()) {
            self.report
                .changed("reasoning.budget", "a level is told instead");
        }
        if details {
            self.reasoning_object(asked, level, o);
            return level;
        }
        let level = level?;
        let taken = match self.model.effort(level) {
            // A level built in process is meant, whatever the model's name tells.
            None if self.request.dialect.is_none() => Some(level),
            taken => taken,
        };
        match taken {
            Some(taken) => {
                if taken != level {
                    let why = format!(
                        "this model's nearest level to {} is {}",
                        level.as_str(),
                        taken.as_str()
                    );
                    self.report.changed("reasoning_effort", why);
                }
                o.field("reasoning_effort", taken.as_str());
            }
            None if level == Effort::None && self.model.has_thinking_switch() => {
                o.field(
                    "thinking",
                    &json::object(|o| {
                        o.field("type", "disabled");
                    }),
                );
            }
            // A model that does not think need not be told not to.
            None if level == Effort::None => {}
            None => self.report.dropped(
                "reasoning_effort",
                "this model is not known to take a level of reasoning",
            ),
        }
        taken
    }

    /// OpenRouter's `reasoning`, which every model there takes.
    fn reasoning_object(&mut self, asked: &Reasoning, level: Option<Effort>, o: &mut ObjectWriter) {
        let inner = json::object(|o| {
            match (asked.effort, asked.budget, asked.enabled) {
                (_, _, Some(false)) => o.field("enabled", &false),
                (None, Some(budget), _) => o.field("max_tokens", &budget),
                (Some(effort), _, _) => o.field("effort", effort.as_str()),
                (None, None, Some(true)) => o.field("enabled", &true),
                (None, None, None) => o,
            };
            o.optional("exclude", asked.show.filter(|show| !show).map(|_| true));
        });
        if level.is_some() || inner.as_str() != "{}" {
            o.field("reasoning", &inner);
        }
    }

    fn sampling(&mut self, effort: Option<Effort>, o: &mut ObjectWriter) {
        let request = self.request;
        let fixed = !self.is_ours() && self.model.fixes_sampling(effort);
        for (name, value) in [
            ("temperature", request.temperature),
            ("top_p", request.top_p),
        ] {
            match value {
                Some(1.0) | None if fixed => {}
                Some(_) if fixed => self.report.dropped(name, "this model's sampling is fixed"),
                value => {
                    o.optional(name, value);
                }
            }
        }
        if let Some(top_k) = request.top_k {
            if self.is_ours() {
                o.field("top_k", &top_k);
            } else {
                self.report
                    .dropped("top_k", "this dialect has no top-k sampling");
            }
        }
        o.optional("frequency_penalty", request.frequency_penalty)
            .optional("presence_penalty", request.presence_penalty)
            .optional("seed", request.seed);
        self.stop(o);
        o.optional("n", request.n)
            .optional("logprobs", request.logprobs)
            .optional("top_logprobs", request.top_logprobs);
    }

    fn stop(&mut self, o: &mut ObjectWriter) {
        const MOST: usize = 4;
        let stop: Vec<&String> = self.request.stop.iter().filter(|s| !s.is_empty()).collect();
        if stop.is_empty() {
            return;
        }
        if self.model.refuses_stop() && !self.is_ours() {
            self.report
                .dropped("stop", "this model takes no stop texts");
            return;
        }
        if stop.len() > MOST {
            self.report
                .changed("stop", "only the first 4 stop texts are taken");
        }
        o.array("stop", stop.into_iter().take(MOST));
    }

    fn response_format(&mut self, o: &mut ObjectWriter) {
        let format = match &self.request.response_format {
            None => return,
            Some(ResponseFormat::Text) => json::object(|o| {
                o.field("type", "text");
            }),
            Some(ResponseFormat::JsonObject) => json::object(|o| {
                o.field("type", "json_object");
            }),
            Some(ResponseFormat::JsonSchema {
                name,
                description,
                schema,
                strict,
            }) => {
                let strict = match strict {
                    // To the letter, unless OpenAI would refuse the schema for it.
                    None if !self.is_ours() => Some(encode_tools::can_be_strict(schema)),
                    strict => *strict,
                };
                let name = name.as_deref().unwrap_or("structured_output");
                let inner = json::object(|o| {
                    o.field("name", &*alias(name, 64))
                        .optional("description", description.as_deref())
                        .field("schema", schema)
                        .optional("strict", strict);
                });
                json::object(|o| {
                    o.field("type", "json_schema").field("json_schema", &inner);
                })
            }
        };
        o.field("response_format", &format);
    }

    fn rest(&mut self, o: &mut ObjectWriter) {
        let request = self.request;
        self.user(o);
        if let Some(tier) = request.service_tier.as_deref() {
            match tier {
                _ if self.is_ours() => {
                    o.field("service_tier", tier);
                }
                "auto" | "default" | "flex" | "priority" if !self.quirks.strict => {
                    o.field("service_tier", tier);
                }
                "standard_only" if !self.quirks.strict => {
                    o.field("service_tier", "default");
                }
                // It is what holds anyway.
                "auto" | "default" => {}
                _ => self
                    .report
                    .dropped("service_tier", "this vendor has no such tier"),
            }
        }
        if request.cache.is_some() {
            self.no_cache();
        }
        if request.stream {
            o.field("stream", &true);
            if self.quirks.stream_options {
                o.field(
                    "stream_options",
                    &json::object(|o| {
                        o.field("include_usage", &true);
                    }),
                );
            }
        }
        if request.dialect == Some(NAME) {
            o.extra(&request.extra);
        } else {
            for (name, _) in request.extra.iter() {
                self.report.dropped(name, "this dialect has no such member");
            }
        }
    }

    /// The end user, and what keeps their requests on a warm cache.
    fn user(&mut self, o: &mut ObjectWriter) {
        const LONGEST: usize = 128;
        let mut cache_key = self.request.cache_key.clone();
        if let Some(user) = self.request.user.as_deref() {
            let structured = user.trim_start().starts_with('{');
            if self.is_ours() {
                o.field("user", user);
            } else if self.quirks.strict {
                self.report
                    .dropped("user", "this vendor refuses members it does not know");
            } else if structured || user.len() > LONGEST {
                self.report.changed("user", "only a fingerprint of it fits");
                o.field("user", &fingerprint(user));
            } else {
                o.field("user", user);
            }
            if cache_key.is_none() && structured && self.model.is_openai() {
                cache_key = session(user);
            }
        }
        if let Some(key) = cache_key {
            if self.quirks.strict && !self.is_ours() {
                self.report.dropped(
                    "prompt_cache_key",
                    "this vendor refuses members it does not know",
                );
            } else {
                o.field("prompt_cache_key", &key);
            }
        }
    }

    /// Tells, once, that cache markers have no place here.
    pub(super) fn no_cache(&mut self) {
        if !self.told_cache {
            self.told_cache = true;
            self.report.dropped(
                "cache_control",
                "this vendor places cache breakpoints itself",
            );
        }
    }
}

pub(in crate::dialect) fn fingerprint(text: &str) -> String {
    let mut out = String::new();
    for byte in Sha256::digest(text.as_bytes()).iter().take(16) {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The level that a setting comes to.
pub(in crate::dialect) fn level(asked: &Reasoning) -> Option<Effort> {
    if asked.enabled == Some(false) {
        return Some(Effort::None);
    }
    let by_budget = || {
        asked.budget.map(|budget| match budget {
            0 => Effort::None,
            1..=1024 => Effort::Low,
            1025..=2048 => Effort::Medium,
            2049..=4096 => Effort::High,
            4097..=8192 => Effort::XHigh,
            _ => Effort::Max,
        })
    };
    // Thinking that is on without a level is Anthropic's own default: high.
    let by_switch = || (asked.enabled == Some(true)).then_some(Effort::High);
    asked.effort.or_else(by_budget).or_else(by_switch)
}

/// The session in a user id that is JSON, as Claude Code sends it.
pub(in crate::dialect) fn session(user: &str) -> Option<String> {
    let value = Value::root(user.as_bytes()).ok()?;
    let found = value.object().ok()?.take("session_id")?.string().ok();
    found.filter(|id| !id.is_empty() && id.len() <= 64)
}

/// `{"type":"text","text":…}`.
pub(super) fn text_part(text: &str, marker: Option<(&'static str, Json)>) -> Json {
    json::object(|o| {
        o.field("type", "text").field("text", text);
        if let Some((name, marker)) = &marker {
            o.field(name, marker);
        }
    })
}
