//! Reads nodes as values, and notes every problem instead of stopping at the first.

use std::{collections::HashMap, str::FromStr, time::Duration};

use super::{
    interpolate::{interpolate, refers},
    nearest::did_you_mean,
    problem::Problem,
    value::{parse_duration, parse_share, parse_size},
    yaml::{Data, Node, Place},
};

/// Collects problems; knows the environment.
///
/// Its methods return `None` where nothing usable is written, and have then noted why. Whoever reads on may put anything in
/// its place: with a problem noted, no configuration leaves this module.
pub(super) struct Reader<'e> {
    pub(super) env: &'e dyn Fn(&str) -> Option<String>,
    pub(super) problems: Vec<Problem>,
}

/// A node and how it is reached.
#[derive(Clone, Debug)]
pub(super) struct At<'n> {
    pub(super) node: &'n Node,
    /// Where its key is written, or the node itself if it has none.
    pub(super) key: Place,
    pub(super) path: String,
}

/// A mapping's entries.
pub(super) struct Fields<'n> {
    entries: Vec<(&'n str, At<'n>)>,
    /// False if what is written is no mapping, so that what is missing in it need not be said.
    pub(super) readable: bool,
}

impl<'n> At<'n> {
    pub(super) const fn root(node: &'n Node) -> Self {
        Self {
            node,
            key: node.place,
            path: String::new(),
        }
    }

    fn child(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

impl<'n> Fields<'n> {
    /// No entries: nothing is written, or nothing `readable`.
    pub(super) const fn none(readable: bool) -> Self {
        Self {
            entries: Vec::new(),
            readable,
        }
    }

    /// The value of a key, if one is written.
    pub(super) fn get(&self, key: &str) -> Option<&At<'n>> {
        self.entries
            .iter()
            .find(|(name, at)| *name == key && !at.node.is_null())
            .map(|(_, at)| at)
    }

    /// The value of a key through `read`, if one is written.
    pub(super) fn read<'e, T>(
        &self,
        reader: &mut Reader<'e>,
        key: &str,
        read: impl FnOnce(&mut Reader<'e>, &At<'n>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).and_then(|at| read(reader, at))
    }
}

impl Reader<'_> {
    /// Something is wrong with a value.
    pub(super) fn problem(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.note(at.node.place, &at.path, message);
    }

    /// Something is wrong with a whole section, or missing in it.
    pub(super) fn problem_at_key(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.note(at.key, &at.path, message);
    }

    pub(super) fn note(&mut self, place: Place, path: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            line: place.line,
            column: place.column,
            path: path.to_owned(),
            message: message.into(),
        });
    }

    /// A mapping with any keys. Of a key that comes twice the first counts.
    pub(super) fn entries<'n>(
        &mut self,
        at: &At<'n>,
        expected: &str,
    ) -> Option<Vec<(&'n str, At<'n>)>> {
        let Data::Map(entries) = &at.node.data else {
            self.mismatch(at, expected);
            return None;
        };
        let mut result = Vec::with_capacity(entries.len());
        let mut lines = HashMap::new();
        for entry in entries {
            let path = at.child(&entry.key);
            if let Some(line) = lines.get(entry.key.as_str()) {
                let message = format!("this key comes twice; the first is in line {line}");
                self.note(entry.place, &path, message);
                continue;
            }
            lines.insert(entry.key.as_str(), entry.place.line);
            let child = At {
                node: &entry.value,
                key: entry.place,
                path,
            };
            result.push((entry.key.as_str(), child));
        }
        Some(result)
    }

    /// A mapping of which these keys are known.
    pub(super) fn fields<'n>(&mut self, at: &At<'n>, known: &[&str]) -> Option<Fields<'n>> {
        self.fields_or(at, known, |_| None)
    }

    /// A mapping of which these keys are known; `why` says what is wrong with some others.
    pub(super) fn fields_or<'n>(
        &mut self,
        at: &At<'n>,
        known: &[&str],
        why: impl Fn(&str) -> Option<String>,
    ) -> Option<Fields<'n>> {
        let entries = self.entries(at, "a mapping")?;
        for (name, child) in &entries {
            if known.contains(name) {
                continue;
            }
            let message = why(name).unwrap_or_else(|| {
                let mut hint = did_you_mean(name, known.iter().copied());
                if hint.is_empty() {
                    hint = format!("; known here: {}", known.join(", "));
                }
                format!("unknown key{hint}")
            });
            self.problem_at_key(child, message);
        }
        Some(Fields {
            entries,
            readable: true,
        })
    }

    /// A list.
    pub(super) fn list<'n>(&mut self, at: &At<'n>, expected: &str) -> Option<Vec<At<'n>>> {
        let Data::List(items) = &at.node.data else {
            self.mismatch(at, expected);
            return None;
        };
        let child = |(index, node): (usize, &'n Node)| At {
            node,
            key: node.place,
            path: format!("{}[{index}]", at.path),
        };
        Some(items.iter().enumerate().map(child).collect())
    }

    /// A text, with the environment put in.
    pub(super) fn text(&mut self, at: &At<'_>) -> Option<String> {
        self.scalar(at, "text")
    }

    /// A whole number.
    pub(super) fn number<T: FromStr>(&mut self, at: &At<'_>) -> Option<T> {
        const EXPECTED: &str = "a whole number";
        let text = self.scalar(at, EXPECTED)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            self.mismatch(at, EXPECTED);
        }
        number
    }

    /// A whole number that is not zero; `why` says why it cannot be.
    pub(super) fn positive<T>(&mut self, at: &At<'_>, why: &str) -> Option<T>
    where
        T: FromStr + Default + PartialEq,
    {
        let number: T = self.number(at)?;
        if number == T::default() {
            self.problem(at, why);
            return None;
        }
        Some(number)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, at: &At<'_>) -> Option<bool> {
        const EXPECTED: &str = "`true` or `false`";
        let text = self.scalar(at, EXPECTED)?;
        match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.mismatch(at, EXPECTED);
                None
            }
        }
    }

    /// E.g. `5s`.
    pub(super) fn duration(&mut self, at: &At<'_>) -> Option<Duration> {
        self.parsed(at, "a duration such as `5s`", parse_duration)
    }

    /// E.g. `32MiB`, in bytes.
    pub(super) fn size(&mut self, at: &At<'_>) -> Option<usize> {
        self.parsed(at, "a size such as `32MiB`", parse_size)
    }

    /// E.g. `20%`, from 0 to 1.
    pub(super) fn share(&mut self, at: &At<'_>) -> Option<f64> {
        self.parsed(at, "a share such as `20%`", parse_share)
    }

    /// A text as [`text`](Self::text) reads it, for a look at it beforehand: nothing is said if it is wrong.
    pub(super) fn peek(&self, node: &Node) -> Option<String> {
        match &node.data {
            Data::Scalar { text, .. } => interpolate(text, self.env).ok(),
            _ => None,
        }
    }

    /// What is written here, for messages. It is never what the environment says, for that may be a key.
    pub(super) fn written(at: &At<'_>) -> String {
        const LONGEST: usize = 60;
        match &at.node.data {
            Data::Scalar { text, .. } if text.chars().count() <= LONGEST => format!("`{text}`"),
            Data::Scalar { text, .. } => {
                format!("`{}…`", text.chars().take(LONGEST).collect::<String>())
            }
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a mapping".to_owned(),
        }
    }

    /// `text`, which was read here, for messages; what is written if the environment had a part in it.
    pub(super) fn quoted(at: &At<'_>, text: &str) -> String {
        match &at.node.data {
            Data::Scalar { text: written, .. } if refers(written) => Self::written(at),
            _ => format!("`{text}`"),
        }
    }

    fn parsed<T>(
        &mut self,
        at: &At<'_>,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let text = self.scalar(at, expected)?;
        parse(text.trim())
            .map_err(|why| self.problem(at, format!("{} {why}", Self::written(at))))
            .ok()
    }

    fn scalar(&mut self, at: &At<'_>, expected: &str) -> Option<String> {
        let Data::Scalar { text, .. } = &at.node.data else {
            self.mismatch(at, expected);
            return None;
        };
        if at.node.is_null() {
            self.mismatch(at, expected);
            return None;
        }
        match interpolate(text, self.env) {
            Ok(text) => Some(text),
            Err(wrong) => {
                for message in wrong {
                    self.problem(at, message);
                }
                None
            }
        }
    }

    /// Another type was expected.
    pub(super) fn mismatch(&mut self, at: &At<'_>, expected: &str) {
        let written = Self::written(at);
        let found = match &at.node.data {
            _ if at.node.is_null() => "nothing".to_owned(),
            Data::Scalar { text, .. } if refers(text) => {
                format!("{written}, which the environment sets to something else")
            }
            Data::Scalar { text, plain: true } if text.parse::<f64>().is_ok() => {
                format!("the number {written}")
            }
            Data::Scalar {
                text, plain: true, ..
            } if matches!(text.as_str(), "true" | "false") => written,
            // The text may be a key that stands in the wrong place.
            Data::Scalar { .. } if expected.starts_with("a list") || expected.contains("map") => {
                "text".to_owned()
            }
            Data::Scalar { .. } => format!("the text {written}"),
            Data::List(_) | Data::Map(_) => written,
        };
        self.problem(at, format!("expected {expected}, found {found}"));
    }
}
