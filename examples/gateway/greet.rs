//! What an operator reads at the start: what is served, a line that works, and what looks wrong.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use trunkline::config::Config;

use crate::load::Loaded;

pub fn greet(loaded: &Loaded, address: SocketAddr) {
    let Config {
        providers, models, ..
    } = &loaded.config;
    let scheme = match loaded.config.server.tls {
        Some(_) => "https",
        None => "http",
    };
    let mut text = format!(
        "trunkline, from {}, on {scheme}://{address}\n  \
         POST /v1/chat/completions, /v1/messages; GET /v1/models, /health, /health/ready\n",
        loaded.source
    );
    for model in models {
        text += &format!("  model {}\n", model.name);
    }
    let vendors: Vec<&str> = providers.iter().map(|p| p.name.as_str()).collect();
    text += &format!("  over {}\n", vendors.join(", "));
    text += &format!(
        "\ncurl -N {scheme}://{}/v1/chat/completions -H 'content-type: application/json' \\\n  \
         -d '{{\"model\":\"{}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n\n",
        reachable(address),
        example(loaded),
    );
    say(&text);
    tracing::info!(%address, source = loaded.source, models = models.len(), "listening");
    warn(&loaded.config, address);
}

/// Prints to stdout. Nobody reading there is no reason to stop.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn warn(config: &Config, address: SocketAddr) {
    if !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "there are no caller keys: whoever can reach this address can spend what the accounts have; \
             listen on 127.0.0.1, or behind a proxy that asks who calls"
        );
    }
    if config.models.is_empty() {
        tracing::warn!(
            "no model is served: the file names none, and no vendor's key is in the environment"
        );
    }
}

/// An address to call from this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// A model to ask for: one that has a name, else one with a blank to fill in.
fn example(loaded: &Loaded) -> String {
    let mut names = loaded.config.models.iter().map(|model| model.name.as_str());
    let exact = names.clone().find(|name| !name.contains('*'));
    match exact.or_else(|| names.next()) {
        Some(name) => name.replace('*', "<model>"),
        None => "<model>".to_owned(),
    }
}
