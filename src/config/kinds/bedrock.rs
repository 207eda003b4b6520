//! `kind: bedrock`: a region, and accounts with AWS's keys.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::{Access, CloudConfig, SignIn};
use crate::{
    config::{
        accounts::{Owner, variable},
        known::{account_name, keys_in},
        model::{AccountConfig, Kind, ProviderConfig},
        nearest::did_you_mean,
        providers,
        reader::{At, Fields, Reader},
    },
    credential::Secret,
    error::Error,
    provider::{
        Bedrock, BedrockApi, Provider,
        aws::{AwsKeys, KeySource},
        is_region,
    },
};

pub(super) const KEYS: [&str; 3] = ["region", "api", "betas"];
pub(super) const ACCOUNT_KEYS: [&str; 4] = [
    "access_key_id",
    "secret_access_key",
    "session_token",
    "keys_from",
];

/// Bedrock's own key, which is there for nothing else.
const BEARER: &str = "AWS_BEARER_TOKEN_BEDROCK";

/// The parts of a key.
const PARTS: [&str; 3] = ["access_key_id", "secret_access_key", "session_token"];

/// The variables its keys may be in, for messages.
const VARIABLES: &str = "AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// How to say the region.
const REGION: &str =
    "write e.g. region: us-east-1 under its name in `providers`, or set AWS_REGION";

/// The settings of `kind: bedrock`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BedrockConfig {
    /// The region requests are signed for.
    pub region: String,
    /// By which of Bedrock's ways models are called: by their id, unless it says otherwise.
    pub api: BedrockApi,
    /// Values of callers' `anthropic-beta` that are passed on besides those known to be known there.
    pub betas: Vec<String>,
    /// Another address than the region's.
    pub base_url: Option<String>,
}

impl BedrockConfig {
    pub(super) fn provider(
        &self,
        name: &str,
        headers: &HeaderMap,
    ) -> Result<Arc<dyn Provider>, Error> {
        let mut bedrock = Bedrock::new(name.to_owned(), self.region.as_str())?.api(self.api);
        if let Some(url) = &self.base_url {
            bedrock = bedrock.with_base_url(url)?;
        }
        for beta in &self.betas {
            bedrock = bedrock.beta(beta.as_str());
        }
        for (name, value) in headers {
            bedrock = bedrock.header(name.clone(), value.clone());
        }
        Ok(Arc::new(bedrock))
    }
}

pub(super) fn settings(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    fields: &Fields<'_>,
) -> Option<BedrockConfig> {
    if let Some(at) = fields.get("health") {
        let message = "Bedrock has no list of models to ask for: leave `health` out";
        reader.problem_at_key(at, message);
    }
    let region = match fields.get("region") {
        Some(at) => region(reader, at),
        None => {
            let usual = usual_region(reader.env);
            if usual.is_none() && fields.readable {
                reader.problem_at_key(at, format!("it needs its region: {REGION}"));
            }
            usual
        }
    };
    let api = fields.read(reader, "api", api).unwrap_or_default();
    let betas = fields.read(reader, "betas", betas).unwrap_or_default();
    let base_url = fields.read(reader, "base_url", |reader, at| {
        providers::base_url(reader, at, "")
    });
    Some(BedrockConfig {
        region: region?,
        api,
        betas,
        base_url,
    })
}

fn usual_region(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .filter_map(env)
        .map(|region| region.trim().to_owned())
        .find(|region| is_region(region))
}

/// Is it meant to be used, without a file that says so? AWS's keys are mostly there for other reasons, Bedrock's own is not.
pub(super) fn is_meant(env: &dyn Fn(&str) -> Option<String>) -> bool {
    !keys_in(&[BEARER], env).is_empty() && usual_region(env).is_some()
}

/// The region and the keys in the environment.
///
/// # Errors
/// What it lacks.
pub(super) fn from_env(
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<ProviderConfig, Vec<String>> {
    let (accounts, region) = (accounts("bedrock", env), usual_region(env));
    let mut lacks = Vec::new();
    if accounts.is_empty() {
        lacks.push(format!(
            "`bedrock` has no key: set {VARIABLES}, or list its accounts under `providers`"
        ));
    }
    match region {
        Some(region) if lacks.is_empty() => {
            let bedrock = BedrockConfig {
                region,
                api: BedrockApi::default(),
                betas: Vec::new(),
                base_url: None,
            };
            CloudConfig::Bedrock(bedrock).into_provider(Kind::Bedrock, accounts)
        }
        Some(_) => Err(lacks),
        None => {
            lacks.push(format!("`bedrock` has no region: {REGION}"));
            Err(lacks)
        }
    }
}

/// An account for each key in the environment; without any, the one whose keys the container has.
fn accounts(provider: &str, env: &dyn Fn(&str) -> Option<String>) -> Vec<AccountConfig> {
    let mut found: Vec<Access> = usual_keys(env).into_iter().map(Access::key).collect();
    if found.is_empty() {
        let source = KeySource::container(env).map(SignIn::Aws);
        found.extend(source.map(Access::sign_in));
    }
    let found = found.into_iter().enumerate();
    found
        .map(|(index, access)| access.account(account_name(provider, index)))
        .collect()
}

/// The keys in the environment. Those that are Bedrock's alone go first.
fn usual_keys(env: &dyn Fn(&str) -> Option<String>) -> Vec<Secret> {
    let mut keys = keys_in(&[BEARER], env);
    if keys.is_empty() {
        keys.extend(usual_pair(env));
    }
    keys
}

fn usual_pair(env: &dyn Fn(&str) -> Option<String>) -> Option<Secret> {
    let read = |name| {
        let value = env(name).map(|value| value.trim().to_owned());
        value.filter(|value| !value.is_empty() && HeaderValue::from_str(value).is_ok())
    };
    let keys = AwsKeys::new(read("AWS_ACCESS_KEY_ID")?, read("AWS_SECRET_ACCESS_KEY")?);
    let token = read("AWS_SESSION_TOKEN").unwrap_or_default();
    Some(keys.with_session_token(token).to_secret())
}

/// The accounts of a provider that lists none.
pub(super) fn usual_accounts(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    owner: &Owner<'_>,
) -> Vec<AccountConfig> {
    let mut accounts = accounts(owner.name, reader.env);
    if accounts.is_empty() && owner.keyless {
        let name = account_name(owner.name, 0);
        accounts.push(Access::none().account(name));
    }
    if accounts.is_empty() {
        let message = format!("it has no accounts: list them under `accounts`, or set {VARIABLES}");
        reader.problem_at_key(at, message);
    }
    accounts
}

/// What an account uses that says nothing of it.
pub(super) fn usual(reader: &mut Reader<'_>, at: &At<'_>, owner: &Owner<'_>) -> Access {
    match usual_keys(reader.env).as_slice() {
        [key] if owner.alone => Access::key(key.clone()),
        _ if owner.keyless => Access::none(),
        _ => {
            let message = format!(
                "an account needs its key: write `access_key_id` and `secret_access_key`, \
                or e.g. api_key: \"${{{}}}\", or \"\" if there is none",
                variable(owner.name)
            );
            reader.problem_at_key(at, message);
            Access::none()
        }
    }
}

/// AWS's keys of an account, or who gives them.
pub(super) fn stated(reader: &mut Reader<'_>, at: &At<'_>, fields: &Fields<'_>) -> Option<Access> {
    let has_keys = PARTS.iter().any(|name| fields.get(name).is_some());
    if let Some(at) = fields.get("keys_from") {
        if fields.get("api_key").is_some() || has_keys {
            let message = "an account has either a key or `keys_from`: leave one out";
            reader.problem_at_key(at, message);
        }
        let source = keys_from(reader, at).map(SignIn::Aws);
        return Some(source.map_or_else(Access::none, Access::sign_in));
    }
    has_keys.then(|| Access::key(keys(reader, at, fields)))
}

fn keys_from(reader: &mut Reader<'_>, at: &At<'_>) -> Option<KeySource> {
    match reader.text(at)?.as_str() {
        "instance" => Some(KeySource::instance()),
        "container" => {
            let source = KeySource::container(reader.env);
            if source.is_none() {
                let message = "no container says here where its keys are: neither \
                    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set";
                reader.problem(at, message);
            }
            source
        }
        _ => {
            let message = format!(
                "{} gives no keys; known are container and instance",
                Reader::written(at)
            );
            reader.problem(at, message);
            None
        }
    }
}

/// AWS's keys of an account, as one secret.
fn keys(reader: &mut Reader<'_>, at: &At<'_>, fields: &Fields<'_>) -> Secret {
    if let Some(at) = fields.get("api_key") {
        let message = "an account has either an `api_key` or AWS's `access_key_id`: leave one out";
        reader.problem_at_key(at, message);
    }
    let [id, key, token] = PARTS.map(|name| fields.read(reader, name, one_key));
    for (name, other) in [
        ("access_key_id", "secret_access_key"),
        ("secret_access_key", "access_key_id"),
    ] {
        if fields.get(name).is_none() {
            let there = if fields.get(other).is_some() {
                other
            } else {
                "session_token"
            };
            reader.problem_at_key(at, format!("`{there}` is there, but no `{name}`: add it"));
        }
    }
    let is_empty = |key: &Option<String>| key.as_deref() == Some("");
    if is_empty(&id) && is_empty(&key) {
        return Secret::new("");
    }
    for (name, value) in [("access_key_id", &id), ("secret_access_key", &key)] {
        if let (Some(at), true) = (fields.get(name), is_empty(value)) {
            reader.problem(at, "this is empty, but the other half of the key is not");
        }
    }
    let keys = AwsKeys::new(id.unwrap_or_default(), key.unwrap_or_default())
        .with_session_token(token.unwrap_or_default());
    keys.to_secret()
}

fn one_key(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let key = reader.text(at)?;
    let key = key.trim();
    if HeaderValue::from_str(key).is_err() {
        let message = "this key has characters that no HTTP header may hold, perhaps a line break";
        reader.problem(at, message);
        return None;
    }
    Some(key.to_owned())
}

fn region(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.text(at)?;
    let region = text.trim();
    if !is_region(region) {
        let written = Reader::written(at);
        let message = format!("{written} is not a region of AWS; write e.g. us-east-1");
        reader.problem(at, message);
        return None;
    }
    Some(region.to_owned())
}

fn api(reader: &mut Reader<'_>, at: &At<'_>) -> Option<BedrockApi> {
    let text = reader.text(at)?;
    match text.as_str() {
        "by-model" => Some(BedrockApi::ByModel),
        "converse" => Some(BedrockApi::Converse),
        "invoke" => Some(BedrockApi::Invoke),
        _ => {
            let hint = did_you_mean(&text, ["by-model", "converse", "invoke"]);
            let written = Reader::written(at);
            let message = format!(
                "{written} is not one of Bedrock's ways{hint}; known are by-model, converse and invoke"
            );
            reader.problem(at, message);
            None
        }
    }
}

fn betas(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Vec<String>> {
    let items = reader.list(at, "a list of `anthropic-beta` values")?;
    Some(items.iter().filter_map(|at| reader.text(at)).collect())
}
