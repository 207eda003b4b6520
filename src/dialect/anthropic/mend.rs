//! A conversation whose thinking its vendor no longer accepts, without it.
//!
//! Thinking is bound to the conversation, and for some models to the account, that it was made in. After a failover, or after an
//! edit of an earlier message, the vendor refuses it and with it the whole request: better an answer without the old thoughts.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::{
    Json,
    chat::Fidelity,
    error::Error,
    json::{self, Value},
};

/// What the vendor says of thinking that is not its own or stands in another conversation.
const REFUSALS: [&str; 2] = [
    "Invalid `signature` in `thinking` block",
    "bound to a different conversation",
];

/// The body without its thinking blocks, all other blocks byte for byte; none if that is not what `error` is about, if there are
/// none, or if the caller wants the error.
pub(super) fn mend(body: &[u8], error: &Error, report: &mut Fidelity) -> Option<Bytes> {
    let is_refusal = REFUSALS.iter().any(|words| error.message().contains(words));
    if error.vendor_status().map(|s| s.as_u16()) != Some(400) || !is_refusal {
        return None;
    }
    let root = Value::root(body).ok()?;
    let mut members = root.object().ok()?.into_extra();
    if members.get("thinking").is_some_and(wants_error) {
        return None;
    }
    let messages = list(members.get("messages")?)?;
    let mut kept = Vec::new();
    let mut mended = false;
    for (i, message) in messages.into_iter().enumerate() {
        match without_thinking(&message) {
            None => kept.push(message),
            Some(rest) => {
                mended = true;
                report.dropped(
                    format_args!("messages[{i}]"),
                    "the vendor refused the thinking in it, which it says belongs to another conversation",
                );
                kept.extend(rest);
            }
        }
    }
    if !mended {
        return None;
    }
    members.insert("messages", Json::from_serialize(&kept).ok()?);
    let body = json::object(|o| {
        o.extra(&members);
    });
    Some(body.to_string().into())
}

fn list(json: &Json) -> Option<Vec<Json>> {
    let items: Vec<&RawValue> = serde_json::from_str(json.as_str()).ok()?;
    Some(items.into_iter().map(Json::from).collect())
}

/// Has the caller asked to be told?
fn wants_error(thinking: &Json) -> bool {
    let wish = || {
        let root = Value::root(thinking.as_str().as_bytes()).ok()?;
        let binding = root.object().ok()?.take("block_binding")?.json();
        let binding = Value::root(binding.as_str().as_bytes()).ok()?;
        let wish = binding.object().ok()?.take("prefix_mismatch_behavior")?;
        wish.string().ok()
    };
    wish().as_deref() == Some("error")
}

/// The message without its thinking, if it has some; nothing is left of one that only thinks.
fn without_thinking(message: &Json) -> Option<Option<Json>> {
    #[derive(serde::Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: String,
    }
    let root = Value::root(message.as_str().as_bytes()).ok()?;
    let mut members = root.object().ok()?.into_extra();
    let blocks = list(members.get("content")?)?;
    let all = blocks.len();
    let thinks = |block: &Json| {
        let typed = block.deserialize::<Typed>();
        typed.is_ok_and(|t| matches!(t.kind.as_str(), "thinking" | "redacted_thinking"))
    };
    let rest: Vec<Json> = blocks.into_iter().filter(|block| !thinks(block)).collect();
    if rest.len() == all {
        return None;
    }
    if rest.is_empty() {
        return Some(None);
    }
    members.insert("content", Json::from_serialize(&rest).ok()?);
    Some(Some(json::object(|o| {
        o.extra(&members);
    })))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::error::ErrorKind;

    fn refusal(message: &str) -> Error {
        Error::new(ErrorKind::InvalidRequest, message).with_status(StatusCode::BAD_REQUEST)
    }

    const BOUND: &str = "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation";

    #[test]
    fn thinking_goes_and_every_other_byte_stays() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"h\u00e9"},{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"s"},{"type":"text", "text":"x"},{"type":"redacted_thinking","data":"d"},{ "type":"tool_use","id":"t","name":"f","input":{"n": 1.0}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"b","signature":"s"}]}],"z":1e3}"#;
        let mut report = Fidelity::new();
        let mended = mend(body.as_bytes(), &refusal(BOUND), &mut report).unwrap();
        assert_eq!(
            mended,
            r#"{"model":"m","messages":[{"role":"user","content":"h\u00e9"},{"role":"assistant","content":[{"type":"text", "text":"x"},{ "type":"tool_use","id":"t","name":"f","input":{"n": 1.0}}]}],"z":1e3}"#
        );
        assert_eq!(report.notes().len(), 2);
    }

    #[test]
    fn only_where_it_helps_and_is_wanted() {
        let thinks = r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"s"},{"type":"text","text":"x"}]}]}"#;
        let strict = thinks.replacen(
            '{',
            r#"{"thinking":{"type":"adaptive","block_binding":{"prefix_mismatch_behavior":"error"}},"#,
            1,
        );
        let plain = r#"{"messages":[{"role":"assistant","content":"x"}]}"#;
        let mut report = Fidelity::new();
        for (body, error) in [
            (thinks, "max_tokens: too large"),
            (strict.as_str(), BOUND),
            (plain, BOUND),
            ("[]", BOUND),
        ] {
            assert!(
                mend(body.as_bytes(), &refusal(error), &mut report).is_none(),
                "{body}"
            );
        }
        let later = refusal(BOUND).with_status(StatusCode::INTERNAL_SERVER_ERROR);
        assert!(mend(thinks.as_bytes(), &later, &mut report).is_none());
        assert!(mend(thinks.as_bytes(), &refusal(BOUND), &mut report).is_some());
    }
}
