//! Splitting a stream of server-sent events, beside the least that any splitter has to do: finding its line ends.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline::wire::SseSplitter;

/// About 1 MiB of chat completion chunks, some 300 bytes each.
fn stream() -> Bytes {
    let mut stream = String::new();
    let mut word = 0;
    while stream.len() < 1 << 20 {
        word += 1;
        stream.push_str(&format!(
            "data: {{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\
             \"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_34a54ae93c\",\"choices\":[{{\"index\":0,\
             \"delta\":{{\"content\":\" word{word}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null}}\n\n"
        ));
    }
    Bytes::from(stream)
}

fn split(chunks: &[Bytes]) -> usize {
    let mut splitter = SseSplitter::new();
    let mut frames = 0;
    for chunk in chunks {
        splitter.push(chunk.clone());
        while let Ok(Some(frame)) = splitter.next_frame() {
            frames += black_box(frame).data().len().min(1);
        }
    }
    frames
}

fn cut(stream: &Bytes, size: usize) -> Vec<Bytes> {
    (0..stream.len())
        .step_by(size)
        .map(|at| stream.slice(at..stream.len().min(at + size)))
        .collect()
}

fn benches(c: &mut Criterion) {
    let stream = stream();
    let mut group = c.benchmark_group("sse");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    group.bench_function("memchr of every newline", |b| {
        b.iter(|| memchr::memchr_iter(b'\n', black_box(&stream)).fold(0, |n, at| n ^ at))
    });
    for (name, size) in [
        ("one chunk", stream.len()),
        ("16 KiB chunks", 16 << 10),
        ("1 KiB chunks", 1 << 10),
        ("16 byte chunks", 16),
    ] {
        let chunks = cut(&stream, size);
        group.bench_function(name, |b| b.iter(|| split(black_box(&chunks))));
    }
    group.finish();
}

criterion_group!(sse, benches);
criterion_main!(sse);
