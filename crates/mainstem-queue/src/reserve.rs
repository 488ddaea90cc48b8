//! Space that is set aside, so that a full disk can be emptied: an acknowledgement needs some itself, and
//! so does writing the state down before files are deleted.
//!
//! It is two files that nothing is in. When a call that leads to less being stored finds no space, the
//! first is deleted and the call tried again; when the state finds none, the second. From then on pushes
//! are refused, so that they do not take the space, until there is enough to set it aside again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mainstem_env::{Env, OpenMode};
use mainstem_log::LogError;

/// The file that makes way for records.
const FOR_RECORDS: &str = "reserve.records";
/// The file that makes way for the state.
const FOR_STATE: &str = "reserve.state";

/// Space that is set aside.
#[derive(Debug)]
pub(crate) struct Reserve {
    env: Env,
    dir: PathBuf,
    files: Mutex<Files>,
    /// Whether some of it was given up.
    is_tight: AtomicBool,
    /// Whether a call found no space.
    was_full: AtomicBool,
}

/// How large each file is to be, and whether it is there.
#[derive(Debug)]
struct Files {
    records: Option<u64>,
    state: Option<u64>,
    wanted: u64,
}

/// What needs space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Records,
    State,
}

impl Reserve {
    /// Returns the space that is set aside in `dir`, `bytes` for each purpose, as far as there is some.
    pub(crate) fn open(env: &Env, dir: &Path, bytes: u64) -> Self {
        let reserve = Self {
            env: env.clone(),
            dir: dir.to_path_buf(),
            files: Mutex::new(Files {
                records: None,
                state: None,
                wanted: bytes,
            }),
            is_tight: AtomicBool::new(bytes > 0),
            was_full: AtomicBool::new(false),
        };
        reserve.restore();
        reserve
    }

    /// Deletes what is set aside in `dir`, for an opening that finds no space.
    pub(crate) fn delete(env: &Env, dir: &Path) -> bool {
        let unlink = |name| env.fs.unlink(&dir.join(name)).is_ok();
        let deleted = [FOR_RECORDS, FOR_STATE].map(unlink);
        deleted.contains(&true)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        // A panic leaves a file there that is not known of, or the other way round: both are met.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether some of it was given up: nothing is to be pushed then.
    pub(crate) fn is_tight(&self) -> bool {
        self.is_tight.load(Ordering::Acquire)
    }

    /// Gives up what was set aside for `purpose`; returns whether there is more space now.
    pub(crate) fn give_up(&self, purpose: For) -> bool {
        let mut files = self.files();
        let (there, name) = match purpose {
            For::Records => (&mut files.records, FOR_RECORDS),
            For::State => (&mut files.state, FOR_STATE),
        };
        if there.take().is_none() {
            return false;
        }
        self.is_tight.store(true, Ordering::Release);
        tracing::warn!(
            ?purpose,
            "the disk is full; using the space set aside, and pushing nothing until there is more"
        );
        match self.env.fs.unlink(&self.dir.join(name)) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "could not use the space set aside");
                false
            }
        }
    }

    /// Notes that a call found no space.
    pub(crate) fn note_full(&self) {
        self.was_full.store(true, Ordering::Relaxed);
    }

    /// Gives everything up if there may be too little space for an orderly close.
    pub(crate) fn make_way_for_close(&self) {
        if self.was_full.load(Ordering::Relaxed) {
            self.give_up(For::State);
            self.give_up(For::Records);
        }
    }

    /// Sets aside what is not, if there is space; returns whether all of it is.
    pub(crate) fn restore(&self) -> bool {
        if !self.is_tight() {
            return true;
        }
        let mut files = self.files();
        let wanted = files.wanted;
        let Files { records, state, .. } = &mut *files;
        // The state first: without it, no file can go.
        for (there, name) in [(state, FOR_STATE), (records, FOR_RECORDS)] {
            if there.is_none() {
                // Half of it will do: with a little more stored than before, there may not be all.
                let least = wanted.div_ceil(2);
                let set_aside = self.set_aside(name, wanted).map(|()| wanted);
                match set_aside.or_else(|_| self.set_aside(name, least).map(|()| least)) {
                    Ok(bytes) => *there = Some(bytes),
                    Err(error) => {
                        tracing::debug!(%error, name, "no space to set aside");
                        return false;
                    }
                }
            }
        }
        self.is_tight.store(false, Ordering::Release);
        true
    }

    /// Sets `bytes` aside. What a crash makes of the file does not matter: an opening looks at it.
    fn set_aside(&self, name: &str, bytes: u64) -> io::Result<()> {
        let path = self.dir.join(name);
        let file = self.env.fs.open(&path, OpenMode::ReadWriteOrCreate)?;
        let allocated = file.allocate(bytes);
        if allocated.is_err() {
            drop(file);
            // What there is of it would be space that helps nobody.
            let _left_to_the_next_opening = self.env.fs.unlink(&path);
        }
        allocated
    }

    /// Has twice `bytes` set aside for the state from now on, if that is more: so much was written down.
    pub(crate) fn fit_state(&self, bytes: u64) {
        let wanted = bytes.saturating_mul(2);
        let mut files = self.files();
        let Some(there) = files.state.filter(|there| *there < wanted) else {
            return;
        };
        let set_aside = self.set_aside(FOR_STATE, wanted).map(|()| wanted);
        let set_aside = set_aside.or_else(|_| self.set_aside(FOR_STATE, there).map(|()| there));
        files.state = set_aside.ok();
        if files.state.is_none() {
            self.is_tight.store(true, Ordering::Release);
        }
    }

    /// Returns the error of a push while space is short.
    pub(crate) fn refusal(&self) -> LogError {
        LogError::StorageFull {
            path: self.dir.join(FOR_RECORDS),
            source: Arc::new(io::ErrorKind::StorageFull.into()),
        }
    }
}

/// Returns whether a call failed because there is no space.
pub(crate) fn is_full(error: &LogError) -> bool {
    let kind = match error {
        LogError::StorageFull { .. } => return true,
        LogError::Io { source, .. } => source.kind(),
        _ => return false,
    };
    matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
