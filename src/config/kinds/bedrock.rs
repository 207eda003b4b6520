//! `kind: bedrock`: a region, and accounts with AWS's keys.

use http::HeaderValue;

use crate::{
    config::{
        known::Known,
        model::{Kind, ProviderConfig},
        nearest::did_you_mean,
        reader::{At, Fields, Reader},
    },
    credential::Secret,
    error::Error,
    provider::{
        Bedrock, BedrockApi,
        aws::{AwsKeys, KeySource},
        is_region,
    },
};

/// What there is to know about it without a file.
pub(in crate::config) const KNOWN: Known = Known {
    name: "bedrock",
    kind: Kind::Bedrock,
    // It depends on the region.
    base_url: "",
    key_env: &["AWS_BEARER_TOKEN_BEDROCK"],
    from_env: true,
};

/// What only its accounts have.
pub(in crate::config) const ACCOUNT_KEYS: [&str; 4] = [
    "access_key_id",
    "secret_access_key",
    "session_token",
    "keys_from",
];

/// The parts of a key.
const PARTS: [&str; 3] = ["access_key_id", "secret_access_key", "session_token"];

/// The other variables its keys may be in, for messages.
pub(in crate::config) const VARIABLES: &str = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// How to say the region.
pub(in crate::config) const REGION: &str =
    "write e.g. region: us-east-1 under its name in `providers`, or set AWS_REGION";

/// What a provider of the kind `bedrock` says besides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BedrockConfig {
    /// The region requests are signed for.
    pub region: String,
    /// By which of Bedrock's ways models are called: by their id, unless it says otherwise.
    pub api: BedrockApi,
    /// Values of callers' `anthropic-beta` that are passed on besides those known to be known there.
    pub betas: Vec<String>,
}

impl BedrockConfig {
    /// The usual address of its region.
    pub(in crate::config) fn base_url(&self) -> String {
        Bedrock::address(&self.region)
    }

    pub(in crate::config) fn provider(&self, config: &ProviderConfig) -> Result<Bedrock, Error> {
        let mut bedrock = Bedrock::new(config.name.clone(), self.region.as_str())?
            .with_base_url(&config.base_url)?
            .api(self.api);
        for beta in &self.betas {
            bedrock = bedrock.beta(beta.as_str());
        }
        for (name, value) in &config.headers {
            bedrock = bedrock.header(name.clone(), value.clone());
        }
        Ok(bedrock)
    }
}

/// Its settings and its address, if that is the kind; else these keys should not be there.
pub(in crate::config) fn settings(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    fields: &Fields<'_>,
    kind: Kind,
    base_url: String,
) -> (Option<BedrockConfig>, String) {
    if kind != Kind::Bedrock {
        for name in ["region", "api", "betas"] {
            if let Some(at) = fields.get(name) {
                let message = format!("only providers of kind bedrock have `{name}`: leave it out");
                reader.problem_at_key(at, message);
            }
        }
        return (None, base_url);
    }
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
    let config = BedrockConfig {
        region: region.unwrap_or_default(),
        api: fields.read(reader, "api", api).unwrap_or_default(),
        betas: fields.read(reader, "betas", betas).unwrap_or_default(),
    };
    let base_url = if base_url.is_empty() {
        config.base_url()
    } else {
        base_url
    };
    (Some(config), base_url)
}

/// Its settings as the environment has them.
pub(in crate::config) fn usual(env: &dyn Fn(&str) -> Option<String>) -> BedrockConfig {
    BedrockConfig {
        region: usual_region(env).unwrap_or_default(),
        api: BedrockApi::default(),
        betas: Vec::new(),
    }
}

pub(in crate::config) fn usual_region(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .filter_map(env)
        .map(|region| region.trim().to_owned())
        .find(|region| is_region(region))
}

/// Is it meant to be used, without a file that says so? AWS's keys are mostly there for other reasons, Bedrock's own is not.
pub(in crate::config) fn is_in(env: &dyn Fn(&str) -> Option<String>) -> bool {
    let bearer = env("AWS_BEARER_TOKEN_BEDROCK").is_some_and(|key| !key.trim().is_empty());
    bearer && usual_region(env).is_some()
}

/// AWS's keys in the environment.
pub(in crate::config) fn usual_keys(env: &dyn Fn(&str) -> Option<String>) -> Option<Secret> {
    let read = |name| {
        let value = env(name).map(|value| value.trim().to_owned());
        value.filter(|value| !value.is_empty() && HeaderValue::from_str(value).is_ok())
    };
    let keys = AwsKeys::new(read("AWS_ACCESS_KEY_ID")?, read("AWS_SECRET_ACCESS_KEY")?);
    let token = read("AWS_SESSION_TOKEN").unwrap_or_default();
    Some(keys.with_session_token(token).to_secret())
}

/// Does an account have any of AWS's keys?
pub(in crate::config) fn has_keys(fields: &Fields<'_>) -> bool {
    PARTS.iter().any(|name| fields.get(name).is_some())
}

/// Who gives an account its keys, if that is said.
pub(in crate::config) fn keys_from(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
) -> Option<KeySource> {
    let at = fields.get("keys_from")?;
    if fields.get("api_key").is_some() || has_keys(fields) {
        let message = "an account has either a key or `keys_from`: leave one out";
        reader.problem_at_key(at, message);
    }
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
pub(in crate::config) fn keys(reader: &mut Reader<'_>, at: &At<'_>, fields: &Fields<'_>) -> Secret {
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
