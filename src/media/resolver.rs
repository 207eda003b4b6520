//! Names resolved to addresses that may be reached, and to no others.
//!
//! The client connects to what comes out of here and asks nobody else: a name that means another address a moment later gains
//! nothing.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// How a name's addresses are found.
type Lookup = dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync;

/// Whose addresses may be reached.
#[derive(Clone)]
pub(super) struct Gate {
    /// Hosts that may be anywhere, in lower case.
    allowed: Arc<[String]>,
    lookup: Arc<Lookup>,
}

impl Gate {
    /// Names are looked up as the system does.
    pub(super) fn new(allowed: &[String]) -> Self {
        Self::with_lookup(allowed, |name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }

    pub(super) fn with_lookup(
        allowed: &[String],
        lookup: impl Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            allowed: allowed.iter().map(|host| plain(host)).collect(),
            lookup: Arc::new(lookup),
        }
    }

    /// May this host be anywhere?
    pub(super) fn is_allowed(&self, host: &str) -> bool {
        self.allowed.contains(&plain(host))
    }

    /// Is it an address that must not be reached? Of a name that is not known yet.
    pub(super) fn is_barred(&self, host: &str) -> bool {
        let address: Option<IpAddr> = plain(host).parse().ok();
        address.is_some_and(|address| !is_public(address)) && !self.is_allowed(host)
    }
}

/// Lower case, without the brackets of IPv6 and the dot of the root.
fn plain(host: &str) -> String {
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let allowed = self.is_allowed(&host);
        let found = (self.lookup)(host);
        Box::pin(async move {
            let found = found.await?;
            // One inner address among public ones is no accident.
            if !allowed && !found.iter().copied().all(is_public) {
                return Err("the name stands for an address that is not public".into());
            }
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(gate: &Gate, name: &str) -> Result<Vec<SocketAddr>, String> {
        let found = gate.resolve(name.parse().unwrap()).await;
        found.map(Iterator::collect).map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn a_name_with_an_inner_address_stands_for_none() {
        let allowed = ["Media.Inner.".to_owned(), "10.1.1.1".to_owned()];
        let gate = Gate::with_lookup(&allowed, |name| {
            Box::pin(async move {
                Ok(match name.as_str() {
                    "public.test" => vec!["1.1.1.1".parse().unwrap()],
                    "mixed.test" => vec!["1.1.1.1".parse().unwrap(), "::1".parse().unwrap()],
                    _ => vec!["10.0.0.1".parse().unwrap()],
                })
            })
        });
        assert_eq!(
            resolve(&gate, "public.test").await.unwrap(),
            ["1.1.1.1:0".parse().unwrap()]
        );
        for name in ["mixed.test", "inner.test", "media.inner.evil.test"] {
            assert!(resolve(&gate, name).await.is_err(), "{name}");
        }
        assert!(resolve(&gate, "media.INNER").await.is_ok());
        assert!(gate.is_barred("127.0.0.1") && gate.is_barred("[::1]"));
        assert!(!gate.is_barred("10.1.1.1") && !gate.is_barred("1.1.1.1"));
        assert!(!gate.is_barred("inner.test"), "it will be looked up");
    }

    #[tokio::test]
    async fn the_machine_itself_has_a_name() {
        let gate = Gate::new(&[]);
        assert!(resolve(&gate, "localhost").await.is_err());
    }
}
