//! What is known about streams and shards, and how it is kept in a [`crate::MetaStore`].
//!
//! # The order of durability
//!
//! A stream lies in two places: the catalogue names its shards, and the engine keeps a log for each.
//! After a crash between two steps the two must still agree, so the steps have an order:
//!
//! 1. **Making a stream**: each shard's log is created and durable, then one commit names the
//!    stream with all of them. A crash before the commit leaves logs that nothing names.
//! 2. **Deleting a stream**: one commit marks it DELETING; after the transition time one commit
//!    forgets it; then its logs are removed. A crash after the second commit leaves logs that
//!    nothing names.
//! 3. **Opening** settles what a crash left: a log that nothing names is removed, and a stream whose
//!    deletion is due is deleted. A named log that does not exist cannot come from a crash: it is
//!    corruption, and opening is refused. So is a new catalogue beside logs of streams, which would
//!    otherwise be taken for leftovers and removed: a catalogue stays new until it was opened
//!    beside none.
//!
//! Only logs whose names have the form that this layer gives are ever removed; others in the same
//! data directory are left alone.
//!
//! # Format
//!
//! The tables are those of [`crate::MetaTable`]; values are JSON except for keys, which are raw
//! bytes. `store/format_version` is a decimal number; a newer one than this program knows is refused
//! as unsupported. Members that this version does not know are refused as corrupt, as no program
//! of the same format version writes them.

mod codec;
mod model;
mod names;
mod open;

pub(crate) use codec::{decode_stream, encode_stream};
pub use model::StreamMode;
pub(crate) use model::{Closed, Incarnation, ShardMeta, StreamMeta};
pub use names::is_log_of_a_stream;
pub(crate) use names::{is_shard_log, shard_log};
pub(crate) use open::{Catalogue, adopt, load};
