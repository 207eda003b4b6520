//! A conversation without reasoning that its vendor cannot read.
//!
//! Reasoning is encrypted for the organisation that got it, and stored for nobody else. A vendor refuses what it cannot decrypt or
//! find, and with it the whole request.

use std::collections::HashSet;

use bytes::Bytes;

use crate::{
    Json,
    chat::Fidelity,
    dialect::forget::{items, members, object, text},
    error::Error,
};

/// What vendors say of reasoning that is not theirs, or was taken out of its place.
const REFUSALS: [&str; 4] = [
    "encrypted content",
    "Items are not persisted when `store` is set to false",
    "without its required following item",
    "without its required 'reasoning' item",
];

/// The body without the encrypted items that are `foreign`.
pub(super) fn forget(
    body: &[u8],
    foreign: &dyn Fn(&str) -> bool,
    report: &mut Fidelity,
) -> Option<Bytes> {
    let why = "only the account that got this reasoning can make use of it";
    without(body, &|_, value| foreign(value), why, report)
}

/// The body without its reasoning, if that is what the vendor refuses.
pub(super) fn mend(body: &[u8], error: &Error, report: &mut Fidelity) -> Option<Bytes> {
    let status = error.vendor_status().map(|s| s.as_u16());
    let coded = error.code() == Some("invalid_encrypted_content");
    let said = REFUSALS.iter().any(|words| error.message().contains(words));
    if !matches!(status, Some(400 | 404)) || !(coded || said) {
        return None;
    }
    let why = "the vendor refused the reasoning in this conversation";
    without(body, &|kind, _| kind == "reasoning", why, report)
}

/// The body without the items that are `gone`, by kind and encrypted content, and without references to them.
fn without(
    body: &[u8],
    gone: &dyn Fn(&str, &str) -> bool,
    why: &'static str,
    report: &mut Fidelity,
) -> Option<Bytes> {
    let mut root = members(&Json::parse(str::from_utf8(body).ok()?).ok()?)?;
    let input = items(root.get("input")?)?;
    let mut kept = Vec::with_capacity(input.len());
    let mut ids = HashSet::new();
    // What follows reasoning is stored with it: under its id the vendor would miss what has gone.
    let mut orphaned = false;
    for (i, item) in input.into_iter().enumerate() {
        let Some(mut inner) = members(&item) else {
            kept.push(item);
            continue;
        };
        let kind = text(inner.get("type"));
        let id = text(inner.get("id"));
        let encrypted = text(inner.get("encrypted_content"));
        match kind.as_str() {
            "reasoning" | "compaction" if gone(&kind, &encrypted) => {
                report.dropped(format_args!("input[{i}]"), why);
                ids.insert(id);
                orphaned = true;
            }
            "item_reference" if ids.contains(&id) => {}
            "function_call" | "custom_tool_call" | "message"
                if orphaned && text(inner.get("role")) != "user" =>
            {
                inner.remove("id");
                kept.push(object(&inner));
            }
            _ => {
                orphaned &= kind == "reasoning";
                kept.push(item);
            }
        }
    }
    if ids.is_empty() {
        return None;
    }
    root.insert("input", Json::from_serialize(&kept).ok()?);
    Some(object(&root).to_string().into())
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::error::ErrorKind;

    const BODY: &str = r#"{"model":"m","input":[{"role":"user","content":"h\u00e9"},{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"X1"},{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{ }"},{"type":"function_call_output","call_id":"c","output":"1"},{"type":"item_reference","id":"rs_1"},{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"own"},{"type":"function_call","id":"fc_2", "call_id":"d","name":"f","arguments":"{}"}],"z":1e3}"#;

    #[test]
    fn foreign_reasoning_goes_with_all_that_names_it() {
        let mut report = Fidelity::new();
        let body = forget(BODY.as_bytes(), &|v| v.starts_with('X'), &mut report).unwrap();
        assert_eq!(
            body,
            r#"{"model":"m","input":[{"role":"user","content":"h\u00e9"},{"type":"function_call","call_id":"c","name":"f","arguments":"{ }"},{"type":"function_call_output","call_id":"c","output":"1"},{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"own"},{"type":"function_call","id":"fc_2", "call_id":"d","name":"f","arguments":"{}"}],"z":1e3}"#
        );
        assert_eq!(report.notes().len(), 1);
        assert!(forget(BODY.as_bytes(), &|_| false, &mut report).is_none());
    }

    #[test]
    fn case_109_refused_reasoning_goes() {
        let mut report = Fidelity::new();
        let refused = |status: u16, text: &str, code: &str| {
            Error::new(ErrorKind::InvalidRequest, text)
                .with_status(StatusCode::from_u16(status).unwrap())
                .with_code(code)
        };
        let coded = refused(400, "no", "invalid_encrypted_content");
        let stored =
            "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.";
        for error in [&coded, &refused(404, stored, "x")] {
            let body = mend(BODY.as_bytes(), error, &mut report).unwrap();
            assert!(!str::from_utf8(&body).unwrap().contains("rs_"));
            assert!(mend(&body, error, &mut report).is_none());
        }
        for error in [refused(400, "max_tokens", "x"), refused(500, stored, "x")] {
            assert!(mend(BODY.as_bytes(), &error, &mut report).is_none());
        }
        assert!(mend(br#"{"input":"hi"}"#, &coded, &mut report).is_none());
    }
}
