//! What the tests share: engines over a simulated machine, and reading everything back.

use std::path::Path;

use mainstem_env::sim::Sim;
use mainstem_env::{Env, ReadMode};
use mainstem_log::{
    AppendOptions, Batch, Engine, EngineOptions, LogError, Maintenance, SeqNo, Shard, ShardName,
    ShardOptions, Start,
};

/// The data directory in simulated machines.
pub(crate) const DIR: &str = "/data";

pub(crate) fn name(name: &str) -> ShardName {
    ShardName::new(name).unwrap()
}

/// Options under which nothing happens that the test did not ask for.
pub(crate) fn engine_options() -> EngineOptions {
    let mut options = EngineOptions::default();
    options.maintenance = Maintenance::ByCaller;
    options.read_mode = ReadMode::Mapped;
    options
}

/// Options of a shard that rolls after a few records.
pub(crate) fn small_segments() -> ShardOptions {
    let mut options = ShardOptions::default();
    options.segment_bytes = 4096;
    options.queued_bytes_max = 64 << 10;
    options
}

pub(crate) fn open(env: &Env) -> Result<Engine, LogError> {
    Engine::open(env, Path::new(DIR), engine_options())
}

pub(crate) fn open_sim(sim: &Sim) -> Engine {
    open(&sim.env()).unwrap()
}

pub(crate) fn batch(payloads: &[Vec<u8>]) -> Batch {
    let mut batch = Batch::new();
    for payload in payloads {
        batch.push(payload).unwrap();
    }
    batch
}

/// Appends one record and returns its number.
pub(crate) fn append(shard: &Shard, payload: &[u8]) -> Result<SeqNo, LogError> {
    Ok(shard.append_one(payload)?.seqs.start)
}

pub(crate) fn append_batch(shard: &Shard, payloads: &[Vec<u8>]) -> Result<SeqNo, LogError> {
    Ok(shard
        .append(&batch(payloads), AppendOptions::default())?
        .seqs
        .start)
}

/// Returns everything from `start` on, up to the end or the first error.
pub(crate) fn read(shard: &Shard, start: Start) -> (Vec<(u64, Vec<u8>)>, Option<LogError>) {
    let mut records = Vec::new();
    let mut cursor = match shard.cursor(start) {
        Ok(cursor) => cursor,
        Err(error) => return (records, Some(error)),
    };
    loop {
        match cursor.next() {
            Ok(Some(record)) => records.push((record.seq().0, record.payload().to_vec())),
            Ok(None) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
    }
}

/// Returns everything, or panics.
pub(crate) fn read_all(shard: &Shard) -> Vec<(u64, Vec<u8>)> {
    let (records, error) = read(shard, Start::Oldest);
    assert!(error.is_none(), "{error:?}");
    records
}
