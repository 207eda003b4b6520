//! The table, as JSON and as a page of the documentation.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::{Map, Value, json as value};

use super::table::{Capability, Outcome, table};

/// What `GET /capabilities` answers; `models` are the models served and the dialects their vendors speak.
pub(crate) fn json<'m>(models: impl Iterator<Item = (&'m str, Vec<&'static str>)>) -> Bytes {
    let table = table();
    let vendors: Vec<Value> = table
        .vendors
        .iter()
        .map(|vendor| value!({ "dialect": vendor.dialect.name(), "probed_model": vendor.model }))
        .collect();
    let fronts: Vec<Value> = table
        .fronts
        .iter()
        .map(|(front, features)| {
            let features: Vec<Value> = features.iter().map(feature).collect();
            value!({ "dialect": front.name(), "features": features })
        })
        .collect();
    let models: Map<String, Value> = models
        .map(|(name, dialects)| (name.to_owned(), value!({ "dialects": dialects })))
        .collect();
    let all = value!({
        "object": "capabilities",
        "outcomes": ["carried", "approximated", "dropped", "refused"],
        "vendors": vendors,
        "fronts": fronts,
        "models": models,
    });
    Bytes::from(all.to_string())
}

fn feature(capability: &Capability) -> Value {
    let vendors = table().vendors.iter().zip(&capability.outcomes);
    let outcomes: Map<String, Value> = vendors
        .map(|(vendor, (outcome, why))| {
            let told = match why {
                Some(why) => value!({ "outcome": outcome.as_str(), "why": why }),
                None => value!({ "outcome": outcome.as_str() }),
            };
            (vendor.dialect.name().to_owned(), told)
        })
        .collect();
    value!({ "feature": capability.feature, "vendors": outcomes })
}

/// The page `docs/capabilities.md`.
pub fn markdown() -> String {
    let mut out = String::from(HEAD);
    let table = table();
    for vendor in table.vendors {
        line(
            &mut out,
            format_args!("- `{}`: `{}`", vendor.dialect.name(), vendor.model),
        );
    }
    for (front, features) in &table.fronts {
        line(
            &mut out,
            format_args!("\n## Callers of `{}`\n", front.name()),
        );
        let names: Vec<&str> = table.vendors.iter().map(|v| v.dialect.name()).collect();
        line(
            &mut out,
            format_args!("| feature | {} |", names.join(" | ")),
        );
        line(
            &mut out,
            format_args!("| --- |{}", " --- |".repeat(names.len())),
        );
        let mut notes = Vec::new();
        for capability in features {
            let mut row = format!("| {} |", capability.feature);
            for (outcome, why) in &capability.outcomes {
                let mark = match (outcome, why) {
                    (Outcome::Carried, _) => "carried".to_owned(),
                    (outcome, None) => format!("**{}**", outcome.as_str()),
                    (outcome, Some(why)) => {
                        let number = match notes.iter().position(|known| known == why) {
                            Some(known) => known + 1,
                            None => {
                                notes.push(why.clone());
                                notes.len()
                            }
                        };
                        format!("**{}** ({number})", outcome.as_str())
                    }
                };
                row += &format!(" {mark} |");
            }
            line(&mut out, format_args!("{row}"));
        }
        line(&mut out, format_args!(""));
        for (i, note) in notes.iter().enumerate() {
            line(&mut out, format_args!("{}. {note}", i + 1));
        }
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

const HEAD: &str = "\
# What is carried where

This page is generated: `TRUNKLINE_UPDATE=1 cargo test --test capabilities` writes it anew. The same table as JSON is at
`GET /v1/capabilities`.

A request in the vendor's own dialect passes byte for byte. Any other request is translated, and each of its features is

- **carried**: the vendor hears it as it was meant;
- **approximated**: it is said in another way or with another value;
- **dropped**: it is left out, because the vendor has no place for it;
- **refused**: the request is answered with 400, naming the field; another deployment of the model is tried first.

What was approximated or dropped is named in the header `x-trunkline-lossy` of the answer and in the log. A request with
`x-trunkline-fidelity: strict`, or for a model with `fidelity: strict`, is refused in these cases as well. What a vendor requires and
the caller did not say is filled in, and what is not legal as it came is mended: both are reported and never refused.

What can be said depends on the model. The tables hold for these:

";
