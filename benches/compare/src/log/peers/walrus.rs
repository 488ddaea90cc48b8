//! walrus, which hands records out once, from the oldest on.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use anyhow::{Context, Result};
use walrus_rust::{FsyncSchedule, ReadConsistency, Walrus};

use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "walrus",
    standing: Standing::Durable,
    how: "FsyncSchedule::SyncEach, one topic; a batch is submitted by io_uring to a file that is opened \
          with O_SYNC; AtLeastOnce, and no position kept, so that a replay is an opening and a read to the \
          end; the oldest record is read when it is reopened, as it finds no other; checksums verified",
    lacks: &["point read"],
    open,
};

const TOPIC: &str = "records";
/// It prints what it does unless this is set.
const QUIET: &str = "WALRUS_QUIET";
/// It takes no more records at a time.
const BATCH: usize = 2000;

/// Starts this program once more without walrus's chatter, which would be timed.
///
/// # Errors
/// If it cannot be started.
pub(crate) fn hush() -> Result<()> {
    if std::env::var_os(QUIET).is_some() {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    let error = again
        .args(std::env::args_os().skip(1))
        .env(QUIET, "1")
        .exec();
    Err(error).context("cannot start this program again")
}

/// Whether records need not be on the medium.
static WITHOUT_SYNC: AtomicBool = AtomicBool::new(false);

/// Lets this process fill a log in less than hours: it syncs each record of a batch by itself, and
/// only knows one schedule in each process.
pub(crate) fn do_without_sync() {
    WITHOUT_SYNC.store(true, Ordering::Relaxed);
}

struct Opened {
    log: RwLock<Walrus>,
    /// The directory that this process was in.
    before: PathBuf,
}

fn open(dir: &Path) -> Result<Box<dyn Log>> {
    let before = std::env::current_dir()?;
    // It has no other way to say where its files go but the environment of the process.
    std::env::set_current_dir(dir)?;
    Ok(Box::new(Opened {
        log: RwLock::new(open_here()?),
        before,
    }))
}

fn open_here() -> Result<Walrus> {
    let consistency = ReadConsistency::AtLeastOnce {
        persist_every: u32::MAX,
    };
    let schedule = if WITHOUT_SYNC.load(Ordering::Relaxed) {
        FsyncSchedule::NoFsync
    } else {
        FsyncSchedule::SyncEach
    };
    Ok(Walrus::with_consistency_and_schedule_for_key(
        "log",
        consistency,
        schedule,
    )?)
}

impl Log for Opened {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        if let [record] = records {
            return Ok(log.append_for_topic(TOPIC, record)?);
        }
        for some in records.chunks(BATCH) {
            log.batch_append_for_topic(TOPIC, some)?;
        }
        Ok(())
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        *log = open_here()?;
        loop {
            let entries = log.batch_read_for_topic(TOPIC, 1 << 20, true)?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in &entries {
                seen.see(&entry.data);
            }
        }
    }

    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        seen.see(&log.read_next(TOPIC, false)?.context("no record")?.data);
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        let Self { log, before } = *self;
        drop(log);
        Ok(std::env::set_current_dir(before)?)
    }
}
