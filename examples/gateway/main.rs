//! The complete gateway: a file or the environment in, OpenAI's, Anthropic's and Google's dialects out, over any vendor.
//!
//! `cargo run --example gateway` needs neither file nor key: without them it serves a demo vendor that lives in this process.

mod demo;
mod load;
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use tracing_subscriber::EnvFilter;

use self::load::Loaded;

/// One door to many model vendors: pooled, failing over, in the dialect of the caller.
///
/// Without a file, every vendor whose key is in the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY, …; OPENAI_API_KEYS=a,b for
/// several accounts) is served under `vendor/model`. Without a key either, a demo vendor answers.
///
/// RUST_LOG sets what is logged (default: info), TRUNKLINE_LOG=json makes it JSON.
#[derive(Debug, Parser)]
#[command(version, name = "gateway")]
struct Arguments {
    /// The configuration; `gateway.yaml` is used if it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where to listen, instead of what the configuration says; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<std::net::SocketAddr>,

    /// Check the configuration, print what would be served, and exit: 0 if it is right, 2 if not.
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_logging();
    let loaded = match Loaded::new(arguments.config.as_deref()).await {
        Ok(loaded) => loaded,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    if arguments.check {
        println!("{}: all right\n\n{}", loaded.source, loaded.config.plan());
        return ExitCode::SUCCESS;
    }
    match serve::run(loaded, arguments.listen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::env::var("TRUNKLINE_LOG").is_ok_and(|format| format == "json") {
        log.json().init();
    } else {
        log.init();
    }
}
