//! Where answers hold signatures and encrypted reasoning.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::forget::places;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    output: Option<Output<'a>>,
    #[serde(borrow, default)]
    delta: Option<Block<'a>>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Vec<Block<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow, default)]
    reasoning_content: Option<Reasoning<'a>>,
}

/// In a stream the signature stands beside the text, in a whole answer with it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow, default)]
    reasoning_text: Option<Signed<'a>>,
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    redacted_content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Signed<'a> {
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
}

/// The places in an answer or in the payload of an event. What a tool is given may have members of these names too: that stays.
pub(super) fn values(json: &[u8]) -> Vec<usize> {
    if memmem::find(json, b"\"reasoningContent\"").is_none() {
        return Vec::new();
    }
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(json) else {
        return Vec::new();
    };
    let blocks = answer.output.map(|output| output.message.content);
    let blocks = blocks.into_iter().flatten().chain(answer.delta);
    let values = blocks
        .filter_map(|block| block.reasoning_content)
        .flat_map(|reasoning| {
            let signed = reasoning.reasoning_text.and_then(|text| text.signature);
            [signed, reasoning.signature, reasoning.redacted_content]
        })
        .flatten();
    places(json, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_found_and_tools_left_alone() {
        for (json, wanted) in [
            (
                r#"{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"a","signature":"S1"}}},{"reasoningContent":{"redactedContent":"S2"}},{"toolUse":{"toolUseId":"t","name":"f","input":{"reasoningContent":{"signature":"no"}}}}]}}}"#,
                &["S1", "S2"][..],
            ),
            (
                r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"S3"}},"p":"ab"}"#,
                &["S3"],
            ),
            (
                r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"S4"}}}"#,
                &["S4"],
            ),
            (
                r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":""}}}"#,
                &[],
            ),
            (r#"{"contentBlockIndex":0,"delta":{"text":"x"}}"#, &[]),
        ] {
            let found: Vec<_> = values(json.as_bytes())
                .into_iter()
                .map(|at| &json[at..at + 2])
                .collect();
            assert_eq!(found, wanted, "{json}");
        }
    }
}
