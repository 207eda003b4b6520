//! The vendor's own kind of schemas, read as JSON schemas, which everybody else takes.

use super::schema::{items, members};
use crate::{Json, json};

const DEEPEST: usize = 64;

/// The same schema as a JSON schema.
pub(super) fn json_schema(schema: &Json) -> Json {
    walk(schema, 0)
}

fn walk(schema: &Json, depth: usize) -> Json {
    let Some(members) = members(schema).filter(|_| depth < DEEPEST) else {
        return schema.clone();
    };
    let nullable = members
        .get("nullable")
        .is_some_and(|json| json.as_str() == "true");
    json::object(|o| {
        for (name, value) in members.iter() {
            match name {
                "type" => {
                    let kind: String = value.deserialize().unwrap_or_default();
                    let kind = kind.to_ascii_lowercase();
                    match (kind.as_str(), nullable) {
                        ("" | "type_unspecified", _) => {}
                        (kind, true) => {
                            o.array(name, [kind, "null"]);
                        }
                        (kind, false) => {
                            o.field(name, kind);
                        }
                    }
                }
                // It orders the answer's members, which no other vendor does.
                "nullable" | "propertyOrdering" | "property_ordering" => {}
                "properties" => {
                    let map = self::members(value).unwrap_or_default();
                    let map = json::object(|o| {
                        for (name, value) in map.iter() {
                            o.field(name, &walk(value, depth + 1));
                        }
                    });
                    o.field(name, &map);
                }
                "items" => {
                    o.field(name, &walk(value, depth + 1));
                }
                "anyOf" | "any_of" => {
                    let list = items(value).unwrap_or_default();
                    o.array("anyOf", list.iter().map(|item| walk(item, depth + 1)));
                }
                "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties"
                | "maxProperties" => {
                    // 64-bit numbers are texts in this dialect's JSON.
                    let number: Option<u64> = value.as_str().trim_matches('"').parse().ok();
                    o.optional(name, number);
                }
                _ => {
                    o.field(name, value);
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_in_capitals_and_nullables() {
        let own = Json::parse(
            r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true},"l":{"type":"ARRAY","items":{"type":"NUMBER"},"minItems":"1"}},"required":["type"],"propertyOrdering":["type"]}"#,
        )
        .unwrap();
        assert_eq!(
            json_schema(&own).as_str(),
            r#"{"type":"object","properties":{"type":{"type":["string","null"]},"l":{"type":"array","items":{"type":"number"},"minItems":1}},"required":["type"]}"#
        );
    }
}
