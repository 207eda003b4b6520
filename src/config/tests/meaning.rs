use std::time::Duration;

use super::*;
use crate::{
    config::timeouts::Totals,
    upstream::{FirstByte, Timeouts},
};

#[test]
fn the_example_means_what_it_says() {
    let config = read(EXAMPLE);
    assert_eq!(config.server, ServerConfig::default());
    assert_eq!(config.timeouts, TimeoutsConfig::default());
    assert_eq!(config.retry, RetryConfig::default());

    let names: Vec<_> = config.providers.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["openai", "acme", "anthropic"]);
    let [openai, acme, anthropic] = config.providers.as_slice() else {
        panic!()
    };
    assert_eq!(openai.preset, Some("openai"));
    assert_eq!(openai.base_url, "https://api.openai.com/v1");
    let [a, b] = openai.accounts.as_slice() else {
        panic!()
    };
    assert_eq!((a.name.as_str(), a.weight), ("team-a", 2));
    assert_eq!(a.api_key.expose(), "sk-canary-a");
    assert_eq!((a.limits.rpm, a.limits.tpm), (Some(500), Some(200_000)));
    assert_eq!(a.limits.concurrency, Some(64));
    assert_eq!(
        b,
        &AccountConfig::new("team-b", crate::Secret::new("sk-canary-b"))
    );

    assert_eq!((acme.preset, acme.kind), (None, Kind::OpenAiCompatible));
    assert_eq!(acme.base_url, "https://llm.acme.example/v1");
    assert_eq!(acme.headers["x-team"], "ml");
    assert_eq!(acme.health.unwrap().interval, Duration::from_secs(30));
    assert_eq!(acme.accounts[0].name, "acme-1");
    assert_eq!(acme.accounts[0].api_key.expose(), "sk-canary-acme");

    assert_eq!(anthropic.kind, Kind::AnthropicCompatible);
    assert_eq!(anthropic.accounts[0].name, "anthropic-1");
    assert_eq!(anthropic.accounts[0].api_key.expose(), "sk-canary-ant");

    let pool = |deployments| PoolConfig::new(deployments);
    let arm = |model: &str, weight| ArmConfig {
        name: model.to_owned(),
        weight,
        target: ArmTarget::Model(model.to_owned()),
    };
    let mut sonnet = pool(vec![
        deployment("anthropic", Some("claude-sonnet-4-5")),
        deployment("acme", Some("claude-sonnet")),
    ]);
    sonnet.deployments[0].weight = 3;
    sonnet.deployments[0].context_window = Some(200_000);
    sonnet.deployments[1].accounts = vec!["acme-1".to_owned()];
    sonnet.wait = Duration::from_secs(10);
    sonnet.fallbacks = vec!["gpt-4o".to_owned()];
    let expected = [
        (
            "gpt-4o",
            Target::Pool(pool(vec![
                deployment("openai", Some("gpt-4o")),
                deployment("acme", Some("gpt-4o")),
            ])),
        ),
        ("sonnet", Target::Pool(sonnet)),
        (
            "claude-*",
            Target::Pool(pool(vec![deployment("anthropic", None)])),
        ),
        (
            "next",
            Target::Split(SplitConfig {
                arms: vec![arm("gpt-4o", 95), arm("sonnet", 5)],
                by: SplitBy::Caller,
                shadow: None,
            }),
        ),
    ];
    let expected = expected.map(|(name, target)| ModelConfig {
        name: name.to_owned(),
        target,
    });
    assert_eq!(config.models, expected);
}

#[test]
fn the_plan_is_complete_and_holds_no_secret() {
    let text = EXAMPLE.replace(
        "health:",
        "proxy: socks5://u:sk-canary-proxy@proxy.example:1080\n    http2: true\n    health:",
    );
    let config = read(&text.replace("X-Team: ml", "X-Team: sk-canary-header"));
    let plan = config.plan();
    for part in [
        "listen    127.0.0.1:8080, bodies up to 32MiB, heartbeat 15s, drain 30s\n",
        "timeouts  connect 5s, first token 60s, first byte shared, idle 60s, total 10m\n",
        "retry     up to 4 attempts, pauses 250ms to 8s, budget 20%, with 1s left\n",
        "  openai: https://api.openai.com/v1, openai-compatible\n",
        "    account team-a: weight 2, 500 requests/min, 200000 tokens/min, 64 at a time\n",
        "health every 30s, through socks5://proxy.example:1080, over HTTP/2\n",
        "  sonnet: weighted, cooldown 60s, wait 10s, then gpt-4o\n",
        "    acme/claude-sonnet: weight 1, accounts acme-1\n",
        "    anthropic/(the name asked for): weight 1\n",
        "  next: split by caller\n    95% gpt-4o\n    5% sonnet\n",
    ] {
        assert!(plan.contains(part), "{part} is not in\n{plan}");
    }
    assert!(!plan.contains("canary"), "{plan}");
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn short_forms_say_the_same_as_long_ones() {
    let short = read(&with_models(
        "  a: acme/org/large\n  b: acme\n  c: [acme, { provider: acme, model: x }]",
    ));
    let long = read(&with_models(
        "  a: { deployments: [{ provider: acme, model: org/large }] }\n  b: { deployments: [{ provider: acme }] }\n  c: { deployments: [acme, acme/x] }",
    ));
    assert_eq!(short, long);
}

#[test]
fn settings_can_be_switched_off() {
    let config = read(
        "server: { heartbeat: 0s }\ntimeouts: { first_token: 0s, total: 0s }\nproviders:\n  ollama: { health: { interval: 0s } }",
    );
    assert_eq!(config.server.heartbeat, None);
    assert_eq!(config.timeouts.first_token, None);
    assert_eq!(config.timeouts.total, None);
    assert_eq!(config.providers[0].health, None);
}

#[test]
fn vendors_without_keys_have_one_account() {
    let config = read(
        "providers:\n  ollama:\n  here: { kind: anthropic-compatible, base_url: 'http://localhost:9' }\n  there: { kind: openai-compatible, base_url: 'https://llm.example', accounts: [{ api_key: '' }] }",
    );
    for provider in &config.providers {
        assert_eq!(provider.accounts.len(), 1, "{}", provider.name);
        assert!(provider.accounts[0].api_key.is_empty());
    }
    assert_eq!(config.providers[1].base_url, "http://localhost:9/v1");
    let names: Vec<_> = config.models.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["ollama/*", "here/*", "there/*"]);
}

#[test]
fn a_provider_may_differ_from_the_general_settings() {
    let config = read(&with_provider(
        "    base_url: http://a.example\n    timeouts: { idle: 5s }\n    accounts: [k1, { api_key: k2, enabled: false, group: org, proxy: 'http://p:3128' }]",
    ));
    let acme = &config.providers[0];
    let second = Duration::from_secs(1);
    let own = acme.timeouts.unwrap();
    assert_eq!(own.idle, Some(Some(5 * second)));
    let clocks = own.attempt(&config.timeouts);
    assert_eq!(clocks, Timeouts::new(Some(60 * second), Some(5 * second)));
    assert_eq!(acme.accounts[0].api_key.expose(), "k1");
    assert_eq!(acme.accounts[1].name, "acme-2");
    assert!(!acme.accounts[1].enabled);
    assert_eq!(acme.accounts[0].group, None);
    assert_eq!(acme.accounts[1].group.as_deref(), Some("org"));
    assert_eq!(
        acme.accounts[1].proxy.as_ref().unwrap().expose(),
        "http://p:3128"
    );
}

#[test]
fn anchors_and_json_are_yaml_too() {
    let config = read(&with_models("  a: &pool [acme/x]\n  b: *pool"));
    assert_eq!(config.models[0].target, config.models[1].target);
    let config = read("\u{feff}{\"server\": {\"body_limit\": 5}}");
    assert_eq!(config.server.body_limit, 5);
}

#[test]
fn windows_of_an_account() {
    use crate::upstream::{Counted, LimitWindow, Limits, Period};
    let config = read(
        "providers:
  acme:
    kind: openai-compatible
    base_url: https://llm.acme.example/v1
    accounts:
      - api_key: k
        limits:
          rpm: 5
          rpd: 1000
          tpd: 2000000
          reserve: 10%
          windows:
            - { requests: 100, per: 5h, sliding: false }
            - { input_tokens: 7, per: 10m, models: gpt-4* }
            - { output_tokens: 8, per: 1m, sliding: true }
            - { tokens: 9, per: day, utc_offset: \"-08:00\" }
            - { usd: 12.5, per: month }
models:
  m: acme/large
",
    );
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    let pacific = Period::Day { offset: -480 };
    let expected = Limits::none()
        .rpm(5)
        .rpd(1_000)
        .tpd(2_000_000)
        .reserve(0.1)
        .window(LimitWindow::new(
            Counted::Requests,
            100,
            Period::Fixed(hours(5)),
        ))
        .window(
            LimitWindow::new(
                Counted::InputTokens,
                7,
                Period::Sliding(Duration::from_secs(600)),
            )
            .for_models("gpt-4*"),
        )
        .window(LimitWindow::new(
            Counted::OutputTokens,
            8,
            Period::Sliding(Duration::from_secs(60)),
        ))
        .window(LimitWindow::new(Counted::Tokens, 9, pacific))
        .window(LimitWindow::new(Counted::Money, 12_500_000, Period::MONTH));
    assert_eq!(config.providers[0].accounts[0].limits, expected);
    let plan = config.plan().to_string();
    for said in [
        "100 requests in each 5h",
        "7 input tokens in any 10m of gpt-4*",
        "9 tokens/day",
        "12.5 $/month",
        "10% of it for high priority",
    ] {
        assert!(plan.contains(said), "{said}: {plan}");
    }
}

#[test]
fn a_models_timeouts_go_before_its_providers_and_those_before_the_general_ones() {
    let config = read(
        "timeouts: { first_token: 30s, total: 2m }\nproviders:\n  acme: { kind: openai-compatible, base_url: 'http://a.example', accounts: [k], timeouts: { connect: 2s, first_token: 20s, first_byte: 40s, total: 1m } }\nmodels:\n  a: acme/x\n  slow: { deployments: [acme/x], timeouts: { connect: 9s, first_byte: 0s, idle: 0s, total: 30m } }\n  'slow-*': { deployments: [acme], timeouts: { first_byte: shared } }",
    );
    let second = Duration::from_secs(1);
    let provider = config.providers[0].timeouts.unwrap();
    assert_eq!(provider.connect(&config.timeouts), 2 * second);
    let of = |index: usize| {
        let Target::Pool(pool) = &config.models[index].target else {
            panic!("a pool");
        };
        pool.timeouts
            .as_deref()
            .copied()
            .unwrap_or_default()
            .over(&provider)
    };
    let clocks = |index| of(index).attempt(&config.timeouts);
    let usual = Timeouts::new(Some(20 * second), Some(60 * second));
    let minute = Some(60 * second);
    assert_eq!(
        clocks(0),
        usual
            .with_first_byte(FirstByte::Within(40 * second))
            .with_total(minute)
    );
    assert_eq!(
        clocks(1),
        Timeouts::new(Some(20 * second), None).with_first_byte(FirstByte::Unlimited)
    );
    assert_eq!(of(1).connect(&config.timeouts), 9 * second);
    assert_eq!(clocks(2), usual.with_total(minute));
    let totals = Totals::of(&config);
    assert_eq!(totals.find("slow"), Some(Some(1_800 * second)));
    assert_eq!(totals.find("a"), Some(Some(120 * second)));
    assert_eq!(totals.find("slow-x"), None);
    let plan = config.plan();
    assert!(
        plan.contains(", connect 2s, first token 20s, first byte 40s, attempt 60s\n"),
        "{plan}"
    );
    assert!(
        plan.contains(", connect 9s, first byte off, idle off, total 30m\n"),
        "{plan}"
    );
    assert!(Gateway::new(&config).is_ok());
}
