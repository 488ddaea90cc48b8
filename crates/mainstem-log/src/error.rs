//! What can go wrong, and what an error leaves behind.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::seq::SeqNo;

/// What is known about an append that returned an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Outcome {
    /// Nothing was changed: the records are not in the log and never will be.
    NotApplied,
    /// The records may or may not be found after the engine is opened again.
    Unknown,
}

/// An error of the log. Clones share their source.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A value in the options is out of its range.
    #[error("{option} is {value}, but must be {range}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// The value given.
        value: u64,
        /// The values that are allowed.
        range: String,
    },
    /// A shard's name is empty, too long, begins with a dot or has a character other than letters,
    /// digits, `_`, `.` and `-`.
    #[error("{0:?} is not a shard name: 1 to 200 of A-Z a-z 0-9 _ . -, not beginning with a dot")]
    InvalidShardName(String),
    /// A record is longer than the segment size allows.
    #[error("record of {bytes} bytes; at most {limit} fit a quarter of a segment")]
    RecordTooLarge {
        /// The record's length with its frame.
        bytes: u64,
        /// The longest that is taken.
        limit: u64,
    },
    /// A batch is longer than the segment size allows.
    #[error("batch of {bytes} bytes; at most {limit} fit half a segment")]
    BatchTooLarge {
        /// The batch's length with its frames.
        bytes: u64,
        /// The longest that is taken.
        limit: u64,
    },
    /// A batch without records was appended.
    #[error("batch without records")]
    BatchEmpty,
    /// The caller expected the next record to get another sequence number.
    #[error("expected the next sequence number to be {expected}, but it is {actual}")]
    UnexpectedPosition {
        /// What the caller expected.
        expected: SeqNo,
        /// What the next record would have got.
        actual: SeqNo,
    },
    /// So many bytes wait to become durable that no more are taken at the moment.
    #[error("append queue full: no room for {bytes} more bytes, the limit is {limit}")]
    QueueFull {
        /// The bytes that did not fit.
        bytes: u64,
        /// The limit that was reached, of the shard or of the engine.
        limit: u64,
    },
    /// The volume has no room for the append. Reads and retention go on; free space and try again.
    #[error("no space left for {}", path.display())]
    StorageFull {
        /// The file that could not grow or be created.
        path: PathBuf,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// A write or sync of this append failed; the shard is poisoned.
    #[error("could not make the append durable in {}", path.display())]
    SyncFailed {
        /// The file being written.
        path: PathBuf,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// An earlier failure, the source, ended writing to this shard until the engine is opened
    /// again. Reads go on.
    #[error("poisoned by an earlier failure; open the engine again to go on")]
    Poisoned(#[source] Arc<LogError>),
    /// A thread panicked while it committed; the shard is poisoned.
    #[error("a thread panicked while committing to shard {shard}")]
    CommitterPanicked {
        /// The shard's name.
        shard: String,
    },
    /// The records asked for are past the retention and gone.
    #[error("records before {oldest} have been trimmed")]
    Trimmed {
        /// The oldest record that can be read.
        oldest: SeqNo,
    },
    /// Bytes that were once durable have changed.
    #[error("corrupt at byte {position} of {}: {what}", path.display())]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// Where in it the damage was noticed.
        position: u64,
        /// What did not match.
        what: String,
    },
    /// The shard was found corrupt when it was opened and takes no appends. Everything before the
    /// damage can be read; `repair` cuts off the rest.
    #[error("shard {shard} is read-only until it is repaired")]
    ReadOnly {
        /// The shard's name.
        shard: String,
        /// The damage.
        #[source]
        source: Arc<LogError>,
    },
    /// A file was written by a newer version, or uses a feature this version lacks.
    #[error("{} cannot be read by this version: {what}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is unknown.
        what: String,
    },
    /// Another engine has the data directory open.
    #[error("{} is in use by {holder}", path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// What the holder says of itself.
        holder: String,
    },
    /// There is no shard of that name.
    #[error("no shard named {0}")]
    ShardNotFound(String),
    /// There is a shard of that name already.
    #[error("a shard named {0} exists already")]
    ShardExists(String),
    /// The engine was closed.
    #[error("the engine is closed")]
    Closed,
    /// The system failed to do something other than making an append durable.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: Arc<io::Error>,
    },
}

impl LogError {
    /// Returns whether the same call may succeed later without any other intervention than waiting
    /// or freeing space.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::QueueFull { .. } | Self::StorageFull { .. } => true,
            Self::InvalidOption { .. }
            | Self::InvalidShardName(_)
            | Self::RecordTooLarge { .. }
            | Self::BatchTooLarge { .. }
            | Self::BatchEmpty
            | Self::UnexpectedPosition { .. }
            | Self::SyncFailed { .. }
            | Self::Poisoned(_)
            | Self::CommitterPanicked { .. }
            | Self::Trimmed { .. }
            | Self::Corrupt { .. }
            | Self::ReadOnly { .. }
            | Self::Unsupported { .. }
            | Self::Locked { .. }
            | Self::ShardNotFound(_)
            | Self::ShardExists(_)
            | Self::Closed
            | Self::Io { .. } => false,
        }
    }

    /// Returns what is known about an append that ended with this error.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::SyncFailed { .. } | Self::CommitterPanicked { .. } => Outcome::Unknown,
            Self::InvalidOption { .. }
            | Self::InvalidShardName(_)
            | Self::RecordTooLarge { .. }
            | Self::BatchTooLarge { .. }
            | Self::BatchEmpty
            | Self::UnexpectedPosition { .. }
            | Self::QueueFull { .. }
            | Self::StorageFull { .. }
            | Self::Poisoned(_)
            | Self::Trimmed { .. }
            | Self::Corrupt { .. }
            | Self::ReadOnly { .. }
            | Self::Unsupported { .. }
            | Self::Locked { .. }
            | Self::ShardNotFound(_)
            | Self::ShardExists(_)
            | Self::Closed
            | Self::Io { .. } => Outcome::NotApplied,
        }
    }

    /// Returns a function that turns a system error into [`LogError::Io`].
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source: Arc::new(source),
        }
    }

    /// Returns a description of damage noticed at `position` of the file at `path`.
    pub(crate) fn corrupt(
        path: impl Into<PathBuf>,
        position: u64,
        what: impl Into<String>,
    ) -> Self {
        Self::Corrupt {
            path: path.into(),
            position,
            what: what.into(),
        }
    }
}
