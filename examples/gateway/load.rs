//! Where the configuration comes from: a file, the environment, or the demo.

use std::path::{Path, PathBuf};

use trunkline::{BoxError, config::Config, testing::Server};

use crate::demo;

/// A configuration, and where it came from.
pub struct Loaded {
    pub config: Config,
    /// For people: a file's name, or "the environment", or "the built-in demo".
    pub source: String,
    /// The file, if it came from one.
    pub file: Option<PathBuf>,
    /// The demo vendor, which lives as long as this.
    #[allow(dead_code, reason = "it is held, not asked")]
    pub demo: Option<Server>,
}

impl Loaded {
    pub async fn new(file: Option<&Path>) -> Result<Self, BoxError> {
        const DEFAULT: &str = "gateway.yaml";
        let default = Path::new(DEFAULT);
        if let Some(file) = file.or_else(|| default.exists().then_some(default)) {
            return from_file(file);
        }
        let config = Config::from_env(std::env::vars_os().filter_map(|(name, value)| {
            // A variable that is not text is no key of anybody's.
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
        if config.providers.is_empty() {
            return demo::load().await;
        }
        Ok(Self {
            config,
            source: "the environment".to_owned(),
            file: None,
            demo: None,
        })
    }
}

/// The configuration in a file.
pub fn from_file(file: &Path) -> Result<Loaded, BoxError> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("{name}: the configuration cannot be read: {error}"))?;
    let env = |name: &str| std::env::var(name).ok();
    let config = Config::from_yaml(&text, &env).map_err(|problems| problems.with_file(&name))?;
    Ok(Loaded {
        config,
        source: name,
        file: Some(file.to_owned()),
        demo: None,
    })
}
