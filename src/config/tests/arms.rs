//! Prices, limits that accounts share, splits and shadows.

use std::time::Duration;

use super::*;
use crate::upstream::{Limits, Price};

fn pool_of<'a>(config: &'a Config, name: &str) -> &'a PoolConfig {
    let found = config.models.iter().find(|model| model.name == name);
    match found.map(|model| &model.target) {
        Some(Target::Pool(pool)) => pool,
        other => panic!("{other:?}"),
    }
}

#[test]
fn prices_are_dollars_for_a_million_tokens() {
    let config = read(&with_models(
        "  a:
    price: { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75, cache_write_long: 6 }
    balance: cheapest
    deployments:
      - acme/x
      - { provider: acme, model: y, price: { input: 0, output: 0.000001 } }
  b: acme/x",
    ));
    let pool = pool_of(&config, "a");
    assert_eq!(pool.balance, BalanceKind::Cheapest);
    let prices: Vec<_> = pool.deployments.iter().map(|d| d.price).collect();
    let first = Price::new(3_000_000, 15_000_000)
        .with_cache_read(300_000)
        .with_cache_write(3_750_000)
        .with_cache_write_long(6_000_000);
    assert_eq!(prices, [Some(first), Some(Price::new(0, 1))]);
    assert_eq!(pool_of(&config, "b").deployments[0].price, None);
    assert!(
        config
            .plan()
            .contains("acme/x: weight 1, 3 $ in and 15 $ out a million\n")
    );
    for (price, problem) in [
        (
            "{ output: 3 }",
            "4: models.a.price: what does input cost? write e.g. price: { input: 3",
        ),
        (
            "{ input: free }",
            "4: models.a.price.input: expected dollars such as `3` or `0.15`, found the text `free`",
        ),
        ("{ input: -1 }", "expected dollars"),
        ("{ input: 1e3 }", "expected dollars"),
        ("{ input: 1, cached: 1 }", "unknown key"),
        ("3", "expected a mapping"),
    ] {
        wrong(
            &with_models(&format!("  a: {{ deployments: [acme], price: {price} }}")),
            problem,
        );
    }
}

#[test]
fn accounts_inherit_what_their_provider_limits() {
    let config = read(
        "
providers:
  acme:
    kind: openai-compatible
    base_url: https://acme.example/v1
    limits:
      rpm: 60
      tpd: 1000
      concurrency: 4
      adaptive: true
      min_interval: 1s
      reserve: 10%
      windows: [{ requests: 5, per: 1h }]
    accounts:
      - short
      - { name: same, api_key: k }
      - { name: own, api_key: k, limits: { rpm: 7, tpd: 50, adaptive: false, windows: [], reserve: 0% } }
  ollama: { limits: { concurrency: 2 } }
models: { a: acme }",
    );
    let [acme, ollama] = config.providers.as_slice() else {
        panic!()
    };
    let limits: Vec<&Limits> = acme.accounts.iter().map(|a| &a.limits).collect();
    let [short, same, own] = limits.as_slice() else {
        panic!()
    };
    assert_eq!(short, same);
    assert_eq!(
        (same.rpm, same.concurrency, same.windows.len()),
        (Some(60), Some(4), 2)
    );
    assert!(same.adaptive && same.reserve == 100);
    // Key by key, a list as a whole.
    assert_eq!(
        (own.rpm, own.concurrency, own.windows.len()),
        (Some(7), Some(4), 1)
    );
    assert_eq!(
        (own.windows[0].amount, own.adaptive, own.reserve),
        (50, false, 0)
    );
    assert_eq!(own.min_interval, Duration::from_secs(1));
    assert_eq!(ollama.accounts[0].limits.concurrency, Some(2));
    wrong(
        "providers: { ollama: { limits: { rpm: 0 } } }",
        "1: providers.ollama.limits.rpm: 0 would let nothing through",
    );
}

#[test]
fn arms_have_names_models_or_deployments_and_weights() {
    let config = read(&with_models(
        "  a: acme
  b: acme
  s:
    by: session
    split:
      a: 60
      control: { model: b, weight: 30 }
      canary: { deployments: [acme/new], balance: cheapest, fallbacks: [a], weight: 10 }
    shadow: { model: b, share: 2%, name: trial, concurrency: 2, timeout: 5s, max_bytes: 1KiB, usd_per_day: 0.5 }
  copied: { deployments: [acme], shadow: { model: a, share: 0.5 } }",
    ));
    let Target::Split(split) = &config.models[2].target else {
        panic!()
    };
    assert_eq!(split.by, SplitBy::Session);
    let arms: Vec<_> = split
        .arms
        .iter()
        .map(|arm| (&*arm.name, arm.weight))
        .collect();
    assert_eq!(arms, [("a", 60), ("control", 30), ("canary", 10)]);
    assert_eq!(split.arms[1].target, ArmTarget::Model("b".to_owned()));
    assert!(matches!(&split.arms[2].target, ArmTarget::Pool(pool) if pool.fallbacks == ["a"]));
    let shadow = split.shadow.as_ref().unwrap();
    assert_eq!(
        (&*shadow.name, &*shadow.model, shadow.share),
        ("trial", "b", 0.02)
    );
    assert_eq!(
        (shadow.concurrency, shadow.max_bytes, shadow.budget),
        (2, 1024, Some(500_000))
    );
    let usual = pool_of(&config, "copied").shadow.as_ref().unwrap();
    assert_eq!(
        (&*usual.name, usual.concurrency, usual.budget),
        ("shadow", 4, None)
    );
    assert_eq!(usual.timeout, Duration::from_secs(60));
    let plan = config.plan();
    for part in [
        "  s: split by session\n    60% a\n    30% control: b\n    10% canary: cheapest, ",
        "    2% copied to b as trial, 2 at a time, 5s each, up to 0.5 $ a day\n",
        "    50% copied to a as shadow, 4 at a time, 60s each\n",
    ] {
        assert!(plan.contains(part), "{part} is not in\n{plan}");
    }
}

#[test]
fn what_is_wrong_with_arms_and_shadows_is_told_where_it_stands() {
    for (models, problem) in [
        (
            "  s: { split: { x: { deployments: [acme] } } }",
            "5: models.s.split.x: an arm needs its `weight`, e.g. weight: 5",
        ),
        (
            "  s: { split: { x: { model: a, deployments: [acme], weight: 1 } } }",
            "5: models.s.split.x.deployments: an arm has a `model`, whose settings these would be, or `deployments` of its own, not both",
        ),
        (
            "  s: { split: { x: { model: b, weight: 1 } } }",
            "5: models.s.split.x.model: there is no model `b`",
        ),
        (
            "  s: { split: { x: { weight: 1 } } }",
            "5: models.s.split.x: there is no model `x`",
        ),
        (
            "  s: { split: { x: { model: s, weight: 1 } } }",
            "`s` leads to itself",
        ),
        (
            "  s: { split: { x: { deployments: [acme], fallbacks: [s], weight: 1 } } }",
            "is in its own fallbacks",
        ),
        (
            "  's#x': acme\n  s: { split: { x: { deployments: [acme], weight: 1 } } }",
            "its deployments are served as `s#x`, which is a model already",
        ),
        (
            "  's-*': { split: { a: 1 } }",
            "5: models.s-*.split: a name with a `*` cannot be split: name one model",
        ),
        (
            "  s: { split: { a: 1 }, by: calls }",
            "5: models.s.by: `calls` is nobody who could draw an arm; did you mean `call`?; known are caller, session, call",
        ),
        (
            "  s: { deployments: [acme], shadow: { model: a } }",
            "5: models.s.shadow: a shadow needs its `share`, e.g. share: 2%",
        ),
        (
            "  s: { deployments: [acme], shadow: { model: s, share: 1% } }",
            "5: models.s.shadow.model: `s` is the model itself: name another one",
        ),
        (
            "  s: { deployments: [acme], shadow: { model: c, share: 1% } }",
            "there is no model `c`",
        ),
        (
            "  s: { deployments: [acme], shadow: { model: a, share: 1%, concurrency: 0 } }",
            "5: models.s.shadow.concurrency: 0 would copy nothing",
        ),
        (
            "  s: { deployments: [acme], shadow: { model: a, share: 1%, timeout: 0s } }",
            "a copy without time would always fail",
        ),
        (
            "  's-*': { deployments: [acme], shadow: { model: a, share: 1% } }",
            "calls of a name with a `*` cannot be copied: name one model",
        ),
    ] {
        wrong(&with_models(&format!("  a: acme\n{models}")), problem);
    }
}
