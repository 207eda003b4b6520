//! What is made of a provider: who speaks its dialect, and its accounts.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    Config, Kind, ProviderConfig,
    egress::{Egresses, Exit},
    health::Check,
    listed,
    timeouts::OwnTimeouts,
};
use crate::{
    dialect::{Bridge, Prefill, Quirks},
    error::Error,
    provider::{Compatible, Provider, preset},
    upstream::{Account, Deployment},
};

/// A provider and its accounts, ready to be used in pools.
pub(super) struct Parts {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) accounts: Vec<Member>,
    /// Their places, in the order of their names.
    by_name: Vec<usize>,
    pub(super) timeouts: OwnTimeouts,
    /// What the catalogue calls the provider.
    pub(super) catalogue: Option<&'static str>,
}

pub(super) struct Member {
    pub(super) account: Arc<Account>,
    /// The same, by how long it may take to connect: a model may have a time of its own.
    pub(super) exits: Vec<(Duration, Arc<Account>)>,
    pub(super) weight: u32,
    pub(super) enabled: bool,
}

impl Parts {
    pub(super) fn new(
        config: &ProviderConfig,
        all: &Config,
        egresses: &Egresses<'_>,
    ) -> Result<Self, Error> {
        let timeouts = config.timeouts.unwrap_or_default();
        let connect = timeouts.connect(&all.timeouts);
        let provider = match &config.cloud {
            Some(cloud) => cloud.provider(&config.name, &config.headers)?,
            None => Arc::new(compatible(config)?),
        };
        let accounts = config.accounts.iter().map(|account| {
            let exit = Exit::of(account, config, connect);
            let name = account.name.as_str();
            let mut built = match &account.sign_in {
                Some(sign_in) => {
                    // What belongs to the machine is not asked for through a proxy.
                    let exit = match sign_in.is_of_machine() {
                        true => Exit::new(None, connect),
                        false => exit,
                    };
                    sign_in.account(name, egresses.client(exit))?
                }
                None => Account::new(name, account.api_key.clone()),
            };
            built = built.with_limits(account.limits.clone());
            if let Some(group) = &account.group {
                built = built.with_group(group.as_str());
            }
            if let Some(name) = egresses.name(exit) {
                built = built.with_egress(name);
            }
            let exits = egresses.all_like(exit).map(|(connect, name)| {
                let mut account = built.clone();
                account.egress = name;
                (connect, Arc::new(account))
            });
            Ok(Member {
                exits: exits.collect(),
                account: Arc::new(built),
                weight: account.weight,
                enabled: account.enabled,
            })
        });
        let accounts = accounts.collect::<Result<_, Error>>()?;
        let name = |at: &usize| config.accounts.get(*at).map(|account| &account.name);
        let mut by_name: Vec<usize> = (0..config.accounts.len()).collect();
        by_name.sort_by_key(name);
        Ok(Self {
            provider,
            accounts,
            by_name,
            timeouts,
            catalogue: listed::vendor(config),
        })
    }

    /// The accounts of these names, in the provider's order; all if there are none. Thousands of deployments may name one of thousands each.
    pub(super) fn members(&self, names: &[String]) -> Vec<&Member> {
        if names.is_empty() {
            return self.accounts.iter().collect();
        }
        let name = |at: usize| {
            self.accounts
                .get(at)
                .map_or("", |member| &*member.account.name)
        };
        let named = names.iter().flat_map(|wanted| {
            let first = self
                .by_name
                .partition_point(|at| name(*at) < wanted.as_str());
            let same = self.by_name.iter().skip(first);
            same.take_while(move |at| name(**at) == wanted)
        });
        let places: BTreeSet<usize> = named.copied().collect();
        let members = places.into_iter();
        members.filter_map(|at| self.accounts.get(at)).collect()
    }

    pub(super) fn checks(&self, config: &ProviderConfig) -> Vec<Check> {
        // Whoever has nothing to ask for was refused when the configuration was read.
        let (Some(health), Some(path)) = (config.health, self.provider.probe()) else {
            return Vec::new();
        };
        let path: Arc<str> = path.into();
        let in_use = self.accounts.iter().filter(|member| member.enabled);
        in_use
            .map(|member| {
                let provider = self.provider.clone();
                let deployment = Deployment::new(provider, member.account.clone(), "");
                Check::new(health.interval, Arc::new(deployment), path.clone())
            })
            .collect()
    }
}

/// A vendor of which all there is to know is its address and its dialect.
fn compatible(config: &ProviderConfig) -> Result<Compatible, Error> {
    let mut compatible = match config.kind {
        Kind::OpenAiCompatible => Compatible::openai(config.name.clone(), &config.base_url),
        Kind::AnthropicCompatible => Compatible::anthropic(config.name.clone(), &config.base_url),
        Kind::GeminiCompatible => Compatible::gemini(config.name.clone(), &config.base_url),
        Kind::ResponsesCompatible => Compatible::responses(config.name.clone(), &config.base_url),
        Kind::Cohere => Compatible::cohere(config.name.clone(), &config.base_url),
        Kind::Azure | Kind::Bedrock | Kind::Vertex => {
            Err(Error::invalid("kind", "its settings are missing"))
        }
    }?;
    let known = config.preset.and_then(preset);
    let mut quirks = known.map_or(Quirks::NONE, |known| known.quirks.clone());
    // There, and there only, DeepSeek's models go on with a message.
    if config.preset == Some("deepseek") && config.base_url.ends_with("/beta") {
        quirks.prefill = Prefill::Prefix;
    }
    quirks.prefill = config.prefill.unwrap_or(quirks.prefill);
    compatible = compatible.quirks(quirks);
    if let Some(on) = config.bridge {
        compatible = compatible.bridge(on.then_some(&Bridge::OPENAI));
    }
    for (name, value) in &config.headers {
        compatible = compatible.header(name.clone(), value.clone());
    }
    Ok(compatible)
}
