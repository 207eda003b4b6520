//! What the gateway costs beside a bare reverse proxy, over real sockets.
//!
//! `cargo bench --bench bed` runs everything, prints a table and writes it to `benches/README.md` and `benches/bed.svg`.
//! `-- --quick` takes a third of the time, `-- --only c64` runs the cases whose name contains that; both only print.
//!
//! One vendor, the bare proxy, the same with the crate's own transport, and the gateway each run as a process of this same program; the callers are in the first one. The
//! figure to trust is the CPU time of the proxy's process per request or per event: it hardly depends on what else the
//! machine is doing, where latency and throughput do.

// The gateway is served by the example's own code.
#[path = "../../examples/gateway/arms.rs"]
mod arms;
mod bare;
mod case;
mod child;
#[path = "../../examples/gateway/connection.rs"]
mod connection;
#[allow(dead_code, reason = "the bed does not drain")]
#[path = "../../examples/gateway/door.rs"]
mod door;
mod gateway;
#[path = "../../examples/gateway/hurried.rs"]
mod hurried;
#[path = "../../examples/gateway/listen.rs"]
mod listen;
mod load;
#[allow(dead_code, reason = "the bed says itself what is logged")]
#[path = "../../examples/gateway/logging.rs"]
mod logging;
mod measure;
#[allow(dead_code, reason = "the bed reads its own figures")]
#[path = "../../examples/gateway/metrics.rs"]
mod metrics;
mod own;
mod page;
#[path = "../../examples/gateway/patience.rs"]
mod patience;
mod plot;
mod report;
#[path = "../../examples/gateway/steady.rs"]
mod steady;
#[allow(dead_code, reason = "the bed speaks plain HTTP")]
#[path = "../../examples/gateway/tls.rs"]
mod tls;
mod vendor;

use std::process::ExitCode;

use self::{child::Child, gateway::Ways};

/// Sockets that one process may need.
const FILES: u64 = 4_096;

/// What the gateway's models are.
const WAYS: Ways = &[
    ("openai", &["0/0", "50/0", "100/20", "1000/1000"]),
    ("anthropic", &["0/0", "50/0"]),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("vendor") => return child::serve(vendor::run),
        Some("bare") => return child::serve(bare::run),
        Some("own") => return child::serve(own::run),
        Some("gateway") => {
            let vendor = args.get(1).cloned().unwrap_or_default();
            let flags = args.into_iter().skip(2).collect();
            return child::serve(|listener| gateway::run(listener, vendor, WAYS, flags));
        }
        _ => {}
    }
    // `cargo test --benches` runs this as well, and wants nothing measured.
    if !args.iter().any(|arg| arg == "--bench") {
        println!("nothing was measured: cargo bench --bench bed [-- --quick] [-- --only NAME]");
        return ExitCode::SUCCESS;
    }
    if let Some(code) = child::with_more_files(FILES) {
        return code;
    }
    let plan = Plan::of(&args);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let rows = runtime.block_on(measure::all(&plan));
    let table = report::table(&rows);
    let machine = page::machine();
    println!("\n{machine}\n{table}");
    if plan.quick || plan.only.is_some() {
        return ExitCode::SUCCESS;
    }
    let text = format!("{machine}; `cargo bench --bench bed`.\n\n{table}");
    match page::write("bed", &text).and_then(|()| plot::write(&rows)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the report could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was asked for.
struct Plan {
    quick: bool,
    only: Option<String>,
}

impl Plan {
    fn of(args: &[String]) -> Self {
        let only = args.iter().position(|arg| arg == "--only");
        Self {
            quick: args.iter().any(|arg| arg == "--quick"),
            only: only.and_then(|at| args.get(at + 1)).cloned(),
        }
    }
}
