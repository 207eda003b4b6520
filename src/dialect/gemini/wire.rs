//! An answer's members, whole or one frame of it: borrowed, and read with patience.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::usage::Counts;

/// A whole answer, or what one frame adds to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    pub(super) prompt_feedback: Option<Feedback<'a>>,
    #[serde(default)]
    pub(super) usage_metadata: Option<Counts>,
    #[serde(borrow, default)]
    pub(super) model_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) response_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Feedback<'a> {
    #[serde(borrow, default)]
    pub(super) block_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) block_reason_message: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(borrow, default)]
    pub(super) content: Option<Content<'a>>,
    /// A word, or its number.
    #[serde(borrow, default)]
    pub(super) finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) finish_message: Option<Cow<'a, str>>,
    /// 0 if it is not there.
    #[serde(default)]
    pub(super) index: Option<u64>,
    #[serde(borrow, default)]
    pub(super) grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) logprobs_result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow, default)]
    pub(super) parts: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(borrow, default)]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) thought: Option<bool>,
    #[serde(borrow, default)]
    pub(super) thought_signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(borrow, default)]
    pub(super) inline_data: Option<Blob<'a>>,
    #[serde(borrow, default)]
    pub(super) executable_code: Option<Code<'a>>,
    #[serde(borrow, default)]
    pub(super) code_execution_result: Option<CodeResult<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FunctionCall<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) args: Option<&'a RawValue>,
    /// Arguments in pieces.
    #[serde(borrow, default)]
    pub(super) partial_args: Option<Vec<PartialArg<'a>>>,
    #[serde(default)]
    pub(super) will_continue: Option<bool>,
}

/// A piece of arguments.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartialArg<'a> {
    #[serde(borrow, default)]
    pub(super) json_path: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) string_value: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) number_value: Option<serde_json::Number>,
    #[serde(default)]
    pub(super) bool_value: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    #[serde(borrow, default)]
    pub(super) mime_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) data: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Code<'a> {
    #[serde(borrow, default)]
    pub(super) language: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) code: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct CodeResult<'a> {
    #[serde(borrow, default)]
    pub(super) output: Option<Cow<'a, str>>,
}

/// What an answer is grounded in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Grounding {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) grounding_chunks: Vec<Source>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) grounding_supports: Vec<Support>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    #[serde(default)]
    pub(super) web: Option<Page>,
    #[serde(default)]
    pub(super) retrieved_context: Option<Page>,
    #[serde(default)]
    pub(super) maps: Option<Page>,
}

#[derive(Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    pub(super) uri: Option<String>,
    #[serde(default)]
    pub(super) title: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Support {
    #[serde(default)]
    pub(super) segment: Option<Segment>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) grounding_chunk_indices: Vec<usize>,
}

#[derive(Deserialize)]
pub(super) struct Segment {
    #[serde(default)]
    pub(super) text: Option<String>,
}

/// `null` is as good as absent.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
