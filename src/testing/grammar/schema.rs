//! JSON schemas of tools and answers, as far as vendors look at them.

use super::node::{At, Kind};

/// A schema of a tool's arguments: an object of type `object`.
pub(super) fn of_arguments(at: &At<'_>) {
    if at.is(Kind::Object) {
        at.must(
            at.text("type") == "object",
            "the schema's type is not `object`",
        );
    }
}

/// The part of OpenAPI that Gemini's `parameters` and `responseSchema` take.
pub(super) fn of_gemini(at: &At<'_>) {
    const TEXTS: [&str; 5] = ["type", "format", "title", "description", "pattern"];
    const NUMBERS: [&str; 8] = [
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
    ];
    const TYPES: Kind = Kind::OneOf(&[
        "string", "number", "integer", "boolean", "array", "object", "null",
    ]);
    if !at.is(Kind::Object) {
        return;
    }
    for name in at.members().keys() {
        let Some(member) = at.get(name) else {
            continue;
        };
        match name.as_str() {
            "type" => {
                let lower = member.as_text().to_ascii_lowercase();
                let value = serde_json::Value::String(lower);
                At::root(&value, member.path.clone(), member.report).is(TYPES);
            }
            name if TEXTS.contains(&name) => drop(member.is(Kind::Text)),
            name if NUMBERS.contains(&name) => drop(member.is(Kind::Number)),
            "nullable" => drop(member.is(Kind::Bool)),
            "default" | "example" => {}
            "enum" | "required" | "propertyOrdering" => {
                for item in member.items() {
                    item.is(if name == "enum" {
                        Kind::Name
                    } else {
                        Kind::Text
                    });
                }
            }
            "items" => of_gemini(&member),
            "anyOf" => member.items().iter().for_each(of_gemini),
            "properties" => {
                for name in member.members().keys() {
                    if let Some(property) = member.get(name) {
                        of_gemini(&property);
                    }
                }
            }
            other => at.say(format!("the schema's keyword `{other}` is not taken")),
        }
    }
    for name in at.list("required") {
        let known = at
            .get("properties")
            .is_some_and(|p| p.members().contains_key(name.as_text()));
        name.must(known, "a required property is not there");
    }
    if at.text("type").eq_ignore_ascii_case("array") {
        at.must(at.has("items"), "an array without `items`");
    }
}
