//! The vendors that need nothing but accounts.

use super::{
    kinds,
    model::{AccountConfig, Kind, ProviderConfig},
    nearest::did_you_mean,
};
use crate::{
    credential::Secret,
    provider::{PresetDialect, presets},
};

/// What configurations need to know about a known vendor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) base_url: &'static str,
    /// The variables its key may be in, the first one first; empty if it needs no key.
    pub(super) key_env: &'static [&'static str],
    /// Does its key alone make it a provider, without a file?
    pub(super) from_env: bool,
}

/// All known vendors.
pub(super) fn all() -> impl Iterator<Item = Known> {
    presets().iter().map(|preset| Known {
        name: preset.name,
        kind: match preset.dialect {
            PresetDialect::OpenAiChat => Kind::OpenAiCompatible,
            PresetDialect::Anthropic => Kind::AnthropicCompatible,
            PresetDialect::Cohere => Kind::Cohere,
            PresetDialect::Gemini => Kind::GeminiCompatible,
        },
        base_url: preset.base_url,
        key_env: preset.key_env,
        from_env: preset.from_env,
    })
}

/// The names that say what a provider is: of known vendors, and of clouds.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|known| known.name).chain(kinds::names())
}

/// The known vendor of that name.
pub(super) fn known(name: &str) -> Option<Known> {
    all().find(|known| known.name == name)
}

/// The end of a message about a name that is unknown.
pub(super) fn hint(name: &str) -> String {
    did_you_mean(name, names())
}

impl Known {
    /// The accounts of the keys in the environment: one of `X_API_KEY`, several of `X_API_KEYS=a,b,c`. A vendor that needs no
    /// key has one account anyway.
    pub(super) fn accounts(&self, env: &dyn Fn(&str) -> Option<String>) -> Vec<AccountConfig> {
        let mut keys = self.secrets(env);
        if keys.is_empty() && self.key_env.is_empty() {
            keys.push(Secret::new(""));
        }
        keys.into_iter()
            .enumerate()
            .map(|(index, key)| AccountConfig::new(account_name(self.name, index), key))
            .collect()
    }

    /// The keys in the environment, as accounts hold them.
    pub(super) fn secrets(&self, env: &dyn Fn(&str) -> Option<String>) -> Vec<Secret> {
        keys_in(self.key_env, env)
    }

    /// The vendor as it is, with these accounts.
    pub(super) fn provider(&self, accounts: Vec<AccountConfig>) -> ProviderConfig {
        ProviderConfig {
            name: self.name.to_owned(),
            preset: Some(self.name),
            kind: self.kind,
            base_url: self.base_url.to_owned(),
            cloud: None,
            bridge: None,
            prefill: None,
            headers: http::HeaderMap::new(),
            health: None,
            proxy: None,
            http2: false,
            timeouts: None,
            accounts,
        }
    }

    /// The variables its key may be in, for messages.
    pub(super) fn variables(&self) -> String {
        self.key_env.join(" or ")
    }
}

/// The keys in the environment; of several variables the first that is set counts.
pub(super) fn keys_in(variables: &[&str], env: &dyn Fn(&str) -> Option<String>) -> Vec<Secret> {
    for variable in variables {
        let mut keys: Vec<&str> = Vec::new();
        let one = env(variable).unwrap_or_default();
        let several = env(&format!("{variable}S")).unwrap_or_default();
        for key in std::iter::once(one.as_str()).chain(several.split(',')) {
            let key = key.trim();
            if !key.is_empty() && !keys.contains(&key) {
                keys.push(key);
            }
        }
        if !keys.is_empty() {
            return keys.into_iter().map(Secret::new).collect();
        }
    }
    Vec::new()
}

/// The name of an account that has none.
pub(super) fn account_name(provider: &str, index: usize) -> String {
    format!("{provider}-{}", index.saturating_add(1))
}
