//! Streams and shards over logs: routing, retention, iterators.
//!
//! [`Streams`] is what a server, or a program that embeds one, talks to: it makes and deletes
//! streams, routes records to shards by their hash keys, and hands them out again by iterator. Below
//! it are two seams:
//!
//! * [`LogEngine`] keeps the records, a log per shard; [`EmbeddedEngine`] is the one on this
//!   machine's disk.
//! * [`MetaStore`] keeps what is known about streams; [`RedbStore`] is the one in the data directory.
//!
//! Nothing here knows HTTP, and nothing needs an async runtime: calls block, and those that wait for
//! durability also come as a `Future`. Errors say what Kinesis says, word for word where that is on
//! record ([`StreamsError`]).
//!
//! Not here yet: throughput limits, splitting and merging of shards, enhanced fan-out, tags,
//! encryption.

mod catalogue;
mod config;
mod embedded;
mod engine;
mod error;
mod meta;
mod numbers;
mod record;
mod route;
mod status;
mod streams;
mod time_text;
mod token;
mod wait;

pub use catalogue::{StreamMode, is_log_of_a_stream};
pub use config::StreamsConfig;
pub use embedded::{EmbeddedEngine, EmbeddedOptions};
pub use engine::{
    Appended, EngineCause, EngineError, LogCursor, LogEngine, LogName, Outcome, PendingAppend,
    ReadFrom, RecordBatch, ShardLog, StoredRecord,
};
pub use error::{ErrorKind, OpenError, StreamsError};
pub use mainstem_log::SeqNo;
pub use meta::{CATALOGUE_FILE, MetaChange, MetaError, MetaStore, MetaTable, RedbStore};
pub use record::PayloadError;
pub use status::StreamStatus;
pub use streams::*;
