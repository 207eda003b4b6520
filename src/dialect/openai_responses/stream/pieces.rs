//! What single members of a vendor's items mean.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::{
    NAME,
    wire::{Item, Text},
};
use crate::{
    chat::{CallKind, Citation, EventSink},
    json,
};

pub(super) fn kind_of(item: &Item<'_>) -> CallKind {
    match item.kind.as_str() {
        "custom_tool_call" => CallKind::Custom,
        _ => CallKind::Function,
    }
}

/// The id that results refer to. Some vendors number the calls of each answer anew: the item's id is better then.
pub(super) fn call_id<'i>(at: u64, item: &'i Item<'_>) -> Cow<'i, str> {
    let (call, id) = (item.call_id.as_str(), item.id.as_str());
    let is_number = call
        .strip_prefix("call_")
        .is_some_and(|rest| rest.len() < 4 && rest.bytes().all(|b| b.is_ascii_digit()));
    match (call, id) {
        (call, id) if is_number && !id.is_empty() && id != call => Cow::Borrowed(id),
        ("", "") => Cow::Owned(format!("call_{at}")),
        ("", id) => Cow::Borrowed(id),
        (call, _) => Cow::Borrowed(call),
    }
}

/// The sink's number for the call at this place.
pub(super) fn key(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

pub(super) fn read(raw: Option<&RawValue>) -> Option<Item<'_>> {
    serde_json::from_str(raw?.get()).ok()
}

pub(super) fn logprobs(raw: Option<&RawValue>, out: &mut EventSink) {
    if let Some(list) = raw.filter(|raw| raw.get().starts_with("[{")) {
        out.logprobs(json::object(|o| {
            o.field("content", list).field("refusal", &None::<&str>);
        }));
    }
}

/// An annotation. Only those of addresses mean something to other dialects.
pub(in super::super) fn citation(raw: &RawValue) -> Citation {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Cited<'a> {
        #[serde(borrow)]
        url: Text<'a>,
        #[serde(borrow)]
        title: Text<'a>,
        #[serde(borrow)]
        filename: Text<'a>,
        start_index: Option<u64>,
        end_index: Option<u64>,
    }
    let cited: Cited<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let some = |text: &Text<'_>| (!text.is_empty()).then(|| text.as_str().to_owned());
    Citation {
        url: some(&cited.url),
        title: some(&cited.title).or_else(|| some(&cited.filename)),
        cited_text: None,
        range: cited.start_index.zip(cited.end_index),
        raw: Some((NAME, raw.into())),
    }
}
