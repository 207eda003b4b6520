//! Blocks: each is an object with one member, and the member's name says what it is.

use super::super::node::{At, Kind::*, Unique};

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    System,
    User,
    Assistant,
    Result,
}

/// Checks one block. `names` are those of the documents so far.
pub(super) fn check(at: &At<'_>, place: Place, names: &mut Unique) {
    use Place::{Assistant, Result, System, User};
    if !at.is(Object) {
        return;
    }
    let mut members = at.members().keys();
    let (Some(name), None) = (members.next(), members.next()) else {
        return at.say("a block has one member");
    };
    let Some(inner) = at.get(name) else {
        return;
    };
    match (name.as_str(), place) {
        ("text", _) => {
            let words = !inner.as_text().trim().is_empty();
            // What a tool says is its own matter.
            inner.must(words || place == Result, "a blank text");
            inner.is(Text);
        }
        ("cachePoint", System | User | Assistant) => {
            inner.shape(&[("type", Is("default"))], &[("ttl", OneOf(&["5m", "1h"]))])
        }
        ("guardContent", System | User) => drop(inner.is(Object)),
        ("image", User | Result) => file(&inner, &["png", "jpeg", "gif", "webp"]),
        ("video", User | Result) => file(
            &inner,
            &[
                "mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp",
            ],
        ),
        ("audio", User) => inner.open_shape(&[("format", Name), ("source", Object)], &[]),
        ("document", User | Result) => document(&inner, names),
        ("searchResult", User | Result) => drop(inner.is(Object)),
        ("json", Result) => {}
        ("toolUse", Assistant) => {
            inner.shape(
                &[("toolUseId", Name), ("name", Name), ("input", Object)],
                &[("type", Name)],
            );
            word(&inner, "toolUseId", "_.:-");
            word(&inner, "name", "_-");
        }
        ("toolResult", User) => result(&inner, names),
        // Those of tools that the vendor itself runs.
        ("toolResult", Assistant) => drop(inner.is(Object)),
        ("reasoningContent", Assistant) => reasoning(&inner),
        ("citationsContent", Assistant) => {
            inner.shape(&[("content", List), ("citations", List)], &[]);
        }
        (name, _) => at.say(format!("no place for `{name}`")),
    }
}

/// Where cache breakpoints may stand.
pub(super) fn points(blocks: &[At<'_>]) {
    let mut before: Option<&At<'_>> = None;
    for block in blocks {
        if block.has("cachePoint") {
            match before {
                None => block.say("a cache breakpoint before everything"),
                Some(before) if before.has("cachePoint") => {
                    block.say("two cache breakpoints in a row");
                }
                Some(before) if before.has("document") || before.has("video") => {
                    block.say("a cache breakpoint after a document or a video");
                }
                Some(_) => {}
            }
        }
        before = Some(block);
    }
}

fn word(at: &At<'_>, name: &str, more: &str) {
    if let Some(text) = at.get(name) {
        text.word(more, 64);
    }
}

fn result(at: &At<'_>, names: &mut Unique) {
    at.shape(
        &[("toolUseId", Name), ("content", List)],
        &[("status", OneOf(&["success", "error"])), ("type", Name)],
    );
    word(at, "toolUseId", "_.:-");
    for part in at.list("content") {
        check(&part, Place::Result, names);
    }
}

fn reasoning(at: &At<'_>) {
    match at.get("reasoningText") {
        Some(text) => {
            at.shape(&[("reasoningText", Object)], &[]);
            text.shape(&[("text", Text)], &[("signature", Name)]);
        }
        None => at.shape(&[("redactedContent", Name)], &[]),
    }
}

fn file(at: &At<'_>, formats: &'static [&'static str]) {
    at.shape(&[("format", OneOf(formats)), ("source", Object)], &[]);
    source(at, &[("bytes", Name), ("s3Location", Object)]);
}

fn source(at: &At<'_>, kinds: &[super::super::node::Member]) {
    if let Some(source) = at.get("source") {
        source.shape(&[], kinds);
        source.must(source.members().len() == 1, "a source is one thing");
    }
}

fn document(at: &At<'_>, names: &mut Unique) {
    const FORMATS: &[&str] = &[
        "pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md",
    ];
    at.shape(
        &[("name", Name), ("source", Object)],
        &[
            ("format", OneOf(FORMATS)),
            ("context", Text),
            ("citations", Object),
        ],
    );
    source(
        at,
        &[
            ("bytes", Name),
            ("s3Location", Object),
            ("text", Name),
            ("content", Full),
        ],
    );
    if let Some(name) = at.get("name") {
        name.word(" -()[]", 200);
        name.must(!name.as_text().contains("  "), "two spaces in a row");
        names.add(&name, name.as_text());
    }
}
