//! The reference: the least a reverse proxy over hyper does. Bodies pass untouched, connections are pooled.

use http::{Request, Uri, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::TcpListener;

/// Where requests go is the argument behind the sub-command.
pub async fn run(listener: TcpListener) {
    let vendor = std::env::args().nth(2).unwrap_or_default();
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<HttpConnector, Incoming> = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (client, vendor) = (client.clone(), vendor.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let request = redirected(request, &vendor);
            let client = client.clone();
            async move { client.request(request).await }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// The same request for the vendor.
pub fn redirected(mut request: Request<Incoming>, vendor: &str) -> Request<Incoming> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::builder()
        .scheme("http")
        .authority(vendor)
        .path_and_query(path)
        .build()
        .expect("a URL of legal parts");
    request.headers_mut().remove(header::HOST);
    request.headers_mut().remove(header::CONNECTION);
    request
}
