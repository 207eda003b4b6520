//! Calls whose arguments come in pieces, as Vertex AI sends them when asked to stream arguments.
//!
//! Each piece names the place it belongs to. They are put together, and the call is told once it is whole: pieces of a text cannot be
//! passed on as pieces of JSON while it is open what follows beside it.

use serde_json::{Map, Value, value::RawValue};

use super::wire::{FunctionCall, PartialArg};

/// The most places and depth of one call's arguments: nobody's tool has more, and the vendor's word is not to fill the memory.
const MOST: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Partial {
    pub(super) id: String,
    pub(super) name: String,
    arguments: Value,
}

impl Partial {
    pub(super) fn begin(call: &FunctionCall<'_>) -> Self {
        Self {
            id: call.id.as_deref().unwrap_or_default().to_owned(),
            name: call.name.as_deref().unwrap_or_default().to_owned(),
            arguments: Value::Object(Map::new()),
        }
    }

    pub(super) fn feed(&mut self, call: &FunctionCall<'_>) {
        if let Some(args) = call.args
            && let Ok(Value::Object(whole)) = serde_json::from_str(args.get())
            && let Value::Object(known) = &mut self.arguments
        {
            known.extend(whole);
        }
        for piece in call.partial_args.iter().flatten() {
            if let Some(slot) = place(&mut self.arguments, &piece.json_path) {
                put(slot, piece);
            }
        }
    }

    pub(super) fn arguments(&self) -> serde_json::Result<Box<RawValue>> {
        serde_json::value::to_raw_value(&self.arguments)
    }
}

fn put(slot: &mut Value, piece: &PartialArg<'_>) {
    if let Some(text) = &piece.string_value {
        match slot {
            Value::String(known) => known.push_str(text),
            other => *other = Value::String(text.clone().into_owned()),
        }
    } else if let Some(number) = &piece.number_value {
        *slot = Value::Number(number.clone());
    } else if let Some(bool) = piece.bool_value {
        *slot = Value::Bool(bool);
    }
}

/// The place that a path such as `$.list[2].name` names, made if it is not there.
fn place<'v>(root: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    let mut slot = root;
    let path = path.strip_prefix('$').unwrap_or(path);
    let steps = path.split(['.', '[']).filter(|step| !step.is_empty());
    for step in steps.take(MOST) {
        let index = step.strip_suffix(']').and_then(|i| i.parse::<usize>().ok());
        if let Some(index) = index {
            if !slot.is_array() {
                *slot = Value::Array(Vec::new());
            }
            let list = slot.as_array_mut()?;
            if index >= MOST {
                return None;
            }
            if list.len() <= index {
                list.resize(index + 1, Value::Null);
            }
            slot = list.get_mut(index)?;
        } else {
            let name = step.trim_end_matches(']').trim_matches(['\'', '"']);
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            slot = slot.as_object_mut()?.entry(name).or_insert(Value::Null);
        }
    }
    Some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_find_their_places() {
        let pieces = [
            r#"{"name":"f","willContinue":true}"#,
            r#"{"partialArgs":[{"jsonPath":"$.id","stringValue":"A","willContinue":true}],"willContinue":true}"#,
            r#"{"partialArgs":[{"jsonPath":"$.id","stringValue":"B"},{"jsonPath":"$.n[1].x","numberValue":1.50}],"willContinue":true}"#,
            r#"{"partialArgs":[{"jsonPath":"$['ok']","boolValue":true},{"jsonPath":"$.n[0]","nullValue":"NULL_VALUE"}]}"#,
        ];
        let mut partial: Option<Partial> = None;
        for piece in pieces {
            let call: FunctionCall<'_> = serde_json::from_str(piece).unwrap();
            partial
                .get_or_insert_with(|| Partial::begin(&call))
                .feed(&call);
        }
        let arguments = partial.unwrap().arguments().unwrap();
        assert_eq!(
            arguments.get(),
            r#"{"id":"AB","n":[null,{"x":1.5}],"ok":true}"#
        );
    }
}
