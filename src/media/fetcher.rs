//! The fetcher: public addresses, few bytes, little time.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use http::{HeaderValue, header};
use reqwest::{Response, Url};
use tokio::time::timeout;

use super::{Fetched, MediaKind, MediaSource, Wanted, kind, resolver::Gate};
use crate::error::{Error, ErrorKind};

/// How often an address may lead to another one.
const HOPS: usize = 3;
/// How many addresses are fetched at once.
const AT_ONCE: usize = 4;
/// Ports of public hosts. Others are rarely media, and often somebody's door to something else.
const PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// What a [`MediaFetcher`] may do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct MediaOptions {
    /// The most bytes of all media of one request together; 20 MiB.
    pub max_bytes: usize,
    /// The most time for each address, redirects and all; 10 seconds.
    pub timeout: Duration,
    /// The most addresses in one request; 20.
    pub max_per_request: usize,
    /// `http://` too? No: what comes that way may be anybody's.
    pub allow_http: bool,
    /// Hosts, names or addresses, that may be fetched from wherever they are and at any port. All others have to be public. None.
    pub allow_hosts: Vec<String>,
}

impl MediaOptions {
    /// As the fields say.
    pub const fn new() -> Self {
        Self {
            max_bytes: 20 << 20,
            timeout: Duration::from_secs(10),
            max_per_request: 20,
            allow_http: false,
            allow_hosts: Vec::new(),
        }
    }

    /// The most bytes of all media of one request together.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The most time for each address.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The most addresses in one request.
    pub const fn max_per_request(mut self, addresses: usize) -> Self {
        self.max_per_request = addresses;
        self
    }

    /// `http://` too?
    pub const fn allow_http(mut self, allow: bool) -> Self {
        self.allow_http = allow;
        self
    }

    /// Hosts that may be fetched from wherever they are.
    pub fn allow_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.allow_hosts = hosts.into_iter().map(Into::into).collect();
        self
    }
}

impl Default for MediaOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Fetches media from public addresses over HTTPS.
///
/// Names are resolved here and connected to as resolved: loopback, private, link-local, shared, multicast and reserved networks, and
/// forms of IPv6 that carry an IPv4 address, are never reached. Redirects are few, and each is checked as the first address is. No
/// proxy, no cookies, no credentials; an address with a password in it is refused. What comes has to be what was expected, by its bytes.
#[derive(Debug)]
pub struct MediaFetcher {
    client: reqwest::Client,
    gate: Gate,
    options: MediaOptions,
}

impl MediaFetcher {
    /// A fetcher with connections of its own.
    ///
    /// # Errors
    /// If the system's certificates cannot be read.
    pub fn new(options: MediaOptions) -> Result<Self, Error> {
        let gate = Gate::new(&options.allow_hosts);
        Self::with_gate(options, gate)
    }

    fn with_gate(options: MediaOptions, gate: Gate) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .dns_resolver(gate.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(options.timeout)
            .pool_idle_timeout(Duration::from_secs(5))
            .user_agent(concat!("trunkline/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Server, "the media fetcher could not be set up")
                    .with_source(error)
            })?;
        Ok(Self {
            client,
            gate,
            options,
        })
    }

    async fn one(&self, wanted: &Wanted, left: &AtomicUsize) -> Result<Fetched, Error> {
        let fetched = timeout(self.options.timeout, self.follow(wanted, left)).await;
        fetched.unwrap_or_else(|_| {
            Err(refused(format!(
                "it did not come within {} seconds",
                self.options.timeout.as_secs_f32()
            )))
        })
    }

    async fn follow(&self, wanted: &Wanted, left: &AtomicUsize) -> Result<Fetched, Error> {
        let mut url = Url::parse(&wanted.url).map_err(|_| refused("it is not a URL"))?;
        for _ in 0..=HOPS {
            self.check(&url)?;
            url.set_fragment(None);
            let request = self.client.get(url.clone()).header(
                header::ACCEPT,
                HeaderValue::from_static(match wanted.kind {
                    MediaKind::Image => "image/*",
                    MediaKind::Document => "application/pdf, text/*",
                    MediaKind::Audio => "audio/*",
                }),
            );
            let response = request.send().await.map_err(|error| {
                tracing::debug!(error = ?error.without_url(), "media could not be fetched");
                unreachable()
            })?;
            let status = response.status();
            if status.is_redirection() {
                let target = response
                    .headers()
                    .get(header::LOCATION)
                    .and_then(|value| value.to_str().ok())
                    .and_then(|target| url.join(target).ok());
                url = target.ok_or_else(|| refused("it leads nowhere"))?;
                continue;
            }
            if !status.is_success() {
                return Err(refused(format!("its server answered {}", status.as_u16())));
            }
            return self.read(response, wanted.kind, left).await;
        }
        Err(refused(format!("it was redirected more than {HOPS} times")))
    }

    /// May this be asked for at all?
    fn check(&self, url: &Url) -> Result<(), Error> {
        match url.scheme() {
            "https" => {}
            "http" if self.options.allow_http => {}
            "http" => return Err(refused("only https:// is fetched here")),
            _ => return Err(refused("it is not an address of https://")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it has a user or a password in it"));
        }
        let host = url.host_str().ok_or_else(|| refused("it names no host"))?;
        let port = url.port_or_known_default().unwrap_or_default();
        if self.gate.is_barred(host) || !(self.gate.is_allowed(host) || PORTS.contains(&port)) {
            return Err(unreachable());
        }
        Ok(())
    }

    async fn read(
        &self,
        mut response: Response,
        kind: MediaKind,
        left: &AtomicUsize,
    ) -> Result<Fetched, Error> {
        let too_large = || {
            refused(format!(
                "the media of a request may have {} bytes together",
                self.options.max_bytes
            ))
        };
        let headers = response.headers();
        let encoding = headers.get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| encoding != "identity") {
            return Err(refused("its server compressed it without being asked"));
        }
        let announced = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| Some(value.to_str().ok()?.to_owned()));
        let length = response.content_length().unwrap_or(0);
        if length > left.load(Ordering::Relaxed) as u64 {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        loop {
            let piece = response
                .chunk()
                .await
                .map_err(|_| refused("it broke off before its end"))?;
            let Some(piece) = piece else { break };
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(piece.len())
            })
            .map_err(|_| too_large())?;
            bytes.extend_from_slice(&piece);
        }
        let media_type = kind::media_type(kind, announced.as_deref(), &bytes).ok_or_else(|| {
            refused(match kind {
                MediaKind::Image => "it is not an image of a known kind",
                MediaKind::Document => "it is neither a PDF nor a text",
                MediaKind::Audio => "it is not a sound of a known kind",
            })
        })?;
        Ok(Fetched::new(media_type, BASE64_STANDARD.encode(&bytes)))
    }
}

impl MediaSource for MediaFetcher {
    fn fetch<'a>(&'a self, wanted: &'a [Wanted]) -> BoxFuture<'a, Vec<Result<Fetched, Error>>> {
        let most = self.options.max_per_request;
        Box::pin(async move {
            if wanted.len() > most {
                let error = refused(format!(
                    "at most {most} addresses are fetched for a request"
                ));
                return wanted.iter().map(|_| Err(error.clone())).collect();
            }
            let left = AtomicUsize::new(self.options.max_bytes);
            let each: Vec<BoxFuture<'_, _>> = wanted
                .iter()
                .map(|wanted| self.one(wanted, &left).boxed())
                .collect();
            stream::iter(each).buffered(AT_ONCE).collect().await
        })
    }
}

/// Another vendor may take the address itself: so it is only this one that does not serve it.
fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, why).with_code("media_not_fetched")
}

/// One answer for names that are unknown, addresses that are barred and hosts that do not answer: which it was is nobody's business.
fn unreachable() -> Error {
    refused("its host cannot be reached from here, or must not be")
}

#[cfg(test)]
mod tests;
