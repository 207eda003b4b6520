//! A YAML file or the environment → typed, checked settings.
//!
//! ```
//! use trunkline::config::Config;
//!
//! let text = r#"
//! providers:
//!   acme:
//!     kind: openai-compatible
//!     base_url: https://llm.acme.example/v1
//!     accounts: [{ api_key: "${ACME_KEY}" }]
//! models:
//!   large: acme/llama-large
//! "#;
//! let env = |name: &str| (name == "ACME_KEY").then(|| "sk-1".to_owned());
//! let config = Config::from_yaml(text, &env)?;
//! assert_eq!(config.providers[0].accounts[0].name, "acme-1");
//! println!("{}", config.plan());
//! # Ok::<_, trunkline::config::Problems>(())
//! ```
//!
//! All that is wrong with a file is said at once, each with its line:
//!
//! ```
//! # use trunkline::config::Config;
//! let problems = Config::from_yaml("server:\n  lisen: 127.0.0.1:80", &|_| None).unwrap_err();
//! assert_eq!(
//!     problems.to_string(),
//!     "gateway.yaml:2:3: server.lisen: unknown key; did you mean `listen`?"
//! );
//! ```
//!
//! `${NAME}` and `${NAME:-default}` in a text stand for what the environment says. The file is parsed first and filled in
//! afterwards, so nothing in a variable can change its structure; `$${` is `${` itself. Keys are never printed, neither by
//! `Debug` nor in a plan or a problem.

mod accounts;
mod admin;
mod arms;
mod ceilings;
mod deployments;
mod egress;
mod environment;
mod give_up;
mod health;
mod hedge;
mod interpolate;
mod kinds;
mod known;
mod limits;
mod listed;
mod loops;
mod media;
mod model;
mod models;
mod names;
mod nearest;
mod parts;
mod plan;
mod pools;
mod price;
mod problem;
mod providers;
mod reader;
mod server;
mod splits;
mod stack;
#[cfg(test)]
mod tests;
mod timeouts;
mod url;
mod value;
mod yaml;

use std::collections::HashMap;

use self::{
    deployments::Vendors,
    reader::{At, Reader},
};
pub use self::{
    kinds::{AzureConfig, BedrockConfig, CloudConfig, SignIn, VertexConfig},
    model::{
        AccountConfig, ArmConfig, ArmTarget, BalanceKind, Config, DeploymentConfig, GiveUpConfig,
        HealthConfig, Kind, ModelConfig, PoolConfig, ProviderConfig, ProxyUrl, QueueConfig,
        RetryConfig, ServerConfig, ServerLimits, ShadowConfig, SplitBy, SplitConfig, Target,
        TlsConfig,
    },
    problem::{Problem, Problems},
    stack::{CallExplanation, CopyExplanation, Gateway, GatewayService},
    timeouts::{OwnTimeouts, TimeoutsConfig},
};

impl Config {
    /// Reads a file's text; `env` is the environment.
    ///
    /// Without `models`, every provider is served as `name/*`; without `providers` too, so is every known vendor whose key is
    /// in the environment.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_yaml(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let root = yaml::parse(text).map_err(|problem| Problems::new(vec![problem]))?;
        let mut reader = Reader {
            env,
            problems: Vec::new(),
        };
        let config = read(&mut reader, &At::root(&root)).unwrap_or_default();
        if reader.problems.is_empty() {
            Ok(config)
        } else {
            Err(Problems::new(reader.problems))
        }
    }

    /// The known vendors whose keys are in the environment, each served as `vendor/*`: of `OPENAI_API_KEY` one account, of
    /// `OPENAI_API_KEYS=a,b,c` three. Azure needs `AZURE_OPENAI_ENDPOINT` as well, Bedrock `AWS_REGION` beside
    /// `AWS_BEARER_TOKEN_BEDROCK`, Vertex `GOOGLE_CLOUD_PROJECT` beside `GOOGLE_APPLICATION_CREDENTIALS`.
    pub fn from_env(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let vars: HashMap<String, String> = vars.into_iter().collect();
        Self::default().with_vendors_of(&|name| vars.get(name).cloned())
    }

    fn with_vendors_of(mut self, env: &dyn Fn(&str) -> Option<String>) -> Self {
        self.providers = environment::vendors(env);
        self.models = environment::models(&self.providers);
        self
    }
}

fn read(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Config> {
    let fields = reader.fields(at, &["server", "timeouts", "retry", "providers", "models"])?;
    let general = fields.read(reader, "timeouts", timeouts::general);
    let mut config = Config {
        server: fields
            .read(reader, "server", server::server)
            .unwrap_or_default(),
        timeouts: general.unwrap_or_default(),
        retry: fields
            .read(reader, "retry", server::retry)
            .unwrap_or_default(),
        ..Config::default()
    };
    let (providers, models) = (fields.get("providers"), fields.get("models"));
    if providers.is_none() && models.is_none() {
        return Some(config.with_vendors_of(reader.env));
    }
    let listed = fields.read(reader, "providers", |reader, at| {
        providers::providers(reader, at, &config.timeouts)
    });
    let complete = providers.is_none() || listed.is_some();
    let mut vendors = Vendors::new(listed.unwrap_or_default(), complete);
    config.models = match models {
        Some(at) => {
            models::models(reader, at, &mut vendors, config.timeouts.total).unwrap_or_default()
        }
        None => environment::models(&vendors.list),
    };
    config.providers = vendors.list;
    if let Some(at) = fields.get("retry")
        && config.retry.max_attempts < 2
    {
        if config.models.iter().any(ModelConfig::is_hedged) {
            let message = "a hedged call makes two attempts: with `max_attempts: 1` leave `hedge` out of the models";
            reader.problem_at_key(at, message);
        }
        if config.models.iter().any(ModelConfig::gives_up) {
            let message = "an account is given up only for another: with `max_attempts: 1` leave `give_up` out of the models";
            reader.problem_at_key(at, message);
        }
    }
    if let (Some(name), Some(at)) = (&config.server.files, fields.get("server")) {
        server::check_files(reader, at, name, &config.providers);
    }
    Some(config)
}
