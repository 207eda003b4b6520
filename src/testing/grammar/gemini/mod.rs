//! Gemini's generateContent.

mod reply;
mod request;
mod stream;

use super::{
    Grammar, Told,
    node::{At, Kind::*},
};

pub(super) const GRAMMAR: Grammar = Grammar {
    dialect: "gemini",
    request: request::check,
    told: Some(Told {
        reply: reply::check,
        stream: stream::check,
    }),
};

fn error(at: &At<'_>) {
    at.shape(
        &[("code", Count), ("message", Name), ("status", Name)],
        &[("details", List)],
    );
}

/// The members of a part that say what it is.
const DATA: &[&str] = &[
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

/// A part holds one thing, and perhaps a signature. Returns which.
fn part(at: &At<'_>) -> &'static str {
    at.shape(
        &[],
        &[
            ("text", Text),
            ("thought", Bool),
            ("thoughtSignature", Name),
            ("inlineData", Object),
            ("fileData", Object),
            ("functionCall", Object),
            ("functionResponse", Object),
            ("executableCode", Object),
            ("codeExecutionResult", Object),
            ("toolCall", Object),
            ("toolResponse", Object),
            ("videoMetadata", Object),
            ("mediaResolution", Any),
            ("partMetadata", Object),
        ],
    );
    let mut held = DATA.iter().filter(|name| at.get(name).is_some());
    let kind = held.next().copied().unwrap_or_default();
    at.must(!kind.is_empty(), "a part that holds nothing");
    at.must(held.next().is_none(), "a part that holds two things");
    let Some(inner) = at.get(kind) else {
        return kind;
    };
    match kind {
        "inlineData" => inner.shape(
            &[("mimeType", Name), ("data", Name)],
            &[("displayName", Text)],
        ),
        "fileData" => inner.shape(
            &[("fileUri", Name)],
            &[("mimeType", Name), ("displayName", Text)],
        ),
        "functionCall" => {
            inner.shape(&[("name", Name)], &[("id", Name), ("args", Object)]);
        }
        "functionResponse" => inner.shape(
            &[("name", Name), ("response", Object)],
            &[
                ("id", Name),
                ("parts", Full),
                ("willContinue", Bool),
                ("scheduling", Text),
            ],
        ),
        _ => {}
    }
    kind
}
