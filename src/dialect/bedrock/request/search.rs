//! Results of a search, as Anthropic's callers give them.

use serde::Deserialize;

use super::super::wire::member;
use crate::{Json, json};

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "type")]
    kind: String,
    source: String,
    title: String,
    content: Vec<Words>,
    #[serde(default)]
    citations: Option<Switch>,
}

#[derive(Deserialize)]
struct Words {
    text: String,
}

#[derive(Deserialize)]
struct Switch {
    #[serde(default)]
    enabled: bool,
}

/// The block in the vendor's words; none if it is another one.
pub(super) fn result(dialect: &str, part: &Json) -> Option<Json> {
    if dialect != "anthropic" || !part.as_str().contains("\"search_result\"") {
        return None;
    }
    let found: Found = part.deserialize().ok()?;
    if found.kind != "search_result" {
        return None;
    }
    let content = found.content.iter().map(|words| {
        json::object(|o| {
            o.field("text", &words.text);
        })
    });
    let inner = json::object(|o| {
        o.field("source", &found.source)
            .field("title", &found.title)
            .array("content", content);
        if found.citations.is_some_and(|switch| switch.enabled) {
            let on = json::object(|o| {
                o.field("enabled", &true);
            });
            o.field("citations", &on);
        }
    });
    Some(member("searchResult", &inner))
}
