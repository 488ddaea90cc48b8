//! Finding records by number and by time, and waking those who wait for the next one.
#![expect(clippy::expect_used, reason = "a bench that cannot run ends there")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use mainstem_benches::workplace::{self, Opened, Workplace};
use mainstem_env::TimestampMs;
use mainstem_log::{SeqNo, Start};

const PAYLOAD: [u8; 1024] = [b'x'; 1024];
const RECORDS: u64 = 64 << 10;
/// A step that comes by all records, in no order.
const STRIDE: u64 = 7919;

fn lookup(criterion: &mut Criterion) {
    let workplace = Workplace::new(env!("CARGO_TARGET_TMPDIR").as_ref()).expect("a directory");
    let opened = workplace::open(workplace.path()).expect("an engine");
    workplace::fill(&opened.shard, &PAYLOAD, RECORDS).expect("a filled shard");
    let time_of = |seq| {
        let mut cursor = opened.shard.cursor(Start::At(seq)).expect("a cursor");
        cursor.next().expect("a read").expect("a record").time()
    };
    let (oldest, newest) = (time_of(SeqNo(0)), time_of(SeqNo(RECORDS - 1)));
    let mut group = criterion.benchmark_group("lookup");
    let mut at = 0;
    group.bench_function("point read, 1 KiB", |bencher| {
        bencher.iter(|| {
            at = (at + STRIDE) % RECORDS;
            let mut cursor = opened.shard.cursor(Start::At(SeqNo(at))).expect("a cursor");
            cursor.next().expect("a read").expect("a record").seq()
        });
    });
    let span = newest.0 - oldest.0 + 1;
    group.bench_function("by time, 1 KiB", |bencher| {
        bencher.iter(|| {
            at = (at + STRIDE) % span;
            let time = TimestampMs(oldest.0 + at);
            let mut cursor = opened.shard.cursor(Start::Time(time)).expect("a cursor");
            cursor.next().expect("a read").expect("a record").seq()
        });
    });
}

fn follow(criterion: &mut Criterion) {
    let workplace = Workplace::new(env!("CARGO_TARGET_TMPDIR").as_ref()).expect("a directory");
    let opened = workplace::open(workplace.path()).expect("an engine");
    let mut group = criterion.benchmark_group("follow");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(3));
    group.bench_function("from the append's return to the woken reader", |bencher| {
        bencher.iter_custom(|records| woken(&opened, records));
    });
}

/// Appends `records` records, one when the reader has the one before, and returns how long after the
/// appends returned the reader had them. A reader that was there before the append returned
/// adds nothing.
fn woken(opened: &Opened, records: u64) -> Duration {
    let mut cursor = opened.shard.cursor(Start::End).expect("a cursor");
    let (tell, told) = sync_channel(1);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..records {
                while !cursor.wait(Duration::from_mins(1)).expect("a wait") {}
                cursor.next().expect("a read").expect("a record");
                tell.send(Instant::now()).expect("a listener");
            }
        });
        let mut total = Duration::ZERO;
        for _ in 0..records {
            opened.shard.append_one(&PAYLOAD).expect("an append");
            let durable = Instant::now();
            let read = told.recv().expect("a reader");
            total += read.saturating_duration_since(durable);
        }
        total
    })
}

criterion_group!(benches, lookup, follow);
criterion_main!(benches);
