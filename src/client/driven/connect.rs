//! New connections.

use std::{io, sync::Arc, time::Duration};

use http::{Uri, uri::Scheme};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
use tower_service::Service;

use super::{
    line::{Line, Origin},
    stream::Stream,
    tls,
};
use crate::{
    BoxError,
    client::ClientOptions,
    error::{Error, ErrorKind},
};

/// How long the other side may be silent before it is asked for a sign of life, and how long between two such questions.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How many of them may go unanswered.
const UNANSWERED: u32 = 3;
/// How long what was written may be unacknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Connects. If a name has addresses of both families, they race.
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: Option<TlsConnector>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(options: &ClientOptions, tls: Option<Arc<ClientConfig>>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // This is divided among a name's addresses: the first must not use up all of it.
        tcp.set_connect_timeout(Some(options.connect_timeout));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(UNANSWERED));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        Self {
            tcp,
            tls: tls.map(TlsConnector::from),
            timeout: options.connect_timeout,
        }
    }

    pub(super) const fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) async fn connect(&self, origin: Origin) -> Result<Box<Line>, Error> {
        let work = async {
            let tcp = self.tcp(&origin).await?;
            match (&self.tls, origin.tls) {
                (_, false) => Ok(Stream::Plain(tcp)),
                (Some(tls), true) => encrypted(tls, &origin, tcp).await,
                (None, true) => Err(Error::invalid("", "there is no TLS in this client")),
            }
        };
        let stream = match timeout(self.timeout, work).await {
            Ok(stream) => stream?,
            Err(_) => return Err(late()),
        };
        Ok(Line::new(origin, stream))
    }

    async fn tcp(&self, origin: &Origin) -> Result<TcpStream, Error> {
        let scheme = match origin.tls {
            true => Scheme::HTTPS,
            false => Scheme::HTTP,
        };
        let address = Uri::builder()
            .scheme(scheme)
            .authority(origin.authority.clone())
            .path_and_query("/")
            .build()
            .map_err(unreachable)?;
        match self.tcp.clone().call(address).await {
            Ok(stream) => Ok(stream.into_inner()),
            Err(error) if is_late(&error) => Err(late()),
            Err(error) => Err(unreachable(error)),
        }
    }
}

async fn encrypted(tls: &TlsConnector, origin: &Origin, tcp: TcpStream) -> Result<Stream, Error> {
    let host = origin.authority.host();
    // An IPv6 address stands in brackets.
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let name = ServerName::try_from(host.to_owned()).map_err(unreachable)?;
    match tls.connect(name, tcp).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(error) if tls::lacks_http1(&error) => Err(Error::new(
            ErrorKind::Connection,
            "the vendor speaks HTTP/2 only, which this client has to be told",
        )
        .with_unsent()
        .with_source(error)),
        Err(error) => Err(unreachable(error)),
    }
}

/// Did the time of one address run out?
fn is_late(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
    })
}

fn late() -> Error {
    Error::new(ErrorKind::Timeout, "connecting to the vendor took too long")
        .with_code("connect_timeout")
        .with_unsent()
}

fn unreachable(source: impl Into<BoxError>) -> Error {
    Error::new(
        ErrorKind::Connection,
        "the vendor could not be connected to",
    )
    .with_unsent()
    .with_source(source)
}
