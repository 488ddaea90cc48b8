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
    ///
    /// There is nothing to be done about it: whoever has the message now answers for it.
    #[error(
        "the receipt is stale: its message is done with, or was delivered again; do not answer it \
         again, and have leases that last as long as the work, or extend them"
    )]
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
    ///
    /// Some are forgotten as their windows end: try again, push without an id, or open the queue with a
    /// greater [`dedup_ids_max`](crate::QueueOptions::dedup_ids_max) or a shorter window.
    #[error(
        "{limit} deduplication ids are remembered already; try again when the windows of some are \
         over, or open the queue with a greater dedup_ids_max or a shorter dedup_window"
    )]
    DeduplicationFull {
        /// How many may be.
        limit: usize,
    },
    /// There is no such consumer; it may have been removed.
    #[error(
        "there is no consumer {name:?}; there are (topic/consumer): {}",
        named(there_are)
    )]
    NoSuchConsumer {
        /// Its name.
        name: String,
        /// Those that there are, each as `topic/consumer`.
        there_are: Vec<String>,
    },
    /// There is no such topic: reading makes none.
    #[error("there is no topic {name:?}; there are: {}", named(there_are))]
    NoSuchTopic {
        /// Its name.
        name: String,
        /// Those that there are.
        there_are: Vec<String>,
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

/// Names are listed up to this many.
const NAMED_MAX: usize = 20;

/// Returns names as they are listed in an error.
fn named(names: &[String]) -> String {
    let mut all = match names.get(..NAMED_MAX) {
        Some(some) if names.len() > NAMED_MAX => some.to_vec(),
        _ => names.to_vec(),
    };
    match names.len().saturating_sub(all.len()) {
        0 if all.is_empty() => all.push("none".to_owned()),
        0 => {}
        more => all.push(format!("and {more} more")),
    }
    all.join(", ")
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
            | Self::NoSuchTopic { .. }
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
            | Self::NoSuchTopic { .. }
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
