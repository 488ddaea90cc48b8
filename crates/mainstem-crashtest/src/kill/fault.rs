//! What can go wrong with a store under test.

use std::fmt;

use crate::oracle::Violation;
use crate::output::Exit;

/// What a store did that it must never do.
#[derive(Debug)]
pub(super) enum Fault {
    /// What it acknowledged or shows is wrong.
    Judged(Violation),
    /// It ended by itself, though it was to go on, or to end in order.
    Ended(Who, Exit),
    /// It did not go on for [`process::STUCK`](super::process::STUCK).
    Stuck(Who),
    /// Its input ended and it ended well, without acknowledging this many appends.
    Unfinished(usize),
    /// Two writers that were started after one directory both acknowledged.
    BothWork,
    /// Two writers that were started after one directory both refused: with this.
    NeitherWorks(Exit, Exit),
    /// The second writer ended without saying that it refuses.
    Silent(Exit),
    /// A writer acknowledged something and refused then.
    AckedThenRefused(Exit),
}

/// Which of the two commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Writer,
    Reader,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Writer => "writer",
            Self::Reader => "reader",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Judged(violation) => violation.fmt(f),
            Self::Ended(who, exit) => write!(f, "the {who} ended with {exit}"),
            Self::Stuck(who) => write!(f, "the {who} does not go on"),
            Self::Unfinished(appends) => write!(
                f,
                "the writer ended well after its input, with {appends} appends not acknowledged"
            ),
            Self::BothWork => f.write_str("two writers of one directory both acknowledge"),
            Self::NeitherWorks(one, other) => {
                write!(f, "two writers of one directory both end: {one}; {other}")
            }
            Self::Silent(exit) => write!(
                f,
                "the second writer of a directory must refuse and say so, and ended with {exit}"
            ),
            Self::AckedThenRefused(exit) => {
                write!(
                    f,
                    "the second writer acknowledged and then ended with {exit}"
                )
            }
        }
    }
}

/// Why a cycle did not end well.
#[derive(Debug)]
pub(super) enum Failure {
    /// The store's fault.
    Store(Fault),
    /// Ours, or of the machine: it says nothing about the store.
    Harness(anyhow::Error),
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self::Store(Fault::Judged(violation))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Store(fault)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Harness(error)
    }
}
