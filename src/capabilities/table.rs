//! The probes, carried out.

use std::sync::OnceLock;

use bytes::Bytes;

use super::{
    Probe, Probes,
    probes::{anthropic, gemini, openai_chat, openai_completions, openai_responses},
};
use crate::{
    chat::{Fidelity, Loss},
    dialect::{
        Dialect, Quirks, Target, anthropic::Anthropic, bedrock::Converse, cohere::Cohere,
        gemini::Gemini, openai_chat::OpenAiChat, openai_completions::OpenAiCompletions,
        openai_responses::OpenAiResponses, translate,
    },
    error::Error,
    provider::preset,
    request::Payload,
};

/// The front dialects and their probes. A new front is one line.
const FRONTS: &[(&dyn Dialect, Probes)] = &[
    (&OpenAiChat, openai_chat::PROBES),
    (&OpenAiResponses, openai_responses::PROBES),
    (&Anthropic, anthropic::PROBES),
    (&Gemini, gemini::PROBES),
    (&OpenAiCompletions, openai_completions::PROBES),
];

/// The vendor dialects and the model each is asked for. A new dialect is one line.
const VENDORS: &[Vendor] = &[
    Vendor::new(&OpenAiChat, "openai", "gpt-5.1"),
    Vendor::new(&OpenAiResponses, "openai", "gpt-5.1"),
    Vendor::new(&Anthropic, "anthropic", "claude-sonnet-4-5"),
    Vendor::new(&Gemini, "gemini", "gemini-2.5-pro"),
    Vendor::new(&Converse, "bedrock", "amazon.nova-pro-v1:0"),
    Vendor::new(&Cohere, "cohere", "command-a-03-2025"),
];

/// A vendor dialect.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Vendor {
    /// The dialect.
    pub dialect: &'static dyn Dialect,
    /// The known vendor whose quirks apply.
    pub preset: &'static str,
    /// The model that is asked for: what can be said depends on it.
    pub model: &'static str,
}

impl Vendor {
    const fn new(dialect: &'static dyn Dialect, preset: &'static str, model: &'static str) -> Self {
        Self {
            dialect,
            preset,
            model,
        }
    }

    fn quirks(&self) -> &'static Quirks {
        preset(self.preset).map_or(&Quirks::NONE, |preset| &preset.quirks)
    }
}

/// What becomes of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The vendor hears it as it was meant.
    Carried,
    /// It is said in another way, or with another value.
    Approximated,
    /// It is left out.
    Dropped,
    /// A request with it is refused, naming the field.
    Refused,
}

impl Outcome {
    /// A stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Carried => "carried",
            Self::Approximated => "approximated",
            Self::Dropped => "dropped",
            Self::Refused => "refused",
        }
    }
}

/// One feature of one front.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Capability {
    /// The feature, e.g. `tools.custom`.
    pub feature: &'static str,
    /// What becomes of it at each of [`Table::vendors`], and why, where it is not carried.
    pub outcomes: Vec<(Outcome, Option<String>)>,
}

/// All features of all fronts at all vendors.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Table {
    /// The vendors, in the order of the outcomes.
    pub vendors: &'static [Vendor],
    /// By front dialect.
    pub fronts: Vec<(&'static dyn Dialect, Vec<Capability>)>,
}

/// The table. It is worked out at the first call: some hundred small translations.
pub fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table {
        vendors: VENDORS,
        fronts: FRONTS
            .iter()
            .map(|(front, probes)| (*front, capabilities(*front, probes)))
            .collect(),
    })
}

fn capabilities(front: &'static dyn Dialect, probes: &Probes) -> Vec<Capability> {
    let features = probes.features.iter();
    features
        .map(|probe| Capability {
            feature: probe.feature,
            outcomes: VENDORS
                .iter()
                .map(|vendor| outcome(front, probes.plain, probe, vendor))
                .collect(),
        })
        .collect()
}

fn outcome(
    front: &'static dyn Dialect,
    plain: &'static str,
    probe: &Probe,
    vendor: &Vendor,
) -> (Outcome, Option<String>) {
    if front.name() == vendor.dialect.name() {
        // The caller's bytes pass.
        return (Outcome::Carried, None);
    }
    let lost = match report(front, plain, "", vendor) {
        Ok(lost) => lost,
        Err(error) => return (Outcome::Refused, Some(error.message().to_owned())),
    };
    let report = match report(front, plain, probe.members, vendor) {
        Ok(report) => report,
        Err(error) => return (Outcome::Refused, Some(error.message().to_owned())),
    };
    let found = |loss: Loss| {
        let mut notes = report.notes().iter();
        notes.find(|note| note.loss == loss && !lost.notes().contains(note))
    };
    let why = |note: &crate::chat::Note| Some(format!("{}: {}", note.path, note.why));
    match (found(Loss::Dropped), found(Loss::Changed)) {
        (Some(note), _) => (Outcome::Dropped, why(note)),
        (None, Some(note)) => (Outcome::Approximated, why(note)),
        (None, None) => (Outcome::Carried, None),
    }
}

fn report(
    front: &'static dyn Dialect,
    plain: &'static str,
    members: &'static str,
    vendor: &Vendor,
) -> Result<Fidelity, Error> {
    let body = body(plain, members)?;
    let payload = if front.name() == "gemini" {
        Payload::json_in_path(front, body, "model", false)
    } else {
        Payload::json(front, body)
    }?;
    let mut report = Fidelity::new();
    let target = Target::new(vendor.model, vendor.quirks());
    translate(
        &payload,
        payload.chat()?,
        vendor.dialect,
        &target,
        &mut report,
    )?;
    Ok(report)
}

/// The plain request with the probe's members in place of its own.
pub(super) fn body(plain: &str, members: &str) -> Result<Bytes, Error> {
    use serde_json::{Map, Value};
    let read = |text: &str| match text {
        "" => Ok(Map::new()),
        text => serde_json::from_str::<Map<String, Value>>(text)
            .map_err(|error| Error::invalid("", error.to_string())),
    };
    let mut body = read(plain)?;
    body.extend(read(members)?);
    serde_json::to_vec(&body)
        .map(Bytes::from)
        .map_err(|error| Error::invalid("", error.to_string()))
}
