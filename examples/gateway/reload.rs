//! The configuration and the certificate, read again when they change or when somebody asks.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use trunkline::config::{Config, Gateway, ServerConfig};

use crate::{load, metrics::Metrics, stop::Hangup, tls::Certificate};

/// How often the files are looked at. What a file system notifies of gets lost on network and container mounts; a look does not.
const LOOK: Duration = Duration::from_secs(1);

/// Keeps a running gateway at what its files say.
pub struct Reloader {
    pub gateway: Arc<Gateway>,
    pub metrics: Arc<Metrics>,
    /// The file; none if the configuration came from elsewhere, and never changes.
    pub file: Option<PathBuf>,
    pub certificate: Option<Certificate>,
    pub config: Config,
}

impl Reloader {
    /// Until it is dropped.
    pub async fn run(mut self, mut hangup: Hangup) {
        let mut seen = self.stamps();
        loop {
            let asked = tokio::select! {
                () = hangup.asked() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            let now = self.stamps();
            if asked || now != seen {
                seen = now;
                self.reload();
            }
        }
    }

    /// When each file was last changed.
    fn stamps(&self) -> Vec<Option<(SystemTime, u64)>> {
        let tls = self.config.server.tls.as_ref();
        let files = [
            self.file.as_deref(),
            tls.map(|tls| tls.cert.as_path()),
            tls.map(|tls| tls.key.as_path()),
        ];
        files.into_iter().flatten().map(stamp).collect()
    }

    fn reload(&mut self) {
        match self.try_reload() {
            Ok(()) => {
                self.metrics.reloads.fetch_add(1, Ordering::Relaxed);
                tracing::info!("the configuration was read again and is in force");
            }
            Err(problem) => {
                self.metrics.failed_reloads.fetch_add(1, Ordering::Relaxed);
                tracing::error!("the new configuration is refused, the old one stays: {problem}");
            }
        }
    }

    fn try_reload(&mut self) -> Result<(), trunkline::BoxError> {
        let config = match &self.file {
            Some(file) => load::from_file(file)?.config,
            None => self.config.clone(),
        };
        let (old, new) = (&self.config.server, &config.server);
        if old.listen != new.listen || old.tls.is_some() != new.tls.is_some() {
            tracing::warn!("another `listen`, or TLS on or off, needs a restart");
        }
        let of_heads = |server: &ServerConfig| (server.limits.headers, server.limits.header_bytes);
        if of_heads(old) != of_heads(new) {
            tracing::warn!("other limits of headers need a restart");
        }
        if let Some((certificate, files)) = self.certificate.as_ref().zip(new.tls.as_ref()) {
            certificate.reload(files)?;
        }
        self.gateway.reload(&config)?;
        self.config = config;
        Ok(())
    }
}

fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let data = std::fs::metadata(file).ok()?;
    Some((data.modified().ok()?, data.len()))
}
