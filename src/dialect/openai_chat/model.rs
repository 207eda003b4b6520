//! What a model's name tells about what it takes.

use crate::chat::Effort;

/// A model, as far as its name tells.
#[derive(Clone, Debug)]
pub(in crate::dialect) struct Model {
    /// Lower case, without a vendor's prefix.
    name: String,
    /// Of `gpt-<major>.<minor>`.
    version: Option<(u32, u32)>,
}

impl Model {
    pub(in crate::dialect) fn new(name: &str) -> Self {
        let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
        let version = version(&name);
        Self { name, version }
    }

    fn is_o_series(&self) -> bool {
        let mut chars = self.name.chars();
        chars.next() == Some('o') && chars.next().is_some_and(|c| c.is_ascii_digit())
    }

    fn at_least(&self, version: (u32, u32)) -> bool {
        self.version.is_some_and(|own| own >= version)
    }

    /// One of OpenAI's hosted models.
    pub(in crate::dialect) fn is_openai(&self) -> bool {
        self.is_o_series() || self.version.is_some() || self.name.starts_with("chatgpt-")
    }

    /// One of OpenAI's that think.
    pub(in crate::dialect) fn is_openai_reasoning(&self) -> bool {
        self.is_o_series() || self.at_least((5, 0)) && !self.name.contains("-chat")
    }

    /// Are sampling parameters fixed? From 5.1 on only while it thinks.
    pub(in crate::dialect) fn fixes_sampling(&self, effort: Option<Effort>) -> bool {
        self.is_openai_reasoning() && !(self.at_least((5, 1)) && effort == Some(Effort::None))
    }

    /// Does it know explicit cache breakpoints on parts?
    pub(in crate::dialect) fn takes_breakpoints(&self) -> bool {
        self.at_least((5, 6))
    }

    /// Does it refuse function tools here while it thinks as hard as `effort` says?
    pub(in crate::dialect) fn refuses_tools(&self, effort: Option<Effort>) -> bool {
        match effort {
            Some(Effort::None) => false,
            Some(_) => self.at_least((5, 4)) && self.is_openai_reasoning(),
            // The default level counts from here on.
            None => self.at_least((5, 6)) && self.is_openai_reasoning(),
        }
    }

    /// Does it refuse stop texts?
    pub(in crate::dialect) fn refuses_stop(&self) -> bool {
        self.name.starts_with("o3") || self.name.starts_with("o4")
    }

    /// A Claude model behind an OpenAI-like door.
    pub(in crate::dialect) fn is_claude(&self) -> bool {
        self.name.starts_with("claude")
    }

    /// The nearest level it takes; none if the name does not tell that it takes any.
    pub(in crate::dialect) fn effort(&self, wanted: Effort) -> Option<Effort> {
        use Effort as E;
        let between = |low: Effort, high: Effort| Some(wanted.clamp(low, high));
        if self.is_o_series() || self.name.starts_with("gpt-oss") {
            return between(E::Low, E::High);
        }
        if self.name.starts_with("deepseek") {
            return match wanted {
                E::None => None,
                E::Minimal | E::Low => Some(E::Low),
                E::Medium | E::High => Some(E::High),
                E::XHigh | E::Max => Some(E::Max),
            };
        }
        if self.name.starts_with("glm") {
            return (wanted != E::None).then_some(wanted);
        }
        if !self.is_openai_reasoning() {
            return None;
        }
        let highest = match self.version {
            Some(version) if version >= (5, 6) => E::Max,
            Some(version) if version >= (5, 2) => E::XHigh,
            _ => E::High,
        };
        match wanted {
            E::None if !self.at_least((5, 1)) => Some(E::Minimal),
            E::Minimal if self.at_least((5, 1)) => Some(E::Low),
            wanted => Some(wanted.min(highest)),
        }
    }

    /// Is thinking switched off by `thinking: {type: disabled}`?
    pub(in crate::dialect) fn has_thinking_switch(&self) -> bool {
        ["deepseek", "glm", "kimi", "doubao"]
            .iter()
            .any(|family| self.name.starts_with(family))
    }
}

/// The numbers after `gpt-`: `gpt-5` is 5.0, `gpt-5.4-mini` is 5.4, `gpt-4o` is 4.0. `gpt-oss-120b` has none.
fn version(name: &str) -> Option<(u32, u32)> {
    let digits = |text: &str| {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, rest) = text.split_at_checked(end)?;
        Some((number.parse::<u32>().ok()?, rest.to_owned()))
    };
    let (major, rest) = digits(name.strip_prefix("gpt-")?)?;
    let minor = rest
        .strip_prefix('.')
        .and_then(digits)
        .map_or(0, |(minor, _)| minor);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_families() {
        assert_eq!(version("gpt-5"), Some((5, 0)));
        assert_eq!(version("gpt-5.4-mini-2026-01-01"), Some((5, 4)));
        assert_eq!(version("gpt-4o"), Some((4, 0)));
        assert_eq!(version("gpt-oss-120b"), None);
        assert!(Model::new("openai/gpt-5.6").takes_breakpoints());
        assert!(Model::new("o4-mini").refuses_stop());
        assert!(!Model::new("gpt-5-chat-latest").is_openai_reasoning());
        assert!(!Model::new("gpt-4o").is_openai_reasoning());
        assert!(!Model::new("opus").is_openai());
    }

    #[test]
    fn tools_and_thinking() {
        let refuses = |name: &str, effort| Model::new(name).refuses_tools(effort);
        assert!(refuses("gpt-5.4", Some(Effort::Low)));
        assert!(!refuses("gpt-5.4", None));
        assert!(refuses("gpt-5.6", None));
        assert!(!refuses("gpt-5.6", Some(Effort::None)));
        assert!(!refuses("gpt-5.1", Some(Effort::High)));
    }

    #[test]
    fn the_nearest_level() {
        use Effort as E;
        for (name, wanted, taken) in [
            ("gpt-4o", E::High, None),
            ("o3", E::Max, Some(E::High)),
            ("gpt-5", E::None, Some(E::Minimal)),
            ("gpt-5.1", E::Minimal, Some(E::Low)),
            ("gpt-5.2", E::Max, Some(E::XHigh)),
            ("gpt-5.6", E::Max, Some(E::Max)),
            ("deepseek-v4", E::Medium, Some(E::High)),
            ("llama-3", E::High, None),
        ] {
            assert_eq!(Model::new(name).effort(wanted), taken, "{name}");
        }
    }
}
