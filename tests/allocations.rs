//! How often a call and an event allocate, held to a bound: counts are the same on every machine. `cargo bench --bench allocations`
//! prints all of them.

#[path = "../benches/support/mod.rs"]
mod support;

use support::{Http, Speaks};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// What the whole stack may add to a call without a stream: three accounts, a chain of two models, retries.
const CALL: u64 = 36;

/// What an event of another dialect may cost: it is read, and written anew.
const TRANSLATED: f64 = 13.0;

const SHORT: usize = 100;
const LONG: usize = 1_100;

#[test]
fn calls_and_events_allocate_no_more_than_they_did() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _profiler = dhat::Profiler::builder().testing().build();
    let count = |service: &Http, stream, bytes| runtime.block_on(count(service, stream, bytes));

    let bare = support::client("application/json", support::openai_answer());
    let stack = support::stack(Speaks::OpenAi, bare.clone());
    let added = |bytes| count(&stack, false, bytes) - count(&bare, false, bytes);
    let (small, large) = (added(500), added(40_000));
    // A large body is sent in pieces, which are a block of their own in place of a copy.
    assert!(large <= small + 1, "{small}, and {large} with a large body");
    assert!(small <= CALL, "a call allocates {small} times");

    let events = |speaks, make: fn(usize) -> bytes::Bytes| {
        let of = |events| {
            let client = support::client("text/event-stream", make(events));
            count(&support::stack(speaks, client), true, 500) as f64
        };
        (of(LONG) - of(SHORT)) / (LONG - SHORT) as f64
    };
    let same = events(Speaks::OpenAi, support::openai_stream);
    assert_eq!(same, 0.0, "for each event that passes");
    let translated = events(Speaks::Anthropic, support::anthropic_stream);
    assert!(translated <= TRANSLATED, "{translated} for each event");
}

/// The allocations of one call, after some that warm things up.
async fn count(service: &Http, stream: bool, bytes: usize) -> u64 {
    // The first calls of a model are looked at more closely than later ones, to learn.
    for _ in 0..200 {
        support::drain(service, support::request(stream, bytes)).await;
    }
    let mut least = u64::MAX;
    // Now and then one is looked at closely again.
    for _ in 0..4 {
        let request = support::request(stream, bytes);
        let before = dhat::HeapStats::get().total_blocks;
        support::drain(service, request).await;
        least = least.min(dhat::HeapStats::get().total_blocks - before);
    }
    least
}
