//! The clients of a gateway: one for each way out, which is a proxy, HTTP/2 or neither, and for each time that connecting may take.

use std::{sync::Arc, time::Duration};

use http::Uri;

use super::{AccountConfig, Config, ProviderConfig, ProxyUrl, arms};
use crate::{
    Upstream,
    client::{Client, ClientOptions},
    error::Error,
};

/// A way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exit<'a> {
    proxy: Option<&'a ProxyUrl>,
    http2: bool,
    connect: Duration,
}

impl<'a> Exit<'a> {
    pub(super) const fn new(proxy: Option<&'a ProxyUrl>, connect: Duration) -> Self {
        Self {
            proxy,
            http2: false,
            connect,
        }
    }

    /// The one of this account.
    pub(super) fn of(
        account: &'a AccountConfig,
        provider: &'a ProviderConfig,
        connect: Duration,
    ) -> Self {
        let proxy = account.proxy.as_ref().or(provider.proxy.as_ref());
        Self::new(proxy, connect).http2(provider.http2)
    }

    /// Over HTTP/2 where the vendor speaks it. With a proxy that is so anyway.
    const fn http2(mut self, http2: bool) -> Self {
        self.http2 = http2 && self.proxy.is_none();
        self
    }
}

/// All ways out that a configuration needs.
pub(super) struct Egresses<'a> {
    /// Without a proxy, and with the general time to connect.
    direct: (Exit<'a>, Client),
    others: Vec<(Exit<'a>, Client)>,
}

impl<'a> Egresses<'a> {
    pub(super) fn new(config: &'a Config) -> Result<Self, Error> {
        let direct = Exit::new(None, config.timeouts.connect);
        let mut exits = Vec::new();
        for provider in &config.providers {
            let own = provider.timeouts.unwrap_or_default();
            let models = arms::pools(config).into_iter().filter_map(|(_, pool)| {
                let mut deployments = pool.deployments.iter();
                let uses = deployments.any(|deployment| deployment.provider == provider.name);
                pool.timeouts.as_deref().filter(|_| uses)?.connect
            });
            for connect in models.chain([own.connect(&config.timeouts)]) {
                let accounts = provider.accounts.iter();
                let own = accounts.map(|account| Exit::of(account, provider, connect));
                for exit in own.chain([Exit::new(None, connect)]) {
                    if exit != direct && !exits.contains(&exit) {
                        exits.push(exit);
                    }
                }
            }
        }
        let others = exits.into_iter().map(with_client);
        Ok(Self {
            direct: with_client(direct)?,
            others: others.collect::<Result<_, Error>>()?,
        })
    }

    /// The leaf, with all of them.
    pub(super) fn upstream(&self) -> Upstream<Client> {
        let mut upstream = Upstream::new(self.direct.1.clone());
        for (index, (_, client)) in self.others.iter().enumerate() {
            upstream = upstream.with_egress(name(index), client.clone());
        }
        upstream
    }

    /// The client of a way out.
    pub(super) fn client(&self, exit: Exit<'_>) -> &Client {
        let found = self.others.iter().find(|(other, _)| *other == exit);
        &found.unwrap_or(&self.direct).1
    }

    /// A connection to this vendor by each way out that its accounts have.
    pub(super) fn openings(
        &self,
        provider: &'a ProviderConfig,
        connect: Duration,
        url: &Uri,
    ) -> Vec<Opening> {
        let accounts = provider.accounts.iter().filter(|account| account.enabled);
        let mut exits = Vec::new();
        for exit in accounts.map(|account| Exit::of(account, provider, connect)) {
            if !exits.contains(&exit) {
                exits.push(exit);
            }
        }
        let openings = exits.into_iter().map(|exit| Opening {
            client: self.client(exit).clone(),
            url: url.clone(),
        });
        openings.collect()
    }

    /// Its name, as accounts give it; none if it needs none.
    pub(super) fn name(&self, exit: Exit<'_>) -> Option<Arc<str>> {
        let index = self.others.iter().position(|(other, _)| *other == exit);
        index.map(name)
    }

    /// All ways out that differ from this one only in how long connecting may take.
    pub(super) fn all_like(
        &self,
        one: Exit<'_>,
    ) -> impl Iterator<Item = (Duration, Option<Arc<str>>)> {
        let direct = (self.direct.0, None);
        let others = self.others.iter().enumerate();
        let others = others.map(|(index, (exit, _))| (*exit, Some(name(index))));
        std::iter::once(direct)
            .chain(others)
            .filter(move |(exit, _)| (exit.proxy, exit.http2) == (one.proxy, one.http2))
            .map(|(exit, name)| (exit.connect, name))
    }
}

/// A connection to be opened.
pub(super) struct Opening {
    client: Client,
    url: Uri,
}

impl Opening {
    /// A vendor that cannot be reached is told in the log: a call would be the next to find out.
    pub(super) async fn open(&self) {
        let host = self.url.host().unwrap_or_default();
        match self.client.connect(&self.url).await {
            Ok(()) => tracing::debug!(host, "connected"),
            Err(error) => tracing::warn!(host, %error, "a vendor could not be connected to"),
        }
    }
}

fn with_client(exit: Exit<'_>) -> Result<(Exit<'_>, Client), Error> {
    let mut options = ClientOptions::new()
        .connect_timeout(exit.connect)
        .http2(exit.http2);
    if let Some(proxy) = exit.proxy {
        options = options.proxy(proxy.expose());
    }
    Ok((exit, Client::new(&options)?))
}

/// The address itself may hold a password, and names are printed.
fn name(index: usize) -> Arc<str> {
    format!("exit {}", index.saturating_add(1)).into()
}
