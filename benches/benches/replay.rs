//! Reading a shard from the oldest record to the end, warm.
#![expect(clippy::expect_used, reason = "a bench that cannot run ends there")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mainstem_benches::workplace::{self, Workplace};
use mainstem_log::Start;

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
        group.bench_function(format!("{} B", payload.len()), |bencher| {
            bencher.iter(|| {
                let mut cursor = opened.shard.cursor(Start::Oldest).expect("a cursor");
                let mut seen = 0;
                while cursor.next().expect("a record").is_some() {
                    seen += 1;
                }
                assert_eq!(seen, records);
            });
        });
    }
}

criterion_group!(benches, replay);
criterion_main!(benches);
