//! Leases that have not run out, by when they do.

use std::collections::BTreeMap;

use crate::format::runs::Run;

/// Leases that have not run out.
///
/// Messages that were delivered together are kept together: what is done with one of them takes no
/// search among all that are out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    /// By when they end, in ms, and by delivery.
    groups: BTreeMap<(u64, u64), Group>,
    /// How many messages are out.
    len: usize,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// All that were ever in it, some of which have left.
    runs: Vec<Run>,
    /// How many are in it.
    len: usize,
}

impl Leases {
    /// Adds message `id`, which has none.
    pub(crate) fn add(&mut self, until_ms: u64, nonce: u64, id: u64) {
        let group = self.groups.entry((until_ms, nonce)).or_default();
        let is_in = group.runs.last_mut().is_some_and(|last| last.extend(id));
        if !is_in {
            group.runs.push(Run::one(id));
        }
        group.len = group.len.saturating_add(1);
        self.len = self.len.saturating_add(1);
    }

    /// Removes a message that was added with this end and nonce.
    pub(crate) fn remove(&mut self, until_ms: u64, nonce: u64) {
        let Some(group) = self.groups.get_mut(&(until_ms, nonce)) else {
            return;
        };
        group.len = group.len.saturating_sub(1);
        self.len = self.len.saturating_sub(1);
        if group.len == 0 {
            self.groups.remove(&(until_ms, nonce));
        }
    }

    /// Returns when the first one ends, in ms.
    pub(crate) fn first_ms(&self) -> Option<u64> {
        self.groups.keys().next().map(|(until_ms, _)| *until_ms)
    }

    /// Removes the first group if it ends by `now_ms`: its end, its nonce, and all messages that were
    /// ever in it.
    pub(crate) fn pop_over(&mut self, now_ms: u64) -> Option<(u64, u64, Vec<Run>)> {
        let first = self.groups.first_entry()?;
        let (until_ms, nonce) = *first.key();
        if until_ms > now_ms {
            return None;
        }
        let group = first.remove();
        self.len = self.len.saturating_sub(group.len);
        Some((until_ms, nonce, group.runs))
    }

    /// Returns how many messages are out.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}
