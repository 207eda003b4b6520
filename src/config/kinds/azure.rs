//! `kind: azure`.

use std::sync::Arc;

use http::HeaderMap;

use super::{Access, CloudConfig, SignIn, set};
use crate::{
    config::{
        known::{account_name, keys_in},
        model::{Kind, ProviderConfig},
        reader::{At, Fields, Reader},
        url::parse_base_url,
    },
    credential::{Secret, entra::EntraAccount},
    error::Error,
    provider::{Azure, Provider},
};

pub(super) const KEYS: [&str; 3] = ["resource", "api_version", "responses"];
pub(super) const ACCOUNT_KEYS: [&str; 1] = ["entra"];

const ENDPOINT: &str = "AZURE_OPENAI_ENDPOINT";
const KEY: &str = "AZURE_OPENAI_API_KEY";

/// The settings of `kind: azure`. A model's name there is the name of its deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AzureConfig {
    /// The resource's address, `https://{resource}.openai.azure.com` or another one.
    pub endpoint: String,
    /// A date, e.g. `2024-10-21`, chooses the older API, whose URLs name the deployment. All others, and none, are of the v1 API.
    pub api_version: Option<String>,
    /// Are callers of OpenAI's Responses passed on to Azure's own? Yes, unless said.
    pub responses: bool,
}

impl AzureConfig {
    pub(super) fn provider(
        &self,
        name: &str,
        headers: &HeaderMap,
    ) -> Result<Arc<dyn Provider>, Error> {
        let mut azure = Azure::new(name.to_owned(), &self.endpoint)?;
        azure = match self.api_version.as_deref() {
            None => azure,
            Some(date) if date.starts_with(|c: char| c.is_ascii_digit()) => {
                azure.deployments(date)?
            }
            Some(version) => azure.v1(version)?,
        };
        if !self.responses {
            azure = azure.chat_only();
        }
        for (name, value) in headers {
            azure = azure.header(name.clone(), value.clone());
        }
        Ok(Arc::new(azure))
    }
}

pub(super) fn settings(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    fields: &Fields<'_>,
) -> Option<AzureConfig> {
    let resource = fields.get("resource");
    let endpoint = match (resource, fields.get("base_url")) {
        (Some(resource), None) => endpoint_of(reader, resource),
        (None, Some(url)) => base_url(reader, url),
        (Some(resource), Some(_)) => {
            reader.problem_at_key(
                resource,
                "`resource` and `base_url` say the same; write one of them",
            );
            None
        }
        (None, None) => {
            let endpoint = set(reader.env, ENDPOINT);
            if endpoint.is_none() && fields.readable {
                let message = "it needs its `resource`, e.g. contoso of contoso.openai.azure.com, or its `base_url`";
                reader.problem_at_key(at, message);
            }
            endpoint
        }
    };
    let version = fields.read(reader, "api_version", Reader::text);
    let responses = fields.read(reader, "responses", Reader::boolean);
    Some(AzureConfig {
        endpoint: endpoint?,
        api_version: version,
        responses: responses.unwrap_or(true),
    })
}

fn endpoint_of(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let name = reader.text(at)?;
    match Azure::resource("azure", name.trim()) {
        Ok(_) => Some(format!("https://{}.openai.azure.com", name.trim())),
        Err(error) => {
            reader.problem(at, error.message());
            None
        }
    }
}

fn base_url(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.text(at)?;
    let read = parse_base_url(&text, "").map_err(|why| {
        let message =
            format!("this is not a base URL: {why}; write e.g. https://contoso.openai.azure.com");
        reader.problem(at, message);
    });
    read.ok()
}

/// `entra: { tenant, client_id, client_secret }`.
pub(super) fn sign_in(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Option<SignIn>> {
    let at = fields.get("entra")?;
    Some(entra(reader, at).map(SignIn::Entra))
}

fn entra(reader: &mut Reader<'_>, at: &At<'_>) -> Option<EntraAccount> {
    const NEEDED: [&str; 3] = ["tenant", "client_id", "client_secret"];
    let known = [&NEEDED[..], &["authority"]].concat();
    let fields = reader.fields(at, &known)?;
    let missing: Vec<String> = NEEDED
        .iter()
        .filter(|name| fields.get(name).is_none())
        .map(|name| format!("`{name}`"))
        .collect();
    if !missing.is_empty() {
        let message = format!("it needs {}", missing.join(" and "));
        reader.problem_at_key(at, message);
    }
    let [tenant, id, secret] = NEEDED.map(|name| fields.read(reader, name, Reader::text));
    let authority = fields.read(reader, "authority", Reader::text);
    let secret = Secret::new(secret?.trim());
    let account = EntraAccount::new(tenant?.trim(), id?.trim(), secret);
    let account = match authority {
        Some(url) => account.and_then(|account| account.authority(&url)),
        None => account,
    };
    match account {
        Ok(account) => Some(account),
        Err(error) => {
            let place = error
                .param()
                .and_then(|param| fields.get(param))
                .unwrap_or(at);
            reader.problem_at_key(place, error.message());
            None
        }
    }
}

/// The key in the environment.
pub(super) fn key(env: &dyn Fn(&str) -> Option<String>) -> Option<Secret> {
    set(env, KEY).map(Secret::new)
}

/// `AZURE_OPENAI_ENDPOINT` and `AZURE_OPENAI_API_KEY`, or several keys in `AZURE_OPENAI_API_KEYS`.
///
/// # Errors
/// What it lacks.
pub(super) fn from_env(
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<ProviderConfig, Vec<String>> {
    let (endpoint, keys) = (set(env, ENDPOINT), keys_in(&[KEY], env));
    let Some(endpoint) = endpoint.filter(|_| !keys.is_empty()) else {
        return Err(vec![format!(
            "`azure` is not in the environment: set {ENDPOINT} and {KEY}, or list it under `providers`"
        )]);
    };
    let accounts = keys.into_iter().enumerate();
    let accounts =
        accounts.map(|(index, key)| Access::key(key).account(account_name("azure", index)));
    let azure = AzureConfig {
        endpoint,
        api_version: set(env, "OPENAI_API_VERSION"),
        responses: true,
    };
    CloudConfig::Azure(azure).into_provider(Kind::Azure, accounts.collect())
}

/// Is all of it there?
pub(super) fn is_meant(env: &dyn Fn(&str) -> Option<String>) -> bool {
    set(env, ENDPOINT).is_some() && !keys_in(&[KEY], env).is_empty()
}
