//! The seam between streams and the logs that keep them.
//!
//! The streams layer asks little of an engine: make a log, append a batch at an expected position,
//! read on from a position, tell the first and the durable position, refuse appends once sealed, and
//! drop what is too old. [`crate::EmbeddedEngine`] answers with directories of segments on this
//! machine's disk; a replicated log can answer as well, which is why a call may say
//! [`EngineError::Unavailable`] or [`EngineError::Ambiguous`]. Every implementor passes the same
//! conformance tests (`tests/it/conformance.rs`).
//!
//! Trimming is by age alone: the engine hides, and later deletes, records older than the retention
//! it was given. An engine says nothing about Kinesis; the numbers clients see are formed above it.

use std::error::Error;
use std::fmt;
use std::future::{Future, ready};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use mainstem_env::TimestampMs;

use crate::wait::block_on;
use mainstem_log::SeqNo;

/// The name of a log: 1 to 200 characters out of `a-z`, `A-Z`, `0-9`, `_`, `.` and `-`, the first of
/// them not a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName(Arc<str>);

impl LogName {
    /// Checks `text` and makes it a log's name, or `None` if it cannot be one.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let fits = (1..=LOG_NAME_CHARS_MAX).contains(&text.len()) && !text.starts_with('.');
        (fits && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The payloads of one append: all of them become records, or none.
#[derive(Clone, Debug, Default)]
pub struct RecordBatch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl RecordBatch {
    /// Returns an empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an empty batch with room for `records` payloads of `bytes` bytes in all.
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            ends: Vec::with_capacity(records),
        }
    }

    /// Adds a payload made of `parts`, one after the other.
    pub fn push(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.ends.push(self.bytes.len());
    }

    /// Returns how many payloads there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Tells whether there are no payloads.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the payloads in the order in which they were added.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(self.ends.iter().copied())
            .map(|(start, end)| self.bytes.get(start..end).unwrap_or_default())
    }
}

/// What became of a batch that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "engines outside this crate make these"
)]
pub struct Appended {
    /// The sequence numbers of its records, in order.
    pub seqs: Range<SeqNo>,
    /// When they arrived: one time for all of them, never before that of an earlier record.
    pub time: TimestampMs,
}

/// A record as it comes back from a log.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "engines outside this crate make these"
)]
pub struct StoredRecord {
    /// Its place in the log.
    pub seq: SeqNo,
    /// When it arrived.
    pub time: TimestampMs,
    /// What was appended; shared with the engine where the engine can.
    pub payload: Bytes,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an engine has to know every start there is"
)]
pub enum ReadFrom {
    /// The oldest record inside the retention.
    Oldest,
    /// This record; if it does not exist yet, whatever comes at or after it.
    At(SeqNo),
    /// The first record that arrived at this time or later.
    Time(TimestampMs),
}

/// All the logs of one engine.
///
/// # Concurrency
/// Callers may share an engine. No method is called from an async executor's thread: all of them may
/// wait for a disk or a network.
pub trait LogEngine: Send + Sync + fmt::Debug {
    /// Makes an empty log.
    ///
    /// # Durability
    /// On `Ok`, the log exists after a power cut.
    ///
    /// # Errors
    /// [`EngineError::Exists`] if the name is taken; [`EngineError::Full`],
    /// [`EngineError::Unavailable`] and [`EngineError::Ambiguous`].
    fn create(&self, log: &LogName) -> Result<(), EngineError>;

    /// Opens a log for reading and appending, and hides its records older than `retention_ms`.
    ///
    /// Opening what is open gives the same log again. Where several processes could append, opening
    /// takes the log over from whoever had it, whose appends then fail as [`EngineError::Fenced`].
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Corrupt`], [`EngineError::Unavailable`].
    fn open(&self, log: &LogName, retention_ms: u64) -> Result<Arc<dyn ShardLog>, EngineError>;

    /// Removes a log and its records for good. A log that does not exist is not an error.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`]; part of the log may then be gone, and the call may be repeated.
    fn remove(&self, log: &LogName) -> Result<(), EngineError>;

    /// Returns the names of all logs, sorted.
    ///
    /// # Errors
    /// [`EngineError::Engine`].
    fn names(&self) -> Result<Vec<LogName>, EngineError>;

    /// Waits for accepted appends and ends the engine in good order; later appends fail.
    ///
    /// # Errors
    /// [`EngineError::Engine`]; nothing acknowledged is lost by it.
    fn close(&self) -> Result<(), EngineError>;

    /// Returns which open log takes no appends until somebody does something about it, and why.
    fn trouble(&self) -> Option<String> {
        None
    }
}

/// One log: the records of one shard.
///
/// # Concurrency
/// Callers may share it. Appends keep the order of their calls, as far as there is one, unless the
/// engine is so busy that an asynchronous one has to wait before it can begin.
pub trait ShardLog: Send + Sync + fmt::Debug {
    /// Appends `batch`, which is not empty, and returns once it is durable.
    ///
    /// With `expected`, the batch is accepted only if its first record would get that sequence
    /// number.
    ///
    /// # Durability
    /// On `Ok`, the records are durable, and so are all records before them.
    ///
    /// # Errors
    /// Any but `Exists` and `Trimmed`. [`EngineError::outcome`] tells whether the records may be
    /// stored all the same.
    fn append(&self, batch: RecordBatch, expected: Option<SeqNo>) -> Result<Appended, EngineError>;

    /// As [`ShardLog::append`], but waits in a future. What needs no waiting is done before this
    /// returns: the caller's thread pays for it, and not the one that polls.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open whether the append takes place.
    fn append_async(&self, batch: RecordBatch, expected: Option<SeqNo>) -> PendingAppend;

    /// Returns a cursor that reads on from `from`.
    ///
    /// # Errors
    /// [`EngineError::Trimmed`] if `from` names a record before the first one.
    fn cursor(&self, from: ReadFrom) -> Result<Box<dyn LogCursor>, EngineError>;

    /// Returns the oldest sequence number inside the retention; the durable end if there is none.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn first(&self) -> Result<SeqNo, EngineError>;

    /// Returns the exclusive end of what is durable and readable.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn durable_end(&self) -> Result<SeqNo, EngineError>;

    /// Refuses all later appends and returns the final end, once the accepted ones are durable.
    ///
    /// A seal lasts as long as the log stays open. It outlives a restart because whoever sealed
    /// writes the end into the catalogue and does not append to a shard that the catalogue calls
    /// closed.
    ///
    /// # Errors
    /// [`EngineError::Fenced`], [`EngineError::Unavailable`].
    fn seal(&self) -> Result<SeqNo, EngineError>;

    /// Hides, and in time deletes, records older than `retention_ms`.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn set_retention_ms(&self, retention_ms: u64) -> Result<(), EngineError>;
}

/// A place in a log from which records are read in order.
pub trait LogCursor: Send + fmt::Debug {
    /// Returns the next record, or `None` if there is none yet; a later call may find one.
    ///
    /// # Errors
    /// [`EngineError::Trimmed`] if the record went away before it was read,
    /// [`EngineError::Corrupt`], [`EngineError::Unavailable`].
    fn next(&mut self) -> Result<Option<StoredRecord>, EngineError>;
}

/// An append under way: a `Future` that also can be waited for by a thread.
#[must_use = "an append is only known to be durable once its result is seen"]
pub struct PendingAppend(Pin<Box<dyn Future<Output = Result<Appended, EngineError>> + Send>>);

impl PendingAppend {
    /// Wraps the future of an append that is under way, or of an engine that may leave its beginning
    /// to whoever polls.
    pub fn new(
        future: impl Future<Output = Result<Appended, EngineError>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(future))
    }

    /// Wraps a future that begins when it is polled, and polls it once.
    pub fn begin(
        future: impl Future<Output = Result<Appended, EngineError>> + Send + 'static,
    ) -> Self {
        let mut future = Box::pin(future);
        // Nobody needs to be woken yet: whoever waits polls first, and is registered then.
        let mut context = Context::from_waker(Waker::noop());
        match future.as_mut().poll(&mut context) {
            Poll::Ready(result) => Self(Box::pin(ready(result))),
            Poll::Pending => Self(future),
        }
    }

    /// Blocks the calling thread until the result is there.
    ///
    /// # Errors
    /// As [`ShardLog::append`].
    pub fn wait(self) -> Result<Appended, EngineError> {
        block_on(self)
    }
}

impl Future for PendingAppend {
    type Output = Result<Appended, EngineError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for PendingAppend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingAppend")
    }
}

/// What an engine's own error is kept as.
pub type EngineCause = Arc<dyn Error + Send + Sync>;

/// Why an engine did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A log of this name exists.
    #[error("log {log} exists")]
    Exists {
        /// Its name.
        log: LogName,
    },
    /// There is no log of this name.
    #[error("log {log} does not exist")]
    NotFound {
        /// The name asked for.
        log: LogName,
    },
    /// Somebody else appended, or has taken the log over.
    #[error("log {log} fenced: expected sequence number {expected}, next is {next}")]
    Fenced {
        /// Its name.
        log: LogName,
        /// The sequence number the caller expected.
        expected: SeqNo,
        /// The one that would have been assigned.
        next: SeqNo,
    },
    /// The engine cannot serve the log now. Nothing was changed.
    #[error("log {log} is unavailable")]
    Unavailable {
        /// Its name.
        log: LogName,
        /// The engine's own error.
        source: EngineCause,
    },
    /// The engine lost track: what was asked may have happened or not.
    #[error("log {log}: outcome unknown")]
    Ambiguous {
        /// Its name.
        log: LogName,
        /// The engine's own error.
        source: EngineCause,
    },
    /// The batch can never be stored.
    #[error("log {log}: batch is too large")]
    TooLarge {
        /// Its name.
        log: LogName,
        /// The engine's own error, with the numbers.
        source: EngineCause,
    },
    /// The record asked for is older than the first one.
    #[error("log {log} begins at {oldest}")]
    Trimmed {
        /// Its name.
        log: LogName,
        /// The oldest sequence number that can be read.
        oldest: SeqNo,
    },
    /// The log takes no more appends.
    #[error("log {log} is sealed")]
    Sealed {
        /// Its name.
        log: LogName,
    },
    /// Bytes that were once acknowledged are not what they were.
    #[error("log {log} is corrupt")]
    Corrupt {
        /// Its name.
        log: LogName,
        /// The engine's own error, with file and position.
        source: EngineCause,
    },
    /// The engine as a whole cannot serve now. Nothing was changed.
    #[error("the engine is unavailable")]
    Engine(#[source] EngineCause),
    /// There is no room. Nothing was changed; what is stored stays readable.
    #[error("log {log}: no space left")]
    Full {
        /// Its name.
        log: LogName,
        /// The engine's own error.
        source: EngineCause,
    },
}

/// Whether a failed call changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is known or it is not")]
pub enum Outcome {
    /// Nothing was changed.
    NotApplied,
    /// The change may have been made.
    Unknown,
}

impl EngineError {
    /// Tells whether the same call may succeed later without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. }
            | Self::Ambiguous { .. }
            | Self::Engine(_)
            | Self::Full { .. } => true,
            Self::Exists { .. }
            | Self::NotFound { .. }
            | Self::Fenced { .. }
            | Self::TooLarge { .. }
            | Self::Trimmed { .. }
            | Self::Sealed { .. }
            | Self::Corrupt { .. } => false,
        }
    }

    /// Tells whether the failed call changed anything.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Ambiguous { .. } => Outcome::Unknown,
            Self::Exists { .. }
            | Self::NotFound { .. }
            | Self::Fenced { .. }
            | Self::Unavailable { .. }
            | Self::TooLarge { .. }
            | Self::Trimmed { .. }
            | Self::Sealed { .. }
            | Self::Corrupt { .. }
            | Self::Engine(_)
            | Self::Full { .. } => Outcome::NotApplied,
        }
    }
}

/// Longest name of a log; with it, any file name an engine derives stays below 255 bytes.
const LOG_NAME_CHARS_MAX: usize = 200;
