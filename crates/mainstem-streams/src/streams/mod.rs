//! The facade: one file per thing that can be asked of streams.
//!
//! A call takes a snapshot of the stream it names, works out the stream's state from what is stored
//! and the time, and never holds a lock while it waits for a disk. Calls that change the catalogue
//! come one after the other.

mod create;
mod delete;
mod describe;
mod facade;
mod issue_iterator;
mod list_shards;
mod list_streams;
mod open;
mod put;
mod read;
mod resolve;
mod retention;
mod shard_handle;
mod snapshot;

pub use create::CreateStreamInput;
pub use describe::{
    AccountLimits, DescribeStreamInput, ShardDescription, StreamDescription, StreamSummary,
};
pub use facade::Streams;
pub use issue_iterator::{IteratorType, ShardIteratorInput};
pub use list_shards::{ListShardsInput, ListShardsOutput, ShardFilter};
pub use list_streams::{ListStreamsInput, ListStreamsOutput};
pub use put::{
    PendingPut, PendingPuts, PutRecordInput, PutRecordOutput, PutRecordsEntry, PutRecordsInput,
    PutRecordsOutput, RecordFailure,
};
pub use read::{ChildShard, GetRecordsInput, GetRecordsOutput, Record};
