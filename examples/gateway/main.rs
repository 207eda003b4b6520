//! The complete gateway: a file or the environment in, OpenAI's, Anthropic's and Google's dialects out, over any vendor.
//!
//! `cargo run --example gateway` needs neither file nor key: without them it serves a demo vendor that lives in this process.

mod arms;
mod connection;
mod demo;
mod door;
mod greet;
mod hurried;
mod listen;
mod load;
mod logging;
mod metrics;
mod patience;
mod reload;
mod serve;
mod steady;
mod stop;
mod tls;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use tokio::runtime::Runtime;

use self::load::Loaded;

/// One door to many model vendors: pooled, failing over, in the dialect of the caller.
///
/// Without a file, every vendor whose key is in the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY, …; OPENAI_API_KEYS=a,b for
/// several accounts) is served under `vendor/model`. Without a key either, a demo vendor answers.
///
/// RUST_LOG sets what is logged (default: info), TRUNKLINE_LOG=json makes it JSON. HTTP_PROXY and its like are ignored: proxies
/// are named in the file. SIGTERM and Ctrl-C let running calls end; a second one does not. A changed file, or SIGHUP, is put in
/// force while calls run; one with a mistake in it is not.
///
/// Exit codes: 0 stopped as asked, or all right; 1 could not serve; 2 the command line or the configuration is wrong.
#[derive(Debug, Parser)]
#[command(version, name = "gateway")]
struct Arguments {
    /// The configuration; `gateway.yaml` is used if it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where to listen, instead of what the configuration says; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,

    /// Check the configuration, print what would be served, and exit: 0 if it is right, 2 if not.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Dropped at the very end: whatever is logged until then is written.
    let _written = logging::start();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run(arguments));
    // A name that is still being looked up must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

async fn run(arguments: Arguments) -> ExitCode {
    let mut loaded = match Loaded::new(arguments.config.as_deref()).await {
        Ok(loaded) => loaded,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    if let Some(listen) = arguments.listen {
        loaded.config.server.listen = listen;
    }
    if arguments.check {
        if let Some(files) = &loaded.config.server.tls
            && let Err(problem) = tls::Certificate::load(files)
        {
            eprintln!("{}: {problem}", loaded.source);
            return ExitCode::from(2);
        }
        let (source, plan) = (&loaded.source, loaded.config.plan());
        greet::say(&format!("{source}: all right\n\n{plan}\n"));
        return ExitCode::SUCCESS;
    }
    match serve::run(loaded).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
