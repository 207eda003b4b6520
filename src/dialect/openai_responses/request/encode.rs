//! A request for a vendor, written.

use bytes::Bytes;

use super::{
    decode::{ENCRYPTED, LOGPROBS},
    encode_items, encode_tools,
};
use crate::{
    chat::{ChatRequest, Effort, Fidelity, ResponseFormat},
    dialect::Quirks,
    dialect::{
        Target,
        adjacent::adjacent,
        alias::alias,
        distinct::distinct,
        openai_chat::{
            model::Model,
            request::{can_be_strict, fingerprint, level, session},
        },
        openai_responses::NAME,
    },
    error::{Error, ErrorKind},
    json::{self, Json, ObjectWriter, Value},
};

/// What writing one request needs to know and to tell.
pub(super) struct Writer<'w> {
    pub(super) request: &'w ChatRequest,
    pub(super) quirks: &'w Quirks,
    pub(super) model: Model,
    pub(super) report: &'w mut Fidelity,
    /// Was it told already that cache markers have no place here?
    told_cache: bool,
}

/// The least limit of an answer that vendors take.
const LEAST_OUTPUT: u64 = 16;

/// Writes a request.
pub(in super::super) fn encode(
    request: &ChatRequest,
    target: &Target<'_>,
    report: &mut Fidelity,
) -> Result<Bytes, Error> {
    if request.n.is_some_and(|n| n > 1) {
        let text = "`n`: this vendor gives one answer at a time";
        return Err(Error::new(ErrorKind::Unsupported, text).with_param("n"));
    }
    let request = distinct(request, NAME, report);
    let request = adjacent(&request, NAME, report);
    let mut writer = Writer {
        request: &request,
        quirks: target.quirks,
        model: Model::new(target.model),
        report,
        told_cache: false,
    };
    let input = encode_items::input(&mut writer)?;
    let mut o = ObjectWriter::new();
    o.field("model", target.model)
        .optional("instructions", input.instructions)
        .array("input", input.items);
    encode_tools::tools(&mut writer, &mut o);
    writer.limits(target.max_output, &mut o);
    let effort = writer.reasoning(&mut o);
    writer.sampling(effort, &mut o);
    writer.text(&mut o);
    writer.include(&mut o);
    writer.rest(&mut o);
    Ok(o.finish().into())
}

impl Writer<'_> {
    /// Did the caller speak this dialect, or build the request in process? Then what is said is meant as it stands.
    pub(super) fn is_ours(&self) -> bool {
        self.request.dialect.is_none_or(|dialect| dialect == NAME)
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

    fn limits(&mut self, most: Option<u64>, o: &mut ObjectWriter) {
        let Some(mut limit) = self.request.max_tokens else {
            return;
        };
        if limit < LEAST_OUTPUT {
            self.report
                .changed("max_tokens", format!("{LEAST_OUTPUT} is the least here"));
            limit = LEAST_OUTPUT;
        }
        if let Some(most) = most.filter(|most| *most < limit) {
            self.report.changed(
                "max_tokens",
                format!("the model writes at most {most} tokens"),
            );
            limit = most;
        }
        o.field("max_output_tokens", &limit);
    }

    /// How hard to think. Returns the level that holds.
    fn reasoning(&mut self, o: &mut ObjectWriter) -> Option<Effort> {
        let asked = self.request.reasoning.as_ref()?;
        let level = level(asked);
        if let Some((NAME, raw)) = &asked.raw {
            o.field("reasoning", raw);
            return level;
        }
        if asked.budget.is_some() {
            self.report
                .changed("reasoning.budget", "a level is told instead");
        }
        let taken = match level.map(|level| (level, self.model.effort(level))) {
            // A level built in process is meant, whatever the model's name tells.
            Some((level, None)) if self.request.dialect.is_none() => Some(level),
            // A model that does not think need not be told not to.
            None | Some((Effort::None, None)) => None,
            Some((_, None)) => {
                self.report.dropped(
                    "reasoning_effort",
                    "this model is not known to take a level of reasoning",
                );
                None
            }
            Some((level, Some(taken))) => {
                if taken != level {
                    let why = format!(
                        "this model's nearest level to {} is {}",
                        level.as_str(),
                        taken.as_str()
                    );
                    self.report.changed("reasoning_effort", why);
                }
                Some(taken)
            }
        };
        // Only a model that thinks has something to sum up.
        let show = asked.show == Some(true) && taken.is_some_and(|taken| taken != Effort::None);
        if taken.is_some() {
            let setting = json::object(|o| {
                o.optional("effort", taken.map(Effort::as_str))
                    .optional("summary", show.then_some("auto"));
            });
            o.field("reasoning", &setting);
        }
        taken
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
        o.optional("top_logprobs", request.top_logprobs);
        for (name, said) in [
            ("top_k", request.top_k.is_some()),
            (
                "frequency_penalty",
                request.frequency_penalty.is_some_and(|p| p != 0.0),
            ),
            (
                "presence_penalty",
                request.presence_penalty.is_some_and(|p| p != 0.0),
            ),
            ("seed", request.seed.is_some()),
            ("stop", !request.stop.is_empty()),
        ] {
            if said {
                self.report.dropped(name, "this dialect has no such member");
            }
        }
    }

    /// The shape of the answer, and what else is said of its text.
    fn text(&mut self, o: &mut ObjectWriter) {
        let format = self
            .request
            .response_format
            .as_ref()
            .map(|f| self.format(f));
        let rest = match self.request.dialect {
            Some(NAME) => self.request.extra.get("text"),
            _ => None,
        };
        if format.is_none() && rest.is_none() {
            return;
        }
        let text = json::object(|o| {
            o.optional("format", format);
            if let Some(rest) = rest
                && let Ok(value) = Value::root(rest.as_str().as_bytes())
                && let Ok(members) = value.object()
            {
                o.extra(&members.into_extra());
            }
        });
        o.field("text", &text);
    }

    fn format(&self, format: &ResponseFormat) -> Json {
        json::object(|o| match format {
            ResponseFormat::Text => {
                o.field("type", "text");
            }
            ResponseFormat::JsonObject => {
                o.field("type", "json_object");
            }
            ResponseFormat::JsonSchema {
                name,
                description,
                schema,
                strict,
            } => {
                let strict = match strict {
                    // To the letter, unless OpenAI would refuse the schema for it.
                    None if !self.is_ours() => Some(can_be_strict(schema)),
                    strict => *strict,
                };
                let name = name.as_deref().unwrap_or("structured_output");
                o.field("type", "json_schema")
                    .field("name", &*alias(name, 64))
                    .optional("description", description.as_deref())
                    .field("schema", schema)
                    .optional("strict", strict);
            }
        })
    }

    fn include(&mut self, o: &mut ObjectWriter) {
        let mut list = Vec::new();
        // Models that do not think refuse to be asked for it.
        if self.model.is_openai_reasoning() || !self.model.is_openai() {
            list.push(ENCRYPTED.to_owned());
        }
        if self.request.logprobs == Some(true) {
            list.push(LOGPROBS.to_owned());
        }
        if self.request.dialect == Some(NAME)
            && let Some(more) = self.request.extra.get("include")
        {
            list.extend(more.deserialize::<Vec<String>>().unwrap_or_default());
        }
        if !list.is_empty() {
            o.array("include", list);
        }
    }

    fn rest(&mut self, o: &mut ObjectWriter) {
        let request = self.request;
        let own = request.dialect == Some(NAME);
        // Vendors keep what they are not told to forget.
        match request.extra.get("store").filter(|_| own) {
            Some(store) => o.field("store", store),
            None => o.field("store", &false),
        };
        self.user(o);
        if let Some(tier) = request.service_tier.as_deref() {
            match tier {
                _ if self.is_ours() => {
                    o.field("service_tier", tier);
                }
                "auto" | "default" | "flex" | "priority" => {
                    o.field("service_tier", tier);
                }
                "standard_only" => {
                    o.field("service_tier", "default");
                }
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
        }
        for (name, value) in request.extra.iter() {
            match name {
                // They have their places above.
                "text" | "include" | "store" if own => {}
                "metadata" | "verbosity" if !own => self.known(name, value, o),
                _ if own => {
                    o.field(name, value);
                }
                _ => self.report.dropped(name, "this dialect has no such member"),
            }
        }
    }

    /// Members that Chat Completions have as well.
    fn known(&mut self, name: &str, value: &Json, o: &mut ObjectWriter) {
        if name == "metadata" && self.request.dialect == Some("openai-chat") {
            o.field(name, value);
        } else {
            self.report.dropped(name, "this dialect has no such member");
        }
    }

    /// The end user, and what keeps their requests on a warm cache.
    fn user(&mut self, o: &mut ObjectWriter) {
        const LONGEST: usize = 64;
        let mut cache_key = self.request.cache_key.clone();
        if let Some(user) = self.request.user.as_deref() {
            let structured = user.trim_start().starts_with('{');
            if self.is_ours() || !structured && user.len() <= LONGEST {
                o.field("safety_identifier", user);
            } else {
                self.report.changed("user", "only a fingerprint of it fits");
                o.field("safety_identifier", &fingerprint(user));
            }
            if cache_key.is_none() && structured && self.model.is_openai() {
                cache_key = session(user);
            }
        }
        o.optional("prompt_cache_key", cache_key);
    }
}
