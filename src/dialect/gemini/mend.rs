//! A conversation without signatures that its vendor cannot read.
//!
//! Its newer models refuse a step whose first call has no signature. For calls that others made, the vendor takes a word in its place.

use bytes::Bytes;

use super::{models::abilities, signature::SKIP};
use crate::{
    Json,
    chat::Fidelity,
    dialect::forget::{items, members, object, text},
    error::Error,
    json::Extra,
};

/// Both spellings of a member's name.
const SIGNATURES: [&str; 2] = ["thoughtSignature", "thought_signature"];
const CALLS: [&str; 2] = ["functionCall", "function_call"];

/// The body without the signatures that are `foreign`; a call that needs one gets the word.
pub(super) fn forget(
    body: &[u8],
    model: &str,
    foreign: &dyn Fn(&str) -> bool,
    report: &mut Fidelity,
) -> Option<Bytes> {
    let word = abilities(model).is_third();
    rewrite(body, word, false, foreign, report)
}

/// The body without any signature, if the vendor refuses one; every step's first call gets the word.
pub(super) fn mend(body: &[u8], error: &Error, report: &mut Fidelity) -> Option<Bytes> {
    let said = error.message().to_ascii_lowercase().replace('_', " ");
    let about = said.contains("thought signature") || said.contains("thoughtsignature");
    if error.vendor_status().map(|s| s.as_u16()) != Some(400) || !about {
        return None;
    }
    rewrite(body, true, true, &|value| value != SKIP, report)
}

/// `word`: calls are given the word. `missing`: even those that had no signature.
fn rewrite(
    body: &[u8],
    word: bool,
    missing: bool,
    foreign: &dyn Fn(&str) -> bool,
    report: &mut Fidelity,
) -> Option<Bytes> {
    let mut root = members(&Json::parse(str::from_utf8(body).ok()?).ok()?)?;
    let mut contents = items(root.get("contents")?)?;
    let mut changed = false;
    for (i, content) in contents.iter_mut().enumerate() {
        let Some(mut turn) = members(content) else {
            continue;
        };
        let Some(parts) = turn.get("parts").and_then(items) else {
            continue;
        };
        let mut called = false;
        let mut touched = false;
        let mut kept = Vec::with_capacity(parts.len());
        for part in parts {
            let Some(mut inner) = members(&part) else {
                kept.push(part);
                continue;
            };
            let is_call = CALLS.iter().any(|name| inner.get(name).is_some());
            let first = is_call && !called;
            called |= is_call;
            let name = SIGNATURES
                .into_iter()
                .find(|name| inner.get(name).is_some());
            let gone = name.is_some_and(|name| foreign(&text(inner.get(name))));
            let wanting = missing && first && name.is_none();
            if !gone && !wanting {
                kept.push(part);
                continue;
            }
            touched = true;
            if first && word {
                inner.insert(name.unwrap_or("thoughtSignature"), quoted(SKIP));
                kept.push(object(&inner));
                continue;
            }
            SIGNATURES.iter().for_each(|name| {
                inner.remove(name);
            });
            if is_thought(&inner) {
                // In streams a thought comes in pieces, and the last one is signed.
                while kept.last().and_then(members).is_some_and(|part| {
                    is_thought(&part) && SIGNATURES.iter().all(|name| part.get(name).is_none())
                }) {
                    kept.pop();
                }
            } else if !is_empty(&inner) {
                kept.push(object(&inner));
            }
        }
        if !touched {
            continue;
        }
        changed = true;
        report.dropped(
            format_args!("contents[{i}]"),
            "the vendor cannot read the signatures of thoughts in it",
        );
        turn.insert("parts", Json::from_serialize(&kept).ok()?);
        *content = match kept.is_empty() {
            true => Json::null(),
            false => object(&turn),
        };
    }
    if !changed {
        return None;
    }
    contents.retain(Json::is_object);
    root.insert("contents", Json::from_serialize(&contents).ok()?);
    Some(object(&root).to_string().into())
}

fn is_thought(part: &Extra) -> bool {
    part.get("thought")
        .is_some_and(|json| json.as_str() == "true")
}

/// Is nothing left?
fn is_empty(part: &Extra) -> bool {
    part.iter().all(|(name, _)| name == "text") && text(part.get("text")).is_empty()
}

fn quoted(text: &str) -> Json {
    Json::from_serialize(text).unwrap_or_else(|_| Json::null())
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::error::ErrorKind;

    const BODY: &str = r#"{"contents":[{"role":"user","parts":[{"text":"h\u00e9"}]},{"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"X1"},{"functionCall":{"name":"f","args":{"n": 1.0}},"thoughtSignature":"X2"},{"functionCall":{"name":"g"}}]},{"role":"model","parts":[{"text":"","thoughtSignature":"X3"}]},{"role":"model","parts":[{"functionCall":{"name":"h"},"thoughtSignature":"own"}]}]}"#;

    #[test]
    fn what_is_foreign_goes_and_the_first_call_gets_the_word() {
        let foreign = |value: &str| value.starts_with('X');
        let mut report = Fidelity::new();
        for (model, sign) in [
            (
                "gemini-3-pro",
                r#","thoughtSignature":"skip_thought_signature_validator""#,
            ),
            ("gemini-2.5-flash", ""),
        ] {
            let body = forget(BODY.as_bytes(), model, &foreign, &mut report).unwrap();
            let wanted = r#"{"contents":[{"role":"user","parts":[{"text":"h\u00e9"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{"n": 1.0}}SIGN},{"functionCall":{"name":"g"}}]},{"role":"model","parts":[{"functionCall":{"name":"h"},"thoughtSignature":"own"}]}]}"#;
            assert_eq!(body, wanted.replace("SIGN", sign));
        }
        assert_eq!(report.notes().len(), 4);
        assert!(forget(BODY.as_bytes(), "m", &|_| false, &mut report).is_none());
    }

    #[test]
    fn a_refused_signature_is_left_out_of_every_step() {
        let error = |text: &str| {
            Error::new(ErrorKind::InvalidRequest, text).with_status(StatusCode::BAD_REQUEST)
        };
        let mut report = Fidelity::new();
        let missing = r#"{"contents":[{"parts":[{"functionCall":{"name":"f"}}]}]}"#;
        for (body, words) in [(BODY, 2), (missing, 1)] {
            for text in [
                "Function call is missing a thought_signature",
                "Thought signature is not valid",
            ] {
                let mended = mend(body.as_bytes(), &error(text), &mut report).unwrap();
                let text = str::from_utf8(&mended).unwrap();
                assert_eq!(text.matches(SKIP).count(), words, "{text}");
                assert!(!text.contains("X1") && !text.contains("own"));
                // It is no use to try the same again.
                assert!(mend(&mended, &error("thought signature"), &mut report).is_none());
            }
            assert!(mend(body.as_bytes(), &error("max tokens"), &mut report).is_none());
        }
    }
}
