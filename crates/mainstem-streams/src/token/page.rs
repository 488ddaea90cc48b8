//! The tokens of paged lists.

use std::io;

use serde::{Deserialize, Serialize};

use super::seal::{Kind, Sealer};

/// Where a list of shards goes on, and what it lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardsPage {
    pub(crate) stream: String,
    pub(crate) incarnation: u64,
    pub(crate) issued_ms: u64,
    /// The index of the last shard listed.
    pub(crate) after: u32,
    pub(crate) filter: PageFilter,
}

/// The filter of a list of shards, with its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PageFilter {
    AfterShard(u32),
    AtTrimHorizon,
    FromTrimHorizon,
    AtLatest,
    AtTimestamp(u64),
    FromTimestamp(u64),
}

/// Where a list of streams goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamsPage {
    pub(crate) issued_ms: u64,
    /// The last name listed.
    pub(crate) after: String,
}

impl ShardsPage {
    pub(crate) fn seal(&self, sealer: &Sealer) -> io::Result<String> {
        sealer.seal(Kind::ShardsPage, &serde_json::to_vec(self)?)
    }

    pub(crate) fn open(sealer: &Sealer, text: &str) -> Option<Self> {
        serde_json::from_slice(&sealer.open(Kind::ShardsPage, text)?).ok()
    }
}

impl StreamsPage {
    pub(crate) fn seal(&self, sealer: &Sealer) -> io::Result<String> {
        sealer.seal(Kind::StreamsPage, &serde_json::to_vec(self)?)
    }

    pub(crate) fn open(sealer: &Sealer, text: &str) -> Option<Self> {
        serde_json::from_slice(&sealer.open(Kind::StreamsPage, text)?).ok()
    }
}
