//! What the stack adds, in allocations: exact counts, the same on every machine.
//!
//! `cargo bench --bench allocations` prints the table. Per event: the difference between a long stream and a short one, divided
//! by the difference in events.

mod support;

use support::{Http, Speaks};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SHORT: usize = 100;
const LONG: usize = 1_100;

fn main() {
    // Harness flags such as `--bench` are of no interest here.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let _profiler = dhat::Profiler::builder().testing().build();

    println!("{:<44}{:>14}", "what", "allocations");
    let bare = support::client("application/json", support::openai_answer());
    let pooled = support::stack(Speaks::OpenAi, bare.clone());
    for size in [500, 40_000] {
        let without = count(&runtime, &bare, false, size);
        let with = count(&runtime, &pooled, false, size);
        println!("{:<44}{without:>14}", format!("bare client call, {size} B"));
        println!(
            "{:<44}{with:>14}",
            format!("the same through the whole stack, {size} B")
        );
    }
    let per_event = |make: &dyn Fn(usize) -> Http| {
        let short = count(&runtime, &make(SHORT), true, 500);
        let long = count(&runtime, &make(LONG), true, 500);
        (long as f64 - short as f64) / (LONG - SHORT) as f64
    };
    let stream = |bytes| support::client("text/event-stream", bytes);
    let same = per_event(&|n| support::stack(Speaks::OpenAi, stream(support::openai_stream(n))));
    let translated =
        per_event(&|n| support::stack(Speaks::Anthropic, stream(support::anthropic_stream(n))));
    println!("{:<44}{same:>14.2}", "a streamed event, same dialect");
    println!("{:<44}{translated:>14.2}", "a streamed event, translated");

    for from in support::DIALECTS {
        let each = |work: &dyn Fn(usize) -> usize| {
            let long = allocations(|| work(LONG)) as f64;
            (long - allocations(|| work(SHORT)) as f64) / (LONG - SHORT) as f64
        };
        let (long, short) = (support::frames(from, LONG), support::frames(from, SHORT));
        let frames = |n| if n == LONG { &long } else { &short };
        let plain = each(&|n| support::round_trip(frames(n)));
        let name = format!("an event of {}, parsed and written", from.name());
        println!("{name:<52}{plain:>6.2}");
        for to in support::DIALECTS {
            let found = each(&|n| support::translate(from, to, frames(n)));
            let name = format!("an event of {}, for {}", from.name(), to.name());
            println!("{name:<52}{found:>6.2}");
        }
    }
}

/// The allocations of some work, done once before.
fn allocations(work: impl Fn() -> usize) -> u64 {
    work();
    let before = dhat::HeapStats::get().total_blocks;
    work();
    dhat::HeapStats::get().total_blocks - before
}

/// The allocations of one call, after some that warm things up.
fn count(runtime: &tokio::runtime::Runtime, service: &Http, stream: bool, size: usize) -> u64 {
    runtime.block_on(async {
        for _ in 0..10 {
            support::drain(service, support::request(stream, size)).await;
        }
        let request = support::request(stream, size);
        let before = dhat::HeapStats::get().total_blocks;
        support::drain(service, request).await;
        dhat::HeapStats::get().total_blocks - before
    })
}
