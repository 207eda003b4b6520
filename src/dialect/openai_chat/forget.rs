//! A conversation without other vendors' proofs.
//!
//! Callers are given them beside the text and send them back; vendors of this dialect that know nothing of such members may refuse
//! them, and none can read another's.

use bytes::Bytes;

use super::reasoning::gemini_signature;
use crate::{
    Json,
    chat::Fidelity,
    dialect::forget::{items, members, object, text},
    json::Extra,
};

/// The body without the proofs that are `foreign`. The reasoning's text stays as it is.
pub(super) fn forget(
    body: &[u8],
    foreign: &dyn Fn(&str) -> bool,
    report: &mut Fidelity,
) -> Option<Bytes> {
    let mut root = members(&Json::parse(str::from_utf8(body).ok()?).ok()?)?;
    let mut messages = items(root.get("messages")?)?;
    let mut changed = false;
    for (i, message) in messages.iter_mut().enumerate() {
        let Some(mut inner) = members(message) else {
            continue;
        };
        let details = details(&mut inner, "reasoning_details", foreign)
            | details(&mut inner, "thinking_blocks", foreign);
        let extra = extra(&mut inner, foreign);
        let calls = calls(&mut inner, foreign);
        if details || extra || calls {
            changed = true;
            report.dropped(
                format_args!("messages[{i}]"),
                "only its maker can make use of the proof of this reasoning",
            );
            *message = object(&inner);
        }
    }
    if !changed {
        return None;
    }
    root.insert("messages", Json::from_serialize(&messages).ok()?);
    Some(object(&root).to_string().into())
}

/// A list of reasoning without the foreign ones; without the list if none are left.
fn details(message: &mut Extra, name: &str, foreign: &dyn Fn(&str) -> bool) -> bool {
    let Some(list) = message.get(name).and_then(items) else {
        return false;
    };
    let all = list.len();
    let is_foreign = |detail: &Json| {
        members(detail).is_some_and(|detail| {
            let values = ["signature", "data"].map(|name| text(detail.get(name)));
            values.iter().any(|value| foreign(value))
        })
    };
    let kept: Vec<_> = list.into_iter().filter(|item| !is_foreign(item)).collect();
    if kept.len() == all {
        return false;
    }
    match Json::from_serialize(&kept) {
        Ok(json) if !kept.is_empty() => message.insert(name, json),
        _ => {
            message.remove(name);
        }
    }
    true
}

/// A message or a call without Google's signature, if it is foreign.
fn extra(holder: &mut Extra, foreign: &dyn Fn(&str) -> bool) -> bool {
    let content = holder.get("extra_content");
    let signature = content.and_then(|json| gemini_signature(json.as_str()));
    let gone = signature.is_some_and(|signature| foreign(&signature));
    if gone {
        holder.remove("extra_content");
    }
    gone
}

fn calls(message: &mut Extra, foreign: &dyn Fn(&str) -> bool) -> bool {
    let Some(mut list) = message.get("tool_calls").and_then(items) else {
        return false;
    };
    let mut gone = false;
    for call in &mut list {
        if let Some(mut inner) = members(call)
            && extra(&mut inner, foreign)
        {
            gone = true;
            *call = object(&inner);
        }
    }
    if gone && let Ok(json) = Json::from_serialize(&list) {
        message.insert("tool_calls", json);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_of_others_go_and_the_words_stay() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"X1"}],"extra_content":{"google":{"thought_signature":"X2"}},"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{ }"},"extra_content":{"google":{"thought_signature":"X3"}}}]},{"role":"assistant","reasoning_details":[{"data":"X4"},{"data":"own"}],"content":"b"}]}"#;
        let mut report = Fidelity::new();
        let clean = forget(body.as_bytes(), &|v| v.starts_with('X'), &mut report).unwrap();
        assert_eq!(
            clean,
            r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","reasoning_content":"hm","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{ }"}}]},{"role":"assistant","reasoning_details":[{"data":"own"}],"content":"b"}]}"#
        );
        assert_eq!(report.notes().len(), 2);
        assert!(forget(body.as_bytes(), &|_| false, &mut report).is_none());
    }
}
