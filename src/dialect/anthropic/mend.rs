//! A conversation whose thinking its vendor no longer accepts, without it.
//!
//! Thinking is bound to the conversation, and for some models to the account, that it was made in. After a failover, or after an
//! edit of an earlier message, the vendor refuses it and with it the whole request: better an answer without the old thoughts.

use bytes::Bytes;

use crate::{
    Json,
    chat::Fidelity,
    dialect::forget::{items, members, object, text},
    error::Error,
    json::{Extra, Value},
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
    let root = members(&Json::parse(str::from_utf8(body).ok()?).ok()?)?;
    if root.get("thinking").is_some_and(wants_error) {
        return None;
    }
    let why =
        "the vendor refused the thinking in it, which it says belongs to another conversation";
    without(root, &|_| true, why, report)
}

/// The body without the thinking blocks that are `foreign`.
pub(super) fn forget(
    body: &[u8],
    foreign: &dyn Fn(&str) -> bool,
    report: &mut Fidelity,
) -> Option<Bytes> {
    let root = members(&Json::parse(str::from_utf8(body).ok()?).ok()?)?;
    let why = "only its maker can make use of the thinking in it";
    without(root, foreign, why, report)
}

fn without(
    mut root: Extra,
    gone: &dyn Fn(&str) -> bool,
    why: &'static str,
    report: &mut Fidelity,
) -> Option<Bytes> {
    let messages = items(root.get("messages")?)?;
    let mut kept = Vec::with_capacity(messages.len());
    let mut mended = false;
    // The last call was thought about, and the thought is lost.
    let mut thoughtless = false;
    for (i, message) in messages.into_iter().enumerate() {
        match without_thinking(&message, gone) {
            None => {
                thoughtless &= !is_assistant(&message);
                kept.push(message);
            }
            Some(rest) => {
                mended = true;
                report.dropped(format_args!("messages[{i}]"), why);
                thoughtless = rest.as_ref().is_some_and(begins_a_call);
                kept.extend(rest);
            }
        }
    }
    if !mended {
        return None;
    }
    if thoughtless && root.get("thinking").is_some_and(is_manual) {
        report.dropped(
            "thinking",
            "the vendor wants its own thinking back before a tool call that it answers; it is lost",
        );
        root.remove("thinking");
    }
    root.insert("messages", Json::from_serialize(&kept).ok()?);
    Some(object(&root).to_string().into())
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
fn without_thinking(message: &Json, gone: &dyn Fn(&str) -> bool) -> Option<Option<Json>> {
    let mut inner = members(message)?;
    let blocks = items(inner.get("content")?)?;
    let all = blocks.len();
    let thinks = |block: &Json| {
        let Some(block) = members(block) else {
            return false;
        };
        match &*text(block.get("type")) {
            "thinking" => gone(&text(block.get("signature"))),
            "redacted_thinking" => gone(&text(block.get("data"))),
            _ => false,
        }
    };
    let rest: Vec<Json> = blocks.into_iter().filter(|block| !thinks(block)).collect();
    if rest.len() == all {
        return None;
    }
    if rest.is_empty() {
        return Some(None);
    }
    inner.insert("content", Json::from_serialize(&rest).ok()?);
    Some(Some(object(&inner)))
}

fn is_assistant(message: &Json) -> bool {
    members(message).is_some_and(|message| text(message.get("role")) == "assistant")
}

/// Does it call a tool without having thought?
fn begins_a_call(message: &Json) -> bool {
    let kinds = || -> Option<Vec<String>> {
        let blocks = items(members(message)?.get("content")?)?;
        let blocks = blocks.iter().filter_map(members);
        Some(blocks.map(|block| text(block.get("type"))).collect())
    };
    let kinds = kinds().unwrap_or_default();
    let has = |name: &str| kinds.iter().any(|kind| kind == name);
    has("tool_use") && !has("thinking") && !has("redacted_thinking")
}

/// Is it the kind of thinking that insists on thoughts before calls?
fn is_manual(thinking: &Json) -> bool {
    members(thinking).is_some_and(|thinking| text(thinking.get("type")) == "enabled")
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
    fn only_what_is_foreign_is_forgotten() {
        let body = r#"{"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"own"},{"type":"tool_use","id":"t","name":"f","input":{"signature":"X"}}]},{"role":"assistant","content":[{"type":"redacted_thinking","data":"X"},{"type":"tool_use","id":"u","name":"f","input":{}}]},{"role":"user","content":"go on"}]}"#;
        let mut report = Fidelity::new();
        let rest = forget(body.as_bytes(), &|v| v == "X", &mut report).unwrap();
        assert_eq!(
            rest,
            r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"own"},{"type":"tool_use","id":"t","name":"f","input":{"signature":"X"}}]},{"role":"assistant","content":[{"type":"tool_use","id":"u","name":"f","input":{}}]},{"role":"user","content":"go on"}]}"#,
            "and thinking rests, for the last call has lost its thought"
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
