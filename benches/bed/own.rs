//! The bare proxy with the crate's own transport in place of hyper-util's client: what lies between it and the bare one is transport, what
//! lies between it and the gateway is the stack.

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tower::Service;
use trunkline::{
    Body,
    client::{Client, ClientOptions},
};

use crate::bare::redirected;

/// Where requests go is the argument behind the sub-command.
pub async fn run(listener: TcpListener) {
    let vendor = std::env::args().nth(2).unwrap_or_default();
    let client = Client::new(&ClientOptions::new()).expect("a client");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (client, vendor) = (client.clone(), vendor.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let request = redirected(request, &vendor).map(Body::new);
            // It is always ready.
            client.clone().call(request)
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
