//! The commands of our own log, as the contract asks for them.

mod read;
mod write;

pub use read::Read;
pub use write::Write;

use std::path::Path;

use mainstem_env::Env;
use mainstem_log::{Engine, EngineOptions, LogError, Shard, ShardName, ShardOptions};

/// Small, so that a short run rolls often.
const SEGMENT_BYTES: u64 = 64 << 10;

/// Opens the engine in `dir` and its one shard, and creates what is missing.
fn open(dir: &Path) -> Result<(Engine, Shard), LogError> {
    let engine = Engine::open(&Env::real(), dir, EngineOptions::default())?;
    let name = ShardName::new("records")?;
    let mut options = ShardOptions::default();
    options.segment_bytes = SEGMENT_BYTES;
    let shard = match engine.create_shard(&name, options.clone()) {
        Err(LogError::ShardExists(_)) => engine.shard(&name, options)?,
        other => other?,
    };
    Ok((engine, shard))
}
