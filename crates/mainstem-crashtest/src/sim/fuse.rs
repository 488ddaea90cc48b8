//! Kills the process under test after a number of changes of the disk.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

use mainstem_env::sim::OpKind;

/// How many more changes of the disk a process lives to see.
#[derive(Debug)]
pub(crate) struct Fuse(AtomicI64);

impl Default for Fuse {
    /// Returns one that does not burn until it is lit.
    fn default() -> Self {
        Self(AtomicI64::new(Self::FOR_EVER))
    }
}

impl Fuse {
    const FOR_EVER: i64 = i64::MAX / 2;

    /// Kills the process after `changes` more changes of the disk.
    pub(crate) fn light(&self, changes: u64) {
        let changes = i64::try_from(changes).unwrap_or(Self::FOR_EVER);
        self.0.store(changes.min(Self::FOR_EVER), Ordering::SeqCst);
    }

    /// Returns whether the process is dead.
    pub(crate) fn has_burnt(&self) -> bool {
        self.0.load(Ordering::SeqCst) <= 0
    }

    /// Lets a call pass, or refuses it because the process that makes it is dead.
    pub(crate) fn check(&self, kind: OpKind) -> io::Result<()> {
        let left = if kind.changes_disk() {
            self.0.fetch_sub(1, Ordering::SeqCst)
        } else {
            self.0.load(Ordering::SeqCst)
        };
        if left > 0 {
            Ok(())
        } else {
            Err(io::Error::other("killed"))
        }
    }
}
