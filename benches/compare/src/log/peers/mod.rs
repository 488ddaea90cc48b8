//! All peers: a new one is a file here and a line in this list.

mod commitlog;
mod fjall;
mod floor;
mod key;
mod lmdb;
mod okaywal;
mod ours;
mod raft_engine;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod sequential;
mod sqlite;
mod walrus;

use super::store::Log;
use crate::peer::Peer;

pub(crate) use walrus::{do_without_sync, hush};

/// Everybody, ours first, then the floors.
pub(crate) static ALL_PEERS: &[Peer<dyn Log>] = &[
    ours::PEER,
    floor::ALLOCATED,
    floor::WRITTEN,
    sequential::PEER,
    okaywal::PEER,
    raft_engine::PEER,
    walrus::PEER,
    #[cfg(feature = "rocksdb")]
    rocksdb::PEER,
    fjall::PEER,
    redb::PEER,
    sqlite::PEER,
    lmdb::PEER,
    commitlog::PEER,
];

/// The names of the floors, which the goals refer to.
pub(crate) const FLOOR: &str = floor::ALLOCATED.name;
pub(crate) const WRITTEN_FLOOR: &str = floor::WRITTEN.name;
pub(crate) const SEQUENTIAL: &str = sequential::PEER.name;
