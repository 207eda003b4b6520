//! The stack that a configuration describes.

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use http::{Request, Response};
use serde::Serialize;
use tokio::sync::Notify;
use tower::{ServiceBuilder, util::BoxCloneSyncService};
use tower_service::Service;

use super::{
    Config, Target, arms,
    egress::{Egresses, Opening},
    health::Check,
    listed,
    parts::Parts,
    pools::{build_pool, check_speaks, home},
    timeouts::Totals,
};
use crate::{
    Body, BoxError, Buffers, Calls, Error, FailoverLayer, HedgeLayer, IngressLayer, ModelRequest,
    PoolLayer, RetryBackoffLayer, RetryBudget, SseNormalizeLayer, Upstream,
    client::Client,
    continuation::{Continuations, ContinueLayer},
    failover::Chains,
    hedge::Hedges,
    ingress::Closing,
    media::MediaFetcher,
    pool::{Explanation, Pools},
    retry::RetryPolicy,
    split::{Arms, Drawn, Shadows, SplitLayer, Splits, is_plain},
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
    openings: Vec<Opening>,
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

    /// Asks every account of every provider with `health` how it is, for ever, by [`Provider::probe`](crate::Provider::probe). Spawn it; it ends when
    /// it is dropped.
    pub async fn watch_health(&self) {
        self.with_each_graph(|graph| {
            Box::pin(async move {
                let each = graph.checks.iter();
                let each = each.map(|check| check.run(&self.kept.pools, &graph.upstream));
                join_all(each).await;
            })
        })
        .await
    }

    /// Opens a connection to each vendor, so that the first calls need not wait for one, now and whenever the configuration is replaced; nothing,
    /// unless the configuration says [`warm_up`](super::ServerConfig::warm_up). Vendors that cannot be reached are told in the log. Spawn it; it
    /// ends when it is dropped.
    pub async fn warm_up(&self) {
        self.with_each_graph(|graph| {
            Box::pin(async move {
                join_all(graph.openings.iter().map(Opening::open)).await;
            })
        })
        .await
    }

    /// Does this with what is in force now, and again with all that comes later, for ever.
    async fn with_each_graph<'a>(&self, task: impl Fn(Arc<Graph>) -> BoxFuture<'a, ()>) {
        loop {
            let mut replaced = pin!(self.replaced.notified());
            // From here on no replacement is missed.
            replaced.as_mut().enable();
            let graph = self.graph.load_full();
            let all = async {
                task(graph).await;
                // Where there is nothing to do, there may be later.
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
        let mut openings = Vec::new();
        for provider in &config.providers {
            let parts = Parts::new(provider, config, &egresses)?;
            checks.extend(parts.checks(provider));
            if config.server.warm_up {
                let connect = parts.timeouts.connect(&config.timeouts);
                let url = parts.provider.base_url();
                openings.extend(egresses.openings(provider, connect, url));
            }
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
            openings,
        })
    }
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
