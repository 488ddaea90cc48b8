//! The commands of our own log, as the contract asks for them.

mod block_on;
mod follow;
mod lane;
mod read;
mod write;

pub use read::Read;
pub use write::Write;

use std::path::Path;

use mainstem_env::Env;
use mainstem_log::{Engine, EngineOptions, LogError, Shard, ShardName, ShardOptions};

/// Small, so that a short run rolls often.
const SEGMENT_BYTES: u64 = 64 << 10;
/// The name of the first shard; further ones add their number.
const FIRST_SHARD: &str = "records";

/// Opens the engine in `dir` and its first shard, and creates what is missing.
fn open(dir: &Path) -> Result<(Engine, Shard), LogError> {
    let engine = Engine::open(&Env::real(), dir, EngineOptions::default())?;
    let shard = open_shard(&engine, &shard_name(0)?, shard_options())?;
    Ok((engine, shard))
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
