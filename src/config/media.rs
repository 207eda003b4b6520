//! `server.media_fetch`.

use super::reader::{At, Reader};
use crate::media::MediaOptions;

const KEYS: [&str; 6] = [
    "enabled",
    "max_bytes",
    "timeout",
    "max_per_request",
    "allow_http",
    "allow_hosts",
];

/// Off unless `enabled` says otherwise, so that settings can stay when it is switched off.
pub(super) fn fetch(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Option<MediaOptions>> {
    let fields = reader.fields(at, &KEYS)?;
    let usual = MediaOptions::new();
    let enabled = fields.read(reader, "enabled", Reader::boolean);
    let max_bytes = fields.read(reader, "max_bytes", |reader, at| {
        let bytes = reader.size(at)?;
        if bytes == 0 {
            reader.problem(at, "0 would let nothing through; write e.g. `20MiB`");
            return None;
        }
        Some(bytes)
    });
    let timeout = fields.read(reader, "timeout", |reader, at| {
        let timeout = reader.duration(at)?;
        if timeout.is_zero() {
            reader.problem(at, "0s would let nothing be fetched; write e.g. `10s`");
            return None;
        }
        Some(timeout)
    });
    let most = fields.read(reader, "max_per_request", |reader, at| {
        reader.positive(
            at,
            "a request needs at least 1; to fetch nothing write `enabled: false`",
        )
    });
    let allow_http = fields.read(reader, "allow_http", Reader::boolean);
    let hosts = fields.read(reader, "allow_hosts", hosts);
    let options = MediaOptions::new()
        .max_bytes(max_bytes.unwrap_or(usual.max_bytes))
        .timeout(timeout.unwrap_or(usual.timeout))
        .max_per_request(most.unwrap_or(usual.max_per_request))
        .allow_http(allow_http.unwrap_or(usual.allow_http))
        .allow_hosts(hosts.unwrap_or_default());
    Some(enabled.unwrap_or(false).then_some(options))
}

fn hosts(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Vec<String>> {
    let items = reader.list(at, "a list of hosts")?;
    let hosts = items.iter().filter_map(|at| {
        let host = reader.text(at)?;
        let is_v6 = host.parse::<std::net::Ipv6Addr>().is_ok();
        if host.is_empty() || (host.contains([':', '/', '*', '@', ' ']) && !is_v6) {
            let message = "a host is a name or an address, without scheme, port, path or `*`";
            reader.problem(at, message);
            return None;
        }
        Some(host)
    });
    Some(hosts.collect())
}
