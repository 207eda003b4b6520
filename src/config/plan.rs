//! A configuration as people read it. Keys and passwords are not in it.

use std::{
    fmt::{self, Formatter},
    time::Duration,
};

use super::{
    model::{
        AccountConfig, ArmTarget, Config, DeploymentConfig, GiveUpConfig, ModelConfig, PoolConfig,
        ProviderConfig, QueueConfig, ServerLimits, ShadowConfig, SplitConfig, Target,
    },
    providers::prefill_name,
    timeouts::OwnTimeouts,
    value::{format_duration, format_share, format_size},
};
use crate::{
    chat::FidelityMode,
    upstream::{Counted, FirstByte, LimitWindow, Period},
};

impl Config {
    /// The resolved plan, many lines: what listens, who is asked, and which model goes where. No keys, no passwords.
    pub fn plan(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (server, timeouts, retry) = (&self.server, &self.timeouts, &self.retry);
        write!(
            f,
            "listen    {}, bodies up to {}, heartbeat {}, drain {}",
            server.listen,
            format_size(server.body_limit),
            or_off(server.heartbeat),
            format_duration(server.drain),
        )?;
        if let Some(every) = server.json_heartbeat {
            write!(
                f,
                ", a space before whole answers every {}",
                format_duration(every)
            )?;
        }
        match &server.files {
            Some(provider) => writeln!(f, ", files at {provider}")?,
            None => writeln!(f)?,
        }
        if server.limits != ServerLimits::default() {
            let ServerLimits {
                headers,
                header_bytes,
                memory,
                shape,
            } = server.limits;
            writeln!(
                f,
                "limits    {headers} headers of {}, {} for all bodies together; in a body {} levels, {} messages, {} tools, {} parts, {} members, {} values",
                format_size(header_bytes),
                format_size(memory),
                shape.depth,
                shape.messages,
                shape.tools,
                shape.parts,
                shape.members,
                shape.values,
            )?;
        }
        if !server.warm_up {
            writeln!(f, "warm-up   none: first calls connect")?;
        }
        if let Some(media) = &server.media_fetch {
            let hosts = match media.allow_hosts.as_slice() {
                [] => "public hosts only".to_owned(),
                hosts => format!("public hosts, {}", hosts.join(", ")),
            };
            writeln!(
                f,
                "media     fetched from {hosts}, http {}, up to {} and {} addresses a request, {} each",
                if media.allow_http { "too" } else { "never" },
                format_size(media.max_bytes),
                media.max_per_request,
                format_duration(media.timeout),
            )?;
        }
        writeln!(
            f,
            "timeouts  connect {}, first token {}, first byte {}, idle {}, total {}",
            format_duration(timeouts.connect),
            or_off(timeouts.first_token),
            first_byte(timeouts.first_byte),
            or_off(timeouts.idle),
            or_off(timeouts.total),
        )?;
        writeln!(
            f,
            "retry     up to {} attempts, pauses {} to {}, budget {}, with {} left{}",
            retry.max_attempts,
            format_duration(retry.base),
            format_duration(retry.max),
            format_share(retry.budget),
            format_duration(retry.min_remaining),
            match retry.continuations {
                0 => String::new(),
                most => format!(", broken streams continued up to {most} times"),
            },
        )?;
        writeln!(f, "providers{}", none(self.providers.is_empty()))?;
        for provider in &self.providers {
            write_provider(f, provider)?;
        }
        writeln!(f, "models{}", none(self.models.is_empty()))?;
        for model in &self.models {
            write_model(f, model)?;
        }
        Ok(())
    }
}

fn write_provider(f: &mut Formatter<'_>, provider: &ProviderConfig) -> fmt::Result {
    write!(
        f,
        "  {}: {}, {}",
        provider.name,
        provider.base_url,
        provider.kind.as_str()
    )?;
    if let Some(cloud) = &provider.cloud {
        cloud.write(f)?;
    }
    if !provider.headers.is_empty() {
        let names: Vec<&str> = provider.headers.keys().map(|name| name.as_str()).collect();
        write!(f, ", headers {}", names.join(" "))?;
    }
    match provider.bridge {
        Some(true) => write!(f, ", bridge to Responses")?,
        Some(false) => write!(f, ", no bridge to Responses")?,
        None => {}
    }
    if let Some(prefill) = provider.prefill {
        write!(f, ", prefill {}", prefill_name(prefill))?;
    }
    if let Some(health) = provider.health {
        write!(f, ", health every {}", format_duration(health.interval))?;
    }
    if let Some(timeouts) = &provider.timeouts {
        write_timeouts(f, timeouts, "attempt")?;
    }
    if let Some(proxy) = &provider.proxy {
        write!(f, ", through {proxy}")?;
    }
    if provider.http2 {
        f.write_str(", over HTTP/2")?;
    }
    writeln!(f)?;
    for account in &provider.accounts {
        write_account(f, account)?;
    }
    Ok(())
}

fn write_window(f: &mut Formatter<'_>, window: &LimitWindow) -> fmt::Result {
    match window.what {
        Counted::Money => write!(f, ", {} $", window.amount as f64 / 1e6)?,
        what => write!(f, ", {} {}", window.amount, what.as_str())?,
    }
    match window.per {
        Period::Sliding(length) => write!(f, " in any {}", format_duration(length))?,
        Period::Fixed(length) => write!(f, " in each {}", format_duration(length))?,
        Period::Day { .. } => f.write_str("/day")?,
        Period::Month { .. } => f.write_str("/month")?,
    }
    match window.models() {
        Some(models) => write!(f, " of {models}"),
        None => Ok(()),
    }
}

fn write_account(f: &mut Formatter<'_>, account: &AccountConfig) -> fmt::Result {
    write!(f, "    account {}: weight {}", account.name, account.weight)?;
    let limits = &account.limits;
    if let Some(rpm) = limits.rpm {
        write!(f, ", {rpm} requests/min")?;
    }
    if let Some(tpm) = limits.tpm {
        write!(f, ", {tpm} tokens/min")?;
    }
    if let Some(concurrency) = limits.concurrency {
        write!(f, ", {concurrency} at a time")?;
    }
    if limits.adaptive {
        f.write_str(", as many at once as it bears")?;
    }
    if !limits.min_interval.is_zero() {
        write!(f, ", {} apart", format_duration(limits.min_interval))?;
    }
    for window in &limits.windows {
        write_window(f, window)?;
    }
    if limits.reserve > 0 {
        let share = format_share(f64::from(limits.reserve) / 1_000.0);
        write!(f, ", {share} of it for high priority")?;
    }
    match &account.sign_in {
        Some(sign_in) => write!(f, ", {sign_in}")?,
        None if account.api_key.is_empty() => f.write_str(", no key")?,
        None => {}
    }
    if let Some(proxy) = &account.proxy {
        write!(f, ", through {proxy}")?;
    }
    if let Some(group) = &account.group {
        write!(f, ", of {group}")?;
    }
    writeln!(f, "{}", disabled(account.enabled))
}

fn write_model(f: &mut Formatter<'_>, model: &ModelConfig) -> fmt::Result {
    write!(f, "  {}: ", model.name)?;
    match &model.target {
        Target::Pool(pool) => write_pool(f, pool),
        Target::Split(split) => write_split(f, split),
    }
}

fn write_split(f: &mut Formatter<'_>, split: &SplitConfig) -> fmt::Result {
    writeln!(f, "split by {}", split.by.as_str())?;
    let total: u64 = split.arms.iter().map(|arm| u64::from(arm.weight)).sum();
    for arm in &split.arms {
        let part = format_share(f64::from(arm.weight) / (total.max(1) as f64));
        match &arm.target {
            ArmTarget::Model(model) if *model == arm.name => writeln!(f, "    {part} {model}")?,
            ArmTarget::Model(model) => writeln!(f, "    {part} {}: {model}", arm.name)?,
            ArmTarget::Pool(pool) => {
                write!(f, "    {part} {}: ", arm.name)?;
                write_pool(f, pool)?;
            }
        }
    }
    write_shadow(f, split.shadow.as_ref())
}

fn write_shadow(f: &mut Formatter<'_>, shadow: Option<&ShadowConfig>) -> fmt::Result {
    let Some(shadow) = shadow else {
        return Ok(());
    };
    write!(
        f,
        "    {} copied to {} as {}, {} at a time, {} each",
        format_share(shadow.share),
        shadow.model,
        shadow.name,
        shadow.concurrency,
        format_duration(shadow.timeout),
    )?;
    if let Some(micros) = shadow.budget {
        write!(f, ", up to {} $ a day", micros as f64 / 1e6)?;
    }
    writeln!(f)
}

fn write_pool(f: &mut Formatter<'_>, pool: &PoolConfig) -> fmt::Result {
    write!(
        f,
        "{}, cooldown {}, wait {}",
        pool.balance.as_str(),
        format_duration(pool.cooldown),
        or_off((!pool.wait.is_zero()).then_some(pool.wait)),
    )?;
    if pool.queue != QueueConfig::default() {
        let QueueConfig { size, per_caller } = pool.queue;
        write!(f, " in a queue of {size}, {per_caller} a caller")?;
    }
    if pool.fidelity != FidelityMode::default() {
        write!(f, ", {}", pool.fidelity.as_str())?;
    }
    if let Some(timeouts) = &pool.timeouts {
        write_timeouts(f, timeouts, "total")?;
    }
    if let Some(hedge) = &pool.hedge {
        write!(f, ", {hedge}")?;
    }
    if let Some(GiveUpConfig { times, least }) = pool.give_up {
        write!(
            f,
            ", given up when silent for {times} times as long as usual and {}",
            format_duration(least)
        )?;
    }
    if !pool.fallbacks.is_empty() {
        write!(f, ", then {}", pool.fallbacks.join(", "))?;
    }
    writeln!(f)?;
    for deployment in &pool.deployments {
        write_deployment(f, deployment)?;
    }
    write_shadow(f, pool.shadow.as_ref())
}

fn write_deployment(f: &mut Formatter<'_>, deployment: &DeploymentConfig) -> fmt::Result {
    let model = deployment
        .model
        .as_deref()
        .unwrap_or("(the name asked for)");
    write!(
        f,
        "    {}/{model}: weight {}",
        deployment.provider, deployment.weight
    )?;
    if !deployment.accounts.is_empty() {
        write!(f, ", accounts {}", deployment.accounts.join(" "))?;
    }
    if let Some(tokens) = deployment.context_window {
        write!(f, ", window {tokens}")?;
    }
    if let Some(tokens) = deployment.max_output {
        write!(f, ", output {tokens}")?;
    }
    if let Some(price) = deployment.price {
        let dollars = |micros: u64| micros as f64 / 1e6;
        let (input, output) = (dollars(price.input), dollars(price.output));
        write!(f, ", {input} $ in and {output} $ out a million")?;
    }
    writeln!(f, "{}", disabled(deployment.enabled))
}

/// Those that are set.
fn write_timeouts(f: &mut Formatter<'_>, own: &OwnTimeouts, total: &str) -> fmt::Result {
    let said = [
        ("connect", own.connect.map(format_duration)),
        ("first token", own.first_token.map(or_off)),
        ("first byte", own.first_byte.map(first_byte)),
        ("idle", own.idle.map(or_off)),
        (total, own.total.map(or_off)),
    ];
    for (name, time) in said {
        if let Some(time) = time {
            write!(f, ", {name} {time}")?;
        }
    }
    Ok(())
}

fn first_byte(wait: FirstByte) -> String {
    match wait {
        FirstByte::Shared => "shared".to_owned(),
        FirstByte::Within(wait) => format_duration(wait),
        FirstByte::Unlimited => "off".to_owned(),
    }
}

fn or_off(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "off".to_owned(), format_duration)
}

const fn none(empty: bool) -> &'static str {
    if empty { "  none" } else { "" }
}

const fn disabled(enabled: bool) -> &'static str {
    if enabled { "" } else { ", disabled" }
}
