//! YAML text → a tree in which every node knows its place.
//!
//! Built from the parser's events rather than its ready-made tree, because that one recurses as deep as the file says and
//! stops at the first key that comes twice.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::problem::Problem;

/// Deeper files are refused; ours need seven.
const MAX_DEPTH: usize = 32;

/// Larger files are refused: aliases can multiply a small text into a huge tree.
const MAX_NODES: usize = 200_000;

/// Where something is written, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) data: Data,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    /// `plain` if it was written without quotes, so that it may be a number.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Node,
}

impl Node {
    /// Is nothing written here?
    pub(super) fn is_null(&self) -> bool {
        match &self.data {
            Data::Scalar { text, plain: true } => {
                matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// How many nodes, long texts counted as several, and how many levels, are in it.
    fn size(&self) -> (usize, usize) {
        let (weight, depth) = match &self.data {
            Data::Scalar { text, .. } => (weight(text), 0),
            Data::List(items) => sum(items.iter()),
            Data::Map(entries) => {
                let keys: usize = entries.iter().map(|entry| weight(&entry.key)).sum();
                let (values, depth) = sum(entries.iter().map(|entry| &entry.value));
                (keys + values, depth)
            }
        };
        (weight + 1, depth + 1)
    }
}

fn sum<'a>(nodes: impl Iterator<Item = &'a Node>) -> (usize, usize) {
    nodes.fold((0, 0), |(weight, depth), node| {
        let (more, deep) = node.size();
        (weight + more, depth.max(deep))
    })
}

/// A long text weighs as much as many nodes: an alias multiplies it as well.
const fn weight(text: &str) -> usize {
    text.len() / 64
}

/// The file's only document.
///
/// # Errors
/// What the YAML parser says, with its place; also for an empty file and for more than one document.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new_from_str(text);
    let mut tree = Tree::default();
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| problem(place(error.marker()), syntax(text, &error)))?;
        tree.take(event, place(&span.start))?;
    }
    match tree.root {
        Some(root) if !root.is_null() => Ok(root),
        _ => Err(problem(
            Place { line: 1, column: 1 },
            "the file is empty".to_owned(),
        )),
    }
}

#[derive(Default)]
struct Tree {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// A list or mapping whose end has not come yet.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<(String, Place)>,
}

impl Tree {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(problem(
                place,
                "a second document begins here (`---`); write one only".to_owned(),
            )),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !tag.is_some_and(|tag| is_text(&tag));
                let text = text.into_owned();
                let data = Data::Scalar { text, plain };
                self.add(Node { place, data }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(place, Data::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.begin(place, Data::Map(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.add(open.node, open.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    let message = "this alias stands for nothing that is complete here";
                    return Err(problem(place, message.to_owned()));
                };
                let (count, depth) = node.size();
                self.nodes = self.nodes.saturating_add(count);
                self.check(place, depth)?;
                let mut node = node.clone();
                node.place = place;
                self.add(node, 0)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, data: Data, anchor: usize) -> Result<(), Problem> {
        self.check(place, 1)?;
        self.open.push(Open {
            node: Node { place, data },
            anchor,
            key: None,
        });
        Ok(())
    }

    /// May something of this depth come here?
    fn check(&self, place: Place, depth: usize) -> Result<(), Problem> {
        if self.open.len().saturating_add(depth) > MAX_DEPTH {
            return Err(problem(place, "nested too deeply".to_owned()));
        }
        if self.nodes > MAX_NODES {
            return Err(problem(place, "the file is too large".to_owned()));
        }
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        let own = match &node.data {
            Data::Scalar { text, .. } => weight(text),
            Data::List(_) | Data::Map(_) => 0,
        };
        self.nodes = self.nodes.saturating_add(own + 1);
        self.check(node.place, 0)?;
        if anchor > 0 {
            // The copy counts too.
            self.nodes = self.nodes.saturating_add(node.size().0);
            self.check(node.place, 0)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.data {
            Data::List(items) => items.push(node),
            Data::Map(entries) => match open.key.take() {
                Some((key, place)) => entries.push(Entry {
                    key,
                    place,
                    value: node,
                }),
                None => {
                    let Data::Scalar { text, .. } = node.data else {
                        return Err(problem(node.place, "a key must be text".to_owned()));
                    };
                    open.key = Some((text, node.place));
                }
            },
            Data::Scalar { .. } => {}
        }
        Ok(())
    }
}

/// `!!str`: a number that is meant as text.
fn is_text(tag: &Tag) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == "str"
}

/// The parser's message, and a hint at the usual mistake: braces begin a mapping inside `{…}` and `[…]`.
fn syntax(text: &str, error: &saphyr_parser::ScanError) -> String {
    let line = error.marker().line();
    let unquoted = text
        .lines()
        .nth(line.saturating_sub(1))
        .is_some_and(|line| {
            line.match_indices("${")
                .any(|(at, _)| line.get(..at).is_some_and(|before| !before.ends_with('"')))
        });
    let hint = if unquoted {
        "; inside {…} and […] quote it: \"${NAME}\""
    } else {
        ""
    };
    format!("not YAML: {}{hint}", error.info())
}

fn place(marker: &Marker) -> Place {
    Place {
        line: marker.line().max(1),
        column: marker.col().saturating_add(1),
    }
}

fn problem(place: Place, message: String) -> Problem {
    Problem {
        line: place.line,
        column: place.column,
        path: String::new(),
        message,
    }
}
