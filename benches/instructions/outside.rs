//! The paths between a client and the log.

use std::hint::black_box;
use std::num::NonZeroU32;

use anyhow::{Context, Result, ensure};
use mainstem_benches::hot_paths::{self, REQUEST_RECORDS};

use crate::HotPath;

pub(crate) const PATHS: &[HotPath] = &[
    HotPath {
        name: "routing, partition key to one of 64 shards",
        records: 2000,
        run: |_, records| route(records),
    },
    HotPath {
        name: "JSON, reading PutRecords, 100 B",
        records: 2000,
        run: |_, records| decode(100, records),
    },
    HotPath {
        name: "JSON, reading PutRecords, 1 KiB",
        records: 1000,
        run: |_, records| decode(1024, records),
    },
    HotPath {
        name: "JSON, writing GetRecords, 100 B",
        records: 2000,
        run: |_, records| encode(100, records),
    },
    HotPath {
        name: "JSON, writing GetRecords, 1 KiB",
        records: 1000,
        run: |_, records| encode(1024, records),
    },
];

/// How many requests have so many records.
fn requests(records: u64) -> Result<u64> {
    let each = u64::try_from(REQUEST_RECORDS)?;
    ensure!(records.is_multiple_of(each), "records come by {each}");
    Ok(records / each)
}

fn route(records: u64) -> Result<()> {
    let ranges = hot_paths::ranges(NonZeroU32::new(64).context("no shards")?);
    let keys = hot_paths::partition_keys(1000);
    for (_, key) in (0..records).zip(keys.iter().cycle()) {
        black_box(hot_paths::route(&ranges, black_box(key))).context("no shard")?;
    }
    Ok(())
}

fn decode(bytes: usize, records: u64) -> Result<()> {
    let body = hot_paths::put_records_body(bytes);
    for _ in 0..requests(records)? {
        black_box(hot_paths::decode_put_records(black_box(&body))?);
    }
    Ok(())
}

fn encode(bytes: usize, records: u64) -> Result<()> {
    let output = hot_paths::get_records_output(bytes);
    for _ in 0..requests(records)? {
        black_box(hot_paths::encode_get_records(black_box(&output)));
    }
    Ok(())
}
