//! Connections that are opened before the first call.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use trunkline::config::{Config, Gateway};

/// A configuration with a vendor of this address, and one that nobody may call.
fn config(vendor: &TcpListener, more: &str) -> Config {
    let address = vendor.local_addr().unwrap();
    let text = format!(
        r#"
{more}
providers:
  warm:
    kind: openai-compatible
    base_url: http://{address}/v1
    accounts: [{{ name: a, api_key: k1 }}, {{ name: b, api_key: k2 }}]
models: {{ m: [warm/m] }}
"#
    );
    Config::from_yaml(&text, &|_: &str| None).unwrap_or_else(|problems| panic!("{problems}"))
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

#[tokio::test]
async fn each_vendor_is_connected_to_once_and_again_when_the_configuration_changes() {
    let (first, second) = (listener().await, listener().await);
    let gateway = Arc::new(Gateway::new(&config(&first, "")).unwrap());
    let running = gateway.clone();
    let warm = tokio::spawn(async move { running.warm_up().await });
    let _kept = first.accept().await.unwrap();
    gateway.reload(&config(&second, "")).unwrap();
    let _kept = second.accept().await.unwrap();
    // Two accounts share what leads to the same place.
    assert!(nobody_waits(&first).await);
    warm.abort();
}

#[tokio::test]
async fn a_configuration_may_say_no() {
    let vendor = listener().await;
    let gateway = Gateway::new(&config(&vendor, "server: { warm_up: false }")).unwrap();
    let warm = gateway.warm_up();
    tokio::pin!(warm);
    // It has nothing to wait for but another configuration.
    let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(warm.as_mut().poll(cx))).await;
    assert!(polled.is_pending());
    assert!(nobody_waits(&vendor).await);
}

/// Is whoever connects now the first?
async fn nobody_waits(vendor: &TcpListener) -> bool {
    let own = TcpStream::connect(vendor.local_addr().unwrap());
    let own = own.await.unwrap();
    let (_, from) = vendor.accept().await.unwrap();
    from == own.local_addr().unwrap()
}
