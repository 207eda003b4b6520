//! Streams: chunks, the last of which says why the answer ended. Nothing else: clients take comments, names and `[DONE]` for
//! broken chunks.

use serde_json::Value;

use super::{
    super::{
        json,
        node::{At, Kind::*, Report, Unique},
    },
    error,
    reply::chunk,
};
use crate::wire::Frame;

pub(super) fn check(frames: &[Frame], report: &Report) {
    let mut ids = Unique::default();
    let mut over: Option<&str> = None;
    let mut head: Option<[Value; 2]> = None;
    let mut usage = false;
    for (number, frame) in frames.iter().enumerate() {
        let path = format!("frame {number}");
        if frame.is_comment() || !frame.has_data() {
            report.say(path, "comments break clients of this dialect");
            continue;
        }
        if !frame.raw().starts_with(b"data: ") || frame.data().contains(&b'\n') {
            report.say(path.as_str(), "must be one line `data: …`");
        }
        if let Some(over) = over {
            report.say(path, format!("something follows {over}"));
        }
        let Some((path, value)) = json(number, frame, report) else {
            continue;
        };
        let at = At::root(&value, path, report);
        if let Some(failure) = at.get("error") {
            at.shape(&[("error", Object)], &[]);
            error(&failure);
            over = Some("an error");
            continue;
        }
        chunk(&at, &mut ids);
        usage |= at.has("usageMetadata");
        let found =
            ["responseId", "modelVersion"].map(|n| at.value.get(n).cloned().unwrap_or_default());
        at.must(
            *head.get_or_insert_with(|| found.clone()) == found,
            "responseId or modelVersion is another than before",
        );
        let finished = at.list("candidates").iter().any(|c| c.has("finishReason"));
        if finished || at.has("promptFeedback") {
            over = Some("the chunk with finishReason");
        }
    }
    match over {
        None => report.say("", "the stream has no ending"),
        Some("an error") => {}
        Some(_) if !usage => {}
        Some(_) => {
            let last = frames
                .last()
                .and_then(|f| serde_json::from_slice::<Value>(f.data()).ok());
            if last.is_some_and(|last| last.get("usageMetadata").is_none()) {
                report.say("", "the last chunk has no usage");
            }
        }
    }
}
