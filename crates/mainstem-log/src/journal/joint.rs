//! One thread that commits for many shards.
//!
//! A caller that waits for its append leads its shard and blocks. Nobody waits for asynchronous appends, so
//! the pool leads, and a thread for each shard would block there all the same. When many leads are due, one
//! thread therefore takes them together: it writes each group to its segment, puts all of them into the journal at
//! once, waits once, and finishes each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::commit::{Journal, UnderWay};
use crate::append::batch::Batch;
use crate::append::committer::{Beginning, Begun};
use crate::append::writer::ShardWriter;
use crate::error::{LogError, Outcome};
use crate::segment::active::Written;
use crate::seq::SeqNo;
use crate::shard::ShardState;

/// Groups of many shards on their way into the journal.
#[derive(Debug)]
pub(crate) struct Joint {
    journal: Arc<Journal>,
    /// The journal's log; none before there is a group for it.
    log: Option<Arc<ShardState>>,
    entries: Batch,
    /// Whether a group that was written for the journal is not among the entries.
    is_incomplete: bool,
    _under_way: Option<UnderWay>,
}

/// What became of them.
#[derive(Debug)]
pub(crate) enum Joined {
    /// They are durable in the journal.
    Durable,
    /// The journal does not take them: nothing of them is in there.
    NotTaken,
    /// Whether they are in the journal is unknown.
    Failed(LogError),
}

impl Joint {
    /// Returns what is to take the groups of so many shards.
    fn new(journal: &Arc<Journal>, shards: usize) -> Self {
        Self {
            log: None,
            journal: Arc::clone(journal),
            entries: Batch::new(),
            is_incomplete: false,
            _under_way: journal.enter(shards),
        }
    }

    /// Returns whether there is a journal for a group that should go there.
    pub(crate) fn is_open(&mut self) -> bool {
        if self.log.is_none() {
            self.log = self.journal.current();
        }
        self.log.is_some()
    }

    /// Returns the sequence number from which on the journal will have what is put into it now.
    pub(super) fn first(&self) -> SeqNo {
        self.log
            .as_ref()
            .map_or(SeqNo(0), |log| log.watermark.next())
    }

    pub(super) fn push(&mut self, entry: &[u8]) {
        let pushed = self.entries.push(entry);
        debug_assert!(pushed.is_ok(), "groups that are too large are synced");
        // Should that be wrong, all are synced: who is acknowledged must be durable somewhere.
        self.is_incomplete |= pushed.is_err();
    }

    fn is_full(&self) -> bool {
        let bytes = u64::try_from(self.entries.byte_len()).unwrap_or(u64::MAX);
        bytes >= self.journal.joint_bytes_max()
    }

    /// Makes the groups durable, and begins anew.
    fn commit(&mut self) -> Joined {
        let Some(log) = &self.log else {
            return Joined::NotTaken;
        };
        if std::mem::take(&mut self.is_incomplete) {
            self.entries.clear();
            return Joined::NotTaken;
        }
        let append = || log.append_batch(&self.entries);
        // This thread has the leads of others: a panic must not take them with it.
        let appended = catch_unwind(AssertUnwindSafe(append)).unwrap_or_else(|_| {
            Err(LogError::CommitterPanicked {
                shard: log.name.to_string(),
            })
        });
        let joined = match appended {
            Ok(_) => {
                let groups = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
                self.journal.count(groups, self.entries.byte_len());
                Joined::Durable
            }
            Err(error) if error.outcome() == Outcome::NotApplied => {
                self.journal.take_nothing_for_now();
                Joined::NotTaken
            }
            Err(error) => Joined::Failed(error),
        };
        self.entries.clear();
        joined
    }
}

/// Commits the first pending group of each of `shards`, of each of which the caller has the lead. Those that
/// have to be led by themselves are left to `alone`, with the lead.
pub(crate) fn lead(shards: &[Arc<ShardState>], alone: impl Fn(&Arc<ShardState>)) {
    let Some(journal) = shards.iter().find_map(|shard| shard.journal()) else {
        shards.iter().for_each(alone);
        return;
    };
    let mut joint = Joint::new(journal, shards.len());
    let mut begun = Vec::with_capacity(shards.len());
    for shard in shards {
        // A panic poisons the shard that it is in, and the others go on.
        let begin = || {
            shard
                .committer
                .begin(|writer, group| writer.commit_jointly(group, &mut joint))
        };
        match catch_unwind(AssertUnwindSafe(begin)) {
            Ok(Beginning::Begun(led, written)) => begun.push((led, written)),
            Ok(Beginning::Alone) => alone(shard),
            Ok(Beginning::Over) => {}
            Err(_) => tracing::error!(shard = %shard.name, "a commit panicked"),
        }
        if joint.is_full() {
            finish(&mut joint, &mut begun);
        }
    }
    finish(&mut joint, &mut begun);
}

/// Makes durable what is in `joint`, and finishes the commits that were begun.
fn finish(joint: &mut Joint, begun: &mut Vec<(Begun<'_, ShardWriter>, Written)>) {
    if begun.is_empty() {
        return;
    }
    let joined = joint.commit();
    for (led, written) in begun.drain(..) {
        let finish = || led.finish(|writer, group| writer.finish_jointly(group, &written, &joined));
        if catch_unwind(AssertUnwindSafe(finish)).is_err() {
            tracing::error!("a commit panicked");
        }
    }
}
