//! A place in a JSON value, and what may stand there.

use std::{cell::RefCell, collections::HashSet, fmt::Display};

use serde_json::{Map, Value};

use super::Violation;

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(super) struct Report(RefCell<Vec<Violation>>);

impl Report {
    pub(super) fn say(&self, path: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push(Violation {
            path: path.into(),
            message: message.into(),
        });
    }

    pub(super) fn finish(self) -> Vec<Violation> {
        self.0.into_inner()
    }
}

/// What a member must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Any,
    Text,
    /// A text with something in it.
    Name,
    /// A number without sign or fraction.
    Count,
    Number,
    Bool,
    Object,
    List,
    /// A list with something in it.
    Full,
    Null,
    Is(&'static str),
    OneOf(&'static [&'static str]),
    Or(&'static Kind, &'static Kind),
}

/// A member and what it must be.
pub(super) type Member = (&'static str, Kind);

impl Kind {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Text => value.is_string(),
            Self::Name => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Count => value.is_u64(),
            Self::Number => value.is_number(),
            Self::Bool => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Full => value.as_array().is_some_and(|list| !list.is_empty()),
            Self::Null => value.is_null(),
            Self::Is(word) => value == word,
            Self::OneOf(words) => value.as_str().is_some_and(|text| words.contains(&text)),
            Self::Or(a, b) => a.holds(value) || b.holds(value),
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Any => "anything".into(),
            Self::Text => "a text".into(),
            Self::Name => "a text that is not empty".into(),
            Self::Count => "a count".into(),
            Self::Number => "a number".into(),
            Self::Bool => "true or false".into(),
            Self::Object => "an object".into(),
            Self::List => "a list".into(),
            Self::Full => "a list that is not empty".into(),
            Self::Null => "null".into(),
            Self::Is(word) => format!("`{word}`"),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Or(a, b) => format!("{} or {}", a.describe(), b.describe()),
        }
    }
}

/// A place in a value.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
    pub(super) report: &'a Report,
}

impl<'a> At<'a> {
    pub(super) fn root(value: &'a Value, path: impl Into<String>, report: &'a Report) -> Self {
        let path = path.into();
        Self {
            value,
            path,
            report,
        }
    }

    /// Something is wrong here.
    pub(super) fn say(&self, message: impl Into<String>) {
        self.report.say(self.path.clone(), message);
    }

    /// Something is wrong here unless `holds`.
    pub(super) fn must(&self, holds: bool, message: &str) {
        if !holds {
            self.say(message);
        }
    }

    /// Checks what this is.
    pub(super) fn is(&self, kind: Kind) -> bool {
        let holds = kind.holds(self.value);
        if !holds {
            let found: String = self.value.to_string().chars().take(60).collect();
            self.say(format!("must be {}, not {found}", kind.describe()));
        }
        holds
    }

    /// Checks all members of an object: these, perhaps those, no others.
    pub(super) fn shape(&self, required: &[Member], optional: &[Member]) {
        self.open_shape(required, optional);
        for name in self.members().keys() {
            // The mark of a continued stream stands beside what the dialect knows.
            if name == "trunkline" && self.path.starts_with("frame ") {
                continue;
            }
            if !required.iter().chain(optional).any(|(n, _)| n == name) {
                self.say(format!("unknown member `{name}`"));
            }
        }
    }

    /// Checks these members; there may be others.
    pub(super) fn open_shape(&self, required: &[Member], optional: &[Member]) {
        if !self.is(Kind::Object) {
            return;
        }
        for (name, kind) in required {
            match self.get(name) {
                Some(member) => drop(member.is(*kind)),
                None => self.say(format!("`{name}` is missing")),
            }
        }
        for (name, kind) in optional {
            if let Some(member) = self.get(name) {
                member.is(*kind);
            }
        }
    }

    /// The member, null or not.
    pub(super) fn get(&self, name: &str) -> Option<At<'a>> {
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        Some(At {
            value: self.value.get(name)?,
            path,
            report: self.report,
        })
    }

    /// The member, unless it is null.
    pub(super) fn some(&self, name: &str) -> Option<At<'a>> {
        self.get(name).filter(|member| !member.value.is_null())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.some(name).is_some()
    }

    /// The members of an object; none of anything else.
    pub(super) fn members(&self) -> &'a Map<String, Value> {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        self.value.as_object().unwrap_or(&NONE)
    }

    /// The items of a member that is a list.
    pub(super) fn list(&self, name: &str) -> Vec<At<'a>> {
        self.get(name).map(|list| list.items()).unwrap_or_default()
    }

    /// The items, if this is a list.
    pub(super) fn items(&self) -> Vec<At<'a>> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items
            .map(|(number, value)| At {
                value,
                path: format!("{}[{number}]", self.path),
                report: self.report,
            })
            .collect()
    }

    /// The text of a member; empty if it has none.
    pub(super) fn text(&self, name: &str) -> &'a str {
        self.value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// This text.
    pub(super) fn as_text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// The count in a member; zero if there is none.
    pub(super) fn count(&self, name: &str) -> u64 {
        self.value
            .get(name)
            .and_then(Value::as_u64)
            .unwrap_or_default()
    }

    /// Checks that a member equals something.
    pub(super) fn equals(&self, name: &str, wanted: &Value, of: impl Display) {
        if self.value.get(name) != Some(wanted) {
            self.say(format!("`{name}` is not that {of}"));
        }
    }

    /// Checks a name: these characters beside ASCII letters and digits, and at most so many.
    pub(super) fn word(&self, more: &str, most: usize) {
        let text = self.as_text();
        let legal = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || more.contains(c));
        self.must(!text.is_empty(), "is empty");
        self.must(legal, "has characters that are not taken");
        self.must(
            text.chars().count() <= most,
            &format!("is longer than {most} characters"),
        );
    }
}

/// Texts that must not repeat.
#[derive(Debug, Default)]
pub(super) struct Unique(HashSet<String>);

impl Unique {
    pub(super) fn add(&mut self, at: &At<'_>, text: &str) {
        if text.is_empty() {
            at.say("an id is empty");
        } else if !self.0.insert(text.to_owned()) {
            at.say(format!("the id `{text}` is there twice"));
        }
    }
}
