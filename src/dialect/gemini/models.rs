//! What a model can, by its name.

use crate::chat::Effort;

/// A generation of models and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abilities {
    /// `(3, 1)` of `gemini-3.1-pro`. A name without a number means the latest.
    version: (u32, u32),
    pub(super) thinking: Thinking,
}

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// It cannot.
    None,
    /// By tokens; the least it takes.
    Budget { least: u64 },
    /// By level.
    Levels(&'static [Level]),
}

/// A level of thinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Minimal,
    Low,
    Medium,
    High,
}

const LATEST: (u32, u32) = (3, 1);
/// Names of other families of the same vendor, which know little of this.
const PLAIN: &[&str] = &["gemma", "learnlm", "aqa"];

/// Reads a model's name.
pub(super) fn abilities(model: &str) -> Abilities {
    let name = model.rsplit('/').next().unwrap_or(model);
    let rest = name.strip_prefix("gemini-").unwrap_or("");
    let number = rest.split('-').next().unwrap_or_default();
    let version = if PLAIN.iter().any(|plain| name.starts_with(plain)) {
        (1, 0)
    } else {
        let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
        match (major.parse(), minor.parse()) {
            (Ok(major), Ok(minor)) => (major, minor),
            _ => LATEST,
        }
    };
    let pro = rest.contains("pro");
    let thinking = match version {
        (0 | 1, _) | (2, ..=4) => Thinking::None,
        (2, _) if pro => Thinking::Budget { least: 128 },
        (2, _) => Thinking::Budget { least: 0 },
        (3, 0) if pro => Thinking::Levels(&[Level::Low, Level::High]),
        _ if pro => Thinking::Levels(&[Level::Low, Level::Medium, Level::High]),
        (3, 7..) | (4.., _) => Thinking::Levels(&[Level::Low, Level::Medium, Level::High]),
        _ => Thinking::Levels(&[Level::Minimal, Level::Low, Level::Medium, Level::High]),
    };
    Abilities { version, thinking }
}

impl Abilities {
    /// Does it check that calls of tools come back signed, give calls ids, and take media in results?
    pub(super) fn is_third(&self) -> bool {
        self.version.0 >= 3
    }

    /// Does it take JSON schemas, not only its own kind?
    pub(super) fn json_schema(&self) -> bool {
        self.version.0 >= 2
    }

    /// Does it hold calls to their schemas when asked to?
    pub(super) fn validates(&self) -> bool {
        self.version >= (2, 5)
    }
}

impl Level {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "MINIMAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }

    pub(super) const fn effort(self) -> Effort {
        match self {
            Self::Minimal => Effort::Minimal,
            Self::Low => Effort::Low,
            Self::Medium => Effort::Medium,
            Self::High => Effort::High,
        }
    }

    /// The nearest of `known` (the higher one of two) to what was asked.
    pub(super) fn nearest(effort: Effort, known: &[Self]) -> Self {
        known
            .iter()
            .copied()
            .find(|level| level.effort() >= effort)
            .or(known.last().copied())
            .unwrap_or(Self::High)
    }

    /// Reads the name on the wire.
    pub(super) fn from_name(name: &str) -> Option<Effort> {
        Some(match name.to_ascii_uppercase().as_str() {
            "MINIMAL" => Effort::Minimal,
            "LOW" => Effort::Low,
            "MEDIUM" => Effort::Medium,
            "HIGH" => Effort::High,
            "XHIGH" => Effort::XHigh,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_by_name() {
        for (name, third, thinking) in [
            ("gemini-1.5-pro", false, Thinking::None),
            ("gemini-2.0-flash", false, Thinking::None),
            (
                "gemini-2.5-flash-lite",
                false,
                Thinking::Budget { least: 0 },
            ),
            (
                "models/gemini-2.5-pro",
                false,
                Thinking::Budget { least: 128 },
            ),
            (
                "gemini-3-pro-preview",
                true,
                Thinking::Levels(&[Level::Low, Level::High]),
            ),
            (
                "gemini-3-flash-preview",
                true,
                Thinking::Levels(&[Level::Minimal, Level::Low, Level::Medium, Level::High]),
            ),
            (
                "gemini-3.7-flash",
                true,
                Thinking::Levels(&[Level::Low, Level::Medium, Level::High]),
            ),
            ("gemma-3-27b-it", false, Thinking::None),
        ] {
            let able = abilities(name);
            assert_eq!(
                (able.is_third(), able.thinking),
                (third, thinking),
                "{name}"
            );
        }
        assert!(abilities("gemini-flash-latest").is_third());
        assert_eq!(
            Level::nearest(Effort::Medium, &[Level::Low, Level::High]),
            Level::High
        );
        assert_eq!(
            Level::nearest(Effort::Max, &[Level::Low, Level::High]),
            Level::High
        );
        assert_eq!(
            Level::nearest(Effort::None, &[Level::Low, Level::High]),
            Level::Low
        );
    }
}
