//! What the stack adds, in instructions: the same on every machine with one compiler, whatever else runs beside it.
//!
//! `cargo bench --bench instructions` runs itself under valgrind, once with a few calls and once with more; what one call costs is the
//! difference by the number of calls. `-- --calls CASE NUMBER` plays the calls and nothing else, for a profiler.

mod support;

use std::process::Command;

use bytes::Bytes;
use support::{Http, Speaks};

/// Events in a short and in a long stream.
const SHORT: usize = 20;
const LONG: usize = 220;

/// Calls of a short and of a long run. Of the first calls a pool reads some more closely, to learn.
const FEW: usize = 500;
const MANY: usize = 700;

/// How a case is set up.
type Make = fn() -> Case;

/// What can be played, by name.
const CASES: [(&str, Make); 12] = [
    ("call-bare", || Case::whole(500, false)),
    ("call", || Case::whole(500, true)),
    ("call-40k-bare", || Case::whole(40_000, false)),
    ("call-40k", || Case::whole(40_000, true)),
    ("stream-short", || Case::stream(Speaks::OpenAi, SHORT)),
    ("stream-long", || Case::stream(Speaks::OpenAi, LONG)),
    ("translated-short", || {
        Case::stream(Speaks::Anthropic, SHORT)
    }),
    ("translated-long", || Case::stream(Speaks::Anthropic, LONG)),
    ("paced-short", || Case::paced(Speaks::OpenAi, SHORT)),
    ("paced-long", || Case::paced(Speaks::OpenAi, LONG)),
    ("paced-translated-short", || {
        Case::paced(Speaks::Anthropic, SHORT)
    }),
    ("paced-translated-long", || {
        Case::paced(Speaks::Anthropic, LONG)
    }),
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--calls") {
        let calls = args.get(at + 2).and_then(|number| number.parse().ok());
        return play(&args[at + 1], calls.expect("`--calls CASE NUMBER`"));
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: there is no `valgrind` here, which counts the instructions");
        return;
    }
    println!("{:<44}{:>14}", "what", "instructions");
    let call = |name: &str| {
        let difference = counted(name, MANY).saturating_sub(counted(name, FEW));
        difference / (MANY - FEW) as u64
    };
    for (what, name) in [("500 B", "call"), ("40 kB", "call-40k")] {
        let (bare, ours) = (call(&format!("{name}-bare")), call(name));
        println!("{:<44}{bare:>14}", format!("bare client call, {what}"));
        let what = format!("the same through the whole stack, {what}");
        println!("{what:<44}{ours:>14}");
    }
    for (what, name) in [
        ("same dialect", "stream"),
        ("translated", "translated"),
        ("on its own, same dialect", "paced"),
        ("on its own, translated", "paced-translated"),
    ] {
        let more = call(&format!("{name}-long")).saturating_sub(call(&format!("{name}-short")));
        let each = more / (LONG - SHORT) as u64;
        println!("{:<44}{each:>14}", format!("a streamed event, {what}"));
    }
}

/// What is called, and how.
struct Case {
    service: Http,
    stream: bool,
    bytes: usize,
}

impl Case {
    fn whole(bytes: usize, stacked: bool) -> Self {
        let client = support::client("application/json", support::openai_answer());
        let service = if stacked {
            support::stack(Speaks::OpenAi, client)
        } else {
            client
        };
        Self {
            service,
            stream: false,
            bytes,
        }
    }

    fn stream(speaks: Speaks, events: usize) -> Self {
        Self::of_stream(speaks, events, |answer| {
            support::client("text/event-stream", answer)
        })
    }

    /// Events that do not come together.
    fn paced(speaks: Speaks, events: usize) -> Self {
        Self::of_stream(speaks, events, support::paced_client)
    }

    fn of_stream(speaks: Speaks, events: usize, client: fn(Bytes) -> Http) -> Self {
        let answer = match speaks {
            Speaks::OpenAi => support::openai_stream(events),
            Speaks::Anthropic => support::anthropic_stream(events),
        };
        Self {
            service: support::stack(speaks, client(answer)),
            stream: true,
            bytes: 500,
        }
    }
}

fn play(name: &str, calls: usize) {
    let (_, make) = CASES
        .iter()
        .find(|(case, _)| *case == name)
        .expect("the name of a case");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let case = make();
    runtime.block_on(async {
        for _ in 0..calls {
            let request = support::request(case.stream, case.bytes);
            support::drain(&case.service, request).await;
        }
    });
}

/// The instructions of a whole run, as valgrind counts them.
fn counted(name: &str, calls: usize) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--calls", name, &calls.to_string()])
        .output()
        .expect("valgrind runs");
    let told = String::from_utf8_lossy(&output.stderr);
    let line = told.lines().find(|line| line.contains("Collected"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("valgrind told no count:\n{told}"))
}
