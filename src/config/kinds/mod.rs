//! Kinds of providers that have settings and accounts of their own.

mod azure;
mod bedrock;
mod google;
mod vertex;

use std::{
    fmt::{self, Formatter},
    sync::Arc,
};

use http::HeaderMap;

pub use self::{azure::AzureConfig, bedrock::BedrockConfig, vertex::VertexConfig};
use super::{
    accounts::{Owner, accounts},
    known::account_name,
    model::{AccountConfig, Kind, ProviderConfig},
    reader::{At, Fields, Reader},
    yaml::Data,
};
use crate::{
    client::Client,
    credential::{Secret, TokenClient, entra::EntraAccount, google::GoogleAccount},
    error::Error,
    provider::{
        Provider,
        aws::{AmbientKeys, KeySource},
    },
    upstream::Account,
};

/// What only one kind of provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloudConfig {
    /// `kind: azure`.
    Azure(AzureConfig),
    /// `kind: bedrock`.
    Bedrock(BedrockConfig),
    /// `kind: vertex`.
    Vertex(VertexConfig),
}

/// Who gives an account its tokens or keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignIn {
    /// A container or a machine of AWS's.
    Aws(KeySource),
    /// An application in Microsoft Entra.
    Entra(EntraAccount),
    /// An account of Google's.
    Google(GoogleAccount),
}

/// Such a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    Azure,
    Bedrock,
    Vertex,
}

/// An account's key, or whoever gives it one.
pub(super) struct Access {
    key: Secret,
    sign_in: Option<SignIn>,
}

const CLOUDS: [Cloud; 3] = [Cloud::Azure, Cloud::Bedrock, Cloud::Vertex];

/// Their names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CLOUDS.into_iter().map(|cloud| cloud.kind().as_str())
}

/// Those that the environment says everything of.
pub(super) fn all_from_env(
    env: &dyn Fn(&str) -> Option<String>,
) -> impl Iterator<Item = ProviderConfig> {
    let meant = CLOUDS.into_iter().filter(|cloud| cloud.is_meant(env));
    meant.filter_map(|cloud| match cloud.in_env(env) {
        Ok(provider) => Some(provider),
        Err(why) => {
            let name = cloud.kind().as_str();
            tracing::warn!(why = why.join("; "), "`{name}` is left out");
            None
        }
    })
}

/// What is wrong with a key that reads as if every kind had it.
pub(super) fn misplaced(key: &str) -> Option<String> {
    let misplaced = bedrock::KEYS.contains(&key);
    misplaced.then(|| format!("only providers of kind bedrock have `{key}`: leave it out"))
}

impl Cloud {
    /// The one that is called so.
    pub(super) fn named(name: &str) -> Option<Self> {
        CLOUDS
            .into_iter()
            .find(|cloud| cloud.kind().as_str() == name)
    }

    /// The kind that is written, else the one that the provider is called after.
    pub(super) fn of(reader: &Reader<'_>, name: &str, at: &At<'_>) -> Option<Self> {
        match entry(reader, at, "kind") {
            Some(kind) => Self::named(&kind?),
            None => Self::named(name),
        }
    }

    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Azure => Kind::Azure,
            Self::Bedrock => Kind::Bedrock,
            Self::Vertex => Kind::Vertex,
        }
    }

    /// Its own keys.
    pub(super) const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Azure => &azure::KEYS,
            Self::Bedrock => &bedrock::KEYS,
            Self::Vertex => &vertex::KEYS,
        }
    }

    /// Its accounts' own keys.
    pub(super) const fn account_keys(self) -> &'static [&'static str] {
        match self {
            Self::Azure => &azure::ACCOUNT_KEYS,
            Self::Bedrock => &bedrock::ACCOUNT_KEYS,
            Self::Vertex => &vertex::ACCOUNT_KEYS,
        }
    }

    /// Its address, its accounts and its settings.
    pub(super) fn read(
        self,
        reader: &mut Reader<'_>,
        name: &str,
        at: &At<'_>,
        fields: &Fields<'_>,
    ) -> (String, Vec<AccountConfig>, Option<CloudConfig>) {
        let address = entry(reader, at, "base_url").flatten();
        let owner = Owner::of_cloud(name, self, address.unwrap_or_default().trim());
        let accounts = accounts(reader, at, fields, owner);
        let settings = match self {
            Self::Azure => azure::settings(reader, at, fields).map(CloudConfig::Azure),
            Self::Bedrock => bedrock::settings(reader, at, fields).map(CloudConfig::Bedrock),
            Self::Vertex => {
                vertex::settings(reader, at, fields, &accounts).map(CloudConfig::Vertex)
            }
        };
        let Some(settings) = settings else {
            return (String::new(), accounts, None);
        };
        match settings.base_url(name) {
            Ok(base_url) => (base_url, accounts, Some(settings)),
            Err(error) => {
                let place = error
                    .param()
                    .and_then(|param| fields.get(param))
                    .unwrap_or(at);
                reader.problem_at_key(place, error.message());
                (String::new(), accounts, None)
            }
        }
    }

    /// What an account says in keys of this kind, if in any.
    pub(super) fn stated(
        self,
        reader: &mut Reader<'_>,
        at: &At<'_>,
        fields: &Fields<'_>,
    ) -> Option<Access> {
        let sign_in = match self {
            Self::Azure => azure::sign_in(reader, fields),
            Self::Bedrock => return bedrock::stated(reader, at, fields),
            Self::Vertex => vertex::sign_in(reader, fields),
        }?;
        if let Some(key) = fields.get("api_key") {
            let message = "an account has either a key or an account to sign in with";
            reader.problem_at_key(key, message);
        }
        Some(sign_in.map_or_else(Access::none, Access::sign_in))
    }

    /// What an account uses that says nothing of it.
    pub(super) fn usual(self, reader: &mut Reader<'_>, at: &At<'_>, owner: &Owner<'_>) -> Access {
        let why = match self {
            Self::Bedrock => return bedrock::usual(reader, at, owner),
            Self::Azure => match azure::key(reader.env).filter(|_| owner.alone) {
                Some(key) => return Access::key(key),
                None => "an account needs an `api_key`, or `entra: { tenant: …, client_id: …, client_secret: … }`; or set AZURE_OPENAI_API_KEY".to_owned(),
            },
            Self::Vertex => match google::usual(reader.env) {
                Ok(account) => return Access::sign_in(SignIn::Google(account)),
                Err(why) => why,
            },
        };
        reader.problem_at_key(at, why);
        Access::none()
    }

    /// The accounts of a provider that lists none.
    pub(super) fn usual_accounts(
        self,
        reader: &mut Reader<'_>,
        at: &At<'_>,
        owner: &Owner<'_>,
    ) -> Vec<AccountConfig> {
        match self {
            Self::Azure | Self::Vertex => {
                let access = self.usual(reader, at, owner);
                vec![access.account(account_name(owner.name, 0))]
            }
            Self::Bedrock => bedrock::usual_accounts(reader, at, owner),
        }
    }

    /// The provider that a model names without one that is listed: as the environment has it.
    pub(super) fn unlisted(self, reader: &mut Reader<'_>, at: &At<'_>) -> ProviderConfig {
        self.in_env(reader.env).unwrap_or_else(|lacks| {
            for why in lacks {
                reader.problem(at, why);
            }
            provider(self.kind(), String::new(), None, Vec::new())
        })
    }

    /// Is all of it in the environment, and there for nothing else?
    fn is_meant(self, env: &dyn Fn(&str) -> Option<String>) -> bool {
        match self {
            Self::Azure => azure::is_meant(env),
            Self::Bedrock => bedrock::is_meant(env),
            Self::Vertex => vertex::is_meant(env),
        }
    }

    fn in_env(self, env: &dyn Fn(&str) -> Option<String>) -> Result<ProviderConfig, Vec<String>> {
        match self {
            Self::Azure => azure::from_env(env),
            Self::Bedrock => bedrock::from_env(env),
            Self::Vertex => vertex::from_env(env),
        }
    }
}

impl Access {
    pub(super) const fn key(key: Secret) -> Self {
        Self { key, sign_in: None }
    }

    fn sign_in(sign_in: SignIn) -> Self {
        Self {
            key: Secret::new(""),
            sign_in: Some(sign_in),
        }
    }

    /// No key is needed, or none could be read.
    fn none() -> Self {
        Self::key(Secret::new(""))
    }

    pub(super) fn account(self, name: String) -> AccountConfig {
        let mut account = AccountConfig::new(name, self.key);
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
            Self::Bedrock(bedrock) => bedrock.provider(name, headers),
            Self::Vertex(vertex) => vertex.provider(name, headers),
        }
    }

    /// What its address does not say, for a plan.
    pub(super) fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bedrock(bedrock) => write!(f, ", region {}", bedrock.region),
            Self::Azure(_) | Self::Vertex(_) => Ok(()),
        }
    }

    fn base_url(&self, name: &str) -> Result<String, Error> {
        let provider = self.provider(name, &HeaderMap::new())?;
        let base_url = provider.base_url().to_string();
        Ok(base_url.trim_end_matches('/').to_owned())
    }

    /// A provider of this kind that is called after it.
    fn into_provider(
        self,
        kind: Kind,
        accounts: Vec<AccountConfig>,
    ) -> Result<ProviderConfig, Vec<String>> {
        let base_url = self.base_url(kind.as_str());
        let base_url = base_url.map_err(|error| vec![error.message().to_owned()])?;
        Ok(provider(kind, base_url, Some(self), accounts))
    }
}

impl SignIn {
    /// Is it of the machine itself? No proxy reaches that.
    pub(super) const fn is_of_machine(&self) -> bool {
        match self {
            Self::Aws(_) => true,
            Self::Entra(_) => false,
            Self::Google(account) => account.is_machine(),
        }
    }

    /// The account whose tokens or keys are asked for through `client`.
    pub(super) fn account(&self, name: &str, client: &Client) -> Result<Account, Error> {
        let client = client.clone();
        Ok(match self {
            Self::Aws(source) => Account::new(name, AmbientKeys::new(client, source.clone())),
            Self::Entra(account) => Account::new(name, account.source(TokenClient::new(client))?),
            Self::Google(account) => Account::new(name, account.source(TokenClient::new(client))?),
        })
    }
}

/// What it gives, for people.
impl fmt::Display for SignIn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws(KeySource::Container { .. }) => f.write_str("the container's keys"),
            Self::Aws(KeySource::Instance { .. }) => f.write_str("the machine's keys"),
            Self::Entra(_) => f.write_str("tokens of a Microsoft Entra application"),
            Self::Google(account) => write!(f, "tokens of {}", account.title()),
        }
    }
}

/// A provider that is called after its kind.
fn provider(
    kind: Kind,
    base_url: String,
    cloud: Option<CloudConfig>,
    accounts: Vec<AccountConfig>,
) -> ProviderConfig {
    ProviderConfig {
        name: kind.as_str().to_owned(),
        preset: None,
        kind,
        base_url,
        cloud,
        bridge: None,
        prefill: None,
        headers: HeaderMap::new(),
        health: None,
        proxy: None,
        http2: false,
        timeouts: None,
        accounts,
    }
}

/// The text of a key before the mapping is read; the inner none if it is none.
fn entry(reader: &Reader<'_>, at: &At<'_>, key: &str) -> Option<Option<String>> {
    let Data::Map(entries) = &at.node.data else {
        return None;
    };
    let entry = entries.iter().find(|entry| entry.key == key)?;
    Some(reader.peek(&entry.value))
}

/// A variable that is set, and not empty.
fn set(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    let value = env(name)?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}
