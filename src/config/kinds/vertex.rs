//! `kind: vertex`.

use std::sync::Arc;

use http::HeaderMap;

use super::{Access, CloudConfig, SignIn, google, set};
use crate::{
    config::{
        known::account_name,
        model::{AccountConfig, Kind, ProviderConfig},
        reader::{At, Fields, Reader},
        url::parse_base_url,
    },
    credential::google::GoogleAccount,
    error::Error,
    provider::{Provider, Vertex},
};

pub(super) const KEYS: [&str; 2] = ["project", "location"];
pub(super) const ACCOUNT_KEYS: [&str; 2] = ["credentials_file", "credentials_json"];

const PROJECT: &str = "GOOGLE_CLOUD_PROJECT";
const LOCATION: &str = "GOOGLE_CLOUD_LOCATION";

/// The settings of `kind: vertex`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VertexConfig {
    /// The project; none in express mode, where all accounts have keys.
    pub project: Option<String>,
    /// The location; `global` unless said.
    pub location: String,
    /// Another address than Google's, with its version segment.
    pub base_url: Option<String>,
}

impl VertexConfig {
    pub(super) fn provider(
        &self,
        name: &str,
        headers: &HeaderMap,
    ) -> Result<Arc<dyn Provider>, Error> {
        let mut vertex = match &self.project {
            Some(project) => Vertex::new(name.to_owned(), project, &self.location)?,
            None => Vertex::express(name.to_owned())?,
        };
        if let Some(url) = &self.base_url {
            vertex = vertex.with_base_url(url)?;
        }
        for (name, value) in headers {
            vertex = vertex.header(name.clone(), value.clone());
        }
        Ok(Arc::new(vertex))
    }
}

pub(super) fn settings(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    fields: &Fields<'_>,
    accounts: &[AccountConfig],
) -> Option<VertexConfig> {
    if let Some(at) = fields.get("health") {
        let message =
            "Vertex has no list of models that an account's key is asked for: leave `health` out";
        reader.problem_at_key(at, message);
    }
    let stated = fields.read(reader, "project", Reader::text);
    let project = stated
        .or_else(|| set(reader.env, PROJECT))
        .or_else(|| accounts.iter().find_map(project));
    let express = !accounts.is_empty() && accounts.iter().all(|account| account.sign_in.is_none());
    if project.is_none() && fields.get("project").is_none() && !express && fields.readable {
        let message = format!(
            "it needs its `project`, or set {PROJECT}; only accounts with an `api_key` do without"
        );
        reader.problem_at_key(at, message);
        return None;
    }
    let location = fields.read(reader, "location", Reader::text);
    let location = location.or_else(|| set(reader.env, LOCATION));
    let base_url = fields.read(reader, "base_url", |reader, at| {
        let text = reader.text(at)?;
        let read = parse_base_url(&text, "").map_err(|why| {
            let message =
                format!("this is not a base URL: {why}; leave it out to call Google itself");
            reader.problem(at, message);
        });
        read.ok()
    });
    Some(VertexConfig {
        project,
        location: location.unwrap_or_else(|| "global".to_owned()),
        base_url,
    })
}

fn project(account: &AccountConfig) -> Option<String> {
    match account.sign_in.as_ref()? {
        SignIn::Google(account) => account.project().map(str::to_owned),
        _ => None,
    }
}

/// `credentials_file` or `credentials_json`.
pub(super) fn sign_in(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Option<SignIn>> {
    let (file, json) = (
        fields.get("credentials_file"),
        fields.get("credentials_json"),
    );
    let at = file.or(json)?;
    if let (Some(_), Some(json)) = (file, json) {
        reader.problem_at_key(
            json,
            "write `credentials_file` or `credentials_json`, not both",
        );
    }
    let Some(text) = reader.text(at) else {
        return Some(None);
    };
    let account = match file {
        Some(_) => google::from_file(text.trim()),
        None => GoogleAccount::from_json(&text).map_err(|error| error.message().to_owned()),
    };
    match account {
        Ok(account) => Some(Some(SignIn::Google(account))),
        Err(why) => {
            reader.problem_at_key(at, why);
            Some(None)
        }
    }
}

/// `GOOGLE_APPLICATION_CREDENTIALS` and `GOOGLE_CLOUD_PROJECT`.
///
/// # Errors
/// What it lacks, or is wrong with it.
pub(super) fn from_env(
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<ProviderConfig, Vec<String>> {
    if !is_meant(env) {
        return Err(vec![format!(
            "`vertex` is not in the environment: set {} and {PROJECT}, or list it under `providers`",
            google::FILE
        )]);
    }
    let account = google::usual(env).map_err(|why| vec![why])?;
    let vertex = VertexConfig {
        project: set(env, PROJECT),
        location: set(env, LOCATION).unwrap_or_else(|| "global".to_owned()),
        base_url: None,
    };
    let account = Access::sign_in(SignIn::Google(account)).account(account_name("vertex", 0));
    CloudConfig::Vertex(vertex).into_provider(Kind::Vertex, vec![account])
}

/// Is all of it there? A machine's own account is, for other reasons too.
pub(super) fn is_meant(env: &dyn Fn(&str) -> Option<String>) -> bool {
    set(env, google::FILE).is_some() && set(env, PROJECT).is_some()
}
