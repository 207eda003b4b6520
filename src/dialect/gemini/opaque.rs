//! Where answers hold signatures of thoughts.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::forget::places;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    candidates: Vec<Candidate<'a>>,
}

#[derive(Deserialize)]
struct Candidate<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default, rename = "thoughtSignature")]
    signature: Option<&'a RawValue>,
}

/// The places in an answer or in the data of a frame.
pub(super) fn values(json: &[u8]) -> Vec<usize> {
    if memmem::find(json, b"\"thoughtSignature\"").is_none() {
        return Vec::new();
    }
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(json) else {
        return Vec::new();
    };
    let contents = answer.candidates.into_iter().filter_map(|c| c.content);
    places(
        json,
        contents.flat_map(|c| c.parts).filter_map(|p| p.signature),
    )
}
