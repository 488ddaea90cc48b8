//! Files and directories, as traits.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

use crate::region::Region;

/// The system's error code for a medium that failed. The standard library has no kind for it.
/// Source: `errno(3)`; the same on every Unix.
pub const EIO: i32 = 5;

/// How [`Fs::open`] opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    ReadWrite,
    /// A new, empty file, for reading and writing; fails with `AlreadyExists` if the name is taken.
    CreateNew,
    /// A file for reading and writing, created empty if the name is free; never truncated.
    ReadWriteOrCreate,
}

/// How the bytes of a [`Region`] are fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadMode {
    /// Through a read-only memory map: no copy. A bad sector that was not prefaulted with
    /// [`Region::populate`], or has left memory since then, raises SIGBUS.
    #[default]
    Mapped,
    /// Through positional reads into memory: one copy, and a bad sector is always an error.
    Buffered,
}

/// What a name in a directory stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The last component of the path.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// The facts about a file that the engine needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The file's length in bytes; meaningless for a directory.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// A lock that is held until this value is dropped or the process ends.
pub trait LockHeld: Send + Sync + fmt::Debug {}

/// What became of an attempt to lock a file.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a lock is ours or somebody else's")]
pub enum LockAttempt {
    /// The lock is ours until the value is dropped.
    Acquired(Box<dyn LockHeld>),
    /// Another process, or another opener in this one, holds it; the text is what that holder
    /// wrote about itself.
    HeldBy(String),
}

/// A file system.
///
/// Names are durable only after [`Fs::sync_dir`] on the directory that holds them. Symbolic links
/// are not followed in the last component.
pub trait Fs: Send + Sync + fmt::Debug {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// The system's error.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// Returns what is at `path`, or `None` if nothing is.
    ///
    /// # Errors
    /// The system's error.
    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>>;

    /// Returns the entries of the directory at `path`, sorted by name.
    ///
    /// # Errors
    /// The system's error.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;

    /// Creates the directory at `path`, readable by its owner only. Its parent must exist.
    ///
    /// # Errors
    /// The system's error; `AlreadyExists` if the name is taken.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Gives the file at `from` the name `to`, replacing what had that name, in one step.
    ///
    /// # Errors
    /// The system's error.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes the name of the file at `path`. Regions of it stay readable.
    ///
    /// # Errors
    /// The system's error.
    fn unlink(&self, path: &Path) -> io::Result<()>;

    /// Removes the empty directory at `path`.
    ///
    /// # Errors
    /// The system's error.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in the directory at `path` durable.
    ///
    /// # Durability
    /// On `Ok`, all creations, renames and removals in it survive a power cut.
    ///
    /// # Errors
    /// The system's error; what is durable is then unknown, and a repeated call proves nothing.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Returns how many bytes an unprivileged user may still write on the volume of `path`.
    ///
    /// # Errors
    /// The system's error.
    fn available_space(&self, path: &Path) -> io::Result<u64>;

    /// Tries to lock the file at `path`, creating it if needed, and writes `holder` into it if
    /// the volume has room for that.
    ///
    /// # Errors
    /// The system's error; a lock that somebody else holds is not one.
    fn try_lock(&self, path: &Path, holder: &str) -> io::Result<LockAttempt>;
}

/// An open file. All positions are bytes from its start.
#[expect(
    clippy::len_without_is_empty,
    reason = "no caller asks whether a file is empty"
)]
pub trait File: Send + Sync + fmt::Debug {
    /// Writes all of `bytes` at `position`, extending the file if needed.
    ///
    /// # Errors
    /// The system's error; any part of the range may then have been written.
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;

    /// Reads into `buffer` from `position` and returns how many bytes were read: fewer than asked
    /// only at the end of the file.
    ///
    /// # Errors
    /// The system's error.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// As [`File::read_at`], for bytes that nobody is about to ask for again: where the system can, they
    /// do not push others out of its cache.
    ///
    /// # Errors
    /// As [`File::read_at`].
    fn read_in_passing(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.read_at(buffer, position)
    }

    /// Has the file system fill a range, which is allocated, with zeros without sending them, where the
    /// device can do that. The range then counts as written.
    ///
    /// # Errors
    /// `Unsupported` if the zeros have to be written; the system's error otherwise.
    fn zero_by_device(&self, _range: Range<u64>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes the contents durable, and what of the metadata is needed to read them back.
    ///
    /// # Durability
    /// On `Ok`, every write that returned before this call began survives a power cut, the length
    /// included.
    ///
    /// # Errors
    /// The system's error; what is durable is then unknown for good: the kernel may have marked the
    /// pages clean, so a repeated call proves nothing.
    fn sync_data(&self) -> io::Result<()>;

    /// As [`File::sync_data`], for all of the metadata too.
    ///
    /// # Errors
    /// As [`File::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// Returns the file's length in bytes.
    ///
    /// # Errors
    /// The system's error.
    fn len(&self) -> io::Result<u64>;

    /// Reserves space for bytes `0..len` and makes the file at least that long; new bytes read as
    /// zeros.
    ///
    /// # Errors
    /// `StorageFull` if the volume has no room; the file may then have grown in part.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Sets the file's length to `len`, cutting or filling with zeros.
    ///
    /// # Errors
    /// The system's error.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Returns a region over the first `capacity` bytes, of which none is readable until
    /// [`Region::publish`] says so. The capacity may exceed the file's length.
    ///
    /// # Errors
    /// The system's error, for example when the process has too many maps.
    fn region(&self, capacity: u64, mode: ReadMode) -> io::Result<Region>;
}

/// Reads into `buffer` from `position` with as many calls of `read` as that takes: one may return fewer
/// bytes than it was asked for anywhere, and none only at the end of the file.
pub(crate) fn read_whole(
    buffer: &mut [u8],
    position: u64,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut done: usize = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let at = position.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
        match read(rest, at) {
            Ok(0) => break,
            Ok(more) => done = done.saturating_add(more),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
