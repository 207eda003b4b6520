//! Logs on stderr, as text or as JSON.

#[path = "logging/line.rs"]
mod line;
#[path = "logging/spool.rs"]
mod spool;

use std::{
    io::{self, IsTerminal},
    panic,
    str::FromStr,
};

use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{LevelFilter, ParseError, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use self::{
    line::Lines,
    spool::{Spool, Written},
};

/// Logs what RUST_LOG asks for. The last lines are written when what it returns is dropped.
pub fn start() -> Written {
    let (filter, wrong) = filter();
    let written = start_with(filter);
    if let Some(wrong) = wrong {
        tracing::warn!("RUST_LOG is not used: {wrong}");
    }
    written
}

/// Logs what passes the filter.
pub fn start_with(filter: Filter) -> Written {
    let (spool, written) = Spool::start();
    let lines = spool.clone();
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // What led there comes first, and even if the process ends with it.
        lines.flush();
        usual(panic);
    }));
    log(spool, filter);
    written
}

/// What is logged.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one, and not for long")]
pub enum Filter {
    /// By level and module: decided once for each place that logs.
    Levels(Targets),
    /// By spans and their fields as well: looked at with every span.
    Spans(EnvFilter),
}

impl FromStr for Filter {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let spans: EnvFilter = text.parse()?;
        let plain = |char: char| !"[]{}".contains(char) && !char.is_whitespace();
        Ok(match text.parse() {
            Ok(levels) if text.chars().all(plain) => Self::Levels(levels),
            _ => Self::Spans(spans),
        })
    }
}

fn log(spool: Spool, filter: Filter) {
    let json =
        std::env::var("TRUNKLINE_LOG").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if json {
        let layer = fmt::layer().json().flatten_event(true);
        Box::new(layer.with_span_list(false).with_writer(spool))
    } else if io::stderr().is_terminal() {
        Box::new(fmt::layer().with_writer(spool))
    } else {
        Box::new(Lines(spool))
    };
    let log = tracing_subscriber::registry().with(lines);
    match filter {
        Filter::Levels(levels) => log.with(levels).init(),
        Filter::Spans(spans) => log.with(spans).init(),
    }
}

/// What is logged, and what is wrong with RUST_LOG.
fn filter() -> (Filter, Option<String>) {
    let usual = || Filter::Levels(Targets::new().with_default(LevelFilter::INFO));
    match std::env::var("RUST_LOG").unwrap_or_default().as_str() {
        "" => (usual(), None),
        text => match text.parse() {
            Ok(filter) => (filter, None),
            Err(error) => (usual(), Some(error.to_string())),
        },
    }
}
