use super::*;
use crate::credential::google::GoogleAccount;

const USER: &str = r#"{"type":"authorized_user","client_id":"i","client_secret":"sk-canary","refresh_token":"sk-canary","quota_project_id":"q-1"}"#;

fn provider(text: &str) -> ProviderConfig {
    read(text).providers.remove(0)
}

/// A provider of this kind whose mapping has these lines, at line 4.
fn kind(kind: &str, lines: &str) -> String {
    format!("providers:\n  acme:\n    kind: {kind}\n{lines}")
}

fn user() -> Option<SignIn> {
    Some(SignIn::Google(GoogleAccount::from_json(USER).unwrap()))
}

#[test]
fn azure_is_a_resource_and_a_key_or_an_application() {
    let azure = provider(&kind(
        "azure",
        "    resource: contoso\n    accounts: [k1, { api_key: k2 }, { entra: { tenant: t.example, client_id: c, client_secret: sk-canary } }]",
    ));
    assert_eq!((azure.kind, azure.preset), (Kind::Azure, None));
    assert_eq!(azure.base_url, "https://contoso.openai.azure.com/openai/v1");
    let [one, two, three] = azure.accounts.as_slice() else {
        panic!()
    };
    assert_eq!((one.api_key.expose(), two.api_key.expose()), ("k1", "k2"));
    assert!(one.sign_in.is_none() && matches!(three.sign_in, Some(SignIn::Entra(_))));
    assert!(!format!("{azure:?}").contains("canary"));

    let older = "    base_url: https://contoso.openai.azure.com/openai/v1\n    api_version: 2024-10-21\n    accounts: [k]";
    assert_eq!(
        provider(&kind("azure", older)).base_url,
        "https://contoso.openai.azure.com/openai"
    );
    let newer = older.replace("2024-10-21", "preview");
    assert!(
        provider(&kind("azure", &newer))
            .base_url
            .ends_with("/openai/v1")
    );
}

#[test]
fn what_azure_lacks_is_named() {
    for (lines, expected) in [
        (
            "    accounts: [k]",
            "2: providers.acme: it needs its `resource`, e.g. contoso",
        ),
        (
            "    resource: a/b\n    accounts: [k]",
            "4: providers.acme.resource: `resource` is of letters",
        ),
        (
            "    resource: a.openai.azure.com\n    accounts: [k]",
            "4: providers.acme.resource: the resource is the first part",
        ),
        (
            "    resource: a\n    base_url: https://a\n    accounts: [k]",
            "4: providers.acme.resource: `resource` and `base_url` say the same",
        ),
        (
            "    base_url: a\n    accounts: [k]",
            "4: providers.acme.base_url: this is not a base URL",
        ),
        (
            "    resource: a\n    api_version: '2024?x'\n    accounts: [k]",
            "5: providers.acme.api_version: `api_version` is of",
        ),
        (
            "    resource: a\n    accounts: [{ name: x }]",
            "5: providers.acme.accounts[0]: an account needs an `api_key`, or `entra",
        ),
        (
            "    resource: a",
            "2: providers.acme: an account needs an `api_key`, or `entra",
        ),
        (
            "    resource: a\n    accounts: [{ entra: { tenant: t } }]",
            "5: providers.acme.accounts[0].entra: it needs `client_id` and `client_secret`",
        ),
        (
            "    resource: a\n    accounts: [{ entra: { tenant: t/x, client_id: c, client_secret: s } }]",
            "5: providers.acme.accounts[0].entra.tenant: the tenant is",
        ),
        (
            "    resource: a\n    accounts: [{ entra: { tenant: t, client_id: c, client_secret: s, authority: 'http://a.example' } }]",
            "entra.authority: `authority` is no address that a secret",
        ),
        (
            "    resource: a\n    accounts: [{ api_key: k, entra: { tenant: t, client_id: c, client_secret: s } }]",
            "accounts[0].api_key: an account has either",
        ),
        (
            "    resource: a\n    accounts: [{ credentials_file: x, api_key: k }]",
            "unknown key",
        ),
        (
            "    resouce: a\n    base_url: https://a\n    accounts: [k]",
            "4: providers.acme.resouce: unknown key; did you mean `resource`?",
        ),
    ] {
        wrong(&kind("azure", lines), expected);
    }
    wrong(
        "providers:\n  acme:\n    kind: openai-compatible\n    base_url: http://a\n    resource: a\n    accounts: [k]",
        "5: providers.acme.resource: unknown key",
    );
}

#[test]
fn vertex_is_a_project_a_location_and_an_account() {
    let json = format!("    location: us-east5\n    accounts: [{{ credentials_json: '{USER}' }}]");
    let vertex = provider(&kind("vertex", &json));
    assert_eq!(
        vertex.base_url,
        "https://us-east5-aiplatform.googleapis.com/v1/projects/q-1/locations/us-east5"
    );
    assert_eq!(vertex.accounts[0].sign_in, user());
    let plan = read(&kind("vertex", &json)).plan();
    assert!(
        plan.contains("tokens of a user's refresh token") && !plan.contains("canary"),
        "{plan}"
    );

    let express = provider(&kind("vertex", "    accounts: [{ api_key: k }]"));
    assert_eq!(express.base_url, "https://aiplatform.googleapis.com/v1");
    // Nothing is said: the machine's own account.
    let machine = provider("providers:\n  vertex: { project: p }");
    let SignIn::Google(account) = machine.accounts[0].sign_in.as_ref().unwrap() else {
        panic!()
    };
    assert_eq!(account, &GoogleAccount::machine());

    for (lines, expected) in [
        (
            "    location: l",
            "2: providers.acme: it needs its `project`, or set GOOGLE_CLOUD_PROJECT",
        ),
        (
            "    project: p\n    health: { interval: 1s }\n    accounts: [k]",
            "5: providers.acme.health: Vertex has no list of models",
        ),
        (
            "    project: p/q\n    accounts: [k]",
            "4: providers.acme.project: `project` is of letters",
        ),
        (
            "    project: p\n    location: a.b/c\n    accounts: [k]",
            "5: providers.acme.location: `location` is of",
        ),
        (
            "    project: p\n    accounts: [{ credentials_file: /no/such/file }]",
            "5: providers.acme.accounts[0].credentials_file: it could not be read (entity not found)",
        ),
        (
            "    project: p\n    accounts: [{ credentials_file: /dev/zero }]",
            "no file of credentials",
        ),
        (
            "    project: p\n    accounts: [{ credentials_json: '{\"type\":\"external_account\",\"x\":\"canary\"}' }]",
            "accounts[0].credentials_json: the `type` of Google",
        ),
        (
            "    project: p\n    accounts: [{ credentials_json: '{}', credentials_file: /dev/null }]",
            "not both",
        ),
    ] {
        let found = problems(&kind("vertex", lines));
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{found:?} lack {expected}"
        );
        assert!(!found.concat().contains("canary"));
    }
}

#[test]
fn the_environment_may_say_everything() {
    let file = std::env::temp_dir().join(format!("trunkline-{}.json", std::process::id()));
    std::fs::write(&file, USER).unwrap();
    let vars = |more: &[(&str, &str)]| {
        let vars: Vec<_> = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::from_env(vars)
    };
    let path = file.to_str().unwrap();
    let both = vars(&[
        ("AZURE_OPENAI_API_KEY", "k1"),
        ("AZURE_OPENAI_API_KEYS", "k1,k2"),
        ("AZURE_OPENAI_ENDPOINT", "https://contoso.openai.azure.com/"),
        ("GOOGLE_APPLICATION_CREDENTIALS", path),
        ("GOOGLE_CLOUD_PROJECT", "p"),
    ]);
    let bases: Vec<_> = both
        .providers
        .iter()
        .map(|p| (p.name.as_str(), p.base_url.as_str()))
        .collect();
    assert_eq!(
        bases,
        [
            ("azure", "https://contoso.openai.azure.com/openai/v1"),
            (
                "vertex",
                "https://aiplatform.googleapis.com/v1/projects/p/locations/global"
            ),
        ]
    );
    assert_eq!(both.providers[0].accounts.len(), 2);
    assert_eq!(both.providers[1].accounts[0].sign_in, user());
    assert_eq!(both.models[1].name, "vertex/*");
    // Half of it is not enough.
    for half in [
        ("AZURE_OPENAI_API_KEY", "k"),
        ("GOOGLE_APPLICATION_CREDENTIALS", path),
    ] {
        assert_eq!(vars(&[half]), Config::default());
    }
    // A file may name them without listing them.
    let env = |name: &str| match name {
        "AZURE_OPENAI_API_KEY" => Some("k".to_owned()),
        "AZURE_OPENAI_ENDPOINT" => Some("https://a.openai.azure.com".to_owned()),
        _ => None,
    };
    let config = Config::from_yaml("models: { gpt: azure/gpt-prod }", &env).unwrap();
    assert_eq!(config.providers[0].kind, Kind::Azure);
    // What is missing then is said, once.
    for (cloud, expected) in [
        (
            "azure",
            "set AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_KEY",
        ),
        (
            "vertex",
            "set GOOGLE_APPLICATION_CREDENTIALS and GOOGLE_CLOUD_PROJECT",
        ),
    ] {
        let text = format!("models: {{ a: {cloud}/x, b: {cloud}/y }}");
        wrong(
            &text,
            &format!("1: models.a: `{cloud}` is not in the environment: {expected}"),
        );
    }
    wrong(
        "providers: { azur: { accounts: [k] } }",
        "did you mean `azure`?",
    );
    std::fs::remove_file(file).unwrap();
}

#[test]
fn the_kind_may_be_in_the_environment() {
    for (written, kind) in [("azure", Kind::Azure), ("bedrock", Kind::Bedrock)] {
        let text =
            "providers:\n  azure: { kind: \"${KIND}\", base_url: 'http://a', accounts: [k] }";
        let env = |name: &str| match name {
            "KIND" => Some(written.to_owned()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            _ => None,
        };
        let config = Config::from_yaml(text, &env).unwrap();
        assert_eq!(config.providers[0].kind, kind);
        assert!(Gateway::new(&config).is_ok());
    }
}

#[test]
fn a_cloud_becomes_a_vendor() {
    let azure = provider(&kind(
        "azure",
        "    resource: contoso\n    headers: { x-team: ml }\n    accounts: [k]",
    ));
    let built = azure
        .cloud
        .unwrap()
        .provider(&azure.name, &azure.headers)
        .unwrap();
    let (mut parts, ()) = http::Request::new(()).into_parts();
    built
        .authorize(&crate::Secret::new("k"), &mut parts, b"")
        .unwrap();
    assert_eq!(
        (
            built.name(),
            &parts.headers["api-key"],
            &parts.headers["x-team"]
        ),
        ("acme", &"k".parse().unwrap(), &"ml".parse().unwrap())
    );
}
