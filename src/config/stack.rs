//! The stack that a configuration describes.

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use serde::Serialize;
use tokio::sync::Notify;
use tower::{ServiceBuilder, util::BoxCloneSyncService};
use tower_service::Service;

use super::{
    BalanceKind, Config, DeploymentConfig, Kind, PoolConfig, ProviderConfig, Target, arms,
    egress::{Egresses, Exit},
    health::Check,
    listed,
    timeouts::{OwnTimeouts, TimeoutsConfig, Totals},
};
use crate::{
    Body, BoxError, Buffers, Calls, Error, FailoverLayer, HedgeLayer, IngressLayer, ModelRequest,
    PoolLayer, RetryBackoffLayer, RetryBudget, SseNormalizeLayer, Upstream,
    client::Client,
    continuation::{Continuations, ContinueLayer},
    dialect::{Bridge, Prefill, Quirks},
    error::ErrorKind,
    failover::Chains,
    hedge::Hedges,
    ingress::Closing,
    media::MediaFetcher,
    operation::Operation,
    pool::{
        Cheapest, Explanation, Fastest, Headroom, LeastBusy, Pool, Pools, RoundRobin, Sticky,
        UseBeforeReset, Vendor, Weighted,
    },
    provider::{Compatible, Provider, preset},
    retry::RetryPolicy,
    split::{Arms, Drawn, Shadows, SplitLayer, Splits, is_plain},
    upstream::{Account, Deployment},
};

/// A running gateway: the service to mount, and the pools behind it. Its configuration can be replaced while it runs.
pub struct Gateway {
    kept: Kept,
    graph: Arc<ArcSwap<Graph>>,
    /// Told when the graph is replaced.
    replaced: Notify,
}

/// What outlives a configuration.
#[derive(Default)]
struct Kept {
    pools: Pools,
    closing: Closing,
    calls: Calls,
    buffers: Buffers,
    continuations: Continuations,
    hedges: Hedges,
    arms: Arms,
    shadows: Shadows,
    /// A new one with each configuration would let its whole reserve of second attempts pass again.
    retries: RetryBudget,
}

/// What would become of a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CallExplanation {
    /// The model asked for. It may stand for others.
    pub asked: String,
    /// The most attempts one call makes, over all its models.
    pub max_attempts: u32,
    /// The arms that it would draw; the last one's model is the first it would ask for. Empty if the model is no split.
    pub arms: Vec<Drawn>,
    /// Where some such calls are copied to; empty if they are not.
    pub copies: Vec<CopyExplanation>,
    /// The models it would ask for, in this order.
    pub models: Vec<Explanation>,
}

/// Where some calls are copied to, see [`split`](crate::split#shadows).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CopyExplanation {
    /// What the results are told under.
    pub name: String,
    /// The model that gets the copies.
    pub model: String,
    /// Which share of the calls is copied, from 0 to 1, by lot.
    pub share: f64,
}

/// What one configuration makes.
struct Graph {
    stack: Stack,
    splits: Splits,
    chains: Chains,
    max_attempts: u32,
    upstream: Upstream<Client>,
    checks: Vec<Check>,
}

type Stack = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

impl Gateway {
    /// Builds the whole stack, with a client of its own for each proxy.
    ///
    /// # Errors
    /// If a client cannot be set up, or a model's vendor offers no conversations; everything else was checked when the configuration was read.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let kept = Kept::default();
        kept.buffers.set_limit(config.server.limits.memory);
        let graph = Graph::new(config, &kept)?;
        Ok(Self {
            kept,
            graph: Arc::new(ArcSwap::from_pointee(graph)),
            replaced: Notify::new(),
        })
    }

    /// Replaces the configuration for every clone of the service: calls that come from now on are served by the new one, running
    /// ones end as they began. What is known of accounts that are still there (cooldowns, windows, averages) stays.
    ///
    /// # Errors
    /// As [`new`](Self::new); the old configuration then lives on.
    pub fn reload(&self, config: &Config) -> Result<(), Error> {
        let graph = Graph::new(config, &self.kept)?;
        self.kept.buffers.set_limit(config.server.limits.memory);
        self.graph.store(Arc::new(graph));
        self.replaced.notify_waiters();
        Ok(())
    }

    /// The service to mount: any HTTP request in, its answer out. It never fails.
    pub fn service(&self) -> GatewayService {
        GatewayService {
            graph: self.graph.clone(),
            stack: None,
        }
    }

    /// The pools, to look at and to reset.
    pub fn pools(&self) -> &Pools {
        &self.kept.pools
    }

    /// The latest calls, how they went and how they ended.
    pub fn calls(&self) -> &Calls {
        &self.kept.calls
    }

    /// The results of splits' arms and of shadows. Those of arms that a new configuration has no more are forgotten.
    pub fn arms(&self) -> &Arms {
        &self.kept.arms
    }

    /// Ends the copies that shadows have under way, and makes none any more: for the beginning of a drain.
    pub fn stop_shadows(&self) {
        self.kept.shadows.stop();
    }

    /// The memory for bodies: how much is held, and how often there was none.
    pub fn buffers(&self) -> &Buffers {
        &self.kept.buffers
    }

    /// How often broken streams were continued.
    pub fn continuations(&self) -> &Continuations {
        &self.kept.continuations
    }

    /// Which models are hedged, and what came of it.
    pub fn hedges(&self) -> &Hedges {
        &self.kept.hedges
    }

    /// What would become of this call if it came now: the models it would ask for, and for each of them whom. See
    /// [`Pools::explain`].
    pub fn explain(&self, request: &ModelRequest) -> CallExplanation {
        let graph = self.graph.load();
        let splits = graph.splits.forked();
        let (model, arms) = splits.resolve(&request.model, request);
        let copies = arms.iter().filter_map(|arm| {
            let shadow = graph.splits.get(&arm.split)?.copies_to()?;
            let same = arms
                .last()
                .is_some_and(|last| *last.model == *shadow.model());
            (!same && is_plain(request)).then(|| CopyExplanation {
                name: shadow.name().to_owned(),
                model: shadow.model().to_owned(),
                share: shadow.copied(),
            })
        });
        let copies = copies.collect();
        let target = request.clone().with_model(model);
        let mut models = graph.chains.explain_by(splits, &target);
        // What one account keeps, no other model has.
        if request.pin.is_some() {
            models.truncate(1);
        }
        let each = models.iter().map(|model| {
            let target = request.clone().with_model(model.clone());
            self.kept.pools.explain(&target)
        });
        CallExplanation {
            asked: request.model.to_string(),
            max_attempts: graph.max_attempts,
            arms,
            copies,
            models: each.collect(),
        }
    }

    /// Ends all running calls, each with an error its caller can read: for the end of a drain.
    pub fn cut(&self) {
        self.kept.shadows.stop();
        self.kept.closing.cut();
    }

    /// Asks every account of every provider with `health` how it is, for ever, by [`Provider::probe`]. Spawn it; it ends when
    /// it is dropped.
    pub async fn watch_health(&self) {
        loop {
            let mut replaced = pin!(self.replaced.notified());
            // From here on no replacement is missed.
            replaced.as_mut().enable();
            let graph = self.graph.load_full();
            let each = graph.checks.iter();
            let each = each.map(|check| check.run(&self.kept.pools, &graph.upstream));
            let all = async {
                futures_util::future::join_all(each).await;
                // Where there is nothing to ask, there may be later.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = all => {}
                () = replaced => {}
            }
        }
    }
}

impl Graph {
    fn new(config: &Config, kept: &Kept) -> Result<Self, Error> {
        let egresses = Egresses::new(config)?;
        let mut upstream = egresses.upstream().with_buffers(kept.buffers.clone());
        if let Some(options) = &config.server.media_fetch {
            upstream = upstream.with_media(Arc::new(MediaFetcher::new(options.clone())?));
        }
        let mut providers = HashMap::new();
        let mut checks = Vec::new();
        for provider in &config.providers {
            let parts = Parts::new(provider, config, &egresses)?;
            checks.extend(parts.checks(provider));
            providers.insert(provider.name.as_str(), parts);
        }
        let mut pools = Pools::new();
        let splits = arms::splits(config);
        let mut chains = Chains::new().splits(splits.clone());
        let mut hedges = Hedges::new();
        for (name, pool) in arms::pools(config) {
            check_speaks(&name, pool, &providers)?;
            pools = pools.pool(&*name, build_pool(pool, &providers, &config.timeouts));
            hedges = hedges.model(&*name, pool.hedge.clone());
            let fallbacks = pool.fallbacks.iter().map(String::as_str);
            chains = chains.chain(&*name, fallbacks);
        }
        let pools = pools.home(home(config));
        // Nothing can fail from here on.
        kept.pools.replace(&pools);
        kept.hedges.replace(&hedges);
        kept.arms.retain(&splits);
        kept.retries.set_ratio(config.retry.budget);
        let split = SplitLayer::new(splits.clone())
            .results(kept.arms.clone())
            .shadows(kept.shadows.clone());
        let stack = stack(config, kept, split, chains.clone(), upstream.clone());
        Ok(Self {
            stack,
            splits,
            chains,
            max_attempts: config.retry.max_attempts,
            upstream,
            checks,
        })
    }
}

/// A provider and its accounts, ready to be used in pools.
struct Parts {
    provider: Arc<dyn Provider>,
    accounts: Vec<Member>,
    timeouts: OwnTimeouts,
    /// What the catalogue calls the provider.
    catalogue: Option<&'static str>,
}

struct Member {
    account: Arc<Account>,
    /// The same, by how long it may take to connect: a model may have a time of its own.
    exits: Vec<(Duration, Arc<Account>)>,
    weight: u32,
    enabled: bool,
}

impl Parts {
    fn new(config: &ProviderConfig, all: &Config, egresses: &Egresses<'_>) -> Result<Self, Error> {
        let timeouts = config.timeouts.unwrap_or_default();
        let connect = timeouts.connect(&all.timeouts);
        let provider = match &config.cloud {
            Some(cloud) => cloud.provider(&config.name, &config.headers)?,
            None => Arc::new(compatible(config)?),
        };
        let accounts = config.accounts.iter().map(|account| {
            let proxy = account.proxy.as_ref().or(config.proxy.as_ref());
            let exit = Exit::new(proxy, connect);
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
            let exits = egresses.all_by(proxy).map(|(connect, name)| {
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
        Ok(Self {
            provider,
            accounts: accounts.collect::<Result<_, Error>>()?,
            timeouts,
            catalogue: listed::vendor(config),
        })
    }

    fn checks(&self, config: &ProviderConfig) -> Vec<Check> {
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

/// The providers of calls that name neither a model nor an id: the one that is set, else all that have files, in their order.
fn home(config: &Config) -> Vec<&str> {
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

fn build_pool(
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
    for member in &parts.accounts {
        let named = config
            .accounts
            .iter()
            .any(|name| **name == *member.account.name);
        if member.enabled && (config.accounts.is_empty() || named) {
            let connect = timeouts.connect(general);
            let exit = member.exits.iter().find(|(time, _)| *time == connect);
            let account = exit.map_or(&member.account, |(_, account)| account);
            vendor = vendor.account(account.clone(), member.weight);
        }
    }
    vendor
}

/// The models that each split chooses among.
fn shares(config: &Config) -> HashMap<String, Vec<String>> {
    let splits = config
        .models
        .iter()
        .filter_map(|model| match &model.target {
            Target::Split(split) => {
                let arms = split.arms.iter();
                let models = arms.map(|arm| arms::model(&model.name, arm).into_owned());
                Some((model.name.clone(), models.collect()))
            }
            Target::Pool(_) => None,
        });
    splits.collect()
}

/// Every vendor of a pool has to speak some dialect of conversations: whatever callers speak can be put into any of them
/// (what a vendor has no place for is lost or refused call by call, and told), but not into none.
fn check_speaks(
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

fn stack(
    config: &Config,
    kept: &Kept,
    split: SplitLayer,
    chains: Chains,
    upstream: Upstream<Client>,
) -> Stack {
    let (pools, hedges) = (&kept.pools, &kept.hedges);
    let policy = RetryPolicy::new()
        .max_attempts(config.retry.max_attempts)
        .backoff(config.retry.base, config.retry.max)
        .budget(kept.retries.clone())
        .min_remaining(config.retry.min_remaining);
    let names = listed::names(config);
    let (spoken, shared) = (pools.clone(), shares(config));
    let totals = Totals::of(config);
    let ingress = IngressLayer::new()
        .body_limit(config.server.body_limit)
        .shape(config.server.limits.shape)
        .buffers(kept.buffers.clone())
        .heartbeat(config.server.heartbeat)
        .json_heartbeat(config.server.json_heartbeat)
        .timeout(config.timeouts.total)
        .timeout_of(move |model| totals.find(model))
        .closing(kept.closing.clone())
        .calls(kept.calls.clone())
        .models(move || names.clone())
        .dialects(move |model| match shared.get(model) {
            None => spoken.dialects(model),
            Some(models) => {
                let each = models.iter().flat_map(|model| spoken.dialects(model));
                each.collect::<BTreeSet<_>>().into_iter().collect()
            }
        });
    let service = ServiceBuilder::new()
        .layer(ingress)
        .layer(ContinueLayer::new(config.retry.continuations).counts(kept.continuations.clone()))
        .layer(SseNormalizeLayer::new())
        .layer(split)
        .layer(FailoverLayer::new(chains))
        .layer(RetryBackoffLayer::new(policy))
        .layer(HedgeLayer::new(hedges.clone()))
        .layer(PoolLayer::new(pools.clone()))
        .service(upstream);
    BoxCloneSyncService::new(service)
}

/// A whole gateway as one HTTP service, for any body type.
pub struct GatewayService {
    graph: Arc<ArcSwap<Graph>>,
    /// The latest stack, once it was needed, and what it belongs to: as long as that is the one that serves, calls need no clone of
    /// their own. What is weak keeps no account in service, but its place cannot be taken by another.
    stack: Option<(Weak<Graph>, Stack)>,
}

impl GatewayService {
    fn stack(&mut self) -> &mut Stack {
        let graph = self.graph.load();
        let stale = |(of, _): &(Weak<Graph>, Stack)| of.as_ptr() != Arc::as_ptr(&graph);
        if self.stack.as_ref().is_some_and(stale) {
            self.stack = None;
        }
        let fresh = || (Arc::downgrade(&graph), graph.stack.clone());
        &mut self.stack.get_or_insert_with(fresh).1
    }
}

impl Clone for GatewayService {
    fn clone(&self) -> Self {
        Self {
            graph: self.graph.clone(),
            stack: None,
        }
    }
}

impl<B> Service<Request<B>> for GatewayService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.stack().poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.stack().call(request.map(Body::new))
    }
}

impl fmt::Debug for GatewayService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewayService")
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("pools", &self.kept.pools)
            .field("checks", &self.graph.load().checks.len())
            .finish_non_exhaustive()
    }
}
