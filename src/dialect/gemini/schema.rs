//! JSON schemas as the vendor takes them.
//!
//! Newer models take JSON schemas with few reservations ([`json_schema`]). Older ones take a kind of their own ([`open_api`]): no
//! references, no unions but `anyOf`, texts as the only values of an `enum`, and a fixed set of keywords. What cannot be said
//! becomes a looser schema, never a stricter one, and is told.

use serde_json::value::RawValue;

use crate::{
    Extra, Json,
    json::{self, Path, Value},
};

/// What had to change: where, and why.
pub(super) type Changes = Vec<(String, &'static str)>;

/// Deeper, or larger once references are written out, and a schema is cut off.
const DEEPEST: usize = 32;
const MOST_NODES: usize = 4096;

/// Keywords whose value is a schema, a list of them, or a map to them.
const ONE: &[&str] = &["items", "additionalProperties"];
const LIST: &[&str] = &["anyOf", "oneOf", "allOf", "prefixItems"];
const MAP: &[&str] = &["properties", "$defs", "definitions"];

/// Keywords of the vendor's own kind, whose values pass as they are.
const KEPT: &[&str] = &[
    "title",
    "description",
    "nullable",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "default",
    "example",
    "propertyOrdering",
];

/// A JSON schema for models that take one: only `const`, which they do not know, becomes an `enum` of one.
pub(super) fn json_schema(schema: &Json) -> (Json, Changes) {
    let mut changes = Changes::new();
    if !schema.as_str().contains("\"const\"") {
        return (schema.clone(), changes);
    }
    let out = without_const(schema, "", 0, &mut changes);
    (out, changes)
}

/// A schema of the vendor's own kind.
pub(super) fn open_api(schema: &Json) -> (Json, Changes) {
    let mut walk = Walk {
        root: schema.clone(),
        refs: Vec::new(),
        nodes: 0,
        changes: Changes::new(),
    };
    let out = walk.schema(schema, "");
    (out, walk.changes)
}

fn without_const(schema: &Json, path: &str, depth: usize, changes: &mut Changes) -> Json {
    let Some(members) = members(schema).filter(|_| depth < DEEPEST) else {
        return schema.clone();
    };
    json::object(|o| {
        for (name, value) in members.iter() {
            let at = below(path, name);
            if name == "const" {
                changes.push((at, "a constant is an enum of one value"));
                if members.get("type").is_none() {
                    o.optional("type", type_of(value));
                }
                o.array("enum", [value]);
            } else if ONE.contains(&name) {
                o.field(name, &without_const(value, &at, depth + 1, changes));
            } else if LIST.contains(&name)
                && let Some(list) = items(value)
            {
                let list = list
                    .iter()
                    .map(|item| without_const(item, &at, depth + 1, changes));
                o.array(name, list);
            } else if MAP.contains(&name)
                && let Some(map) = self::members(value)
            {
                let map = json::object(|o| {
                    for (name, value) in map.iter() {
                        let at = below(&at, name);
                        o.field(name, &without_const(value, &at, depth + 1, changes));
                    }
                });
                o.field(name, &map);
            } else {
                o.field(name, value);
            }
        }
    })
}

struct Walk {
    root: Json,
    /// References that are being written out.
    refs: Vec<String>,
    nodes: usize,
    changes: Changes,
}

impl Walk {
    fn note(&mut self, path: &str, why: &'static str) {
        self.changes.push((path.to_owned(), why));
    }

    fn schema(&mut self, schema: &Json, path: &str) -> Json {
        self.nodes += 1;
        let opened = self.refs.len();
        let Some(members) = members(schema) else {
            return Json::empty_object();
        };
        let deep = path.matches('.').count() > DEEPEST * 2;
        if deep || self.nodes > MOST_NODES || opened > DEEPEST {
            self.note(
                path,
                "the schema is too large once its references are written out",
            );
            return any_object();
        }
        let out = match self.flat(members, path) {
            Some(flat) => self.write(flat, path),
            None => any_object(),
        };
        self.refs.truncate(opened);
        out
    }

    /// References written out and `allOf` merged; none for a circle.
    fn flat(&mut self, mut members: Extra, path: &str) -> Option<Extra> {
        while let Some(reference) = members.remove("$ref") {
            let reference: String = reference.deserialize().unwrap_or_default();
            if self.refs.contains(&reference) {
                self.note(path, "the schema contains itself: it is cut off here");
                return None;
            }
            let Some(found) = self.resolve(&reference) else {
                self.note(path, "the reference leads nowhere");
                return None;
            };
            self.refs.push(reference);
            let target = self::members(&found)?;
            for (name, value) in target.iter() {
                if members.get(name).is_none() {
                    members.insert(name, value.clone());
                }
            }
        }
        if let Some(all) = members.remove("allOf") {
            for part in items(&all).unwrap_or_default() {
                let Some(part) = self::members(&part) else {
                    continue;
                };
                let part = self.flat(part, path)?;
                merge(&mut members, &part);
            }
        }
        Some(members)
    }

    fn resolve(&self, reference: &str) -> Option<Json> {
        let mut at = self.root.clone();
        for step in reference.strip_prefix('#')?.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            at = members(&at)?.remove(&step)?;
        }
        Some(at)
    }

    fn write(&mut self, mut members: Extra, path: &str) -> Json {
        let mut nullable = members
            .get("nullable")
            .is_some_and(|json| json.as_str() == "true");
        members.remove("nullable");
        let mut any = self.union(&mut members, path, &mut nullable);
        if let [only] = any.as_slice() {
            // One choice is none.
            if let Some(only) = self::members(only) {
                merge(&mut members, &only);
            }
            any.clear();
            if let Some(flat) = self.flat(members.clone(), path) {
                members = flat;
            }
            nullable |= members
                .remove("nullable")
                .is_some_and(|json| json.as_str() == "true");
        }
        let mut kind = self.kind(&mut members, &mut any, &mut nullable);
        let mut words = Vec::new();
        if let Some(value) = members.remove("const") {
            kind = kind.or_else(|| type_of(&value).map(str::to_owned));
            members.insert("enum", json::object(|_| {}));
            members.remove("enum");
            self.values(&[value], &mut kind, &mut members, &mut words, path);
        } else if let Some(values) = members.remove("enum") {
            let values = items(&values).unwrap_or_default();
            self.values(&values, &mut kind, &mut members, &mut words, path);
        }
        if kind.is_none() && members.get("properties").is_some() {
            kind = Some("object".to_owned());
        }
        self.tuple(&mut members, path);
        let described: String = members
            .remove("description")
            .and_then(|json| json.deserialize().ok())
            .unwrap_or_default();
        let described = [vec![described], words].concat();
        let described: Vec<&str> = described
            .iter()
            .map(String::as_str)
            .filter(|words| !words.is_empty())
            .collect();

        let mut out = Extra::new();
        if let Some(kind) = &kind {
            out.insert("type", text(&kind.to_ascii_uppercase()));
        }
        if !described.is_empty() {
            out.insert("description", text(&described.join(". ")));
        }
        for (name, value) in members.iter() {
            let at = below(path, name);
            match name {
                "properties" => {
                    if let Some(properties) = self.properties(value, &at) {
                        out.insert(name, properties);
                    }
                }
                "items" => out.insert(name, self.schema(value, &at)),
                "enum" => out.insert(name, value.clone()),
                "required" => {}
                "format" => match format(value, kind.as_deref()) {
                    true => out.insert(name, value.clone()),
                    false => self.note(&at, "the vendor knows no such format"),
                },
                _ if KEPT.contains(&name) => out.insert(name, value.clone()),
                // They say where things stand, not what they are.
                "$defs" | "definitions" | "$schema" | "$id" | "$comment" => {}
                _ => self.note(&at, "the vendor has no such keyword"),
            }
        }
        if kind.as_deref() == Some("array") && out.get("items").is_none() {
            out.insert(
                "items",
                json::object(|o| {
                    o.field("type", "STRING");
                }),
            );
        }
        if let Some(required) = members.get("required") {
            let known = out.get("properties").and_then(self::members);
            let names: Vec<String> = required.deserialize().unwrap_or_default();
            let names: Vec<String> = names
                .into_iter()
                .filter(|name| {
                    known
                        .as_ref()
                        .is_some_and(|known| known.get(name).is_some())
                })
                .collect();
            if !names.is_empty()
                && let Ok(json) = Json::from_serialize(&names)
            {
                out.insert("required", json);
            }
        }
        if !any.is_empty() {
            let at = below(path, "anyOf");
            let any: Vec<Json> = any.iter().map(|item| self.schema(item, &at)).collect();
            if let Ok(json) = Json::from_serialize(&any) {
                out.insert("anyOf", json);
            }
        }
        if nullable {
            out.insert(
                "nullable",
                Json::parse("true").unwrap_or_else(|_| Json::null()),
            );
        }
        json::object(|o| {
            o.extra(&out);
        })
    }

    /// The choices of `anyOf` and `oneOf`, without null.
    fn union(&mut self, members: &mut Extra, path: &str, nullable: &mut bool) -> Vec<Json> {
        if members.get("oneOf").is_some() {
            self.note(&below(path, "oneOf"), "the vendor reads it as anyOf");
        }
        let lists = ["anyOf", "oneOf"].map(|name| members.remove(name));
        let mut any: Vec<Json> = lists
            .iter()
            .flatten()
            .flat_map(|json| items(json).unwrap_or_default())
            .collect();
        any.retain(|item| {
            let null = self::members(item)
                .and_then(|m| m.get("type").cloned())
                .is_some_and(|kind| kind.as_str().eq_ignore_ascii_case("\"null\""));
            *nullable |= null;
            !null
        });
        any
    }

    /// The type; several become choices.
    fn kind(
        &mut self,
        members: &mut Extra,
        any: &mut Vec<Json>,
        nullable: &mut bool,
    ) -> Option<String> {
        let kind = members.remove("type")?;
        let mut kinds: Vec<String> = kind
            .deserialize::<String>()
            .map(|one| vec![one])
            .or_else(|_| kind.deserialize())
            .unwrap_or_default();
        let all = kinds.len();
        kinds.retain(|kind| !kind.eq_ignore_ascii_case("null"));
        *nullable |= kinds.len() < all;
        if kinds.len() > 1 && any.is_empty() {
            any.extend(kinds.iter().map(|kind| {
                json::object(|o| {
                    o.field("type", kind);
                    for name in ["properties", "required", "items"] {
                        let fits = (name == "items") == (kind == "array");
                        if fits && matches!(kind.as_str(), "array" | "object") {
                            o.optional(name, members.get(name));
                        }
                    }
                })
            }));
            for name in ["properties", "required", "items"] {
                members.remove(name);
            }
            return None;
        }
        kinds.into_iter().next()
    }

    /// The values that are allowed: texts only, all others are told in words.
    fn values(
        &mut self,
        values: &[Json],
        kind: &mut Option<String>,
        members: &mut Extra,
        words: &mut Vec<String>,
        path: &str,
    ) {
        let at = below(path, "enum");
        let is_text = |json: &&Json| json.as_str().starts_with('"');
        let texts: Vec<&Json> = values
            .iter()
            .filter(is_text)
            .filter(|json| json.as_str() != "\"\"")
            .collect();
        let others = values
            .iter()
            .any(|json| !is_text(&json) && json.as_str() != "null");
        let strings = kind
            .as_deref()
            .is_none_or(|k| k.eq_ignore_ascii_case("string"));
        if !others && strings && !texts.is_empty() {
            *kind = Some("string".to_owned());
            if let Ok(json) = Json::from_serialize(&texts) {
                members.insert("enum", json);
            }
            return;
        }
        if kind.is_none() {
            *kind = values.first().and_then(type_of).map(str::to_owned);
        }
        let list: Vec<&str> = values.iter().map(Json::as_str).collect();
        words.push(format!("Allowed values: {}", list.join(", ")));
        self.note(
            &at,
            "the vendor allows only texts: the values stand in the description",
        );
    }

    /// A tuple is a list of any of its members, of that length.
    fn tuple(&mut self, members: &mut Extra, path: &str) {
        let Some(places) = members.remove("prefixItems") else {
            return;
        };
        let places = items(&places).unwrap_or_default();
        self.note(
            &below(path, "prefixItems"),
            "a tuple is a list of that length",
        );
        let any = json::object(|o| {
            o.array("anyOf", &places);
        });
        members.insert("items", any);
        if let Ok(length) = Json::from_serialize(&places.len()) {
            for name in ["minItems", "maxItems"] {
                if members.get(name).is_none() {
                    members.insert(name, length.clone());
                }
            }
        }
    }

    /// None if there are none.
    fn properties(&mut self, value: &Json, path: &str) -> Option<Json> {
        let map = members(value)?;
        let mut out = Extra::new();
        for (name, schema) in map.iter() {
            // `false`: there must be no such member.
            if schema.as_str() != "false" {
                out.insert(name, self.schema(schema, &below(path, name)));
            }
        }
        (!out.is_empty()).then(|| {
            json::object(|o| {
                o.extra(&out);
            })
        })
    }
}

fn merge(into: &mut Extra, from: &Extra) {
    for (name, value) in from.iter() {
        let merged = match (name, into.get(name)) {
            ("properties", Some(old)) => members(old).zip(members(value)).map(|(mut old, new)| {
                for (name, value) in new.iter() {
                    old.insert(name, value.clone());
                }
                json::object(|o| {
                    o.extra(&old);
                })
            }),
            ("required", Some(old)) => items(old).zip(items(value)).and_then(|(mut old, new)| {
                for name in new {
                    if !old.contains(&name) {
                        old.push(name);
                    }
                }
                Json::from_serialize(&old).ok()
            }),
            (_, Some(_)) => None,
            (_, None) => Some(value.clone()),
        };
        if let Some(merged) = merged {
            into.insert(name, merged);
        }
    }
}

fn format(value: &Json, kind: Option<&str>) -> bool {
    let known: &[&str] = match kind {
        Some("string") => &["\"enum\"", "\"date-time\""],
        Some("integer") => &["\"int32\"", "\"int64\""],
        Some("number") => &["\"float\"", "\"double\""],
        _ => &[],
    };
    known.contains(&value.as_str())
}

fn any_object() -> Json {
    json::object(|o| {
        o.field("type", "OBJECT");
    })
}

fn text(text: &str) -> Json {
    Json::from_serialize(text).unwrap_or_else(|_| Json::null())
}

fn type_of(value: &Json) -> Option<&'static str> {
    Some(match value.as_str().as_bytes().first()? {
        b'"' => "string",
        b't' | b'f' => "boolean",
        b'{' => "object",
        b'[' => "array",
        b'n' => return None,
        _ if value.as_str().contains(['.', 'e', 'E']) => "number",
        _ => "integer",
    })
}

pub(super) fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

pub(super) fn members(json: &Json) -> Option<Extra> {
    let raw: &RawValue = serde_json::from_str(json.as_str()).ok()?;
    let value = Value::new(raw, Path::ROOT);
    Some(value.object().ok()?.into_extra())
}

pub(super) fn items(json: &Json) -> Option<Vec<Json>> {
    let list: Vec<&RawValue> = serde_json::from_str(json.as_str()).ok()?;
    Some(list.into_iter().map(Json::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> String {
        open_api(&Json::parse(text).unwrap()).0.to_string()
    }

    fn modern(text: &str) -> String {
        json_schema(&Json::parse(text).unwrap()).0.to_string()
    }

    #[test]
    fn e26_references_are_written_out_and_circles_cut() {
        let schema = r##"{"$defs":{"P":{"type":"object","properties":{"next":{"$ref":"#/$defs/P"},"n":{"type":"integer"}}}},"type":"object","properties":{"p":{"$ref":"#/$defs/P"}}}"##;
        assert_eq!(modern(schema), schema);
        assert_eq!(
            open(schema),
            r#"{"type":"OBJECT","properties":{"p":{"type":"OBJECT","properties":{"next":{"type":"OBJECT"},"n":{"type":"INTEGER"}}}}}"#
        );
        let bomb = format!(
            r##"{{"$defs":{{{}}},"$ref":"#/$defs/d0"}}"##,
            (0..30)
                .map(|i| format!(
                    r##""d{i}":{{"properties":{{"a":{{"$ref":"#/$defs/d{n}"}},"b":{{"$ref":"#/$defs/d{n}"}}}}}}"##,
                    n = i + 1
                ))
                .collect::<Vec<_>>()
                .join(",")
        );
        assert!(open(&bomb).len() < 1 << 20);
        assert_eq!(open(r##"{"$ref":"#"}"##), r#"{"type":"OBJECT"}"#);
    }

    #[test]
    fn e27_null_among_types_is_nullable() {
        let want = r#"{"type":"STRING","nullable":true}"#;
        assert_eq!(open(r#"{"type":["string","null"]}"#), want);
        assert_eq!(
            open(r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#),
            want
        );
        assert_eq!(
            open(r#"{"type":["string","integer"]}"#),
            r#"{"anyOf":[{"type":"STRING"},{"type":"INTEGER"}]}"#
        );
    }

    #[test]
    fn e28_constants_and_numbers_among_values() {
        assert_eq!(modern(r#"{"const":1}"#), r#"{"type":"integer","enum":[1]}"#);
        assert_eq!(
            modern(r#"{"type":"integer","enum":[1,2]}"#),
            r#"{"type":"integer","enum":[1,2]}"#
        );
        assert_eq!(
            open(r#"{"type":"integer","enum":[1,2]}"#),
            r#"{"type":"INTEGER","description":"Allowed values: 1, 2"}"#
        );
        assert_eq!(
            open(r#"{"enum":["a","",null]}"#),
            r#"{"type":"STRING","enum":["a"]}"#
        );
        assert_eq!(
            open(r#"{"const":"x"}"#),
            r#"{"type":"STRING","enum":["x"]}"#
        );
    }

    #[test]
    fn e29_properties_named_like_keywords_stay() {
        assert_eq!(
            open(
                r#"{"type":"object","properties":{"format":{"type":"string","format":"uri"},"const":{"type":"string"},"default":true,"no":false},"required":["format","no","gone"],"additionalProperties":false}"#
            ),
            r#"{"type":"OBJECT","properties":{"format":{"type":"STRING"},"const":{"type":"STRING"},"default":{}},"required":["format"]}"#
        );
        let properties = r#"{"properties":{"const":{"type":"string"}}}"#;
        assert_eq!(modern(properties), properties);
    }

    #[test]
    fn the_rest_of_what_is_not_known() {
        assert_eq!(
            open(
                r#"{"allOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"array"}},"required":["b"]}]}"#
            ),
            r#"{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":"ARRAY","items":{"type":"STRING"}}},"required":["a","b"]}"#
        );
        let (out, changes) = open_api(
            &Json::parse(r#"{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"uniqueItems":true}"#)
                .unwrap(),
        );
        assert_eq!(
            out.as_str(),
            r#"{"type":"ARRAY","items":{"anyOf":[{"type":"STRING"},{"type":"INTEGER"}]},"minItems":2,"maxItems":2}"#
        );
        assert_eq!(changes.len(), 2, "{changes:?}");
    }

    #[test]
    fn a_schema_of_the_vendors_kind_stays() {
        let own = r#"{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true}},"required":["a"]}"#;
        assert_eq!(open(own), own);
    }
}
