//! The commands of our own log, as the contract asks for them.

mod block_on;
mod clock;
mod follow;
mod lane;
mod read;
mod write;

pub(crate) use clock::{DAYS_PER_SECOND_MAX, env};
pub use read::Read;
pub use write::Write;

use std::path::Path;

use mainstem_log::limits::RETENTION_MS_MAX;
use mainstem_log::{Engine, EngineOptions, LogError, Shard, ShardName, ShardOptions};

/// Small, so that a short run rolls often.
const SEGMENT_BYTES: u64 = 64 << 10;
/// The name of the first shard; further ones add their number.
const FIRST_SHARD: &str = "records";

/// Opens the engine in `dir` and its first shard to read all that was not deleted, and creates what is
/// missing.
fn open(dir: &Path, days_per_second: Option<u32>) -> Result<(Engine, Shard), LogError> {
    let engine = Engine::open(&env(days_per_second), dir, EngineOptions::default())?;
    let shard = open_shard(&engine, &shard_name(0)?, reading_options())?;
    Ok((engine, shard))
}

/// As [`shard_options`], with the longest retention, so that nothing is hidden: what is judged is what
/// was deleted.
fn reading_options() -> ShardOptions {
    let mut options = shard_options();
    options.retention_ms = RETENTION_MS_MAX;
    options
}

fn shard_options() -> ShardOptions {
    let mut options = ShardOptions::default();
    options.segment_bytes = SEGMENT_BYTES;
    options
}

/// Opens a shard, and creates it if it is missing.
fn open_shard(engine: &Engine, name: &ShardName, options: ShardOptions) -> Result<Shard, LogError> {
    match engine.create_shard(name, options.clone()) {
        Err(LogError::ShardExists(_)) => engine.shard(name, options),
        other => other,
    }
}

fn shard_name(number: u32) -> Result<ShardName, LogError> {
    match number {
        0 => ShardName::new(FIRST_SHARD),
        _ => ShardName::new(format!("{FIRST_SHARD}-{number}")),
    }
}

/// Returns the number of a shard by its name, `None` if it has none.
fn shard_number(name: &ShardName) -> Option<u32> {
    match name.as_str().strip_prefix(FIRST_SHARD)? {
        "" => Some(0),
        rest => rest.strip_prefix('-')?.parse().ok(),
    }
}
