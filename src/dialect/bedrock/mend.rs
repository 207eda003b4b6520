//! A conversation whose reasoning the vendor no longer accepts, without it: as at Anthropic, whose models made it.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::{
    Extra, Json,
    chat::Fidelity,
    error::Error,
    json::{self, Value},
};

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
    let mut members = object(body)?;
    let mut kept = Vec::new();
    let mut mended = false;
    for (i, message) in list(members.get("messages")?)?.into_iter().enumerate() {
        let mut turn = object(message.as_str().as_bytes())?;
        let blocks = list(turn.get("content")?)?;
        let all = blocks.len();
        let rest: Vec<Json> = blocks.into_iter().filter(|block| !thinks(block)).collect();
        if rest.len() == all {
            kept.push(message);
            continue;
        }
        mended = true;
        report.dropped(
            format_args!("messages[{i}]"),
            "the vendor refused the reasoning in it, which it says belongs to another conversation",
        );
        if !rest.is_empty() {
            turn.insert("content", Json::from_serialize(&rest).ok()?);
            kept.push(written(&turn));
        }
    }
    if !mended {
        return None;
    }
    // A model that thinks wants its thoughts back before a call that is being answered: they are gone.
    let answers = |turn: &Json| turn.as_str().contains("\"toolResult\"");
    if kept.last().is_some_and(answers)
        && let Some(fields) = members.get("additionalModelRequestFields")
    {
        let mut fields = object(fields.as_str().as_bytes())?;
        if fields.remove("thinking").is_some() {
            report.dropped("reasoning", "the model cannot go on thinking without it");
        }
        members.insert("additionalModelRequestFields", written(&fields));
    }
    members.insert("messages", Json::from_serialize(&kept).ok()?);
    Some(written(&members).to_string().into())
}

fn thinks(block: &Json) -> bool {
    object(block.as_str().as_bytes()).is_some_and(|it| it.get("reasoningContent").is_some())
}

fn object(text: &[u8]) -> Option<Extra> {
    let root = Value::root(text).ok()?;
    Some(root.object().ok()?.into_extra())
}

fn list(json: &Json) -> Option<Vec<Json>> {
    let items: Vec<&RawValue> = serde_json::from_str(json.as_str()).ok()?;
    Some(items.into_iter().map(Json::from).collect())
}

fn written(members: &Extra) -> Json {
    json::object(|o| {
        o.extra(members);
    })
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
}
