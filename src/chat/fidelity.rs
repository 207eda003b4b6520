//! What a translation could not carry.

use std::{borrow::Cow, fmt};

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
    /// A stable name, for headers and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Changed => "changed",
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

    /// Notes a deviation.
    pub fn note(&mut self, path: impl fmt::Display, loss: Loss, why: impl Into<Cow<'static, str>>) {
        self.notes.push(Note {
            path: path.to_string(),
            loss,
            why: why.into(),
        });
    }

    /// Notes that `path` was left out.
    pub fn dropped(&mut self, path: impl fmt::Display, why: impl Into<Cow<'static, str>>) {
        self.note(path, Loss::Dropped, why);
    }

    /// Notes that `path` was changed.
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

    /// All deviations, in order.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Did everything arrive as it was meant?
    pub fn is_exact(&self) -> bool {
        self.notes.is_empty()
    }
}
