//! How the cost of a call grows: with its body, its stream, the accounts, models and callers there are, and the streams that are open.
//!
//! `cargo bench --bench curves` measures all curves, prints them, and writes them to `benches/README.md` and `benches/curves.svg`.
//! `-- --only accounts` measures the curves whose name contains that, and only prints.
//!
//! All but the last are instructions, as valgrind counts them: exact, in memory, without sockets. Open streams are measured over
//! real sockets, each proxy in a process of its own, beside a bare one.

#[path = "../../examples/gateway/arms.rs"]
mod arms;
#[path = "../bed/bare.rs"]
mod bare;
mod cases;
#[path = "../bed/child.rs"]
mod child;
#[path = "../../examples/gateway/connection.rs"]
mod connection;
mod curve;
#[allow(dead_code, reason = "nothing drains here")]
#[path = "../../examples/gateway/door.rs"]
mod door;
#[path = "../bed/gateway.rs"]
mod gateway;
#[path = "../../examples/gateway/hurried.rs"]
mod hurried;
#[path = "../../examples/gateway/listen.rs"]
mod listen;
#[allow(dead_code, reason = "latency is the bed's business")]
#[path = "../bed/load.rs"]
mod load;
#[allow(dead_code, reason = "the curves say themselves what is logged")]
#[path = "../../examples/gateway/logging.rs"]
mod logging;
#[allow(dead_code, reason = "nobody asks for metrics")]
#[path = "../../examples/gateway/metrics.rs"]
mod metrics;
mod open;
#[path = "../bed/page.rs"]
mod page;
mod panels;
#[path = "../../examples/gateway/patience.rs"]
mod patience;
mod play;
#[path = "../../examples/gateway/steady.rs"]
mod steady;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "plain HTTP is spoken")]
#[path = "../../examples/gateway/tls.rs"]
mod tls;
#[path = "../bed/vendor.rs"]
mod vendor;

use std::{fmt::Write, process::ExitCode};

use self::{curve::Curve, support::valgrind};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("play") => {
            play::play(&args[1..]);
            return ExitCode::SUCCESS;
        }
        Some("vendor") => return child::serve(vendor::run),
        Some("bare") => return child::serve(bare::run),
        Some("gateway") => {
            let vendor = args.get(1).cloned().unwrap_or_default();
            let flags = args.into_iter().skip(2).collect();
            return child::serve(|listener| gateway::run(listener, vendor, open::WAYS, flags));
        }
        _ => {}
    }
    // `cargo test --benches` runs this as well, and wants nothing measured.
    if !args.iter().any(|arg| arg == "--bench") {
        println!("nothing was measured: cargo bench --bench curves [-- --only NAME]");
        return ExitCode::SUCCESS;
    }
    if let Some(code) = child::with_more_files(open::FILES) {
        return code;
    }
    let only = args.iter().skip_while(|arg| *arg != "--only").nth(1);
    let wanted = |name: &str| only.is_none_or(|only| name.contains(&**only));
    let mut curves = Vec::new();
    if valgrind::is_here() {
        let counted = cases::CURVES.iter().filter(|case| wanted(case.name));
        curves.extend(counted.map(cases::Case::measured));
    } else {
        println!(
            "there is no `valgrind` here, which counts the instructions: only open streams are measured"
        );
    }
    if wanted("open") {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        curves.extend(runtime.block_on(open::measured()));
    }
    let text = told(&curves);
    println!("\n{text}");
    if only.is_some() || curves.len() <= open::CURVES {
        return ExitCode::SUCCESS;
    }
    let text = format!("{text}\n![The curves, both axes logarithmic](curves.svg)\n");
    match page::write("curves", &text).and_then(|()| panels::write(&curves)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the report could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The verdicts of all curves, and a table of each.
fn told(curves: &[Curve]) -> String {
    let mut out = format!(
        "{}; `cargo bench --bench curves`.\n\n| curve | line | verdict |\n| --- | --- | --- |\n",
        page::machine()
    );
    for curve in curves {
        for line in &curve.lines {
            let verdict = line.verdict(curve.x);
            let _ = writeln!(out, "| {} | {} | {verdict} |", curve.title, line.name);
        }
    }
    for curve in curves {
        let _ = write!(out, "\n{}\n\n{}", curve.about, curve.table());
    }
    out
}
