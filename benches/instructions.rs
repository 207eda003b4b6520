//! What the stack adds, in instructions: the same on every machine with one compiler, whatever else runs beside it.
//!
//! `cargo bench --bench instructions` runs itself under valgrind, once with a few calls and once with more; what one call costs is the
//! difference by the number of calls. `-- --calls CASE NUMBER` plays the calls and nothing else, for a profiler. `-- --check [FILE]`
//! compares with the bounds in a file, `benches/bounds.txt` unless named, and fails if one is exceeded; without valgrind with exit code 2.

mod support;

use std::process::ExitCode;

use bytes::Bytes;
use support::{Http, Speaks, valgrind};

/// Events in a short and in a long stream.
const SHORT: usize = 20;
const LONG: usize = 220;

/// Calls of a short and of a long run. Of the first calls a pool reads some more closely, to learn.
const FEW: usize = 500;
const MANY: usize = 700;

/// What is compared with, unless another file is named.
const BOUNDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/bounds.txt");

/// How a case is set up.
type Make = fn() -> Case;

/// What can be played, by name.
const CASES: [(&str, Make); 14] = [
    ("call-bare", || Case::whole(500, false)),
    ("call", || Case::whole(500, true)),
    ("call-40k-bare", || Case::whole(40_000, false)),
    ("call-40k", || Case::whole(40_000, true)),
    ("talk-40k-bare", || Case::talk(40_000, false)),
    ("talk-40k", || Case::talk(40_000, true)),
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

/// Its exit code where there is no valgrind but a check was asked for.
const UNCHECKED: u8 = 2;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--calls") {
        let calls = args.get(at + 2).and_then(|number| number.parse().ok());
        play(&args[at + 1], calls.expect("`--calls CASE NUMBER`"));
        return ExitCode::SUCCESS;
    }
    let check = args.iter().position(|arg| arg == "--check");
    if !valgrind::is_here() {
        println!(
            "there is no `valgrind` here, which counts the instructions: nothing was measured"
        );
        return match check {
            Some(_) => UNCHECKED.into(),
            None => ExitCode::SUCCESS,
        };
    }
    let Some(check) = check else {
        println!("{:<44}{:>14}", "what", "instructions");
        for (_, what, count) in rows() {
            println!("{what:<44}{count:>14}");
        }
        return ExitCode::SUCCESS;
    };
    // Cargo adds an argument of its own.
    let file = args.get(check + 1).filter(|file| !file.starts_with("--"));
    let file = file.map_or(BOUNDS, String::as_str);
    let bounds = std::fs::read_to_string(file).expect("a file of bounds");
    println!("{:<24}{:>14}{:>14}", "name", "instructions", "at most");
    let mut code = ExitCode::SUCCESS;
    for (name, _, count) in rows() {
        let Some(bound) = bound(&bounds, name) else {
            println!("{name:<24}{count:>14}{:>14}", "-");
            continue;
        };
        let over = count > bound;
        let told = if over { "  over" } else { "" };
        println!("{name:<24}{count:>14}{bound:>14}{told}");
        if over {
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// The number behind this name. Lines that begin with `#` are remarks.
fn bound(bounds: &str, name: &str) -> Option<u64> {
    let mut lines = bounds.lines().filter(|line| !line.starts_with('#'));
    let words = lines.find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(name)).then_some(words)
    });
    let number = words?.next()?.replace(',', "");
    Some(number.parse().expect("a number of instructions"))
}

/// What was counted: its name among the bounds, what it is, and the instructions.
fn rows() -> Vec<(&'static str, &'static str, u64)> {
    let call = |name: &str| {
        let count = |calls: usize| valgrind::counted(None, &["--calls", name, &calls.to_string()]);
        count(MANY).saturating_sub(count(FEW)) / (MANY - FEW) as u64
    };
    let event = |name: &str| {
        let more = call(&format!("{name}-long")).saturating_sub(call(&format!("{name}-short")));
        more / (LONG - SHORT) as u64
    };
    let bare = "bare client call, 500 B";
    let bare_40k = "bare client call, 40 kB";
    let whole = "the same through the whole stack, 500 B";
    let whole_40k = "the same through the whole stack, 40 kB";
    vec![
        ("call-bare", bare, call("call-bare")),
        ("call", whole, call("call")),
        ("call-40k-bare", bare_40k, call("call-40k-bare")),
        ("call-40k", whole_40k, call("call-40k")),
        (
            "talk-40k-bare",
            "bare client call, 40 kB of turns, made before",
            call("talk-40k-bare"),
        ),
        (
            "talk-40k",
            "the same through the whole stack",
            call("talk-40k"),
        ),
        ("event", "a streamed event, same dialect", event("stream")),
        (
            "event-translated",
            "a streamed event, translated",
            event("translated"),
        ),
        (
            "event-alone",
            "a streamed event on its own, same dialect",
            event("paced"),
        ),
        (
            "event-alone-translated",
            "a streamed event on its own, translated",
            event("paced-translated"),
        ),
    ]
}

/// What is called, and how.
struct Case {
    service: Http,
    stream: bool,
    bytes: usize,
    /// The same body each time, of many turns. None: a new one each time, of one.
    talk: Option<Bytes>,
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
            talk: None,
        }
    }

    fn talk(bytes: usize, stacked: bool) -> Self {
        Self {
            talk: Some(talk(bytes)),
            ..Self::whole(bytes, stacked)
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
            talk: None,
        }
    }
}

/// About so many bytes of turns, with calls of a tool, as an agent sends them.
fn talk(bytes: usize) -> Bytes {
    let turn = r##"{"role":"user","content":"What does the test \"tells the total\" want?\nIt failed twice at the last step, with `left: 17, right: 18`."},
        {"role":"assistant","content":null,"tool_calls":[{"id":"call_4711","type":"function","function":{"name":"read","arguments":"{\"path\":\"src/total.rs\",\"lines\":[1,80]}"}}]},
        {"role":"tool","tool_call_id":"call_4711","content":"fn total(items: &[Item]) -> usize {\n    items.iter().map(|item| item.count).sum::<usize>() - 1\n}\n\n#[test]\nfn tells_the_total() {\n    assert_eq!(total(&items()), 18);\n}\n"},"##;
    let turns = turn.repeat(bytes / turn.len());
    let body = format!(
        r#"{{"model":"bench","stream":false,"messages":[{turns}{{"role":"user","content":"So?"}}]}}"#
    );
    body.into()
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
    // In a task, as servers do.
    let played = runtime.spawn(async move {
        for _ in 0..calls {
            let request = match &case.talk {
                None => support::request(case.stream, case.bytes),
                Some(talk) => support::request(case.stream, 0).map(|_| talk.clone().into()),
            };
            support::drain(&case.service, request).await;
        }
    });
    runtime.block_on(played).expect("all calls");
}
