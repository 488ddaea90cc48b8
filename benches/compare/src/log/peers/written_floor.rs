//! The same bare file, in space that was written before.

use mainstem_benches::floor::Floor;

use super::floor;
use crate::log::store::Log;
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "floor, written space",
    standing: Standing::Floor,
    how: "the same in 64 MiB that were written and synced before, over and over: what a log can win that \
          always has such space ahead",
    lacks: &["replay warm", "replay cold", "point read", "reopen"],
    open: |dir| floor::open(dir, |path| Floor::create_written(path, WRITTEN_BYTES)),
};

/// More than any group, and small enough to be written within a moment.
const WRITTEN_BYTES: u64 = 64 << 20;
