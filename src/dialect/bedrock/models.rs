//! What each family of models takes, as data.
//!
//! The vendor speaks for many makers, and refuses with a 400 what a maker's model does not know. The id of a custom or imported model, or
//! of a profile, does not tell whose it is: such a model is sent what was asked for, as long as any model takes it.

use crate::dialect::anthropic::shared::{Abilities, abilities};

/// Whose model it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Claude,
    Nova,
    Nova2,
    Llama,
    Mistral,
    Cohere,
    Ai21,
    Writer,
    Titan,
    Qwen,
    Kimi,
    Glm,
    GptOss,
    /// One without a peculiarity that is known.
    Plain,
    /// The id does not tell.
    Unknown,
}

/// A word of the id and what it tells; the first that is found counts.
const WORDS: &[(&str, Family)] = &[
    ("claude", Family::Claude),
    ("nova-2", Family::Nova2),
    ("nova", Family::Nova),
    ("titan", Family::Titan),
    ("gpt-oss", Family::GptOss),
    ("llama", Family::Llama),
    ("deepseek", Family::Plain),
    ("gemma", Family::Plain),
    ("minimax", Family::Plain),
    ("nemotron", Family::Plain),
    ("qwen", Family::Qwen),
    ("kimi", Family::Kimi),
    ("zai.", Family::Glm),
    ("glm", Family::Glm),
    ("palmyra", Family::Writer),
    ("cohere.", Family::Cohere),
    ("ai21.", Family::Ai21),
    ("mistral", Family::Mistral),
    ("voxtral", Family::Mistral),
    ("pixtral", Family::Mistral),
];

/// Words of the ids of models, other than Claude, whose answers a schema can bind.
const FORMATS: &[&str] = &[
    "zai.",
    "glm",
    "kimi",
    "qwen3",
    "ministral-3",
    "mistral-large-3",
    "magistral-small",
    "voxtral",
    "gemma-3-12b",
    "gemma-3-27b",
    "minimax-m2",
    "nemotron-nano",
];

/// Words of the ids of models that know no system prompt.
const NO_SYSTEM: &[&str] = &[
    "titan-text",
    "mistral-7b",
    "mixtral",
    "cohere.command-text",
    "cohere.command-light",
    "ai21.j2",
];

/// One model.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) family: Family,
    /// Does it take `outputConfig.textFormat`?
    pub(super) formats: bool,
    /// Does it take strict tools?
    pub(super) strict: bool,
    /// Does it take a system prompt?
    pub(super) system: bool,
    /// Does it hear?
    pub(super) hears: bool,
    /// What this generation of Claude takes.
    pub(super) claude: Option<Abilities>,
}

impl Model {
    pub(super) fn of(id: &str) -> Self {
        let id = id.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| id.contains(word));
        let family = WORDS
            .iter()
            .find(|(word, _)| id.contains(word))
            .map_or(Family::Unknown, |(_, family)| *family);
        let claude = (family == Family::Claude).then(|| claude(&id));
        let formats = match claude {
            // From 4.7 on the vendor takes no schema for them here.
            Some(able) => able.formats && able.sampling,
            None => has(FORMATS) || family == Family::Unknown,
        };
        Self {
            family,
            formats,
            strict: formats || family == Family::Nova2,
            system: !has(NO_SYSTEM),
            hears: has(&["voxtral", "nova-2-omni", "nova-sonic"]) || family == Family::Unknown,
            claude,
        }
    }

    pub(super) fn is(&self, families: &[Family]) -> bool {
        families.contains(&self.family)
    }

    /// May the assistant speak first?
    pub(super) fn may_begin(&self) -> bool {
        use Family::{Claude, Glm, Kimi, Qwen, Unknown};
        self.is(&[Claude, Qwen, Glm, Kimi, Unknown])
    }

    /// May it be made to call a tool?
    pub(super) fn can_be_forced(&self) -> bool {
        use Family::{Claude, Glm, Kimi, Nova, Nova2, Unknown};
        self.is(&[Claude, Nova, Nova2, Glm, Kimi, Unknown])
            && self.claude.is_none_or(|able| able.forced_tools)
    }

    /// Does it take cache breakpoints?
    pub(super) fn caches(&self) -> bool {
        use Family::{Claude, Nova, Nova2, Unknown};
        self.is(&[Claude, Nova, Nova2, Unknown])
    }

    /// Does it take them among the tools?
    pub(super) fn caches_tools(&self) -> bool {
        self.is(&[Family::Claude, Family::Unknown])
    }

    /// Does it keep them for an hour, if asked?
    pub(super) fn caches_long(&self) -> bool {
        self.claude.is_some_and(|able| able.formats) || self.family == Family::Unknown
    }

    /// Must the results of tools stand alone in their turn?
    pub(super) fn results_alone(&self) -> bool {
        self.is(&[Family::Llama, Family::Mistral, Family::Writer])
    }

    /// May an image stand inside a result?
    pub(super) fn image_in_result(&self) -> bool {
        use Family::{Claude, Llama, Nova, Nova2, Unknown};
        self.is(&[Claude, Nova, Nova2, Llama, Unknown])
    }

    /// May a document of this format stand inside a result?
    pub(super) fn document_in_result(&self, format: &str) -> bool {
        use Family::{Claude, Llama, Mistral, Nova, Nova2, Unknown};
        let text = matches!(format, "txt" | "md" | "csv" | "html");
        self.is(&[Claude, Llama, Mistral, Unknown]) || (text && self.is(&[Nova, Nova2]))
    }

    /// Does it look and read by itself in a bucket?
    pub(super) fn reads_s3(&self) -> bool {
        self.family != Family::Claude
    }

    /// Does it cite documents?
    pub(super) fn cites(&self) -> bool {
        self.is(&[Family::Claude, Family::Unknown])
    }
}

fn claude(id: &str) -> Abilities {
    // The oldest are named by another rule: `claude-v2:1`, `claude-instant-v1`.
    if id.contains("claude-v") || id.contains("claude-instant") {
        return abilities("claude-2");
    }
    abilities(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_the_family() {
        for (id, family, formats) in [
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                Family::Claude,
                true,
            ),
            ("anthropic.claude-v2:1", Family::Claude, false),
            ("us.anthropic.claude-opus-4-8", Family::Claude, false),
            ("us.amazon.nova-2-lite-v1:0", Family::Nova2, false),
            ("amazon.nova-lite-v1:0", Family::Nova, false),
            ("openai.gpt-oss-120b-1:0", Family::GptOss, false),
            ("qwen.qwen3-32b-v1:0", Family::Qwen, true),
            ("moonshot.kimi-k2-thinking", Family::Kimi, true),
            (
                "us.meta.llama4-maverick-17b-instruct-v1:0",
                Family::Llama,
                false,
            ),
            ("us.mistral.pixtral-large-2502-v1:0", Family::Mistral, false),
            ("us.writer.palmyra-x4-v1:0", Family::Writer, false),
            ("google.gemma-3-27b-it", Family::Plain, true),
            (
                "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
                Family::Nova,
                false,
            ),
            (
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
                Family::Unknown,
                true,
            ),
        ] {
            let model = Model::of(id);
            assert_eq!((model.family, model.formats), (family, formats), "{id}");
        }
        assert!(!Model::of("amazon.titan-text-lite-v1").system);
        assert!(!Model::of("anthropic.claude-v2").caches_long());
    }
}
