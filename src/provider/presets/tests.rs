use std::collections::HashMap;

use http::Request;

use super::*;
use crate::{Secret, provider::Provider, request::Operation};

#[test]
fn names_are_sorted_unique_and_plain() {
    assert!(presets().len() >= 28, "{}", presets().len());
    for pair in presets().windows(2) {
        let [a, b] = pair else { unreachable!() };
        assert!(a.name < b.name, "{} stands before {}", a.name, b.name);
    }
    for preset in presets() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(preset.name.chars().all(plain), "{}", preset.name);
        assert!(!preset.title.contains('|'), "{}", preset.title);
    }
}

#[test]
fn every_preset_makes_a_provider() {
    for preset in presets() {
        let provider = preset.provider().unwrap();
        assert_eq!(Provider::name(&provider), preset.name);
        assert_eq!(
            Provider::base_url(&provider)
                .to_string()
                .trim_end_matches('/'),
            preset.base_url,
            "{}",
            preset.name
        );
        assert_eq!(*Provider::quirks(&provider), preset.quirks);
        let dialect = Provider::dialect(&provider, &Operation::Chat).unwrap();
        assert_eq!(dialect.name(), dialect_name(preset));
    }
}

#[test]
fn keys_travel_encrypted_and_only_local_servers_need_none() {
    for preset in presets() {
        let local = preset.base_url.starts_with("http://localhost:");
        assert!(
            local || preset.base_url.starts_with("https://"),
            "{}",
            preset.base_url
        );
        assert_eq!(preset.key_env.is_empty(), local, "{}", preset.name);
        assert!(!(local && preset.from_env), "{}", preset.name);
    }
}

#[test]
fn a_key_in_the_environment_makes_one_provider() {
    let mut owners = HashMap::new();
    for preset in presets().iter().filter(|preset| preset.from_env) {
        for key in preset.key_env {
            let other = owners.insert(key, preset.name);
            assert_eq!(other, None, "{key} also makes {}", preset.name);
        }
    }
    for (key, name) in [
        ("DEEPSEEK_API_KEY", "deepseek"),
        ("ZAI_API_KEY", "zai"),
        ("GOOGLE_API_KEY", "gemini"),
    ] {
        assert_eq!(owners.get(&key), Some(&name));
    }
    assert_eq!(owners.get(&"GITHUB_TOKEN"), None);
}

#[test]
fn the_key_goes_where_the_dialect_has_it() {
    for (name, header, value) in [
        ("openai", "authorization", "Bearer k-12345"),
        ("anthropic", "x-api-key", "k-12345"),
        ("zai-anthropic", "x-api-key", "k-12345"),
        ("gemini-native", "x-goog-api-key", "k-12345"),
    ] {
        let (mut parts, ()) = Request::new(()).into_parts();
        let provider = preset(name).unwrap().provider().unwrap();
        provider
            .authorize(&Secret::new("k-12345"), &mut parts, b"")
            .unwrap();
        assert_eq!(parts.headers[header], value, "{name}");
        assert_eq!(parts.headers.len(), 1, "{name}");
    }
}

#[test]
fn known_deviations() {
    for name in ["mistral", "codestral"] {
        let quirks = &preset(name).unwrap().quirks;
        assert!(quirks.strict && !quirks.stream_options && !quirks.max_completion_tokens);
        assert!(quirks.rename.contains(&("seed", "random_seed")));
        assert_eq!(quirks.required, "any");
        assert_eq!(quirks.tool_ids, ToolIds::NineAlphanumeric);
        assert_eq!(quirks.reasoning, ReasoningField::None);
    }
    for (name, field) in [
        ("deepseek", ReasoningField::ContentRequired),
        ("groq", ReasoningField::Reasoning),
        ("moonshot", ReasoningField::ContentRequired),
        ("openai", ReasoningField::None),
        ("openrouter", ReasoningField::Details),
        ("zai", ReasoningField::Content),
    ] {
        assert_eq!(preset(name).unwrap().quirks.reasoning, field, "{name}");
    }
    // Everybody else reads `max_tokens`.
    let named: Vec<_> = presets()
        .iter()
        .filter(|preset| preset.quirks.max_completion_tokens)
        .map(|preset| preset.name)
        .collect();
    assert_eq!(named, ["cerebras", "groq", "openai"]);
}

#[test]
fn what_an_answer_is_about_is_never_dropped() {
    for preset in presets() {
        for member in [
            "messages",
            "model",
            "response_format",
            "stream",
            "tool_choice",
            "tools",
        ] {
            assert!(!preset.quirks.drop.contains(&member), "{}", preset.name);
        }
        // A name that is dropped cannot be renamed too: which of the two wins would be an accident.
        for (from, to) in preset.quirks.rename {
            assert!(!preset.quirks.drop.contains(from), "{}", preset.name);
            assert!(!preset.quirks.drop.contains(to), "{}", preset.name);
        }
    }
}

#[test]
fn openai_and_anthropic_pass_untouched() {
    for name in ["openai", "anthropic", "deepseek", "openrouter", "xai"] {
        assert!(!preset(name).unwrap().quirks.edits(), "{name}");
    }
}

#[test]
fn strangers_are_none() {
    assert!(preset("nope").is_none());
    assert!(preset("").is_none());
    assert!(preset("OpenAI").is_none());
}

#[test]
fn readme_lists_every_vendor() {
    let readme = include_str!("../../../README.md");
    let listed = readme
        .split_once("<!-- vendors -->")
        .and_then(|(_, rest)| rest.split_once("<!-- /vendors -->"))
        .map(|(table, _)| table.trim());
    let table = vendor_table();
    assert!(
        listed == Some(table.trim()),
        "put this between the marks in README.md:\n\n{table}"
    );
}

/// The vendors as a markdown table.
fn vendor_table() -> String {
    let mut table = String::from(
        "| name | vendor | dialect | base URL | key |\n| --- | --- | --- | --- | --- |\n",
    );
    for preset in presets() {
        let keys: Vec<_> = preset.key_env.iter().map(|k| format!("`{k}`")).collect();
        let keys = match (keys.is_empty(), preset.from_env) {
            (true, _) => "none".into(),
            (false, true) => keys.join(" or "),
            (false, false) => format!("{} *", keys.join(" or ")),
        };
        table += &format!(
            "| `{}` | {} | {} | `{}` | {keys} |\n",
            preset.name,
            preset.title,
            dialect_name(preset),
            preset.base_url
        );
    }
    table
}

fn dialect_name(preset: &Preset) -> &'static str {
    match preset.dialect {
        PresetDialect::OpenAiChat => "openai-chat",
        PresetDialect::Anthropic => "anthropic",
        PresetDialect::Cohere => "cohere",
        PresetDialect::Gemini => "gemini",
    }
}
