//! Opening a log that was closed in good order, until its newest record is read.
#![expect(clippy::expect_used, reason = "a bench that cannot run ends there")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use mainstem_benches::workplace::{self, Workplace};
use mainstem_log::{SeqNo, Start};

fn reopen(criterion: &mut Criterion) {
    let workplace = Workplace::new(env!("CARGO_TARGET_TMPDIR").as_ref()).expect("a directory");
    let mut group = criterion.benchmark_group("reopen");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    for megabytes in [1_u64, 256] {
        let corner = workplace.corner().expect("a directory");
        let opened = workplace::open(corner.path()).expect("an engine");
        workplace::fill(&opened.shard, &[b'x'; 1024], megabytes << 10).expect("a filled shard");
        opened.engine.close().expect("a close");
        drop(opened);
        group.bench_function(format!("after a close, {megabytes} MiB"), |bencher| {
            bencher.iter_custom(|times| {
                let mut total = Duration::ZERO;
                for _ in 0..times {
                    let before = Instant::now();
                    let opened = workplace::open(corner.path()).expect("an engine");
                    let last = SeqNo(opened.shard.durable_end().0 - 1);
                    let mut cursor = opened.shard.cursor(Start::At(last)).expect("a cursor");
                    cursor.next().expect("a read").expect("a record");
                    total += before.elapsed();
                    opened.engine.close().expect("a close");
                }
                total
            });
        });
    }
}

criterion_group!(benches, reopen);
criterion_main!(benches);
