use super::*;

#[test]
fn server_timeouts_retry() {
    wrong(
        "server:\n  listen: 8080",
        "2: server.listen: `8080` is not an address",
    );
    wrong(
        "server: { body_limit: 0MiB }",
        "0 would refuse every request",
    );
    wrong(
        "server: { body_limit: big }",
        "`big` is not a size; write e.g. `32MiB`",
    );
    wrong(
        "server: { drain: 30 }",
        "`30` has no unit; write e.g. `250ms`, `5s`",
    );
    wrong("timeouts: { connect: 0s }", "no connection");
    let media = |fields: &str| format!("server:\n  media_fetch: {{ {fields} }}");
    for (fields, why) in [
        ("max_bytes: 0", "0 would let nothing through"),
        ("timeout: 0s", "0s would let nothing be fetched"),
        ("max_per_request: 0", "at least 1"),
        ("enable: true", "did you mean `enabled`?"),
        (
            "allow_hosts: [\"http://a\"]",
            "2: server.media_fetch.allow_hosts[0]: a host is a name",
        ),
        ("allow_hosts: [\"a:80\"]", "without scheme, port"),
        ("allow_hosts: a", "a list of hosts"),
    ] {
        wrong(&media(fields), why);
    }
    wrong(
        "timeouts: { first_token: 60s, total: 30s }",
        "1: timeouts.total: the whole call (`total`, 30s) ends before the first token must have come (`first_token`, 60s)",
    );
    wrong(
        "timeouts: { first_token: 20m }",
        "timeouts.first_token: the whole call",
    );
    wrong("retry: { max_attempts: 0 }", "at least 1");
    wrong("retry: { max: 1ms }", "is shorter than the first");
    wrong(
        "retry: { budget: 20 }",
        "`20` is more than the whole; write e.g. `20%`",
    );
}

#[test]
fn providers_say_what_they_speak() {
    wrong(
        "providers:\n  opena1: { accounts: [k] }",
        "2: providers.opena1: `opena1` is no known vendor; did you mean `openai`?: it needs `kind` and `base_url`",
    );
    wrong(
        "providers:\n  acme: { kind: openai-compatible, accounts: [k] }",
        "it needs `base_url`",
    );
    wrong(
        "providers:\n  openai: { kind: anthropic-compatible, accounts: [k] }",
        "2: providers.openai: it needs `base_url`",
    );
    let kind =
        |kind: &str| format!("providers:\n  acme:\n    kind: {kind}\n    base_url: http://a/v1\n");
    wrong(
        &kind("mistral"),
        "3: providers.acme.kind: `mistral` is not a kind; known are openai-compatible, anthropic-compatible, gemini-compatible, responses-compatible, cohere, azure, bedrock, vertex",
    );
    wrong(
        "providers:\n  anthropic: { bridge: true, accounts: [k] }",
        "2: providers.anthropic.bridge: only openai-compatible providers have a bridge to Responses",
    );
    wrong(
        &kind("openai_compatible"),
        "did you mean `openai-compatible`?",
    );
    for bad in [
        "llm.acme.example/v1",
        "https://u:canary@a/v1",
        "https://a/v1?k=1",
    ] {
        let text = with_provider(&format!("    base_url: {bad}\n    accounts: [k]"));
        wrong(
            &text,
            "3: providers.acme.base_url: this is not a base URL: ",
        );
        assert!(!problems(&text)[0].contains("canary"));
    }
    wrong(
        "providers:\n  a/b: { kind: openai-compatible, base_url: 'http://a', accounts: [k] }",
        "without `/`",
    );
}

#[test]
fn headers_proxies_and_timeouts_are_legal() {
    let with = |line: &str| {
        with_provider(&format!(
            "    {line}\n    base_url: http://a.example\n    accounts: [k]"
        ))
    };
    wrong(
        &with("headers: { 'a b': c }"),
        "3: providers.acme.headers.a b: `a b` cannot be",
    );
    wrong(
        &with("headers: { a: \"b\\nc\" }"),
        "no HTTP header may hold",
    );
    wrong(&with("headers: { Host: b }"), "written by the HTTP client");
    wrong(&with("headers: { a: b, A: c }"), "comes twice");
    wrong(
        &with("proxy: ftp://u:canary@p"),
        "3: providers.acme.proxy: a proxy's URL begins with",
    );
    wrong(
        &with_provider(
            "    base_url: http://a.example\n    accounts: [{ api_key: k, group: 'a b' }]",
        ),
        "providers.acme.accounts[0].group: a group's name is of visible",
    );
    wrong(
        &with("timeouts: { total: 5s }"),
        "the same for all providers",
    );
    wrong(&with("timeouts: { first_token: 11m }"), "the whole call");
    wrong(&with("health: { every: 1s }"), "unknown key");
}

#[test]
fn accounts_have_names_and_keys() {
    let with = |accounts: &str| {
        with_provider(&format!(
            "    accounts: {accounts}\n    base_url: http://a.example"
        ))
    };
    wrong(
        &with("[{ name: x, api_key: a }, { name: x, api_key: b }]"),
        "3: providers.acme.accounts[1]: a second account of this name",
    );
    wrong(
        &with("[{ name: acme-2, api_key: a }, b]"),
        "a second account of this name",
    );
    wrong(&with("[{ name: x }]"), "api_key: \"${ACME_API_KEY}\"");
    wrong(&with("[{ name: 'x y', api_key: a }]"), "visible ASCII");
    wrong(&with("[\"sk-canary\\n1\"]"), "perhaps a line break");
    wrong(&with("[{ api_key: a, weight: 0 }]"), "all weights are 0");
    wrong(
        &with("[{ api_key: a, limits: { rpm: 0 } }]"),
        "0 would let nothing through",
    );
    wrong(
        &with("[{ api_key: a, limits: { rpn: 1 } }]"),
        "did you mean `rpm`?",
    );
    let limits = |text: &str| with(&format!("[{{ api_key: a, limits: {{ {text} }} }}]"));
    for (text, said) in [
        ("rpd: 0", "0 would let nothing through"),
        ("reserve: 100%", "leave the others something"),
        ("reserve: some", "is not a share"),
        (
            "windows: 5",
            "expected a list of windows, found the number `5`",
        ),
        (
            "windows: [{ per: day }]",
            "a window counts one of requests, tokens, input_tokens, output_tokens, usd",
        ),
        (
            "windows: [{ tokens: 1, usd: 1, per: day }]",
            "a window counts one of",
        ),
        (
            "windows: [{ tokens: 0, per: day }]",
            "0 would let nothing through",
        ),
        (
            "windows: [{ usd: 0.0, per: day }]",
            "0 would let nothing through",
        ),
        (
            "windows: [{ usd: -1, per: day }]",
            "expected dollars such as `25` or `0.5`, found the number `-1`",
        ),
        ("windows: [{ usd: 1 }]", "in which time? write e.g. per: 1h"),
        (
            "windows: [{ usd: 1, per: week }]",
            "expected `day`, `month` or a duration such as `1h`, found the text `week`",
        ),
        ("windows: [{ usd: 1, per: 0s }]", "longer than nothing"),
        (
            "windows: [{ usd: 1, per: day, sliding: true }]",
            "does not slide",
        ),
        (
            "windows: [{ usd: 1, per: 1h, utc_offset: '+01:00' }]",
            "only a day or a month begins by a clock",
        ),
        (
            "windows: [{ usd: 1, per: day, utc_offset: '+15:00' }]",
            "an offset from UTC such as `-08:00` or `+05:30`",
        ),
        (
            "windows: [{ usd: 1, per: day, models: 'a*b*' }]",
            "one * in it",
        ),
        (
            "windows: [{ tokens: 1, per: day, model: x }]",
            "did you mean `models`?",
        ),
    ] {
        wrong(&limits(text), said);
    }
    wrong(&with("[]"), "needs an account");
    wrong(
        &with("sk-canary"),
        "expected a list of accounts, found text",
    );
    wrong(&with("~"), "2: providers.acme: it has no accounts");
    wrong(
        "providers:\n  openai:",
        "2: providers.openai: it has no accounts: list them under `accounts`, or set OPENAI_API_KEY",
    );
}

#[test]
fn pools_lead_somewhere() {
    wrong(
        &with_models("  a: acne/x"),
        "4: models.a: there is no provider `acne`; did you mean `acme`?",
    );
    wrong(
        &with_models("  a: [acme/x, antropic/y]"),
        "did you mean `anthropic`?",
    );
    wrong(
        &with_models("  a: openai/gpt-4o\n  b: openai/x"),
        "4: models.a: `openai` has no key: set OPENAI_API_KEY",
    );
    wrong(
        &with_models("  a: acme\n  b: a"),
        "5: models.b: `a` is a model here, not a provider",
    );
    wrong(
        &with_models("  a:\n    deployments:\n      - { provider: acme, accounts: [acme-2] }"),
        "6: models.a.deployments[0].accounts[0]: `acme` has no account `acme-2`; did you mean `acme-1`?",
    );
    wrong(
        &with_models("  a: { deployments: [{ model: x }] }"),
        "needs its `provider`",
    );
    wrong(
        &with_models("  a: { balance: weighted }"),
        "4: models.a: it needs `deployments`",
    );
    wrong(&with_models("  a: []"), "needs a deployment");
    wrong(
        &with_models("  a: [{ provider: acme, weight: 0 }]"),
        "all weights are 0",
    );
    wrong(
        &with_models("  a: { deployments: [acme], balance: dearest }"),
        "`dearest` is no way to balance; known are weighted, round-robin, least-busy, fastest, headroom, sticky, use-before-reset, cheapest",
    );
    wrong(
        &with_models("  a: { deployments: [acme], balance: least_busy }"),
        "did you mean `least-busy`?",
    );
    wrong(
        &with_models("  a: { deployments: [acme], fidelity: strickt }"),
        "4: models.a.fidelity: `strickt` is no fidelity; did you mean `strict`?; known are lenient, strict",
    );
    wrong(
        &with_models("  a: { split: { b: 1 }, fidelity: strict }\n  b: [acme]"),
        "`fidelity` belongs to the models that the split names",
    );
    wrong(
        &with_models("  'a*b*': acme"),
        "4: models.a*b*: a model's name may have one `*`",
    );
    wrong(&with_models("  a: acme/x-*"), "stands for what the `*`");
    wrong(&with_models("  a: acme/"), "name is missing");
    wrong(
        &with_models("  a: { deployments: [acme], by: caller }"),
        "belongs to a `split`",
    );
}

#[test]
fn a_broken_provider_is_not_blamed_on_its_models() {
    wrong(
        "providers: [acme]\nmodels:\n  a: acme/x",
        "1: providers: expected a mapping",
    );
    wrong(
        "providers:\n  acme: 5\nmodels:\n  a: acme/x",
        "2: providers.acme: expected a mapping",
    );
}

#[test]
fn models_do_not_lead_back_to_themselves() {
    let pool = |name: &str, fallbacks: &str| {
        format!("  {name}: {{ deployments: [acme], fallbacks: [{fallbacks}] }}\n")
    };
    wrong(
        &with_models(&pool("sonnet", "sonet")),
        "4: models.sonnet.fallbacks[0]: there is no model `sonet`; did you mean `sonnet`?",
    );
    wrong(
        &with_models(&pool("a", "a")),
        "4: models.a.fallbacks[0]: `a` is in its own fallbacks",
    );
    let ring = [pool("a", "b"), pool("b", "c"), pool("c", "a")].concat();
    wrong(
        &with_models(&ring),
        "6: models.c.fallbacks[0]: this closes a loop: a → b → c → a",
    );
    wrong(
        &with_models(&(pool("a", "b, b") + "  b: acme")),
        "`b` comes twice",
    );
    wrong(
        &with_models(&(pool("a", "'b-*'") + "  'b-*': acme")),
        "not a wildcard",
    );
    // Through a wildcard, and through a split.
    wrong(
        &with_models(&(pool("a", "b-1") + &pool("'b-*'", "a"))),
        "this closes a loop: a → b-* → a",
    );
    wrong(
        &with_models(&(pool("a", "s") + "  s: { split: { a: 1 } }")),
        "5: models.s.split.a: this closes a loop: a → s → a",
    );
    // Two ways to the same model are no loop, nor is a wildcard's own member.
    let fine = [pool("a", "b, cx"), pool("b", "cx"), pool("'c*'", "c-small")].concat();
    assert_eq!(read(&with_models(&fine)).models.len(), 3);
    // A long chain is no deep recursion.
    let chain: String = (0..5_000)
        .map(|i| pool(&format!("m{i}"), &format!("m{}", (i + 1) % 5_000)))
        .collect();
    wrong(&with_models(&chain), "this closes a loop");
}

#[test]
fn splits_have_shares() {
    wrong(
        &with_models("  a: acme\n  s: { split: { b: 1 } }"),
        "5: models.s.split.b: there is no model `b`",
    );
    wrong(
        &with_models("  s: { split: { s: 1 } }"),
        "`s` leads to itself",
    );
    wrong(
        &with_models("  a: acme\n  s: { split: { a: 0 } }"),
        "the shares sum to 0",
    );
    wrong(
        &with_models("  a: acme\n  s: { split: { a: 1 }, by: key }"),
        "5: models.s.by: `key` is nobody who could draw an arm; known are caller, session, call",
    );
    wrong(
        &with_models("  a: { deployments: [acme], wait: 1s, queue: { size: 0 } }"),
        "4: models.a.queue.size: 0 would let nobody wait",
    );
    wrong(
        &with_models("  a: { deployments: [acme], wait: 1s, queue: { size: 5, per_caller: 9 } }"),
        "more than the whole queue holds, which is 5",
    );
    wrong(
        &with_models("  a: { deployments: [acme], queue: { size: 5 } }"),
        "4: models.a.queue: nobody waits in it: set `wait` beside it",
    );
    wrong(
        &with_models("  a: acme\n  s: { split: { a: 1 }, wait: 1s }"),
        "5: models.s.wait: `wait` belongs to the models",
    );
    wrong(
        &with_models("  'c*': acme\n  's*': { split: { sx: 1, cx: 1 } }"),
        "a name with a `*` cannot be split",
    );
}
