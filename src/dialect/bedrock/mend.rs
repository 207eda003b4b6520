//! A conversation whose reasoning the vendor no longer accepts, without it: as at Anthropic, whose models made it.

use bytes::Bytes;

use crate::{
    Json,
    chat::Fidelity,
    dialect::forget::{items, members, object, text},
    error::Error,
};

/// Where Claude is told how to think.
const FIELDS: &str = "additionalModelRequestFields";

/// What the models' own server says of reasoning that is not its own, stands in another conversation, or was edited.
const REFUSALS: &[&str] = &[
    "Invalid `signature` in `thinking` block",
    "Invalid `data` in `redacted_thinking` block",
    "bound to a different conversation",
];

/// The body without its reasoning blocks, all other blocks byte for byte; none if that is not what `error` is about, or if there are
/// none.
pub(super) fn mend(body: &[u8], error: &Error, report: &mut Fidelity) -> Option<Bytes> {
    let is_refusal = REFUSALS.iter().any(|words| error.message().contains(words));
    if error.vendor_status().map(|s| s.as_u16()) != Some(400) || !is_refusal {
        return None;
    }
    let why =
        "the vendor refused the reasoning in it, which it says belongs to another conversation";
    without(body, &|_| true, why, report)
}

/// The body without the reasoning blocks that are `foreign`.
pub(super) fn forget(
    body: &[u8],
    foreign: &dyn Fn(&str) -> bool,
    report: &mut Fidelity,
) -> Option<Bytes> {
    let why = "only its maker can make use of the reasoning in it";
    without(body, foreign, why, report)
}

fn without(
    body: &[u8],
    gone: &dyn Fn(&str) -> bool,
    why: &'static str,
    report: &mut Fidelity,
) -> Option<Bytes> {
    let mut root = members(&Json::parse(str::from_utf8(body).ok()?).ok()?)?;
    let mut kept = Vec::new();
    let mut mended = false;
    // The last call was thought about, and the thought is lost.
    let mut thoughtless = false;
    for (i, message) in items(root.get("messages")?)?.into_iter().enumerate() {
        let mut turn = members(&message)?;
        let blocks = items(turn.get("content")?)?;
        let all = blocks.len();
        let rest: Vec<Json> = blocks.into_iter().filter(|b| !is_gone(b, gone)).collect();
        if rest.len() == all {
            thoughtless &= text(turn.get("role")) != "assistant";
            kept.push(message);
            continue;
        }
        mended = true;
        report.dropped(format_args!("messages[{i}]"), why);
        let has = |name: &str| {
            let mut blocks = rest.iter().filter_map(members);
            blocks.any(|block| block.get(name).is_some())
        };
        thoughtless = has("toolUse") && !has("reasoningContent");
        if !rest.is_empty() {
            turn.insert("content", Json::from_serialize(&rest).ok()?);
            kept.push(object(&turn));
        }
    }
    if !mended {
        return None;
    }
    // A model that thinks by a budget wants its thoughts back before a call that is being answered.
    if thoughtless && let Some(fields) = root.get(FIELDS).and_then(members) {
        let mut fields = fields;
        if fields.get("thinking").is_some_and(is_manual) {
            fields.remove("thinking");
            report.dropped("reasoning", "the model cannot go on thinking without it");
        }
        root.insert(FIELDS, object(&fields));
    }
    root.insert("messages", Json::from_serialize(&kept).ok()?);
    Some(object(&root).to_string().into())
}

/// Is it reasoning whose proof is gone?
fn is_gone(block: &Json, gone: &dyn Fn(&str) -> bool) -> bool {
    let inner = members(block).and_then(|block| members(block.get("reasoningContent")?));
    let Some(inner) = inner else {
        return false;
    };
    let signed = inner.get("reasoningText").and_then(members);
    let signature = signed.as_ref().and_then(|it| it.get("signature"));
    gone(&text(signature.or(inner.get("redactedContent"))))
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

    #[test]
    fn reasoning_goes_and_every_other_byte_stays() {
        let body = r#"{"messages":[{"role":"user","content":[{"text":"h\u00e9"}]},{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"a","signature":"s"}}},{"toolUse":{"toolUseId":"t","name":"f","input":{"n": 1.0}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[]}}]}],"additionalModelRequestFields":{"thinking":{"type":"enabled"},"top_k":1}}"#;
        let refusal = |status: StatusCode, words: &str| {
            let words = format!("The model returned the following errors: messages.1: {words}");
            Error::new(ErrorKind::InvalidRequest, words).with_status(status)
        };
        let bad = refusal(StatusCode::BAD_REQUEST, REFUSALS[0]);
        let mut report = Fidelity::new();
        let mended = mend(body.as_bytes(), &bad, &mut report).unwrap();
        assert_eq!(
            mended,
            r#"{"messages":[{"role":"user","content":[{"text":"h\u00e9"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":{"n": 1.0}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[]}}]}],"additionalModelRequestFields":{"top_k":1}}"#
        );
        assert_eq!(report.notes().len(), 2);
        for (body, error) in [
            (&mended[..], bad),
            (
                body.as_bytes(),
                refusal(StatusCode::BAD_REQUEST, "too long"),
            ),
            (body.as_bytes(), refusal(StatusCode::FORBIDDEN, REFUSALS[0])),
            (b"[]", refusal(StatusCode::BAD_REQUEST, REFUSALS[0])),
        ] {
            assert!(mend(body, &error, &mut report).is_none());
        }
    }

    #[test]
    fn only_what_is_foreign_is_forgotten() {
        let body = r#"{"messages":[{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"a","signature":"own"}}},{"toolUse":{"toolUseId":"t","name":"f","input":{"signature":"X"}}}]},{"role":"assistant","content":[{"reasoningContent":{"redactedContent":"X"}},{ "text":"b"}]}],"additionalModelRequestFields":{"thinking":{"type":"enabled"}}}"#;
        let mut report = Fidelity::new();
        let rest = forget(body.as_bytes(), &|v| v == "X", &mut report).unwrap();
        assert_eq!(
            rest,
            body.replace(r#"{"reasoningContent":{"redactedContent":"X"}},"#, "")
        );
        assert_eq!(report.notes().len(), 1);
        assert!(forget(&rest, &|v| v == "X", &mut report).is_none());
    }
}
