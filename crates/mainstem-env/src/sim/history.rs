//! How a disk got to be as it is, and every disk on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::choices::{Choices, Strictness};
use super::faults::OpKind;
use super::volume::{Op, Volume};

/// One entry of the journal of a simulated disk: an operation that changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Its number; the disk before it is the one after as many operations.
    pub index: u64,
    /// The call that it was part of.
    pub op: OpKind,
    /// The path that the call named, or under which its file was opened.
    pub path: String,
    /// What it did.
    pub detail: String,
}

#[derive(Clone, Debug)]
struct Recorded {
    kind: OpKind,
    path: Arc<str>,
    op: Op,
}

/// The operations that changed a disk, in order.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// The number of the first recorded operation.
    first_op: u64,
    op_count: u64,
    journal: Vec<Recorded>,
    /// The disk before some of the operations, so that each state is near one.
    checkpoints: BTreeMap<u64, Volume>,
    /// The disk that was asked for last.
    memo: Option<(u64, Volume)>,
}

impl History {
    pub(super) fn new(volume: &Volume) -> Self {
        Self {
            first_op: 0,
            op_count: 0,
            journal: Vec::new(),
            checkpoints: BTreeMap::from([(0, volume.clone())]),
            memo: None,
        }
    }

    pub(super) fn first_op(&self) -> u64 {
        self.first_op
    }

    pub(super) fn op_count(&self) -> u64 {
        self.op_count
    }

    /// Adds `op`, after which the disk is as `after`.
    pub(super) fn record(&mut self, kind: OpKind, path: &Arc<str>, op: Op, after: &Volume) {
        let path = Arc::clone(path);
        self.journal.push(Recorded { kind, path, op });
        self.op_count = self.op_count.saturating_add(1);
        if self.op_count.is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoints.insert(self.op_count, after.clone());
        }
    }

    /// Counts an operation, but keeps nothing of it; nothing may be recorded so far.
    pub(super) fn skip(&mut self) {
        self.op_count = self.op_count.saturating_add(1);
        self.first_op = self.op_count;
    }

    /// Forgets everything up to now, when the disk is as `now`.
    pub(super) fn restart(&mut self, now: &Volume) {
        *self = Self {
            first_op: self.op_count,
            op_count: self.op_count,
            journal: Vec::new(),
            checkpoints: BTreeMap::from([(self.op_count, now.clone())]),
            memo: None,
        };
    }

    /// Returns one of the disks that can be found when power fails after `at_op` operations; `now`
    /// is the one after all of them.
    pub(super) fn after_power_loss(
        &mut self,
        now: &Volume,
        at_op: u64,
        choices: &mut Choices,
        strictness: Strictness,
    ) -> Volume {
        assert!(
            (self.first_op..=self.op_count).contains(&at_op),
            "power can be lost after operations {} to {}, not {at_op}",
            self.first_op,
            self.op_count,
        );
        choices.begin();
        let mut volume = if at_op == self.op_count {
            now.clone()
        } else {
            self.volume_at(at_op)
        };
        let mut begun = at_op;
        let in_flight = self
            .operation(at_op)
            .filter(|recorded| !recorded.op.is_sync() && choices.includes_in_flight());
        if let Some(recorded) = in_flight {
            volume.apply(at_op, &recorded.op);
            begun = begun.saturating_add(1);
        }
        volume.after_power_loss(begun, choices, strictness)
    }

    fn volume_at(&mut self, at_op: u64) -> Volume {
        if let Some((at, volume)) = &self.memo
            && *at == at_op
        {
            return volume.clone();
        }
        let nearest = self.checkpoints.range(..=at_op).next_back();
        let (mut index, mut volume) = match nearest {
            Some((&index, volume)) => (index, volume.clone()),
            None => (self.first_op, Volume::new()),
        };
        while index < at_op
            && let Some(recorded) = self.operation(index)
        {
            volume.apply(index, &recorded.op);
            index = index.saturating_add(1);
        }
        self.memo = Some((at_op, volume.clone()));
        volume
    }

    fn operation(&self, index: u64) -> Option<&Recorded> {
        let at = usize::try_from(index.checked_sub(self.first_op)?).ok()?;
        self.journal.get(at)
    }

    pub(super) fn entries(&self) -> Vec<JournalEntry> {
        (self.first_op..)
            .zip(&self.journal)
            .map(|(index, recorded)| JournalEntry {
                index,
                op: recorded.kind,
                path: recorded.path.to_string(),
                detail: recorded.op.describe(),
            })
            .collect()
    }
}

/// How often the disk is kept as a whole, in operations.
const CHECKPOINT_EVERY: u64 = 16;
