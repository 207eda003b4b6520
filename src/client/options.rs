//! How clients connect.

use std::time::Duration;

/// How a [`Client`](super::Client) or a [`ReqwestClient`](super::ReqwestClient) connects.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct ClientOptions {
    /// The most time to connect, TLS included.
    pub connect_timeout: Duration,
    /// How long an idle connection is kept. Short, because vendors close theirs without a word.
    pub idle_timeout: Duration,
    /// How many idle connections are kept for each address.
    pub max_idle: usize,
    /// HTTP/2 for vendors with TLS that speak it. A [`ReqwestClient`](super::ReqwestClient) always offers it.
    pub http2: bool,
    /// `http://`, `https://`, `socks5://` or `socks5h://` proxy that every call goes through.
    pub proxy: Option<String>,
}

impl ClientOptions {
    /// Five seconds to connect, 1024 connections 30 seconds idle, HTTP/1.1, no proxy (those of the environment are ignored).
    pub const fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            max_idle: 1024,
            http2: false,
            proxy: None,
        }
    }

    /// The most time to connect.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an idle connection is kept.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How many idle connections are kept for each address.
    pub const fn max_idle(mut self, connections: usize) -> Self {
        self.max_idle = connections;
        self
    }

    /// HTTP/2 for vendors with TLS that speak it?
    pub const fn http2(mut self, http2: bool) -> Self {
        self.http2 = http2;
        self
    }

    /// The proxy that every call goes through.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new()
    }
}
