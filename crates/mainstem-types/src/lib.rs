//! Names, identifiers, numbers and limits that several layers of Mainstem share.
//!
//! Nothing here does I/O, reads a clock or knows an async runtime. Times are plain `u64`s whose
//! name ends in the unit: `_s` for seconds and `_ms` for milliseconds since the Unix epoch.

mod account_id;
mod hash_key;
mod kinesis_seq;
pub mod limits;
mod region;
mod shard_id;
mod stream_arn;
mod stream_name;

pub use account_id::{AccountId, AccountIdError};
pub use hash_key::{HashKey, HashKeyError, HashKeyRange};
pub use kinesis_seq::{KinesisSeq, KinesisSeqError};
pub use region::{Region, RegionError};
pub use shard_id::{ShardId, ShardIdError};
pub use stream_arn::{StreamArn, StreamArnError};
pub use stream_name::{StreamName, StreamNameError};
