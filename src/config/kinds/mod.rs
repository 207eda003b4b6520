//! Kinds of providers that have settings and accounts of their own.

mod azure;
mod google;
mod vertex;

use std::sync::Arc;

use http::HeaderMap;

pub use self::{azure::AzureConfig, vertex::VertexConfig};
use super::{
    known::account_name,
    model::{AccountConfig, Kind, ProviderConfig},
    reader::{At, Fields, Reader},
    yaml::Data,
};
use crate::{
    client::Client,
    credential::{Secret, TokenClient, TokenSource, entra::EntraAccount, google::GoogleAccount},
    error::Error,
    provider::Provider,
};

/// What only one kind of provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloudConfig {
    /// `kind: azure`.
    Azure(AzureConfig),
    /// `kind: vertex`.
    Vertex(VertexConfig),
}

/// Who asks for an account's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignIn {
    /// An application in Microsoft Entra.
    Entra(EntraAccount),
    /// An account of Google's.
    Google(GoogleAccount),
}

/// Such a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    Azure,
    Vertex,
}

/// The key, or whoever signs in, of an account that says neither.
pub(super) struct Usual {
    pub(super) key: Secret,
    pub(super) sign_in: Option<SignIn>,
}

const CLOUDS: [Cloud; 2] = [Cloud::Azure, Cloud::Vertex];

/// Those that the environment says everything of.
pub(super) fn all_from_env(
    env: &dyn Fn(&str) -> Option<String>,
) -> impl Iterator<Item = ProviderConfig> {
    CLOUDS
        .iter()
        .filter_map(|cloud| from_env(cloud.kind().as_str(), env))
}

/// The one of that name, if the environment says everything of it.
pub(super) fn from_env(name: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<ProviderConfig> {
    match CLOUDS
        .into_iter()
        .find(|cloud| cloud.kind().as_str() == name)?
    {
        Cloud::Azure => azure::from_env(env),
        Cloud::Vertex => vertex::from_env(env),
    }
}

impl Cloud {
    /// The kind that is written, else the one that the provider is called after.
    pub(super) fn of(name: &str, at: &At<'_>) -> Option<Self> {
        let named = |name: &str| {
            CLOUDS
                .into_iter()
                .find(|cloud| cloud.kind().as_str() == name)
        };
        let Data::Map(entries) = &at.node.data else {
            return named(name);
        };
        match entries.iter().find(|entry| entry.key == "kind") {
            Some(kind) => match &kind.value.data {
                Data::Scalar { text, .. } => named(text),
                _ => None,
            },
            None => named(name),
        }
    }

    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Azure => Kind::Azure,
            Self::Vertex => Kind::Vertex,
        }
    }

    /// Its own keys.
    pub(super) const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Azure => &azure::KEYS,
            Self::Vertex => &vertex::KEYS,
        }
    }

    /// Its accounts' own keys.
    pub(super) const fn account_keys(self) -> &'static [&'static str] {
        match self {
            Self::Azure => &azure::ACCOUNT_KEYS,
            Self::Vertex => &vertex::ACCOUNT_KEYS,
        }
    }

    /// Its address and its settings.
    pub(super) fn settings(
        self,
        reader: &mut Reader<'_>,
        name: &str,
        at: &At<'_>,
        fields: &Fields<'_>,
        accounts: &[AccountConfig],
    ) -> (String, Option<CloudConfig>) {
        let settings = match self {
            Self::Azure => azure::settings(reader, at, fields).map(CloudConfig::Azure),
            Self::Vertex => vertex::settings(reader, at, fields, accounts).map(CloudConfig::Vertex),
        };
        let Some(settings) = settings else {
            return (String::new(), None);
        };
        match settings.provider(name, &HeaderMap::new()) {
            Ok(provider) => (provider.base_url().to_string(), Some(settings)),
            Err(error) => {
                let place = error
                    .param()
                    .and_then(|param| fields.get(param))
                    .unwrap_or(at);
                reader.problem_at_key(place, error.message());
                (String::new(), None)
            }
        }
    }

    /// Who signs in, if anybody is written; the inner none if it could not be read.
    pub(super) fn sign_in(
        self,
        reader: &mut Reader<'_>,
        fields: &Fields<'_>,
    ) -> Option<Option<SignIn>> {
        match self {
            Self::Azure => azure::sign_in(reader, fields),
            Self::Vertex => vertex::sign_in(reader, fields),
        }
    }

    /// What an account uses that says nothing of it.
    pub(super) fn usual(self, reader: &mut Reader<'_>, at: &At<'_>, alone: bool) -> Usual {
        let found = match self {
            Self::Azure if alone => azure::key(reader.env).map(Usual::key),
            Self::Azure => None,
            Self::Vertex => match google::usual(reader.env) {
                Ok(account) => Some(Usual::sign_in(SignIn::Google(account))),
                Err(why) => {
                    reader.problem_at_key(at, why);
                    return Usual::key(String::new());
                }
            },
        };
        found.unwrap_or_else(|| {
            let message = "an account needs an `api_key`, or `entra: { tenant: …, client_id: …, client_secret: … }`; or set AZURE_OPENAI_API_KEY";
            reader.problem_at_key(at, message);
            Usual::key(String::new())
        })
    }

    /// The accounts of a provider that lists none.
    pub(super) fn usual_accounts(
        self,
        reader: &mut Reader<'_>,
        name: &str,
        at: &At<'_>,
    ) -> Vec<AccountConfig> {
        vec![self.usual(reader, at, true).account(name)]
    }
}

impl Usual {
    fn key(key: String) -> Self {
        Self {
            key: Secret::new(key),
            sign_in: None,
        }
    }

    fn sign_in(sign_in: SignIn) -> Self {
        Self {
            key: Secret::new(""),
            sign_in: Some(sign_in),
        }
    }

    /// The first account of a provider.
    fn account(self, provider: &str) -> AccountConfig {
        let mut account = AccountConfig::new(account_name(provider, 0), self.key);
        account.sign_in = self.sign_in;
        account
    }
}

impl CloudConfig {
    /// The vendor.
    pub(super) fn provider(
        &self,
        name: &str,
        headers: &HeaderMap,
    ) -> Result<Arc<dyn Provider>, Error> {
        match self {
            Self::Azure(azure) => azure.provider(name, headers),
            Self::Vertex(vertex) => vertex.provider(name, headers),
        }
    }

    /// A provider of this kind that is called after it.
    fn named(self, kind: Kind, accounts: Vec<AccountConfig>) -> Option<ProviderConfig> {
        let name = kind.as_str();
        let provider = self.provider(name, &HeaderMap::new()).ok()?;
        Some(ProviderConfig {
            name: name.to_owned(),
            preset: None,
            kind,
            base_url: provider.base_url().to_string(),
            cloud: Some(self),
            headers: HeaderMap::new(),
            health: None,
            proxy: None,
            timeouts: None,
            accounts,
        })
    }
}

impl SignIn {
    /// What it is, for people.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Entra(_) => "a Microsoft Entra application",
            Self::Google(account) => account.title(),
        }
    }

    /// Its tokens, asked for through `client`.
    pub(super) fn source(&self, client: &Client) -> Result<TokenSource, Error> {
        let client = TokenClient::new(client.clone());
        match self {
            Self::Entra(account) => account.source(client),
            Self::Google(account) => account.source(client),
        }
    }
}

/// A variable that is set, and not empty.
fn set(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    let value = env(name)?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}
