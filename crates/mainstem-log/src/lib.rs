//! A durable, append-only, segmented log.
//!
//! An [`Engine`] is a data directory; a [`Shard`] in it is one ordered log. An append returns once
//! its records are synced to the medium, and readers see only what is.
//!
//! ```
//! use mainstem_env::Env;
//! use mainstem_log::{Engine, EngineOptions, ShardName, ShardOptions, Start};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("data");
//! let engine = Engine::open(&Env::real(), &path, EngineOptions::default())?;
//! let shard = engine.create_shard(&ShardName::new("orders")?, ShardOptions::default())?;
//! let appended = shard.append_one(b"one coffee")?; // durable from here on
//! let mut cursor = shard.cursor(Start::At(appended.seqs.start))?;
//! let record = cursor.next()?.ok_or("nothing there")?;
//! assert_eq!(record.payload(), b"one coffee");
//! engine.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! The way of a record: `append` → `segment` → `watermark` → `read`. [`format`](mod@format) holds the
//! bytes, `recovery` opens what a crash left, and `retention` deletes what is too old.

mod append;
mod config;
mod defect;
mod engine;
mod error;
mod files;
pub mod format;
mod journal;
pub mod limits;
mod maintenance;
mod metrics;
#[cfg(mainstem_loom)]
pub mod models;
mod offline;
mod read;
mod recovery;
mod retention;
mod scrub;
mod segment;
mod seq;
mod shard;
mod sync;
mod sync_pool;
mod watermark;

pub use append::batch::Batch;
pub use append::pending::{Append, Appended};
pub use config::{
    AppendOptions, EngineOptions, JournalOptions, Maintenance, PoisonHook, ShardOptions,
};
#[cfg(feature = "defects")]
pub use defect::{Defect, plant};
pub use engine::Engine;
pub use error::{LogError, Outcome};
pub use maintenance::MaintenanceReport;
pub use metrics::{EngineMetrics, ShardMetrics};
pub use offline::Offline;
pub use read::cursor::{Cursor, Start};
pub use read::follow::Ready;
pub use read::record::{Record, RecordRef};
pub use recovery::repair::Cut;
pub use recovery::verify::{SegmentReport, VerifyProgress};
pub use seq::SeqNo;
pub use shard::{SegmentInfo, Shard, ShardName};
