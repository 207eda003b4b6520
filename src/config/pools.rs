//! What is made of a model: its pool.

use std::collections::HashMap;

use super::{
    BalanceKind, Config, DeploymentConfig, Kind, PoolConfig,
    parts::Parts,
    timeouts::{OwnTimeouts, TimeoutsConfig},
};
use crate::{
    error::{Error, ErrorKind},
    operation::Operation,
    pool::{
        Cheapest, Fastest, Headroom, LeastBusy, Pool, RoundRobin, Sticky, UseBeforeReset, Vendor,
        Weighted,
    },
};

/// The providers of calls that name neither a model nor an id: the one that is set, else all that have files, in their order.
pub(super) fn home(config: &Config) -> Vec<&str> {
    if let Some(name) = &config.server.files {
        return vec![name];
    }
    let providers = config.providers.iter();
    providers
        .filter(|provider| {
            matches!(
                provider.kind,
                Kind::OpenAiCompatible | Kind::ResponsesCompatible | Kind::AnthropicCompatible
            )
        })
        .map(|provider| provider.name.as_str())
        .collect()
}

pub(super) fn build_pool(
    config: &PoolConfig,
    providers: &HashMap<&str, Parts>,
    general: &TimeoutsConfig,
) -> Pool {
    let own = config.timeouts.as_deref().copied().unwrap_or_default();
    let mut pool = Pool::new()
        .cooldown(config.cooldown)
        .wait(config.wait)
        .queue(config.queue.size, config.queue.per_caller)
        .fidelity(config.fidelity);
    if let Some(give_up) = config.give_up {
        pool = pool.give_up(give_up.times, give_up.least);
    }
    pool = match config.balance {
        BalanceKind::Weighted => pool.balance(Weighted::new()),
        BalanceKind::RoundRobin => pool.balance(RoundRobin::new()),
        BalanceKind::LeastBusy => pool.balance(LeastBusy::new()),
        BalanceKind::Fastest => pool.balance(Fastest::new()),
        BalanceKind::Headroom => pool.balance(Headroom::new()),
        BalanceKind::Sticky => pool.balance(Sticky::new()),
        BalanceKind::UseBeforeReset => pool.balance(UseBeforeReset::new()),
        BalanceKind::Cheapest => pool.balance(Cheapest::new()),
    };
    for deployment in &config.deployments {
        // The configuration was checked: the provider is there.
        if let Some(parts) = providers.get(deployment.provider.as_str()) {
            let timeouts = own.over(&parts.timeouts);
            pool = pool.vendor(build_vendor(deployment, parts, &timeouts, general));
        }
    }
    pool
}

fn build_vendor(
    config: &DeploymentConfig,
    parts: &Parts,
    timeouts: &OwnTimeouts,
    general: &TimeoutsConfig,
) -> Vendor {
    let provider = parts.provider.clone();
    let mut vendor = match &config.model {
        Some(model) => Vendor::new(provider, model.as_str()),
        None => Vendor::same_model(provider),
    };
    vendor = vendor
        .weight(config.weight)
        .enabled(config.enabled)
        .timeouts(timeouts.attempt(general));
    if let Some(tokens) = config.context_window {
        vendor = vendor.context_window(tokens);
    }
    if let Some(tokens) = config.max_output {
        vendor = vendor.max_output(tokens);
    }
    if let Some(price) = config.price {
        vendor = vendor.price(price);
    }
    if let Some(name) = parts.catalogue {
        vendor = vendor.catalogue(name);
    }
    let members = parts.members(&config.accounts).into_iter();
    for member in members.filter(|member| member.enabled) {
        let connect = timeouts.connect(general);
        let exit = member.exits.iter().find(|(time, _)| *time == connect);
        let account = exit.map_or(&member.account, |(_, account)| account);
        vendor = vendor.account(account.clone(), member.weight);
    }
    vendor
}

/// Every vendor of a pool has to speak some dialect of conversations: whatever callers speak can be put into any of them
/// (what a vendor has no place for is lost or refused call by call, and told), but not into none.
pub(super) fn check_speaks(
    name: &str,
    pool: &PoolConfig,
    providers: &HashMap<&str, Parts>,
) -> Result<(), Error> {
    for deployment in &pool.deployments {
        let parts = providers.get(deployment.provider.as_str());
        if parts.is_some_and(|parts| parts.provider.dialect(&Operation::Chat).is_none()) {
            let message = format!(
                "models.{name}: the provider `{}` offers no conversations, so that no caller could be served; name another provider",
                deployment.provider
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    }
    Ok(())
}
