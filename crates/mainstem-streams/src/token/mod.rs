//! Strings that are handed to clients and come back: shard iterators and the tokens of paged lists.
//!
//! Clients must not be able to make or alter them, as they name streams, positions and times. Each is
//! authenticated with a key that the catalogue keeps, so it stays valid over a restart, and carries
//! random bytes, so no two are alike.

mod iterator;
mod page;
mod seal;

pub(crate) use iterator::{IteratorPosition, ShardIterator};
pub(crate) use page::{PageFilter, ShardsPage, StreamsPage};
pub(crate) use seal::Sealer;
