//! The defects of all layers as one.

use std::fmt;
use std::str::FromStr;

/// A defect of one of the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planted {
    /// One of the engine.
    Log(mainstem_log::Defect),
    /// One of the queue.
    Queue(mainstem_queue::Defect),
}

impl Planted {
    /// Returns all of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let log = mainstem_log::Defect::ALL.iter().copied();
        let queue = mainstem_queue::Defect::ALL.iter().copied();
        log.map(Self::Log).chain(queue.map(Self::Queue))
    }

    /// Returns its name, which no other one has.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Log(defect) => defect.name(),
            Self::Queue(defect) => defect.name(),
        }
    }

    /// Returns what is broken, and what it would cost.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Log(defect) => defect.about(),
            Self::Queue(defect) => defect.about(),
        }
    }

    /// Plants `defect` in this process, in place of any other one.
    pub(super) fn plant(defect: Option<Self>) {
        let (log, queue) = match defect {
            None => (None, None),
            Some(Self::Log(defect)) => (Some(defect), None),
            Some(Self::Queue(defect)) => (None, Some(defect)),
        };
        mainstem_log::plant(log);
        mainstem_queue::plant(queue);
    }
}

impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Planted {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::all().find(|it| it.name() == name);
        found.ok_or_else(|| format!("`{name}` is no defect"))
    }
}
