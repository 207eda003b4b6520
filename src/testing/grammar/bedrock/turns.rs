//! Turns alternate, and the results of a turn's calls stand together at the head of the next one.

use std::collections::HashSet;

use super::{
    super::node::{At, Kind::*, Unique},
    block::{self, Place},
};

/// Checks the turns. Were tools used in them?
pub(super) fn check(at: &At<'_>) -> bool {
    let mut names = Unique::default();
    for part in at.list("system") {
        block::check(&part, Place::System, &mut names);
    }
    block::points(&at.list("system"));
    let mut used = false;
    // The calls of the turn before.
    let mut calls: Vec<&str> = Vec::new();
    let mut last_role = "";
    let turns = at.list("messages");
    for turn in &turns {
        turn.shape(
            &[("role", OneOf(&["user", "assistant"])), ("content", Full)],
            &[],
        );
        let role = turn.text("role");
        turn.must(role != last_role, "two turns of the same role");
        last_role = role;
        let place = match role {
            "assistant" => Place::Assistant,
            _ => Place::User,
        };
        let blocks = turn.list("content");
        for part in &blocks {
            block::check(part, place, &mut names);
        }
        block::points(&blocks);
        accompanied(turn, &blocks);
        let mut results = HashSet::new();
        let mut other = false;
        for part in &blocks {
            let Some(result) = part.some("toolResult") else {
                other |= !part.has("cachePoint");
                continue;
            };
            let id = result.text("toolUseId");
            result.must(!other, "a result after something else");
            result.must(
                calls.contains(&id),
                "a result of no call in the turn before",
            );
            result.must(results.insert(id), "a second result of the same call");
        }
        let missing = calls.iter().filter(|id| !results.contains(*id)).count();
        turn.must(missing == 0, "calls of the turn before have no results");
        calls.clear();
        for call in blocks.iter().filter_map(|part| part.some("toolUse")) {
            // Those of tools that the vendor itself runs are answered in the same turn.
            if call.text("type") == "server_tool_use" {
                continue;
            }
            let id = call.text("toolUseId");
            call.must(!calls.contains(&id), "an id that is there twice");
            calls.push(id);
        }
        used |= !calls.is_empty() || !results.is_empty();
    }
    at.must(calls.is_empty(), "the last calls have no results");
    if let Some(last) = turns.last().filter(|turn| turn.text("role") == "assistant") {
        let blocks = last.list("content");
        let ends = blocks
            .last()
            .is_some_and(|part| part.text("text").ends_with(char::is_whitespace));
        last.must(!ends, "white space ends the last turn");
    }
    used
}

/// A document wants words beside it.
fn accompanied(turn: &At<'_>, blocks: &[At<'_>]) {
    let has = |name| blocks.iter().any(|part| part.has(name));
    turn.must(
        !has("document") || has("text"),
        "a document without a text beside it",
    );
}
