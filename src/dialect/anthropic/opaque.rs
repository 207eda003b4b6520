//! Where answers hold signatures and encrypted thinking.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::forget::places;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    content: Vec<Block<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    delta: Option<Block<'a>>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// The places in an answer or in the data of a frame. What a tool is given may have members of these names too: that stays.
pub(super) fn values(json: &[u8]) -> Vec<usize> {
    let may = |word: &[u8]| memmem::find(json, word).is_some();
    if !may(b"\"signature\"") && !may(b"redacted_thinking") {
        return Vec::new();
    }
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(json) else {
        return Vec::new();
    };
    let blocks = answer.content.into_iter();
    let blocks = blocks.chain(answer.content_block).chain(answer.delta);
    let values = blocks.filter_map(|block| match block.kind?.get() {
        r#""thinking""# | r#""signature_delta""# => block.signature,
        r#""redacted_thinking""# => block.data,
        _ => None,
    });
    places(json, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_found_and_tools_left_alone() {
        for (json, wanted) in [
            (
                r#"{"content":[{"type":"thinking","thinking":"a","signature":"S1"},{"type":"redacted_thinking","data":"S2"},{"type":"tool_use","id":"t","name":"f","input":{"signature":"no","data":"no"}}]}"#,
                &["S1", "S2"][..],
            ),
            (
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"S3"}}"#,
                &["S3"],
            ),
            (
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"S4"}}"#,
                &["S4"],
            ),
            (
                r#"{"type":"content_block_start","content_block":{"type":"thinking","thinking":"","signature":""}}"#,
                &[],
            ),
            (r#"{"type":"ping"}"#, &[]),
        ] {
            let found: Vec<_> = values(json.as_bytes())
                .into_iter()
                .map(|at| &json[at..at + 2])
                .collect();
            assert_eq!(found, wanted, "{json}");
        }
    }
}
