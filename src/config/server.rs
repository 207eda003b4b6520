//! The sections `server` and `retry`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    ceilings, media,
    model::{ProviderConfig, RetryConfig, ServerConfig, TlsConfig},
    reader::{At, Reader},
    value::format_duration,
};

pub(super) fn server(reader: &mut Reader<'_>, at: &At<'_>) -> Option<ServerConfig> {
    let fields = reader.fields(
        at,
        &[
            "listen",
            "body_limit",
            "heartbeat",
            "json_heartbeat",
            "drain",
            "files",
            "tls",
            "media_fetch",
            "limits",
            "warm_up",
        ],
    )?;
    let usual = ServerConfig::default();
    let limits = fields
        .read(reader, "limits", ceilings::limits)
        .unwrap_or(usual.limits);
    let body_limit = fields
        .read(reader, "body_limit", body_limit)
        .unwrap_or(usual.body_limit);
    if let Some(at) = fields.get("limits").or(fields.get("body_limit")) {
        ceilings::check(reader, at, &limits, body_limit);
    }
    Some(ServerConfig {
        listen: fields
            .read(reader, "listen", listen)
            .unwrap_or(usual.listen),
        body_limit,
        heartbeat: fields
            .read(reader, "heartbeat", or_never)
            .unwrap_or(usual.heartbeat),
        json_heartbeat: fields
            .read(reader, "json_heartbeat", or_never)
            .unwrap_or(usual.json_heartbeat),
        drain: fields
            .read(reader, "drain", Reader::duration)
            .unwrap_or(usual.drain),
        files: fields.read(reader, "files", Reader::text),
        tls: fields.read(reader, "tls", tls),
        media_fetch: fields.read(reader, "media_fetch", media::fetch).flatten(),
        limits,
        warm_up: fields
            .read(reader, "warm_up", Reader::boolean)
            .unwrap_or(usual.warm_up),
    })
}

/// Whether the files can be read is found out by whoever serves.
fn tls(reader: &mut Reader<'_>, at: &At<'_>) -> Option<TlsConfig> {
    let fields = reader.fields(at, &["cert", "key"])?;
    let mut file = |name: &str| {
        if fields.get(name).is_none() {
            let message = format!("`tls` needs `{name}`: the name of a file in PEM");
            reader.problem_at_key(at, message);
        }
        fields.read(reader, name, Reader::text).map(PathBuf::from)
    };
    let (cert, key) = (file("cert"), file("key"));
    Some(TlsConfig {
        cert: cert?,
        key: key?,
    })
}

pub(super) fn retry(reader: &mut Reader<'_>, at: &At<'_>) -> Option<RetryConfig> {
    let fields = reader.fields(
        at,
        &[
            "max_attempts",
            "base",
            "max",
            "budget",
            "min_remaining",
            "continuations",
        ],
    )?;
    let usual = RetryConfig::default();
    let attempts = |reader: &mut Reader<'_>, at: &At<'_>| {
        reader.positive(at, "a call needs at least 1 attempt; 1 is no retries")
    };
    let retry = RetryConfig {
        max_attempts: fields
            .read(reader, "max_attempts", attempts)
            .unwrap_or(usual.max_attempts),
        base: fields
            .read(reader, "base", Reader::duration)
            .unwrap_or(usual.base),
        max: fields
            .read(reader, "max", Reader::duration)
            .unwrap_or(usual.max),
        budget: fields
            .read(reader, "budget", Reader::share)
            .unwrap_or(usual.budget),
        min_remaining: fields
            .read(reader, "min_remaining", Reader::duration)
            .unwrap_or(usual.min_remaining),
        continuations: fields
            .read(reader, "continuations", Reader::number)
            .unwrap_or(usual.continuations),
    };
    if let Some(at) = fields.get("max").or(fields.get("base"))
        && retry.max < retry.base
    {
        let message = format!(
            "the longest pause (`max`, {}) is shorter than the first (`base`, {})",
            format_duration(retry.max),
            format_duration(retry.base),
        );
        reader.problem(at, message);
    }
    Some(retry)
}

/// The provider that `files` names must be there.
pub(super) fn check_files(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    name: &str,
    providers: &[ProviderConfig],
) {
    let names: Vec<&str> = providers.iter().map(|p| p.name.as_str()).collect();
    if !names.contains(&name) {
        // What was written may have come from the environment: it is not repeated.
        let known = names.join(", ");
        let message = format!("`files` names no provider; there are {known}");
        reader.problem_at_key(at, message);
    }
}

fn listen(reader: &mut Reader<'_>, at: &At<'_>) -> Option<SocketAddr> {
    let text = reader.text(at)?;
    // Nothing is looked up, but this name means the same everywhere.
    let text = match text.trim().strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.trim().to_owned(),
    };
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!(
            "{} is not an address to listen on; write e.g. `127.0.0.1:8080`, `0.0.0.0:8080` or `[::1]:8080`",
            Reader::written(at)
        );
        reader.problem(at, message);
    }
    address
}

fn body_limit(reader: &mut Reader<'_>, at: &At<'_>) -> Option<usize> {
    let bytes = reader.size(at)?;
    if bytes == 0 {
        reader.problem(at, "0 would refuse every request; write e.g. `32MiB`");
        return None;
    }
    Some(bytes)
}

/// A duration, of which `0s` is never.
pub(super) fn or_never(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Option<Duration>> {
    let duration = reader.duration(at)?;
    Some((!duration.is_zero()).then_some(duration))
}
