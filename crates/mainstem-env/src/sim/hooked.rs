//! An environment that asks before each call, so that a test can refuse, count, delay or blow up. It
//! works over the real one, too.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::faults::OpKind;
use crate::{
    Clock, DirEntry, Elapsed, Env, File, Fs, LockAttempt, Metadata, OpenMode, ReadMode, Region,
    TimestampMs,
};

/// Is asked before each call; an error is returned in place of making the call.
pub type Hook = Arc<dyn Fn(OpKind, &Path) -> io::Result<()> + Send + Sync>;

/// Returns `env` with `hook` before every call on files and directories.
pub fn hooked(env: &Env, hook: Hook) -> Env {
    let fs = HookedFs {
        inner: Arc::clone(&env.fs),
        hook,
    };
    Env {
        fs: Arc::new(fs),
        ..env.clone()
    }
}

struct HookedFs {
    inner: Arc<dyn Fs>,
    hook: Hook,
}

impl fmt::Debug for HookedFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Fs for HookedFs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let creates = matches!(mode, OpenMode::CreateNew | OpenMode::ReadWriteOrCreate);
        let kind = if creates {
            OpKind::Create
        } else {
            OpKind::Open
        };
        (self.hook)(kind, path)?;
        Ok(Arc::new(HookedFile {
            inner: self.inner.open(path, mode)?,
            path: path.to_path_buf(),
            hook: Arc::clone(&self.hook),
        }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        (self.hook)(OpKind::Metadata, path)?;
        self.inner.metadata(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        (self.hook)(OpKind::List, path)?;
        self.inner.list(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        (self.hook)(OpKind::CreateDir, path)?;
        self.inner.create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        (self.hook)(OpKind::Rename, to)?;
        self.inner.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        (self.hook)(OpKind::Unlink, path)?;
        self.inner.unlink(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        (self.hook)(OpKind::RemoveDir, path)?;
        self.inner.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        (self.hook)(OpKind::SyncDir, path)?;
        self.inner.sync_dir(path)
    }

    fn available_space(&self, path: &Path) -> io::Result<u64> {
        (self.hook)(OpKind::AvailableSpace, path)?;
        self.inner.available_space(path)
    }

    fn try_lock(&self, path: &Path, holder: &str) -> io::Result<LockAttempt> {
        (self.hook)(OpKind::TryLock, path)?;
        self.inner.try_lock(path, holder)
    }
}

struct HookedFile {
    inner: Arc<dyn File>,
    path: PathBuf,
    hook: Hook,
}

impl fmt::Debug for HookedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl File for HookedFile {
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        (self.hook)(OpKind::Write, &self.path)?;
        self.inner.write_all_at(bytes, position)
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        (self.hook)(OpKind::Read, &self.path)?;
        self.inner.read_at(buffer, position)
    }

    fn read_in_passing(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        (self.hook)(OpKind::Read, &self.path)?;
        self.inner.read_in_passing(buffer, position)
    }

    fn zero_by_device(&self, range: Range<u64>) -> io::Result<()> {
        (self.hook)(OpKind::ZeroByDevice, &self.path)?;
        self.inner.zero_by_device(range)
    }

    fn sync_data(&self) -> io::Result<()> {
        (self.hook)(OpKind::SyncData, &self.path)?;
        self.inner.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        (self.hook)(OpKind::SyncAll, &self.path)?;
        self.inner.sync_all()
    }

    fn len(&self) -> io::Result<u64> {
        (self.hook)(OpKind::Len, &self.path)?;
        self.inner.len()
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        (self.hook)(OpKind::Allocate, &self.path)?;
        self.inner.allocate(len)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        (self.hook)(OpKind::Truncate, &self.path)?;
        self.inner.truncate(len)
    }

    fn region(&self, capacity: u64, mode: ReadMode) -> io::Result<Region> {
        (self.hook)(OpKind::Region, &self.path)?;
        self.inner.region(capacity, mode)
    }
}

/// A clock that runs with another one, and can be put forward.
#[derive(Debug)]
pub struct ShiftedClock {
    inner: Arc<dyn Clock>,
    ahead_ms: AtomicU64,
}

impl ShiftedClock {
    /// Returns `env` with such a clock, and the clock.
    pub fn put_into(env: &Env) -> (Env, Arc<Self>) {
        let clock = Arc::new(Self {
            inner: Arc::clone(&env.clock),
            ahead_ms: AtomicU64::new(0),
        });
        let env = Env {
            clock: Arc::<Self>::clone(&clock),
            ..env.clone()
        };
        (env, clock)
    }

    /// Lets `ms` go by, on the wall clock and in elapsed time.
    pub fn advance_ms(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> TimestampMs {
        self.inner
            .now()
            .plus_ms(self.ahead_ms.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Elapsed {
        let ahead = Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst));
        Elapsed(self.inner.elapsed().0.saturating_add(ahead))
    }

    fn sleep(&self, duration: Duration) {
        self.inner.sleep(duration);
    }
}
