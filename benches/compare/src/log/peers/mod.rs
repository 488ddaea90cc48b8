//! All peers: a new one is a file here and a line in this list.

mod key;

use super::store::Log;
use crate::peer::peers;

pub(crate) use walrus::{do_without_sync, hush};

peers! { dyn Log:
    ours,
    // The floors.
    floor,
    written_floor,
    sequential,
    // Other stores.
    okaywal,
    raft_engine,
    walrus,
    rocksdb if "rocksdb",
    fjall,
    redb,
    sqlite,
    lmdb,
    commitlog,
}

/// The names of the floors, which the goals refer to.
pub(crate) const FLOOR: &str = floor::PEER.name;
pub(crate) const WRITTEN_FLOOR: &str = written_floor::PEER.name;
pub(crate) const SEQUENTIAL: &str = sequential::PEER.name;
