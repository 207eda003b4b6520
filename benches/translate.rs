//! What the translation of a streamed event costs, beside the same event parsed as plain JSON and written again.
//!
//! `cargo bench --bench translate`; add `-- --quick` for a first look. Nothing but dialects is measured: no sockets, no layers. How often
//! memory is allocated, `cargo bench --bench allocations` tells.

mod support;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const EVENTS: usize = 1_000;

fn events(c: &mut Criterion) {
    for from in support::DIALECTS {
        let frames = support::frames(from, EVENTS);
        let mut group = c.benchmark_group(from.name());
        // Criterion's "elements" are events: time per element is time per event.
        group.throughput(Throughput::Elements(EVENTS as u64));
        group.measurement_time(Duration::from_secs(2));
        group.bench_function("parsed and written", |b| {
            b.iter(|| support::round_trip(&frames));
        });
        for to in support::DIALECTS {
            group.bench_function(format!("for {}", to.name()), |b| {
                b.iter(|| support::translate(from, to, &frames));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, events);
criterion_main!(benches);
