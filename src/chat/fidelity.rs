//! What a translation could not carry, and whether that is acceptable.

use std::{borrow::Cow, fmt};

/// What is done about a request that cannot be carried whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FidelityMode {
    /// It is sent as well as it can be said, and the caller is told what was lost.
    #[default]
    Lenient,
    /// It is not sent: the caller is told which field cannot be carried. See [`Loss::changes_meaning`].
    Strict,
}

impl FidelityMode {
    /// Its name in headers and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lenient => "lenient",
            Self::Strict => "strict",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Lenient, Self::Strict]
            .into_iter()
            .find(|mode| mode.as_str() == name)
    }
}

/// The report of one translation: every field that did not arrive as it was meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fidelity {
    notes: Vec<Note>,
}

/// One deviation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// Where, as a path into the caller's body.
    pub path: String,
    /// What was done.
    pub loss: Loss,
    /// Why.
    pub why: Cow<'static, str>,
}

/// What was done to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// Said, or seen to, by other means to the same effect.
    Mapped,
    /// Left out: the vendor has no place for it.
    Dropped,
    /// Said in another way, or with another value.
    Changed,
    /// Filled in: the vendor requires it and the caller did not say.
    Defaulted,
    /// Mended: it was not legal as it came.
    Repaired,
}

impl Loss {
    /// Does the vendor hear less than, or something else than, the caller said? This is what a strict request is refused for.
    ///
    /// What is seen to by other means, what is filled in and what is mended is not: the caller had left it open, or had said something no vendor of the dialect
    /// takes, and nothing that was said is lost.
    pub const fn changes_meaning(self) -> bool {
        matches!(self, Self::Dropped | Self::Changed)
    }

    /// A stable name, for headers and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Dropped => "dropped",
            Self::Changed => "approximated",
            Self::Defaulted => "defaulted",
            Self::Repaired => "repaired",
        }
    }
}

impl Fidelity {
    /// An empty report.
    pub const fn new() -> Self {
        Self { notes: Vec::new() }
    }

    /// Notes members that were in a body and that no conversation has a place for.
    pub(crate) fn of_unread(paths: Vec<String>) -> Self {
        let mut this = Self::new();
        for path in paths {
            this.dropped(path, "a conversation has no place for it");
        }
        this
    }

    /// Notes a deviation.
    pub fn note(&mut self, path: impl fmt::Display, loss: Loss, why: impl Into<Cow<'static, str>>) {
        self.notes.push(Note {
            path: path.to_string(),
            loss,
            why: why.into(),
        });
    }

    /// Notes that `path` was seen to by other means.
    pub fn mapped(&mut self, path: impl fmt::Display, why: impl Into<Cow<'static, str>>) {
        self.note(path, Loss::Mapped, why);
    }

    /// Notes that `path` was left out.
    pub fn dropped(&mut self, path: impl fmt::Display, why: impl Into<Cow<'static, str>>) {
        self.note(path, Loss::Dropped, why);
    }

    /// Notes that `path` was approximated: said in another way, or with another value.
    pub fn changed(&mut self, path: impl fmt::Display, why: impl Into<Cow<'static, str>>) {
        self.note(path, Loss::Changed, why);
    }

    /// Notes that `path` was filled in.
    pub fn defaulted(&mut self, path: impl fmt::Display, why: impl Into<Cow<'static, str>>) {
        self.note(path, Loss::Defaulted, why);
    }

    /// Notes that `path` was mended.
    pub fn repaired(&mut self, path: impl fmt::Display, why: impl Into<Cow<'static, str>>) {
        self.note(path, Loss::Repaired, why);
    }

    /// Adds what `other` notes, except for what is noted already: the same place, or a part of something that was left out.
    pub fn merge(&mut self, other: &Self) {
        for note in &other.notes {
            let known = self.notes.iter().any(|there| {
                there.path == note.path
                    || (there.loss == Loss::Dropped && is_below(&note.path, &there.path))
            });
            if !known {
                self.notes.push(note.clone());
            }
        }
    }

    /// The same, with every path told by `place`.
    #[must_use]
    pub(crate) fn relocated(mut self, mut place: impl FnMut(&str) -> String) -> Self {
        for note in &mut self.notes {
            note.path = place(&note.path);
        }
        self
    }

    /// The first deviation for which a strict request is refused.
    pub fn first_loss(&self) -> Option<&Note> {
        self.notes.iter().find(|note| note.loss.changes_meaning())
    }

    /// All deviations, in order.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Did everything arrive as it was meant?
    pub fn is_exact(&self) -> bool {
        self.notes.iter().all(|note| note.loss == Loss::Mapped)
    }
}

/// Is `path` a place inside of `whole`?
fn is_below(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole)
        .is_some_and(|rest| rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_told_twice() {
        let mut report = Fidelity::new();
        report.dropped("tools[0]", "hosted");
        report.changed("stop", "four");
        let mut read = Fidelity::new();
        for path in ["tools[0].max_uses", "tools[01]", "stop", "stop[4]"] {
            read.dropped(path, "unknown");
        }
        report.merge(&read);
        let paths: Vec<&str> = report.notes().iter().map(|n| n.path.as_str()).collect();
        assert_eq!(paths, ["tools[0]", "stop", "tools[01]", "stop[4]"]);
    }

    #[test]
    fn only_what_is_lost_counts_as_a_loss() {
        let mut report = Fidelity::new();
        report.defaulted("max_tokens", "");
        report.repaired("messages[0]", "");
        assert_eq!(report.first_loss(), None);
        report.changed("stop", "");
        assert_eq!(report.first_loss().unwrap().path, "stop");
    }
}
