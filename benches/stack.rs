//! What the stack adds, in time: a pooled call beside the bare client call, and a streamed event beside the bare one.
//!
//! `cargo bench --bench stack`. The client is in memory, so what is measured is this crate and nothing else; read the figures
//! as differences within one run.

mod support;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::{Http, Speaks};

const EVENTS: usize = 1_000;

fn calls(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let bare = support::client("application/json", support::openai_answer());
    let pooled = support::stack(Speaks::OpenAi, bare.clone());
    for size in [500, 40_000] {
        let mut group = c.benchmark_group(format!("call/{size}B"));
        group.measurement_time(Duration::from_secs(3));
        for (name, service) in [("bare", &bare), ("stack", &pooled)] {
            group.bench_function(name, |b| {
                b.to_async(&runtime).iter_batched(
                    || support::request(false, size),
                    |request| support::drain(service, request),
                    criterion::BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

fn events(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let openai = support::client("text/event-stream", support::openai_stream(EVENTS));
    let anthropic = support::client("text/event-stream", support::anthropic_stream(EVENTS));
    let cases: [(&str, Http); 3] = [
        ("bare", openai.clone()),
        ("same dialect", support::stack(Speaks::OpenAi, openai)),
        ("translated", support::stack(Speaks::Anthropic, anthropic)),
    ];
    let mut group = c.benchmark_group("event");
    // Criterion's "elements" are events: time per element is time per event.
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.measurement_time(Duration::from_secs(3));
    for (name, service) in &cases {
        group.bench_function(*name, |b| {
            b.to_async(&runtime).iter_batched(
                || support::request(true, 500),
                |request| support::drain(service, request),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, calls, events);
criterion_main!(benches);
