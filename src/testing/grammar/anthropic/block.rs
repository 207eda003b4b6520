//! Content blocks.

use super::super::node::{At, Kind::*, Member, Unique};

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In an answer.
    Answer,
    /// At the begin of a block in a stream: what grows is empty.
    Begin,
    /// In a user's message.
    User,
    /// In a replayed answer.
    Assistant,
    /// In the result of a tool.
    Result,
    /// In the system prompt.
    System,
}

const CACHE: Member = ("cache_control", Or(&Object, &Null));

/// Checks a block; `ids` are those of the calls so far.
pub(super) fn check(at: &At<'_>, place: Place, ids: &mut Unique) {
    use Place::{Answer, Assistant, Begin, Result, System, User};
    let told = matches!(place, Answer | Begin | Assistant);
    match (at.text("type"), place) {
        ("text", _) => {
            let text = if place == Begin { Is("") } else { Name };
            at.shape(
                &[("type", Name), ("text", text)],
                &[("citations", Or(&List, &Null)), CACHE],
            );
        }
        ("image", User | Result) => media(at),
        ("document", User | Result) => media(at),
        ("thinking", Answer | Begin | Assistant) => {
            at.shape(
                &[("type", Name), ("thinking", Text), ("signature", Text)],
                &[],
            );
            if place == Assistant {
                at.must(
                    !at.text("signature").is_empty(),
                    "reasoning without a signature",
                );
            }
        }
        ("redacted_thinking", Answer | Begin | Assistant) => {
            at.shape(&[("type", Name), ("data", Name)], &[]);
        }
        ("tool_use" | "server_tool_use" | "mcp_tool_use", Answer | Begin | Assistant) => {
            at.shape(
                &[
                    ("type", Name),
                    ("id", Name),
                    ("name", Name),
                    ("input", Object),
                ],
                &[
                    CACHE,
                    ("caller", Object),
                    ("server_name", Text),
                    ("toolset_name", Text),
                ],
            );
            ids.add(at, at.text("id"));
            // Clients send back whatever they got; the vendor is strict.
            if let (Some(id), Assistant) = (at.get("id"), place) {
                id.word("_-", 64);
            }
            if let (Some(name), Assistant) = (at.get("name"), place) {
                name.word("_-", 128);
            }
            if place == Begin && at.text("type") == "tool_use" {
                let empty = at.get("input").is_some_and(|i| i.members().is_empty());
                at.must(empty, "input before its deltas");
            }
        }
        ("tool_result", User) => {
            at.shape(
                &[("type", Name), ("tool_use_id", Name)],
                &[("content", Or(&Text, &List)), ("is_error", Bool), CACHE],
            );
            for part in at.list("content") {
                check(&part, Result, ids);
            }
        }
        ("search_result" | "tool_reference" | "browser_state", User | Result) => {}
        ("container_upload" | "compaction" | "connector_text" | "fallback", _) => {}
        (kind, _) if told && kind.ends_with("_tool_result") => {
            at.open_shape(&[("tool_use_id", Name), ("content", Any)], &[]);
        }
        (kind, System | User | Assistant | Result | Answer | Begin) => {
            at.say(format!("a block `{kind}` is not taken here"));
        }
    }
}

fn media(at: &At<'_>) {
    at.shape(
        &[("type", Name), ("source", Object)],
        &[
            CACHE,
            ("title", Or(&Text, &Null)),
            ("context", Or(&Text, &Null)),
            ("citations", Or(&Object, &Null)),
        ],
    );
    let Some(source) = at.get("source") else {
        return;
    };
    match source.text("type") {
        "base64" => {
            source.shape(&[("type", Name), ("media_type", Name), ("data", Name)], &[]);
            let taken: &[&str] = match at.text("type") {
                "image" => &["image/jpeg", "image/png", "image/gif", "image/webp"],
                _ => &["application/pdf"],
            };
            if let Some(kind) = source.get("media_type") {
                let known = taken.contains(&kind.as_text());
                kind.must(known, "a kind of media that is not taken");
            }
        }
        "url" => source.shape(&[("type", Name), ("url", Name)], &[]),
        "file" => source.shape(&[("type", Name), ("file_id", Name)], &[]),
        "text" => {
            source.shape(
                &[
                    ("type", Name),
                    ("media_type", Is("text/plain")),
                    ("data", Name),
                ],
                &[],
            );
        }
        "content" => source.shape(&[("type", Name), ("content", Or(&Name, &Full))], &[]),
        other => source.say(format!("no source is called `{other}`")),
    }
}
