//! What files mean, and what is said about wrong ones.

mod arms;
mod bedrock;
mod clouds;
mod environment;
mod file;
mod meaning;
mod values;

use proptest::prelude::*;

use super::*;

/// A file in which everything there is comes at least once.
const EXAMPLE: &str = r#"
server:
  listen: 127.0.0.1:8080
  body_limit: 32MiB
  heartbeat: 15s                 # 0s = off
  drain: 30s
timeouts: { connect: 5s, first_token: 60s, idle: 60s, total: 10m }
retry: { max_attempts: 4, base: 250ms, max: 8s, budget: 20% }
providers:
  openai:                        # a known name needs nothing but accounts
    accounts:
      - { name: team-a, api_key: "${OPENAI_KEY_A}", weight: 2, limits: { rpm: 500, tpm: 200000, concurrency: 64, min_interval: 0s } }
      - { name: team-b, api_key: "${OPENAI_KEY_B}" }
  acme:                          # an unknown name says what it speaks
    kind: openai-compatible      # or anthropic-compatible
    base_url: https://llm.acme.example/v1
    headers: { X-Team: ml }
    health: { interval: 30s }    # GET /models in the background
    accounts: [{ api_key: "${ACME_KEY}" }]
models:
  gpt-4o: [openai/gpt-4o, acme/gpt-4o]              # short form: a pool
  sonnet:
    deployments:
      - { provider: anthropic, model: claude-sonnet-4-5, weight: 3, context_window: 200000 }
      - { provider: acme, model: claude-sonnet, accounts: [acme-1], enabled: true }
    balance: weighted            # round-robin | weighted | least-busy
    cooldown: 60s
    wait: 10s                    # how long a request may wait for the soonest account
    fallbacks: [gpt-4o]
  "claude-*": anthropic          # wildcard: the name passes through
  next: { split: { gpt-4o: 95, sonnet: 5 }, by: caller }    # canary / A-B, sticky per caller
"#;

fn env(name: &str) -> Option<String> {
    let value = match name {
        "OPENAI_KEY_A" => "sk-canary-a",
        "OPENAI_KEY_B" => "sk-canary-b",
        "ACME_KEY" => "sk-canary-acme\n",
        "ANTHROPIC_API_KEY" => "sk-canary-ant",
        "NUMBER" => "7",
        "SPAN" => "3s",
        "TRICKY" => "\"}, # x: y",
        "EMPTY" => "",
        _ => return None,
    };
    Some(value.to_owned())
}

fn read(text: &str) -> Config {
    Config::from_yaml(text, &env).unwrap()
}

/// The problems of a file, as `line: path: message`.
fn problems(text: &str) -> Vec<String> {
    Config::from_yaml(text, &env)
        .expect_err(text)
        .into_iter()
        .map(|p| format!("{}: {}: {}", p.line, p.path, p.message))
        .collect()
}

/// The only problem of a file begins so.
#[track_caller]
fn wrong(text: &str, expected: &str) {
    let found = problems(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains(expected),
        "{} is not {expected}",
        found[0]
    );
}

/// A provider with one model, and these lines about the model behind it.
fn with_models(lines: &str) -> String {
    format!(
        "providers:\n  acme: {{ kind: openai-compatible, base_url: 'http://a.example/v1', accounts: [k] }}\nmodels:\n{lines}"
    )
}

/// A provider whose mapping has these lines, at line 3.
fn with_provider(lines: &str) -> String {
    format!("providers:\n  acme:\n{lines}\n    kind: openai-compatible\n")
}

fn deployment(provider: &str, model: Option<&str>) -> DeploymentConfig {
    DeploymentConfig::new(provider, model)
}

/// The example with something done to it.
fn mangled() -> impl Strategy<Value = String> {
    let junk = prop_oneof![
        Just(String::new()),
        "[\\[\\]{}:,\"'&*#%|>~!\\- \n\t$0-9a-z]{0,6}",
        any::<char>().prop_map(String::from),
        Just("${".to_owned()),
        Just("\n  ".to_owned()),
    ];
    let edit = (any::<prop::sample::Index>(), 0..12_usize, junk);
    prop::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (at, length, junk) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, junk.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn no_file_is_too_odd(text in mangled()) {
        match Config::from_yaml(&text, &env) {
            Ok(config) => {
                prop_assert!(!config.plan().is_empty());
                for provider in &config.providers {
                    prop_assert!(!provider.accounts.is_empty());
                }
            }
            Err(problems) => {
                prop_assert!(problems.iter().next().is_some());
                prop_assert!(!problems.to_string().contains("sk-canary"));
                let lines: Vec<_> = problems.iter().map(|p| p.line).collect();
                prop_assert!(lines.is_sorted());
            }
        }
    }

    #[test]
    fn no_text_is_too_odd(text in any::<String>()) {
        let _ = Config::from_yaml(&text, &env);
    }
}
