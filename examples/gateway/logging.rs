//! Logs on stderr, as text or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, field::MakeExt, fmt::format::debug_fn};

pub fn start() {
    let (filter, wrong) = filter();
    start_with(filter);
    if let Some(wrong) = wrong {
        tracing::warn!("RUST_LOG is not used: {wrong}");
    }
}

/// What passes the filter is logged.
pub fn start_with(filter: EnvFilter) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::env::var("TRUNKLINE_LOG").is_ok_and(|format| format.eq_ignore_ascii_case("json")) {
        log.json().flatten_event(true).with_span_list(false).init();
    } else if std::io::stderr().is_terminal() {
        log.init();
    } else {
        // Colours are for eyes, not for files. Fields take half the time to write where none are thought of.
        let fields = debug_fn(|out, field, value| match field.name() {
            "message" => write!(out, "{value:?}"),
            name => write!(out, "{name}={value:?}"),
        });
        let fields = fields.delimited(" ");
        log.with_ansi(false).fmt_fields(fields).init();
    }
}

/// What is logged, and what is wrong with RUST_LOG.
fn filter() -> (EnvFilter, Option<String>) {
    let usual = EnvFilter::new("info");
    match std::env::var("RUST_LOG").unwrap_or_default().as_str() {
        "" => (usual, None),
        text => match text.parse() {
            Ok(filter) => (filter, None),
            Err(error) => (usual, Some(format!("{error}"))),
        },
    }
}
