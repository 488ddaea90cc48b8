//! Reading a shard from the oldest record to the end, warm, and cold with the opening.
#![expect(clippy::expect_used, reason = "a bench that cannot run ends there")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mainstem_benches::workplace::{self, Workplace};
use mainstem_log::{Shard, Start};

const BYTES: u64 = 64 << 20;

fn replay(criterion: &mut Criterion) {
    let workplace = Workplace::new(env!("CARGO_TARGET_TMPDIR").as_ref()).expect("a directory");
    let mut group = criterion.benchmark_group("replay");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .throughput(Throughput::Bytes(BYTES));
    for payload in [vec![b'x'; 100], vec![b'x'; 1024]] {
        let corner = workplace.corner().expect("a directory");
        let opened = workplace::open(corner.path()).expect("an engine");
        let records = BYTES / payload.len() as u64;
        workplace::fill(&opened.shard, &payload, records).expect("a filled shard");
        group.bench_function(format!("warm, {} B", payload.len()), |bencher| {
            bencher.iter(|| assert_eq!(read_all(&opened.shard), records));
        });
        opened.engine.close().expect("a close");
        drop(opened);
        group.bench_function(format!("cold, {} B", payload.len()), |bencher| {
            bencher.iter_custom(|times| {
                let mut total = Duration::ZERO;
                for _ in 0..times {
                    workplace::cool_down(corner.path()).expect("a cold cache");
                    let before = Instant::now();
                    let opened = workplace::open(corner.path()).expect("an engine");
                    assert_eq!(read_all(&opened.shard), records);
                    total += before.elapsed();
                    opened.engine.close().expect("a close");
                }
                total
            });
        });
    }
}

/// Reads all records and returns how many there were.
fn read_all(shard: &Shard) -> u64 {
    let mut cursor = shard.cursor(Start::Oldest).expect("a cursor");
    let mut seen = 0;
    while cursor.next().expect("a record").is_some() {
        seen += 1;
    }
    seen
}

criterion_group!(benches, replay);
criterion_main!(benches);
