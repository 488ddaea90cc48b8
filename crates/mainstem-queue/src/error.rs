//! Why a call failed.

use std::path::PathBuf;

use mainstem_log::{LogError, Outcome};

/// Why a call failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// Another process, or another part of this one, has the queue open.
    #[error("the queue in {} is open already; a queue has one owner at a time", path.display())]
    InUse {
        /// The queue's directory.
        path: PathBuf,
    },
    /// The directory holds something else, which is left as it is.
    #[error("{} is no queue: it holds the log {found:?}", path.display())]
    NotAQueue {
        /// The directory.
        path: PathBuf,
        /// A log in it that no queue has.
        found: String,
    },
    /// The receipt is not, or no longer, good: the message was acknowledged, dropped or is dead, or it
    /// was delivered again since.
    #[error("the receipt is stale: its message is done with, or was delivered again")]
    StaleReceipt,
    /// The queue holds as much as its limits allow.
    #[error("the queue is full: {used} of {limit} {unit}")]
    Full {
        /// What is limited.
        unit: &'static str,
        /// How much there is.
        used: u64,
        /// How much there may be.
        limit: u64,
    },
    /// So many deduplication ids are remembered that no further one can be.
    #[error("{limit} deduplication ids are remembered already")]
    DeduplicationFull {
        /// How many may be.
        limit: usize,
    },
    /// There is no such consumer; it may have been removed.
    #[error("there is no consumer {name:?}")]
    NoSuchConsumer {
        /// Its name.
        name: String,
    },
    /// What was given cannot be used.
    #[error("{what} is {given}; it has to be {range}")]
    Invalid {
        /// What it is.
        what: &'static str,
        /// What was given.
        given: String,
        /// What can be.
        range: &'static str,
    },
    /// A record of the queue is not what it should be, though its checksum is right, or a part of what
    /// the queue needs is missing.
    #[error("the queue is damaged: {what}")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// A newer version wrote the queue.
    #[error("the queue was written by a newer version: {what}")]
    Unsupported {
        /// What is not known.
        what: String,
    },
    /// Another thread panicked while it worked on the queue; open it again.
    #[error("a thread panicked while it worked on the queue; open it again")]
    Panicked,
    /// What was asked for is durable, and the log could not be read afterwards to take note of it. Open
    /// the queue again to see it.
    #[error("done, but the queue could not take note of it")]
    NotNoted(#[source] Box<QueueError>),
    /// The log failed.
    #[error(transparent)]
    Log(LogError),
}

impl From<LogError> for QueueError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Locked { path, .. } => Self::InUse { path },
            error => Self::Log(error),
        }
    }
}

impl QueueError {
    /// Returns whether the same call may succeed later without anything else being done but waiting or
    /// making room.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::InUse { .. } | Self::Full { .. } | Self::DeduplicationFull { .. } => true,
            Self::Log(error) => error.is_retryable(),
            Self::NotAQueue { .. }
            | Self::StaleReceipt
            | Self::NoSuchConsumer { .. }
            | Self::Invalid { .. }
            | Self::Damaged { .. }
            | Self::Unsupported { .. }
            | Self::NotNoted(_)
            | Self::Panicked => false,
        }
    }

    /// Returns what is known about a call that ended with this error: [`Outcome::Unknown`] if it may
    /// have been done after all, which the next opening shows.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Log(error) => error.outcome(),
            Self::Panicked | Self::NotNoted(_) => Outcome::Unknown,
            Self::InUse { .. }
            | Self::NotAQueue { .. }
            | Self::StaleReceipt
            | Self::Full { .. }
            | Self::DeduplicationFull { .. }
            | Self::NoSuchConsumer { .. }
            | Self::Invalid { .. }
            | Self::Damaged { .. }
            | Self::Unsupported { .. } => Outcome::NotApplied,
        }
    }

    /// Returns an error that says that everything was done before this one.
    pub(crate) fn after_commit(self) -> Self {
        Self::NotNoted(Box::new(self))
    }

    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}
