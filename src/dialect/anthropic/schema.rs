//! JSON schemas as the vendor's constrained decoding takes them: closed objects, and no keyword it cannot enforce.

use serde_json::value::RawValue;

use crate::{
    Json,
    json::{ObjectWriter, Path, Value},
};

/// What had to change in a schema.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Changes {
    /// Keywords that became words of the description, and where.
    pub(super) moved: Vec<String>,
    /// Objects that were open.
    pub(super) closed: bool,
}

/// Keywords that the vendor refuses.
const UNENFORCED: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
];

/// Keywords whose value is a schema.
const ONE: &[&str] = &["items"];
/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["anyOf", "allOf", "oneOf", "prefixItems"];
/// Keywords whose value maps names to schemas.
const MAP: &[&str] = &["properties", "$defs", "definitions"];

/// Deeper schemas are left alone: the vendor refuses them anyway.
const DEEPEST: usize = 64;

/// The schema, closed and freed of what cannot be enforced. Key order and everything else stay.
pub(in crate::dialect) fn normalise(schema: &Json) -> (Json, Changes) {
    let mut changes = Changes::default();
    let out = <&RawValue as serde::Deserialize>::deserialize(
        &mut serde_json::Deserializer::from_str(schema.as_str()),
    )
    .map_or_else(
        |_| schema.clone(),
        |raw| walk(raw, &Path::ROOT, &mut changes, 0),
    );
    (out, changes)
}

fn walk(raw: &RawValue, path: &Path<'_>, changes: &mut Changes, depth: usize) -> Json {
    let value = Value::new(raw, *path);
    if depth > DEEPEST || !value.is_object() {
        return raw.into();
    }
    let Ok(object) = value.object() else {
        return raw.into();
    };
    let extra = object.into_extra();
    let is_object = extra
        .get("type")
        .is_some_and(|t| t.as_str().contains("\"object\""))
        || extra.get("properties").is_some();
    let mut notes = Vec::new();
    let mut out = ObjectWriter::new();
    let mut description = None;
    for (name, json) in extra.iter() {
        let here = path.member(name);
        if UNENFORCED.contains(&name) {
            changes.moved.push(here.to_string());
            notes.push(format!("{name}: {json}"));
        } else if name == "description" {
            description = Some(json);
        } else if name == "additionalProperties" && is_object {
            changes.closed |= json.as_str() != "false";
        } else if ONE.contains(&name) {
            out.field(name, &inner(json, &here, changes, depth));
        } else if LIST.contains(&name) {
            // The vendor knows no `oneOf`; its answer obeys one of them either way.
            let name = if name == "oneOf" { "anyOf" } else { name };
            match items(json) {
                Some(items) => {
                    let items: Vec<Json> = items
                        .iter()
                        .enumerate()
                        .map(|(i, raw)| walk(raw, &here.item(i), changes, depth + 1))
                        .collect();
                    out.array(name, items);
                }
                None => {
                    out.field(name, json);
                }
            }
        } else if MAP.contains(&name) {
            out.field(name, &map(json, &here, changes, depth));
        } else {
            out.field(name, json);
        }
    }
    let described = description
        .and_then(|json| json.deserialize::<String>().ok())
        .unwrap_or_default();
    let notes = notes.join(", ");
    match (described.as_str(), notes.as_str()) {
        ("", "") => {}
        (words, "") => {
            out.field("description", words);
        }
        ("", notes) => {
            out.field("description", notes);
        }
        (words, notes) => {
            out.field("description", &format!("{words} ({notes})"));
        }
    }
    if is_object {
        changes.closed |= extra.get("additionalProperties").is_none();
        out.field("additionalProperties", &false);
    }
    out.into_json()
}

fn inner(json: &Json, path: &Path<'_>, changes: &mut Changes, depth: usize) -> Json {
    serde_json::from_str::<&RawValue>(json.as_str())
        .map_or_else(|_| json.clone(), |raw| walk(raw, path, changes, depth + 1))
}

fn items(json: &Json) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json.as_str()).ok()
}

fn map(json: &Json, path: &Path<'_>, changes: &mut Changes, depth: usize) -> Json {
    let Ok(raw) = serde_json::from_str::<&RawValue>(json.as_str()) else {
        return json.clone();
    };
    let value = Value::new(raw, *path);
    let Ok(object) = value.object() else {
        return json.clone();
    };
    let mut out = ObjectWriter::new();
    for (name, json) in object.into_extra().iter() {
        let here = path.member(name);
        out.field(name, &inner(json, &here, changes, depth));
    }
    out.into_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_closed_everywhere_and_limits_become_words() {
        let schema = Json::parse(
            r#"{"type":"object","properties":{"minimum":{"type":"integer","description":"n","minimum":0,"maximum":1e2},
               "l":{"type":"array","items":{"properties":{}},"minItems":2},
               "o":{"oneOf":[{"type":"object","additionalProperties":true},{"type":"null"}]}},
               "$defs":{"d":{"type":["object","null"],"additionalProperties":false}},"required":["minimum"]}"#,
        )
        .unwrap();
        let (out, changes) = normalise(&schema);
        assert_eq!(
            out.as_str(),
            concat!(
                r#"{"type":"object","properties":{"minimum":{"type":"integer","description":"n (minimum: 0, maximum: 1e2)"},"#,
                r#""l":{"type":"array","items":{"properties":{},"additionalProperties":false},"description":"minItems: 2"},"#,
                r#""o":{"anyOf":[{"type":"object","additionalProperties":false},{"type":"null"}]}},"#,
                r#""$defs":{"d":{"type":["object","null"],"additionalProperties":false}},"required":["minimum"],"additionalProperties":false}"#
            )
        );
        assert!(changes.closed);
        assert_eq!(
            changes.moved,
            [
                "properties.minimum.minimum",
                "properties.minimum.maximum",
                "properties.l.minItems"
            ]
        );
    }

    #[test]
    fn a_legal_schema_keeps_its_meaning_and_a_strange_one_its_text() {
        let legal = Json::parse(r#"{"type":"string","enum":["a"]}"#).unwrap();
        let (out, changes) = normalise(&legal);
        assert_eq!(out, legal);
        assert!(!changes.closed && changes.moved.is_empty());
        let odd = Json::parse("true").unwrap();
        assert_eq!(normalise(&odd).0, odd);
    }

    #[test]
    fn a_bottomless_schema_does_no_harm() {
        let deep = format!("{}{{}}{}", r#"{"items":"#.repeat(100), "}".repeat(100));
        let (out, _) = normalise(&Json::parse(&deep).unwrap());
        assert_eq!(out.as_str(), deep);
    }
}
