//! The paths inside the log.

use std::hint::black_box;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use mainstem_env::{Env, sim::Sim};
use mainstem_log::{
    AppendOptions, Batch, Engine, EngineOptions, JournalOptions, Maintenance, SeqNo, Shard,
    ShardName, ShardOptions, Start,
};

use crate::HotPath;

pub(crate) const PATHS: &[HotPath] = &[
    HotPath {
        name: "encode and checksum, 100 B",
        records: 2000,
        run: |_, records| encode(100, records),
    },
    HotPath {
        name: "encode and checksum, 1 KiB",
        records: 2000,
        run: |_, records| encode(1024, records),
    },
    HotPath {
        name: "append, one record of 1 KiB at a time",
        records: 500,
        run: append,
    },
    HotPath {
        name: "append through the journal, one record of 1 KiB",
        records: 500,
        run: append_by_journal,
    },
    HotPath {
        name: "append, batches of 500 records of 1 KiB",
        records: 5000,
        run: append_batches,
    },
    HotPath {
        name: "replay, 100 B",
        records: READ_RECORDS / 2,
        run: |dir, records| replay(dir, 100, records),
    },
    HotPath {
        name: "replay, 1 KiB",
        records: READ_RECORDS / 2,
        run: |dir, records| replay(dir, 1024, records),
    },
    HotPath {
        name: "point read, 1 KiB",
        records: 500,
        run: point_read,
    },
    // By the second, which none of them shares with another time.
    HotPath {
        name: "time lookup, 1 KiB, 500 records in a second",
        records: 100,
        run: time_lookup,
    },
];

/// Records of a log that is read.
const READ_RECORDS: u64 = 10_000;
/// A step through the numbers of such a log that comes by all of them, in no order: a prime.
const STRIDE: u64 = 7919;

struct Opened {
    engine: Engine,
    shard: Shard,
    world: Sim,
}

/// Opens a log whose files are real and whose time stands still.
fn open(dir: &Path) -> Result<Opened> {
    open_with(dir, JournalOptions::default())
}

fn open_with(dir: &Path, journal: JournalOptions) -> Result<Opened> {
    let world = Sim::new(1);
    let env = Env {
        fs: Env::real().fs,
        ..world.env()
    };
    let mut engine = EngineOptions::default();
    engine.maintenance = Maintenance::ByCaller;
    engine.journal = journal;
    let engine = Engine::open(&env, &dir.join("data"), engine)?;
    let mut options = ShardOptions::default();
    // Done by another thread, whenever that gets to it.
    options.prewrite_bytes = 0;
    let shard = engine.create_shard(&ShardName::new("shard")?, options)?;
    Ok(Opened {
        engine,
        shard,
        world,
    })
}

fn encode(bytes: usize, records: u64) -> Result<()> {
    let payload = vec![b'x'; bytes];
    let mut batch = Batch::new();
    for record in 0..records {
        if record.is_multiple_of(500) {
            batch.clear();
        }
        batch.push(black_box(&payload))?;
    }
    black_box(&batch);
    Ok(())
}

fn append(dir: &Path, records: u64) -> Result<()> {
    let opened = open(dir)?;
    for _ in 0..records {
        opened.shard.append_one(black_box(&[b'x'; 1024]))?;
    }
    Ok(opened.engine.close()?)
}

/// Appends one record at a time, none of which waits for others to share the journal with.
fn append_by_journal(dir: &Path, records: u64) -> Result<()> {
    let mut journal = JournalOptions::default();
    journal.commits_min = 1;
    let opened = open_with(dir, journal)?;
    for _ in 0..records {
        opened.shard.append_one(black_box(&[b'x'; 1024]))?;
    }
    let groups = opened.engine.metrics().journaled_groups;
    ensure!(groups == records, "{groups} of {records} by the journal");
    Ok(opened.engine.close()?)
}

fn append_batches(dir: &Path, records: u64) -> Result<()> {
    let opened = open(dir)?;
    fill(&opened, 1024, records)?;
    Ok(opened.engine.close()?)
}

/// Appends in batches of 500, a second apart.
fn fill(opened: &Opened, bytes: usize, records: u64) -> Result<()> {
    let payload = vec![b'x'; bytes];
    let mut batch = Batch::new();
    for record in 1..=records {
        batch.push(black_box(&payload))?;
        if record.is_multiple_of(500) || record == records {
            opened.shard.append(&batch, AppendOptions::default())?;
            opened.world.advance(std::time::Duration::from_secs(1));
            batch.clear();
        }
    }
    Ok(())
}

fn replay(dir: &Path, bytes: usize, records: u64) -> Result<()> {
    let opened = open(dir)?;
    fill(&opened, bytes, READ_RECORDS)?;
    let mut cursor = opened.shard.cursor(Start::Oldest)?;
    for _ in 0..records {
        let record = cursor.next()?.context("no further record")?;
        black_box(record.payload());
    }
    Ok(opened.engine.close()?)
}

fn point_read(dir: &Path, records: u64) -> Result<()> {
    let opened = open(dir)?;
    fill(&opened, 1024, READ_RECORDS)?;
    for record in 0..records {
        let seq = SeqNo(record * STRIDE % READ_RECORDS);
        let mut cursor = opened.shard.cursor(Start::At(seq))?;
        let found = cursor.next()?.context("no such record")?;
        ensure!(found.seq() == seq, "another record");
        black_box(found.payload());
    }
    Ok(opened.engine.close()?)
}

fn time_lookup(dir: &Path, records: u64) -> Result<()> {
    let opened = open(dir)?;
    let start = opened.world.now();
    fill(&opened, 1024, READ_RECORDS)?;
    for record in 0..records {
        let batch = record * STRIDE % (READ_RECORDS / 500);
        let mut time = start;
        time.0 += batch * 1000;
        let mut cursor = opened.shard.cursor(Start::Time(time))?;
        let found = cursor.next()?.context("no such record")?;
        ensure!(found.seq() == SeqNo(batch * 500), "another record");
    }
    Ok(opened.engine.close()?)
}
