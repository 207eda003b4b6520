//! A configuration without a file: the vendors whose keys are in the environment.

use super::{
    kinds, known,
    model::{DeploymentConfig, ModelConfig, PoolConfig, ProviderConfig, Target},
};

/// The known vendors whose key makes them a provider. The others are not asked for unless a file names them.
pub(super) fn vendors(env: &dyn Fn(&str) -> Option<String>) -> Vec<ProviderConfig> {
    known::all()
        .filter(|known| known.from_env)
        .map(|known| known.provider(known.accounts(env)))
        .filter(|provider| !provider.accounts.is_empty())
        .chain(kinds::all_from_env(env))
        .collect()
}

/// `vendor/*` for every provider: whatever stands behind the slash is the model's name there.
pub(super) fn models(providers: &[ProviderConfig]) -> Vec<ModelConfig> {
    providers
        .iter()
        .map(|provider| ModelConfig {
            name: format!("{}/*", provider.name),
            target: Target::Pool(PoolConfig::new(vec![DeploymentConfig::new(
                &provider.name,
                Some("*"),
            )])),
        })
        .collect()
}
