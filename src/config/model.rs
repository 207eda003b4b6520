//! What a configuration says, as types.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use http::HeaderMap;

use super::{
    kinds::{CloudConfig, SignIn},
    timeouts::{OwnTimeouts, TimeoutsConfig},
};
use crate::dialect::Prefill;
use crate::{
    chat::FidelityMode,
    credential::Secret,
    hedge::HedgePolicy,
    ingress::BodyShape,
    media::MediaOptions,
    pool::Pool,
    upstream::{Limits, Price},
};

/// A whole configuration, checked: every name in it leads somewhere.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The server's own settings.
    pub server: ServerConfig,
    /// How long to wait for what, unless a provider says otherwise.
    pub timeouts: TimeoutsConfig,
    /// When to try again.
    pub retry: RetryConfig,
    /// The vendors, in the file's order; behind them known ones that only `models` names.
    pub providers: Vec<ProviderConfig>,
    /// What callers may ask for, in the file's order.
    pub models: Vec<ModelConfig>,
}

/// `server`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where to listen; `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// The largest request body, in bytes; 32 MiB.
    pub body_limit: usize,
    /// How often a silent stream gives a sign of life; every 15 seconds. `None` is never.
    pub heartbeat: Option<Duration>,
    /// How often whoever waits for a whole answer hears a space before it; `None`, as usual, is never.
    pub json_heartbeat: Option<Duration>,
    /// How long running calls may take to end once the server stops; 30 seconds.
    pub drain: Duration,
    /// The provider of calls that name neither a model nor anything an account has issued, such as uploads and lists of files. `None`
    /// is the first provider of OpenAI's kind, or of Anthropic's for its callers.
    pub files: Option<String>,
    /// The certificate to serve with; none is plain HTTP.
    pub tls: Option<TlsConfig>,
    /// How media at addresses are fetched for vendors that take bytes only; `None`, as usual, is not at all.
    pub media_fetch: Option<MediaOptions>,
    /// How much callers may send.
    pub limits: ServerLimits,
    /// Is a connection to each vendor opened before the first call? It is.
    pub warm_up: bool,
}

/// `server.limits`: what callers may send besides the bytes of a body, and what all calls together may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// The headers of a request; 100. More are answered with 431. Up to 100 cost hyper no memory of their own.
    pub headers: usize,
    /// The bytes of a request's head; 64 KiB, its URL included. More are answered with 431.
    pub header_bytes: usize,
    /// The bytes of bodies in memory, of all calls together; 1 GiB. Who finds no room is answered with 503.
    pub memory: usize,
    /// What a body may hold; `depth`, `messages`, `tools`, `parts`, `members` and `values` in the file.
    pub shape: BodyShape,
}

/// `server.tls`: files in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsConfig {
    /// The certificate, and after it those that lead to its root.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// `retry`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RetryConfig {
    /// How many attempts one call may take, the first included; 4.
    pub max_attempts: u32,
    /// The first pause; 250 milliseconds.
    pub base: Duration,
    /// The longest pause; 8 seconds.
    pub max: Duration,
    /// How many further attempts all calls together may take, as a share of the calls, from 0 to 1; 0.2.
    pub budget: f64,
    /// What must be left of a call's time for a further attempt; 1 second.
    pub min_remaining: Duration,
    /// How often the stream of one call may be continued by somebody else after it broke; 0, which is never.
    pub continuations: u32,
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// OpenAI's dialect, with a bearer key.
    OpenAiCompatible,
    /// Anthropic's dialect, with the key in `x-api-key`.
    AnthropicCompatible,
    /// Google's Gemini, with the key in `x-goog-api-key`.
    GeminiCompatible,
    /// OpenAI's Responses, with a bearer key.
    ResponsesCompatible,
    /// Cohere's Chat, version 2, with a bearer key.
    Cohere,
    /// Azure OpenAI, with a key or Microsoft Entra.
    Azure,
    /// Amazon Bedrock, with AWS's keys or a bearer key.
    Bedrock,
    /// Google's Vertex AI, with a Google account or a key.
    Vertex,
}

/// One of `providers`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// Its name.
    pub name: String,
    /// The known vendor it is, whose quirks apply.
    pub preset: Option<&'static str>,
    /// What it speaks.
    pub kind: Kind,
    /// The whole base, with its version segment and without a slash at the end.
    pub base_url: String,
    /// What only its kind has.
    pub cloud: Option<CloudConfig>,
    /// Do the calls that OpenAI takes only as Responses go there? None: as known of the vendor.
    pub bridge: Option<bool>,
    /// How it goes on with a last message of the assistant's. None: as known of the vendor.
    pub prefill: Option<Prefill>,
    /// Headers that every request carries. Their values are marked as sensitive.
    pub headers: HeaderMap,
    /// Whether it is asked in the background how it is.
    pub health: Option<HealthConfig>,
    /// The proxy of all accounts that have none of their own.
    pub proxy: Option<ProxyUrl>,
    /// Is it called over HTTP/2, if it speaks that? Else each call has a connection of its own; no.
    pub http2: bool,
    /// Its own timeouts, if they are not the general ones.
    pub timeouts: Option<OwnTimeouts>,
    /// Its accounts; never empty.
    pub accounts: Vec<AccountConfig>,
}

/// `health` of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthConfig {
    /// How often; every 30 seconds.
    pub interval: Duration,
}

/// One of a provider's `accounts`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountConfig {
    /// Its name, the only one of this provider.
    pub name: String,
    /// Its key; empty if the vendor needs none.
    pub api_key: Secret,
    /// Who gives it tokens or keys, in place of one that stands here.
    pub sign_in: Option<SignIn>,
    /// Its share among the provider's accounts; 1.
    pub weight: u32,
    /// What may be asked of it.
    pub limits: Limits,
    /// Is it in use?
    pub enabled: bool,
    /// Its own proxy, instead of the provider's.
    pub proxy: Option<ProxyUrl>,
    /// The accounts it shares encrypted reasoning with, by a name they all give: those of one organisation. None: it is alone.
    pub group: Option<String>,
}

/// One of `models`: a name that callers may ask for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelConfig {
    /// The name; one `*` in it stands for one or more characters. An exact name goes before a wildcard, and a longer wildcard before a
    /// shorter one.
    pub name: String,
    /// Who serves it.
    pub target: Target,
}

/// Who serves a model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// One of several deployments.
    Pool(PoolConfig),
    /// One of several arms.
    Split(SplitConfig),
}

/// `split` of a model: arms, and how one is drawn.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SplitConfig {
    /// The arms; at least one weight is not zero.
    pub arms: Vec<ArmConfig>,
    /// Who always draws the same arm.
    pub by: SplitBy,
    /// Where some of the calls are copied to.
    pub shadow: Option<ShadowConfig>,
}

/// One arm of a split.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ArmConfig {
    /// Its name, the only one in the split.
    pub name: String,
    /// Its share of the calls.
    pub weight: u32,
    /// Who serves it.
    pub target: ArmTarget,
}

/// Who serves an arm.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ArmTarget {
    /// Another model.
    Model(String),
    /// Deployments of its own; as a model they are `split#arm`.
    Pool(Box<PoolConfig>),
}

/// Who always draws the same arm of a split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitBy {
    /// A caller.
    #[default]
    Caller,
    /// A session; where a call belongs to none, its caller.
    Session,
    /// Nobody: each call draws anew.
    Call,
}

/// `shadow` of a model: some of its calls are copied to another one, and the answers thrown away.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ShadowConfig {
    /// What its results are told under; `shadow`.
    pub name: String,
    /// The model that gets the copies.
    pub model: String,
    /// Which share of the calls is copied, from 0 to 1.
    pub share: f64,
    /// How many copies may be under way; 4.
    pub concurrency: u32,
    /// How long each may take; 60 seconds.
    pub timeout: Duration,
    /// How many bytes of an answer are read; 4 MiB.
    pub max_bytes: usize,
    /// What the copies of a day may cost, in millionths of a US dollar; `None` is any sum.
    pub budget: Option<u64>,
}

/// Deployments, and how to choose among them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PoolConfig {
    /// The deployments; never empty.
    pub deployments: Vec<DeploymentConfig>,
    /// How to choose.
    pub balance: BalanceKind,
    /// How long a failing account is left alone at first, unless the vendor says how long; 60 seconds.
    pub cooldown: Duration,
    /// How long a request may wait for the soonest account; not at all.
    pub wait: Duration,
    /// How many requests may wait.
    pub queue: QueueConfig,
    /// What to do with a request that a vendor cannot be told all of; it is sent as well as can be.
    pub fidelity: FidelityMode,
    /// Its own timeouts, which go before those of its providers.
    pub timeouts: Option<Box<OwnTimeouts>>,
    /// Whether and when a second account is asked while the first is silent; never.
    pub hedge: Option<HedgePolicy>,
    /// When an account is given up that says nothing; never.
    pub give_up: Option<GiveUpConfig>,
    /// The models to try next, in order.
    pub fallbacks: Vec<String>,
    /// Where some of the calls are copied to.
    pub shadow: Option<ShadowConfig>,
}

/// How many requests may wait for a model at the same time; further ones are refused at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueConfig {
    /// In all; 1000.
    pub size: usize,
    /// Of one caller; 100.
    pub per_caller: usize,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            size: Pool::QUEUE,
            per_caller: Pool::QUEUE_PER_CALLER,
        }
    }
}

/// When an account is given up for another because nothing comes from it, see [`Pool::give_up`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GiveUpConfig {
    /// After so many times as long as it usually takes; 8.
    pub times: u32,
    /// But not before so long; 20 seconds.
    pub least: Duration,
}

impl Default for GiveUpConfig {
    fn default() -> Self {
        Self {
            times: 8,
            least: Duration::from_secs(20),
        }
    }
}

/// How a pool chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BalanceKind {
    /// By lot, by weight.
    #[default]
    Weighted,
    /// One after the other.
    RoundRobin,
    /// Whoever has the fewest calls running.
    LeastBusy,
    /// Whoever answers soonest.
    Fastest,
    /// Whoever has most left of its limits.
    Headroom,
    /// A session stays where it is.
    Sticky,
    /// Whoever has most to lose at the end of a window.
    UseBeforeReset,
    /// Whoever costs least.
    Cheapest,
}

/// A model at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeploymentConfig {
    /// The provider's name.
    pub provider: String,
    /// The model's name there; `None` is the name the caller asked for. A `*` in it stands for what the `*` of the model's
    /// own name stood for.
    pub model: Option<String>,
    /// Its share among the deployments; 1.
    pub weight: u32,
    /// The accounts it may use; empty is all.
    pub accounts: Vec<String>,
    /// How many tokens, in and out, the model can hold; `None` is what the catalogue knows of the model.
    pub context_window: Option<u64>,
    /// How many tokens it can answer.
    pub max_output: Option<u64>,
    /// What it costs; `None` is what the catalogue knows of the model.
    pub price: Option<Price>,
    /// Is it in use?
    pub enabled: bool,
}

/// The address of a proxy, whose password is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(pub(super) String);

impl ProxyUrl {
    /// The whole address, to be given to a client and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let host = host.split(['/', '?']).next().unwrap_or_default();
        write!(f, "{scheme}://{host}")
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 8] = [
        Self::OpenAiCompatible,
        Self::AnthropicCompatible,
        Self::GeminiCompatible,
        Self::ResponsesCompatible,
        Self::Cohere,
        Self::Azure,
        Self::Bedrock,
        Self::Vertex,
    ];

    /// Its name in a file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiCompatible => "openai-compatible",
            Self::AnthropicCompatible => "anthropic-compatible",
            Self::GeminiCompatible => "gemini-compatible",
            Self::ResponsesCompatible => "responses-compatible",
            Self::Cohere => "cohere",
            Self::Azure => "azure",
            Self::Bedrock => "bedrock",
            Self::Vertex => "vertex",
        }
    }
}

impl Kind {
    /// The version segment of a base URL that has no path.
    pub(super) const fn version(self) -> &'static str {
        match self {
            Self::OpenAiCompatible | Self::AnthropicCompatible | Self::ResponsesCompatible => "/v1",
            Self::GeminiCompatible => "/v1beta",
            Self::Cohere => "/v2",
            // They put it there themselves, or have none.
            Self::Azure | Self::Bedrock | Self::Vertex => "",
        }
    }
}

impl BalanceKind {
    /// Its name in a file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::RoundRobin => "round-robin",
            Self::LeastBusy => "least-busy",
            Self::Fastest => "fastest",
            Self::Headroom => "headroom",
            Self::Sticky => "sticky",
            Self::UseBeforeReset => "use-before-reset",
            Self::Cheapest => "cheapest",
        }
    }
}

impl SplitBy {
    pub(super) const ALL: [Self; 3] = [Self::Caller, Self::Session, Self::Call];

    /// Its name in a file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Session => "session",
            Self::Call => "call",
        }
    }
}

impl ModelConfig {
    pub(super) const fn is_hedged(&self) -> bool {
        matches!(&self.target, Target::Pool(pool) if pool.hedge.is_some())
    }

    pub(super) const fn gives_up(&self) -> bool {
        matches!(&self.target, Target::Pool(pool) if pool.give_up.is_some())
    }
}

impl PoolConfig {
    /// A pool with the usual settings.
    pub(super) fn new(deployments: Vec<DeploymentConfig>) -> Self {
        Self {
            deployments,
            balance: BalanceKind::default(),
            cooldown: Duration::from_secs(60),
            wait: Duration::ZERO,
            queue: QueueConfig::default(),
            fidelity: FidelityMode::default(),
            timeouts: None,
            hedge: None,
            give_up: None,
            fallbacks: Vec::new(),
            shadow: None,
        }
    }
}

impl DeploymentConfig {
    pub(super) fn new(provider: &str, model: Option<&str>) -> Self {
        Self {
            provider: provider.to_owned(),
            model: model.map(str::to_owned),
            weight: 1,
            accounts: Vec::new(),
            context_window: None,
            max_output: None,
            price: None,
            enabled: true,
        }
    }
}

impl AccountConfig {
    pub(super) fn new(name: impl Into<String>, api_key: Secret) -> Self {
        Self {
            name: name.into(),
            api_key,
            sign_in: None,
            weight: 1,
            limits: Limits::default(),
            enabled: true,
            proxy: None,
            group: None,
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            // Nobody else on the network is let in unasked.
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            body_limit: 32 << 20,
            heartbeat: Some(Duration::from_secs(15)),
            json_heartbeat: None,
            drain: Duration::from_secs(30),
            files: None,
            tls: None,
            media_fetch: None,
            limits: ServerLimits::default(),
            warm_up: true,
        }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            headers: 100,
            header_bytes: 64 << 10,
            memory: 1 << 30,
            shape: BodyShape::new(),
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            base: Duration::from_millis(250),
            max: Duration::from_secs(8),
            budget: 0.2,
            min_remaining: Duration::from_secs(1),
            continuations: 0,
        }
    }
}
