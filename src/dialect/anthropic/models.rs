//! What each generation of Claude takes, as data.
//!
//! Names the table does not know are taken for models newer than it.

use crate::chat::Effort;

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Thinking {
    /// It cannot.
    None,
    /// By a budget of tokens.
    Manual,
    /// By a budget, or as it sees fit.
    Both,
    /// As it sees fit.
    Adaptive,
}

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) struct Abilities {
    pub(in crate::dialect) thinking: Thinking,
    /// Does it think unless told not to?
    pub(in crate::dialect) thinks_unasked: bool,
    /// Can it be told not to think?
    pub(in crate::dialect) can_rest: bool,
    /// The highest `output_config.effort`; none if it knows none.
    pub(in crate::dialect) effort: Option<Effort>,
    /// Does it know the level between `high` and `max`?
    pub(in crate::dialect) xhigh: bool,
    /// `temperature`, `top_p`, `top_k`?
    pub(in crate::dialect) sampling: bool,
    /// `temperature` and `top_p` in one request?
    pub(in crate::dialect) both_samplings: bool,
    /// May the last turn be the assistant's, to be continued?
    pub(in crate::dialect) prefill: bool,
    /// System messages in the conversation?
    pub(in crate::dialect) mid_system: bool,
    /// `output_config.format` and strict tools?
    pub(in crate::dialect) formats: bool,
    /// May it be made to call a tool?
    pub(in crate::dialect) forced_tools: bool,
}

/// The oldest.
const PLAIN: Abilities = Abilities {
    thinking: Thinking::None,
    thinks_unasked: false,
    can_rest: true,
    effort: None,
    xhigh: false,
    sampling: true,
    both_samplings: true,
    prefill: true,
    mid_system: false,
    formats: false,
    forced_tools: true,
};
const V3_7: Abilities = Abilities {
    thinking: Thinking::Manual,
    ..PLAIN
};
const V4_1: Abilities = Abilities {
    both_samplings: false,
    ..V3_7
};
const V4_5: Abilities = Abilities {
    formats: true,
    ..V4_1
};
const V4_6: Abilities = Abilities {
    thinking: Thinking::Both,
    effort: Some(Effort::Max),
    prefill: false,
    ..V4_5
};
const V4_7: Abilities = Abilities {
    thinking: Thinking::Adaptive,
    xhigh: true,
    sampling: false,
    ..V4_6
};
const V4_8: Abilities = Abilities {
    mid_system: true,
    ..V4_7
};
const V5: Abilities = Abilities {
    thinks_unasked: true,
    ..V4_8
};

/// `(first version, what it takes)`, newest first.
const GENERATIONS: &[(Version, Abilities)] = &[
    (Version(5, 0), V5),
    (Version(4, 8), V4_8),
    (Version(4, 7), V4_7),
    (Version(4, 6), V4_6),
    (Version(4, 5), V4_5),
    (Version(4, 1), V4_1),
    (Version(3, 7), V3_7),
];

/// How a family deviates from its generation, from a version on.
struct Deviation(&'static str, Version, fn(Abilities) -> Abilities);

const FAMILIES: &[Deviation] = &[
    Deviation("opus", Version(4, 5), |a| Abilities {
        effort: a.effort.or(Some(Effort::High)),
        ..a
    }),
    Deviation("opus", Version(5, 5), unforced),
    Deviation("sonnet", Version(5, 5), unforced),
    Deviation("fable", Version(0, 0), restless),
    Deviation("fable", Version(5, 1), unforced),
    Deviation("mythos", Version(0, 0), restless),
    Deviation("mythos", Version(5, 1), unforced),
];

const fn unforced(a: Abilities) -> Abilities {
    Abilities {
        forced_tools: false,
        ..a
    }
}

const fn restless(a: Abilities) -> Abilities {
    Abilities {
        can_rest: false,
        ..a
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u8, u8);

/// What the model of this name takes.
pub(in crate::dialect) fn abilities(model: &str) -> Abilities {
    let lower = model.to_ascii_lowercase();
    let Some((_, name)) = lower.split_once("claude") else {
        return V5;
    };
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let Some(version) = version(&words) else {
        return deviations(V5, &words, Version(5, 0));
    };
    let generation = GENERATIONS
        .iter()
        .find(|(since, _)| version >= *since)
        .map_or(PLAIN, |(_, abilities)| *abilities);
    deviations(generation, &words, version)
}

fn deviations(abilities: Abilities, words: &[&str], version: Version) -> Abilities {
    FAMILIES
        .iter()
        .filter(|Deviation(family, since, _)| words.contains(family) && version >= *since)
        .fold(abilities, |abilities, Deviation(_, _, deviate)| {
            deviate(abilities)
        })
}

/// The first short number, and the one right behind it: `opus-4-8`, `3-5-haiku`, `2.1`; never a date.
fn version(words: &[&str]) -> Option<Version> {
    let number = |word: &&str| (word.len() <= 2).then(|| word.parse::<u8>().ok()).flatten();
    let at = words.iter().position(|word| number(word).is_some())?;
    let major = words.get(at).and_then(number)?;
    let minor = words.get(at + 1).and_then(number).unwrap_or(0);
    Some(Version(major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_every_spelling() {
        for (name, expected) in [
            ("claude-2.1", PLAIN),
            ("claude-3-haiku-20240307", PLAIN),
            ("claude-3-5-haiku", PLAIN),
            ("claude-3-7-sonnet-20250219", V3_7),
            ("claude-sonnet-4-20250514", V3_7),
            ("claude-opus-4-1@20250805", V4_1),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", V4_5),
            ("anthropic/claude-haiku-4.5", V4_5),
            ("claude-sonnet-4-6", V4_6),
            ("claude-opus-4-7", V4_7),
            ("claude-opus-4-8", V4_8),
            ("claude-sonnet-5", V5),
            ("claude-haiku-5-5", V5),
            ("claude-zephyr-7", V5),
            ("somebody-elses", V5),
        ] {
            assert_eq!(abilities(name), expected, "{name}");
        }
    }

    #[test]
    fn families_deviate_from_their_generation() {
        assert_eq!(abilities("claude-opus-4-5").effort, Some(Effort::High));
        assert_eq!(abilities("claude-sonnet-4-5").effort, None);
        assert!(!abilities("claude-fable-5").can_rest);
        assert!(abilities("claude-fable-5").forced_tools);
        assert!(!abilities("claude-fable-5-2").forced_tools);
        assert!(!abilities("claude-mythos-preview").can_rest);
        assert!(!abilities("claude-opus-5-5").forced_tools);
        assert!(abilities("claude-opus-5").forced_tools);
    }
}
