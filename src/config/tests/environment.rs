use std::time::Duration;

use super::*;

fn vars(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn keys_make_accounts() {
    let config = Config::from_env(vars(&[
        ("OPENAI_API_KEYS", "a, b,,c,a"),
        ("ANTHROPIC_API_KEY", " d\n"),
        ("HOME", "/"),
    ]));
    let names: Vec<_> = config
        .providers
        .iter()
        .flat_map(|p| &p.accounts)
        .map(|a| (a.name.as_str(), a.api_key.expose()))
        .collect();
    let expected = [
        ("anthropic-1", "d"),
        ("openai-1", "a"),
        ("openai-2", "b"),
        ("openai-3", "c"),
    ];
    assert_eq!(names, expected);
    assert_eq!(config.models[1].name, "openai/*");
    assert_eq!(
        config.models[1].target,
        Target::Pool(PoolConfig::new(vec![deployment("openai", Some("*"))]))
    );
    assert_eq!(config.models.len(), 2);
}

#[test]
fn an_empty_environment_has_no_vendors() {
    assert_eq!(
        Config::from_env(vars(&[("OPENAI_API_KEY", "")])),
        Config::default()
    );
    assert!(Config::default().plan().contains("providers  none\n"));
}

#[test]
fn a_file_without_vendors_takes_the_environments() {
    let config = read("server: { listen: 'localhost:1' }");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:1");
    assert_eq!(config.providers[0].name, "anthropic");
    assert_eq!(config.models[0].name, "anthropic/*");
}

#[test]
fn variables_are_filled_in_after_parsing() {
    let config = read(
        "server: { listen: \"127.0.0.1:${PORT:-81}\", drain: \"${SPAN}\" }\nretry:\n  max_attempts: ${NUMBER}\nproviders:\n  acme:\n    kind: openai-compatible\n    base_url: https://${HOST:-a.example}/v1\n    accounts: [\"${TRICKY}\"]",
    );
    assert_eq!(config.server.listen.port(), 81);
    assert_eq!(config.server.drain, Duration::from_secs(3));
    assert_eq!(config.retry.max_attempts, 7);
    assert_eq!(config.providers[0].base_url, "https://a.example/v1");
    assert_eq!(
        config.providers[0].accounts[0].api_key.expose(),
        "\"}, # x: y"
    );
}

#[test]
fn what_is_not_set_is_named() {
    wrong(
        &with_provider("    base_url: http://a\n    accounts:\n      - { api_key: \"${NO_KEY}\" }"),
        "5: providers.acme.accounts[0].api_key: the environment variable NO_KEY is not set",
    );
    wrong(
        "server:\n  drain: ${EMPTY}",
        "2: server.drain: the environment variable EMPTY is not set, or empty",
    );
    // What the environment says may be a key: it is not shown.
    let found = problems(
        "server:\n  drain: ${OPENAI_KEY_A}\n  body_limit: ${ACME_KEY}\nretry: { max_attempts: \"${ACME_KEY}\" }",
    );
    assert_eq!(found.len(), 3);
    assert!(!found.concat().contains("canary"), "{found:?}");
    wrong("providers: [${A}]", "not YAML");
    assert!(problems("providers: [${A}]")[0].contains("quote it"));
}
