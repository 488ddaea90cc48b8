//! The disk itself: one file in memory, served by FUSE, which writes down all that happens to it.
//!
//! A write, a discard and a flush are each one entry of the log, in the order in which the kernel
//! asked for them; between them stand the marks of the harness. Nothing here touches a file.

use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyWrite, Request, WriteFlags,
};

use super::image::{Image, to_u64};
use super::log::{Content, Entry, Mark, Write};

/// The name of the one file.
pub(super) const FILE: &str = "disk";

/// Which calls of the kernel a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// Reads.
    Read,
    /// Writes and discards.
    Write,
    /// Flushes of the cache.
    Flush,
}

/// An error that the disk makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    /// Which calls fail.
    pub(super) kind: FaultKind,
    /// How many calls of the kind succeed before.
    pub(super) after: u64,
    /// Whether all later ones fail too, not that one alone.
    pub(super) is_lasting: bool,
}

#[derive(Debug, Default)]
struct State {
    image: Image,
    log: Option<Vec<Entry>>,
    fault: Option<Fault>,
    failed: u64,
}

impl State {
    /// Returns whether this call of `kind` has to fail.
    fn fails(&mut self, kind: FaultKind) -> bool {
        let Some(fault) = self.fault.as_mut().filter(|fault| fault.kind == kind) else {
            return false;
        };
        if let Some(after) = fault.after.checked_sub(1) {
            fault.after = after;
            return false;
        }
        if !fault.is_lasting {
            self.fault = None;
        }
        self.failed += 1;
        true
    }

    fn write(&mut self, write: Write) {
        write.apply(&mut self.image);
        if let Some(log) = &mut self.log {
            log.push(Entry::Write(write));
        }
    }
}

/// A disk in memory, shared between its server and the harness.
#[derive(Clone, Debug)]
pub(super) struct Device {
    state: Arc<Mutex<State>>,
    bytes: u64,
}

impl Device {
    /// Returns an empty disk of `bytes`.
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            state: Arc::default(),
            bytes,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the contents. The file system must not be mounted, and the kernel has to forget what it
    /// keeps of the file.
    pub(super) fn load(&self, image: Image) {
        self.state().image = image;
    }

    /// Returns the contents.
    pub(super) fn image(&self) -> Image {
        self.state().image.clone()
    }

    /// Starts an empty log.
    pub(super) fn start_log(&self) {
        self.state().log = Some(Vec::new());
    }

    /// Ends the log and returns it.
    pub(super) fn take_log(&self) -> Vec<Entry> {
        self.state().log.take().unwrap_or_default()
    }

    /// Puts `mark` into the log, after all that has happened.
    pub(super) fn mark(&self, mark: Mark) {
        if let Some(log) = &mut self.state().log {
            log.push(Entry::Mark(mark));
        }
    }

    /// Lets the disk fail from now on, or heals it.
    pub(super) fn set_fault(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// Returns how many calls have failed, and counts anew.
    pub(super) fn take_failed(&self) -> u64 {
        std::mem::take(&mut self.state().failed)
    }

    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let is_root = inode == INodeNo::ROOT;
        FileAttr {
            ino: inode,
            size: if is_root { 0 } else { self.bytes },
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_root {
                FileType::Directory
            } else {
                FileType::RegularFile
            },
            perm: if is_root { 0o700 } else { 0o600 },
            nlink: if is_root { 2 } else { 1 },
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

/// How long the kernel may believe what it was told about the file: for ever, it does not change.
const TTL: Duration = Duration::from_hours(24);

/// The largest write that the kernel sends as one, in bytes.
const WRITE_BYTES_MAX: u32 = 1 << 20;

impl Filesystem for Device {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        // A refusal names the nearest value that is accepted.
        if let Err(nearest) = config.set_max_write(WRITE_BYTES_MAX) {
            let _ = config.set_max_write(nearest);
        }
        Ok(())
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if parent == INodeNo::ROOT && name == FILE {
            reply.entry(&TTL, &self.attributes(INODE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        reply.attr(&TTL, &self.attributes(inode));
    }

    fn open(&self, _request: &Request, _inode: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        // The kernel may keep what it has read or written: XFS recovers several times as fast then.
        // It still writes through, and forgets when it is told to.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn read(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut state = self.state();
        if state.fails(FaultKind::Read) {
            reply.error(Errno::EIO);
            return;
        }
        let len = u64::from(size).min(self.bytes.saturating_sub(offset));
        let mut buffer = vec![0; usize::try_from(len).unwrap_or(0)];
        state.image.read(offset, &mut buffer);
        drop(state);
        reply.data(&buffer);
    }

    fn write(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let len = u32::try_from(data.len()).unwrap_or(0);
        let mut state = self.state();
        if offset.saturating_add(to_u64(data.len())) > self.bytes {
            reply.error(Errno::ENOSPC);
        } else if state.fails(FaultKind::Write) {
            reply.error(Errno::EIO);
        } else {
            state.write(Write {
                offset,
                content: Content::Data(Arc::from(data)),
            });
            reply.written(len);
        }
    }

    fn fallocate(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        if mode & (PUNCH_HOLE | ZERO_RANGE) == 0 {
            reply.error(Errno::EOPNOTSUPP);
            return;
        }
        let mut state = self.state();
        if state.fails(FaultKind::Write) {
            reply.error(Errno::EIO);
        } else {
            state.write(Write {
                offset,
                content: Content::Zeros(length.min(self.bytes.saturating_sub(offset))),
            });
            reply.ok();
        }
    }

    fn fsync(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _is_data_only: bool,
        reply: ReplyEmpty,
    ) {
        let mut state = self.state();
        if state.fails(FaultKind::Flush) {
            reply.error(Errno::EIO);
            return;
        }
        if let Some(log) = &mut state.log {
            log.push(Entry::Flush);
        }
        reply.ok();
    }

    fn flush(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        // A close, which makes nothing durable.
        reply.ok();
    }

    fn statfs(&self, _request: &Request, _inode: INodeNo, reply: ReplyStatfs) {
        // The loop driver takes its grain of discards from the block size.
        reply.statfs(self.bytes / 4096, 0, 0, 1, 0, 4096, 255, 4096);
    }
}

/// The one file.
pub(super) const INODE: INodeNo = INodeNo(2);

/// Modes of `fallocate(2)`.
const PUNCH_HOLE: i32 = 2;
const ZERO_RANGE: i32 = 16;
