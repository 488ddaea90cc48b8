//! Durable appends: one producer, sixteen, 256, and batches of 500.
#![expect(clippy::expect_used, reason = "a bench that cannot run ends there")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mainstem_benches::workplace::{self, Opened, Workplace};
use mainstem_log::{AppendOptions, Batch};

const PAYLOAD: [u8; 1024] = [b'x'; 1024];
const BATCH_RECORDS: u64 = 500;

fn append(criterion: &mut Criterion) {
    let workplace = Workplace::new(env!("CARGO_TARGET_TMPDIR").as_ref()).expect("a directory");
    let mut group = criterion.benchmark_group("append");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    group.throughput(Throughput::Elements(1));
    for producers in [1, 16, 256] {
        let corner = workplace.corner().expect("a directory");
        let opened = workplace::open(corner.path()).expect("an engine");
        group.bench_function(format!("{producers} producers, 1 KiB"), |bencher| {
            bencher.iter_custom(|records| together(&opened, producers, records));
        });
    }
    group.throughput(Throughput::Elements(BATCH_RECORDS));
    let corner = workplace.corner().expect("a directory");
    let opened = workplace::open(corner.path()).expect("an engine");
    let mut batch = Batch::new();
    group.bench_function("batch of 500, 1 KiB", |bencher| {
        bencher.iter(|| {
            batch.clear();
            for _ in 0..BATCH_RECORDS {
                batch.push(black_box(&PAYLOAD)).expect("a small record");
            }
            opened
                .shard
                .append(&batch, AppendOptions::default())
                .expect("an append")
        });
    });
}

/// Has `producers` threads append `records` records between them; returns what it took.
fn together(opened: &Opened, producers: u64, records: u64) -> Duration {
    let barrier = Barrier::new(
        usize::try_from(producers)
            .unwrap_or(usize::MAX)
            .saturating_add(1),
    );
    std::thread::scope(|scope| {
        for producer in 0..producers {
            let barrier = &barrier;
            let share = records / producers + u64::from(producer < records % producers);
            scope.spawn(move || {
                barrier.wait();
                for _ in 0..share {
                    opened
                        .shard
                        .append_one(black_box(&PAYLOAD))
                        .expect("an append");
                }
                barrier.wait();
            });
        }
        barrier.wait();
        let start = Instant::now();
        barrier.wait();
        start.elapsed()
    })
}

criterion_group!(benches, append);
criterion_main!(benches);
