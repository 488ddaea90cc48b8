//! The three things asked of `fs2`, in one file, so that it can be replaced in one.

use std::fs::File;
use std::io;
use std::path::Path;

use fs2::FileExt;

/// Tries to take the exclusive lock of `file`; `false` if another opener has it.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match FileExt::try_lock_exclusive(file) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Returns how many bytes an unprivileged user may still write on the volume of `path`.
pub(super) fn available_space(path: &Path) -> io::Result<u64> {
    fs2::available_space(path)
}

/// Reserves space for the first `len` bytes of `file`, and extends it to that length.
///
/// `posix_fallocate` returns its error and leaves `errno` alone, but `fs2` reports `errno`: the kind
/// of the error means nothing. A full volume is told by how much room it has left.
pub(super) fn allocate(file: &File, path: &Path, len: u64) -> io::Result<()> {
    let Err(error) = file.allocate(len) else {
        return Ok(());
    };
    let missing = len.saturating_sub(file.metadata()?.len());
    if available_space(path)? < missing {
        return Err(io::ErrorKind::StorageFull.into());
    }
    // A quota can be exhausted while the volume is not, and space can come back while we ask.
    // Trying the same growth with a system call that reports its own error settles it.
    let again = rustix::io::retry_on_intr(|| {
        rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, len)
    });
    match again {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP) => Err(io::Error::other(error)),
        Err(errno) => Err(errno.into()),
    }
}
