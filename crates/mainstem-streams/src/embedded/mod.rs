//! The engine on this machine's disk: [`crate::LogEngine`] over `mainstem-log`.
//!
//! Its logs are directories under `shards/` of the data directory. What the log does not know of, a
//! seal, is kept here: see `gate`.

mod engine;
mod errors;
mod gate;
mod shard;

pub use engine::{EmbeddedEngine, EmbeddedOptions};
