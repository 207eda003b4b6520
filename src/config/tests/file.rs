use super::*;

#[test]
fn files_that_are_no_mapping() {
    for empty in ["", "\n# nothing\n", "---\n", "~", "null"] {
        wrong(empty, "1: : the file is empty");
    }
    wrong("- a", "1: : expected a mapping, found a list");
    wrong("hello", "1: : expected a mapping, found text");
    wrong("server:\n  listen: [", "not YAML");
    wrong("server:\n\tlisten: x", "2: : not YAML");
    wrong("server:\n---\nserver:", "a second document begins here");
    wrong("server:\n  [1]: 2", "2: : a key must be text");
    wrong("server: &a [*a]", "1: : ");
}

#[test]
fn files_that_would_blow_up() {
    wrong(&"- ".repeat(100_000), "nested too deeply");
    wrong(&"[".repeat(200), "nested too deeply");
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
    }
    wrong(&bomb, "the file is too large");
}

#[test]
fn keys_are_known_and_come_once() {
    wrong(
        &with_provider("    bas_url: x\n    base_url: http://localhost/v1"),
        "3: providers.acme.bas_url: unknown key; did you mean `base_url`?",
    );
    wrong(
        "zebra: 1",
        "1: zebra: unknown key; known here: server, timeouts",
    );
    wrong(
        "server:\n  drain: 1s\n  drain: 2s",
        "3: server.drain: this key comes twice; the first is in line 2",
    );
    wrong(
        &with_models("  a: acme\n  b: acme\n  a: acme"),
        "6: models.a: this key comes twice",
    );
}

#[test]
fn types_are_named() {
    wrong(
        "server: 5",
        "1: server: expected a mapping, found the number `5`",
    );
    wrong(
        "retry: { max_attempts: many }",
        "expected a whole number, found the text `many`",
    );
    wrong(
        "retry: { max_attempts: 1.5 }",
        "expected a whole number, found the number `1.5`",
    );
    wrong("retry: { max_attempts: -1 }", "found the number `-1`");
    wrong(
        "retry: { max_attempts: [1] }",
        "expected a whole number, found a list",
    );
    wrong(
        "server: { drain: { a: 1 } }",
        "expected a duration such as `5s`, found a mapping",
    );
    wrong(
        &with_models("  a: { deployments: [{ provider: acme, enabled: yes }] }"),
        "4: models.a.deployments[0].enabled: expected `true` or `false`, found the text `yes`",
    );
    wrong(&with_models("  a:"), "expected provider/model");
    wrong(
        &with_models("  a: { deployments: acme }"),
        "expected a list of deployments, found text",
    );
}

#[test]
fn all_are_said_in_the_order_of_lines() {
    let text = "server:\n  listen: nowhere\n  body_limit: 0\n  heartbeat: 10\nmodels:\n  a: { fallbacks: [b], deployments: [nobody/x] }\nretry: { budget: 20 }\ntimeouts: { total: 1s }\nserved: 1";
    let found = problems(text);
    let lines: Vec<_> = found.iter().map(|p| p.split(':').next().unwrap()).collect();
    assert_eq!(
        lines,
        ["2", "3", "4", "6", "6", "7", "8", "9"],
        "{found:#?}"
    );
    let error = Config::from_yaml(text, &env)
        .unwrap_err()
        .with_file("x.yaml");
    assert_eq!(error.to_string().lines().count(), 8);
    assert!(error.to_string().starts_with(
        "x.yaml:2:11: server.listen: `nowhere` is not an address to listen on; write e.g."
    ));
    assert_eq!(error.iter().next().unwrap().column, 11);
}

#[test]
fn files_are_at_a_provider_that_is_there() {
    let config = read(&format!(
        "server: {{ files: acme }}\n{}",
        with_models("  a: [acme]")
    ));
    assert_eq!(config.server.files.as_deref(), Some("acme"));
    assert!(config.plan().contains(", files at acme\n"));
    wrong(
        &format!("server: {{ files: acne }}\n{}", with_models("  a: [acme]")),
        "1: server: `files` names no provider; there are acme",
    );
}
