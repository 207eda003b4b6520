//! Where answers hold signatures and encrypted reasoning.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::forget::places;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    delta: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    reasoning_details: Option<Vec<Detail<'a>>>,
    #[serde(borrow, default)]
    thinking_blocks: Option<Vec<Detail<'a>>>,
    #[serde(borrow, default)]
    extra_content: Option<Extra<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    extra_content: Option<Extra<'a>>,
}

#[derive(Deserialize)]
struct Extra<'a> {
    #[serde(borrow, default)]
    google: Option<Google<'a>>,
}

#[derive(Deserialize)]
struct Google<'a> {
    #[serde(borrow, default)]
    thought_signature: Option<&'a RawValue>,
}

/// The places in an answer or in the data of a frame. Most vendors have none.
pub(super) fn values(json: &[u8]) -> Vec<usize> {
    let words: [&[u8]; 3] = [
        b"\"reasoning_details\"",
        b"\"thinking_blocks\"",
        b"\"thought_signature\"",
    ];
    if words.iter().all(|word| memmem::find(json, word).is_none()) {
        return Vec::new();
    }
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(json) else {
        return Vec::new();
    };
    let choices = answer.choices.into_iter();
    let messages = choices.flat_map(|choice| choice.message.into_iter().chain(choice.delta));
    places(json, messages.flat_map(of_message))
}

fn of_message(message: Message<'_>) -> Vec<&RawValue> {
    let lists = [message.reasoning_details, message.thinking_blocks];
    let details = lists.into_iter().flatten().flatten();
    let details = details.flat_map(|detail| [detail.signature, detail.data]);
    let calls = message.tool_calls.into_iter().flatten();
    let extras = calls
        .filter_map(|call| call.extra_content)
        .chain(message.extra_content);
    let extras = extras.map(|extra| extra.google.and_then(|google| google.thought_signature));
    details.chain(extras).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_message_is_found() {
        let message = r#"{"reasoning_details":[{"signature":"S1"},{"data":"S2","signature":null}],"extra_content":{"google":{"thought_signature":"S4"}},"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"data\":\"no\"}"},"extra_content":{"google":{"thought_signature":"S3"}}}]}"#;
        for name in ["message", "delta"] {
            let json = format!(r#"{{"choices":[{{"{name}":{message}}}]}}"#);
            let mut found: Vec<_> = values(json.as_bytes())
                .into_iter()
                .map(|at| json[at..at + 2].to_owned())
                .collect();
            found.sort();
            assert_eq!(found, ["S1", "S2", "S3", "S4"]);
        }
        assert!(values(br#"{"choices":[{"delta":{"content":"a"}}]}"#).is_empty());
    }
}
