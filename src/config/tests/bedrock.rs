use super::*;
use crate::{
    credential::Secret,
    provider::{BedrockApi, aws::AwsKeys},
};

fn with(text: &str, vars: &[(&str, &str)]) -> Result<Config, Problems> {
    Config::from_yaml(text, &|name| {
        let found = vars.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

const PAIR: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKID"),
    ("AWS_SECRET_ACCESS_KEY", "sk-canary-aws\n"),
    ("AWS_REGION", "eu-central-1"),
];

fn keys() -> AwsKeys {
    AwsKeys::new("AKID", "sk-canary-aws")
}

#[test]
fn accounts_have_keys_of_either_sort() {
    let text = "
providers:
  frankfurt:
    kind: bedrock
    region: eu-central-1
    api: converse
    betas: [a-2026-01-01]
    headers: { X-Amzn-Bedrock-GuardrailIdentifier: g }
    accounts:
      - { access_key_id: AKID, secret_access_key: sk-canary-aws, session_token: sk-canary-token, weight: 2 }
      - { access_key_id: AKID, secret_access_key: sk-canary-aws }
      - { api_key: sk-canary-bearer }
      - sk-canary-short
      - { access_key_id: '', secret_access_key: '' }
";
    let config = read(text);
    let provider = &config.providers[0];
    assert_eq!(
        provider.base_url,
        "https://bedrock-runtime.eu-central-1.amazonaws.com"
    );
    let Some(CloudConfig::Bedrock(bedrock)) = &provider.cloud else {
        panic!("{provider:?}");
    };
    assert_eq!(bedrock.region, "eu-central-1");
    assert_eq!(bedrock.api, BedrockApi::Converse);
    assert_eq!(bedrock.betas, ["a-2026-01-01"]);
    let expected = [
        keys().with_session_token("sk-canary-token").to_secret(),
        keys().to_secret(),
        Secret::new("sk-canary-bearer"),
        Secret::new("sk-canary-short"),
        Secret::new(""),
    ];
    let found = provider.accounts.iter().map(|account| &account.api_key);
    assert!(found.eq(expected.iter()));
    let plan = config.plan();
    assert!(plan.contains("bedrock, region eu-central-1"), "{plan}");
    assert!(!format!("{plan}{config:?}").contains("sk-canary"));
    assert!(Gateway::new(&config).is_ok());
}

#[test]
fn the_environment_has_keys_and_a_region() {
    // Named by a model alone; listed; listed under another name, with an account that only has a weight.
    for text in [
        "models: { nova: bedrock/amazon.nova-lite-v1:0 }",
        "providers: { bedrock: }",
        "providers: { mine: { kind: bedrock, accounts: [{ weight: 2 }] } }",
    ] {
        let config = with(text, &PAIR).unwrap_or_else(|problems| panic!("{text}: {problems}"));
        let provider = &config.providers[0];
        assert_eq!(provider.kind, Kind::Bedrock);
        assert_eq!(
            provider.base_url,
            "https://bedrock-runtime.eu-central-1.amazonaws.com"
        );
        assert_eq!(provider.accounts[0].api_key, keys().to_secret(), "{text}");
    }
    // AWS's keys are there for other reasons too; a key of Bedrock's own is not, and goes first.
    let vars = |list: &[(&str, &str)]| {
        let list = list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        list.collect::<Vec<_>>()
    };
    assert_eq!(Config::from_env(vars(&PAIR)), Config::default());
    let mut all = vars(&PAIR);
    all.push(("AWS_BEARER_TOKEN_BEDROCK".into(), "sk-canary-bearer".into()));
    let config = Config::from_env(all);
    assert_eq!(config.models[0].name, "bedrock/*");
    let account = &config.providers[0].accounts[0];
    assert_eq!(account.api_key.expose(), "sk-canary-bearer");
}

#[test]
fn containers_and_machines_have_keys() {
    let text = "providers: { bedrock: { region: us-east-1, accounts: [{ keys_from: instance }, { name: pod, keys_from: container }] } }";
    let agent = [(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "http://169.254.170.23/v1/credentials",
    )];
    let config = with(text, &agent).unwrap();
    let plan = config.plan();
    assert!(plan.contains("account bedrock-1: weight 1, the machine's keys\n"));
    assert!(plan.contains("account pod: weight 1, the container's keys\n"));
    assert!(Gateway::new(&config).is_ok());
    // Where nothing is listed, and no key is there, the container is asked.
    let usual = with("providers: { bedrock: { region: us-east-1 } }", &agent).unwrap();
    let [account] = &usual.providers[0].accounts[..] else {
        panic!("{}", usual.plan());
    };
    assert_eq!(account.sign_in, config.providers[0].accounts[1].sign_in);
}

#[test]
fn what_is_wrong_is_said_with_its_fix() {
    let of = |lines: &str| format!("providers:\n  b:\n    kind: bedrock\n    {lines}\n");
    let account = |keys: &str| of(&format!("region: us-east-1\n    accounts: [{{ {keys} }}]"));
    for (text, expected) in [
        (
            of("accounts: [k]"),
            "2: providers.b: it needs its region: write e.g. region: us-east-1",
        ),
        (
            of("region: Frankfurt\n    accounts: [k]"),
            "4: providers.b.region: `Frankfurt` is not a region of AWS; write e.g. us-east-1",
        ),
        (
            of("region: us-east-1\n    api: convers\n    accounts: [k]"),
            "5: providers.b.api: `convers` is not one of Bedrock's ways; did you mean `converse`?",
        ),
        (
            of("region: us-east-1\n    health: { interval: 1s }\n    accounts: [k]"),
            "5: providers.b.health: Bedrock has no list of models",
        ),
        (
            account("access_key_id: a"),
            "5: providers.b.accounts[0]: `access_key_id` is there, but no `secret_access_key`: add it",
        ),
        (
            account("access_key_id: a, secret_access_key: b, api_key: c"),
            "5: providers.b.accounts[0].api_key: an account has either an `api_key` or AWS's",
        ),
        (
            account("access_key_id: a, secret_access_key: ''"),
            "5: providers.b.accounts[0].secret_access_key: this is empty",
        ),
        (
            account("access_key_id: \"a\\nb\", secret_access_key: c"),
            "5: providers.b.accounts[0].access_key_id: this key has characters",
        ),
        (
            account("keys_from: container"),
            "5: providers.b.accounts[0].keys_from: no container says here where its keys are",
        ),
        (
            account("keys_from: ec2"),
            "5: providers.b.accounts[0].keys_from: `ec2` gives no keys; known are container and",
        ),
        (
            account("keys_from: instance, api_key: k"),
            "5: providers.b.accounts[0].keys_from: an account has either a key or",
        ),
        (
            account("weight: 1"),
            "5: providers.b.accounts[0]: an account needs its key: write `access_key_id`",
        ),
        (
            of("region: us-east-1"),
            "2: providers.b: it has no accounts: list them under `accounts`, or set AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID",
        ),
        (
            "providers:\n  a: { kind: openai-compatible, base_url: 'http://a/v1', region: x-1 }".into(),
            "2: providers.a.region: only providers of kind bedrock have `region`",
        ),
        (
            "providers:\n  a: { kind: openai-compatible, base_url: 'http://a/v1', accounts: [{ access_key_id: x }] }".into(),
            "2: providers.a.accounts[0].access_key_id: unknown key",
        ),
        (
            "models: { a: bedrock/x }".into(),
            "`bedrock` has no",
        ),
    ] {
        let problems = with(&text, &[]).expect_err(&text);
        let found: Vec<String> = problems
            .iter()
            .map(|p| format!("{}: {}: {}", p.line, p.path, p.message))
            .collect();
        assert!(found[0].contains(expected), "{found:#?} is not {expected}");
        // Neither a key nor a region is there in the last.
        assert!(found.len() == 1 || text.starts_with("models"), "{found:#?}");
    }
}
