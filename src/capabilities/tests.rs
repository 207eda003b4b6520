use std::collections::HashSet;

use super::{
    table::{Outcome, body, table},
    *,
};

#[test]
fn every_probe_is_a_request_of_its_own() {
    for (front, features) in &table().fronts {
        let names: HashSet<&str> = features.iter().map(|c| c.feature).collect();
        assert_eq!(names.len(), features.len(), "{}", front.name());
        assert!(features.len() > 15);
    }
    assert!(body("{", "").is_err());
}

/// Some that are known, so that a table of nothing but "carried" is noticed.
#[test]
fn outcomes_follow_the_encoders() {
    let of = |front: &str, feature: &str, vendor: &str| {
        let table = table();
        let at = table
            .vendors
            .iter()
            .position(|v| v.dialect.name() == vendor);
        let (_, features) = table
            .fronts
            .iter()
            .find(|(f, _)| f.name() == front)
            .unwrap();
        let found = features.iter().find(|c| c.feature == feature);
        found.unwrap().outcomes[at.unwrap()].0
    };
    for (front, feature, vendor, want) in [
        (
            "openai-chat",
            "tools.function",
            "anthropic",
            Outcome::Carried,
        ),
        ("openai-chat", "seed", "anthropic", Outcome::Dropped),
        ("openai-chat", "n", "anthropic", Outcome::Refused),
        ("openai-chat", "stop.many", "gemini", Outcome::Dropped),
        ("openai-chat", "n", "openai-chat", Outcome::Carried),
        (
            "anthropic",
            "content.image.url",
            "gemini",
            Outcome::Approximated,
        ),
        ("anthropic", "top_k", "openai-responses", Outcome::Dropped),
        ("gemini", "safetySettings", "openai-chat", Outcome::Dropped),
        (
            "openai-responses",
            "previous_response_id",
            "gemini",
            Outcome::Refused,
        ),
    ] {
        assert_eq!(
            of(front, feature, vendor),
            want,
            "{front} {feature} {vendor}"
        );
    }
}

#[test]
fn the_json_tells_of_the_models_too() {
    let json = json([("m", vec!["anthropic"])].into_iter());
    let all: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(all["models"]["m"]["dialects"][0], "anthropic");
    let features = all["fronts"][0]["features"].as_array().unwrap();
    let seed = features.iter().find(|f| f["feature"] == "seed").unwrap();
    assert_eq!(seed["vendors"]["anthropic"]["outcome"], "dropped");
    assert!(
        seed["vendors"]["anthropic"]["why"]
            .as_str()
            .unwrap()
            .starts_with("seed")
    );
}
