//! What the dialects need to leave parts out of a request, all else byte for byte.

use serde_json::value::RawValue;

use crate::{
    Json,
    json::{self, Extra, Value},
};

/// The members of an object, in their order.
pub(super) fn members(json: &Json) -> Option<Extra> {
    let root = Value::root(json.as_str().as_bytes()).ok()?;
    Some(root.object().ok()?.into_extra())
}

/// The items of a list.
pub(super) fn items(json: &Json) -> Option<Vec<Json>> {
    let items: Vec<&RawValue> = serde_json::from_str(json.as_str()).ok()?;
    Some(items.into_iter().map(Json::from).collect())
}

/// The members as an object again.
pub(super) fn object(members: &Extra) -> Json {
    json::object(|o| {
        o.extra(members);
    })
}

/// A text; empty if it is none.
pub(super) fn text(json: Option<&Json>) -> String {
    json.and_then(|json| json.deserialize().ok())
        .unwrap_or_default()
}

/// Where these texts stand in `body`, of which they are parts: the offsets of their first characters. Empty ones are left out.
pub(super) fn places<'a>(
    body: &'a [u8],
    texts: impl IntoIterator<Item = &'a RawValue>,
) -> Vec<usize> {
    let start = body.as_ptr().addr();
    texts
        .into_iter()
        .filter(|text| text.get().starts_with('"') && text.get().len() > 2)
        .filter_map(|text| {
            text.get()
                .as_ptr()
                .addr()
                .checked_sub(start)?
                .checked_add(1)
        })
        .collect()
}
