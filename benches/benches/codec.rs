//! What is computed for each record: frames, checksums, shards, JSON.
#![expect(clippy::expect_used, reason = "a bench that cannot run ends there")]

use std::hint::black_box;
use std::num::NonZeroU32;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mainstem_benches::hot_paths::{self, REQUEST_RECORDS};
use mainstem_log::format::checksum::{FrameHasher, Salt};
use mainstem_log::format::frame;
use mainstem_log::{Batch, SeqNo};

const SIZES: [usize; 2] = [100, 1024];

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for bytes in SIZES {
        let payload = vec![b'x'; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        let mut batch = Batch::new();
        group.bench_function(format!("{bytes} B"), |bencher| {
            bencher.iter(|| {
                batch.clear();
                batch.push(black_box(&payload)).expect("a small record");
            });
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("checksum");
    for bytes in SIZES {
        let mut hasher = FrameHasher::new(Salt(7));
        let mut bytes_on_disk = Vec::new();
        frame::push_unfinished(&mut bytes_on_disk, &vec![b'x'; bytes]);
        frame::finish(&mut bytes_on_disk, SeqNo(1), 1, &mut hasher);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{bytes} B, verified"), |bencher| {
            bencher.iter(|| {
                let frame = frame::decode(black_box(&bytes_on_disk), &mut hasher);
                frame.expect("a valid frame").seq
            });
        });
    }
}

fn routing(criterion: &mut Criterion) {
    let keys = hot_paths::partition_keys(1000);
    let mut group = criterion.benchmark_group("routing");
    for shards in [1, 64, 1000] {
        let ranges = hot_paths::ranges(NonZeroU32::new(shards).expect("more than none"));
        let mut next = keys.iter().cycle();
        group.bench_function(format!("{shards} shards"), |bencher| {
            bencher.iter(|| {
                let key = next.next().expect("a key");
                hot_paths::route(&ranges, black_box(key)).expect("a shard")
            });
        });
    }
}

fn json(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Elements(REQUEST_RECORDS as u64));
    for bytes in SIZES {
        let body = hot_paths::put_records_body(bytes);
        group.bench_function(format!("PutRecords read, 500 x {bytes} B"), |bencher| {
            bencher
                .iter(|| hot_paths::decode_put_records(black_box(&body)).expect("a valid request"));
        });
        let output = hot_paths::get_records_output(bytes);
        group.bench_function(format!("GetRecords written, 500 x {bytes} B"), |bencher| {
            bencher.iter(|| hot_paths::encode_get_records(black_box(&output)));
        });
    }
}

criterion_group!(benches, frames, routing, json);
criterion_main!(benches);
