//! What was asked of streams and what was promised, for judging what is found afterwards.
//!
//! Moments are counted in operations of the simulated disk, so that the same history says what may be
//! found after power was lost at any of them.

use mainstem_env::TimestampMs;
use mainstem_types::KinesisSeq;

use super::judge::Seen;
use super::step::STREAMS;

/// "Not so far".
pub(super) const NEVER: u64 = u64::MAX;

pub(super) const HOUR_MS: u64 = 3_600_000;

/// The retention of a new stream, in hours.
const RETENTION_HOURS: u32 = 24;

/// A record that a shard was asked to keep.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) data: Vec<u8>,
    pub(super) key: char,
    /// Its number, if somebody was told.
    pub(super) number: Option<KinesisSeq>,
    /// When it arrived, if somebody was told.
    pub(super) arrived_ms: Option<u64>,
    /// What the clock showed when it was put: never later than it arrived.
    pub(super) asked_ms: u64,
    /// Operations that were done when it was put.
    pub(super) begun: u64,
    /// Operations that were done when somebody was told that it is durable, or saw it.
    pub(super) acked: u64,
    /// Operations that were done when a recovery came to know that it was lost.
    pub(super) gone: u64,
    /// Whether it is the last of those that are kept together.
    pub(super) ends_batch: bool,
}

/// A call that changes a stream's entry in the catalogue.
#[derive(Clone, Debug)]
pub(super) struct Change<T> {
    pub(super) to: T,
    /// Operations that were done when it was asked for, when that had succeeded, and when it was seen
    /// not to have.
    pub(super) begun: u64,
    pub(super) acked: u64,
    pub(super) void: u64,
}

impl<T> Change<T> {
    pub(super) fn new(to: T, begun: u64) -> Self {
        Self {
            to,
            begun,
            acked: NEVER,
            void: NEVER,
        }
    }

    pub(super) fn may_be(&self, at: u64) -> bool {
        self.begun <= at && self.void > at
    }

    /// Takes note of whether it was seen to have happened.
    fn settle(&mut self, has_happened: bool, now: u64) {
        if self.void <= now {
            // It was known before that it has not.
        } else if has_happened {
            self.acked = self.acked.min(now);
        } else if self.acked > now {
            self.void = self.void.min(now);
        }
    }
}

/// From when to when something happened, in ms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) to: u64,
}

/// A stream from its creation to its end.
#[derive(Clone, Debug)]
pub(super) struct Life {
    /// Unique in the whole history.
    pub(super) id: u64,
    pub(super) begun: u64,
    /// Operations that were done when its creation was acknowledged, or it was seen.
    pub(super) created: u64,
    /// Operations that were done when it was known to be gone.
    pub(super) gone: u64,
    /// What the clock showed when its creation was asked for, and when that was answered.
    pub(super) created_ms: Span,
    /// Deletions, each with what the clock showed when it was asked for, and when that was answered.
    pub(super) deletions: Vec<Change<Span>>,
    /// The retentions in hours, in order; the first is that of its creation.
    pub(super) retentions: Vec<Change<u32>>,
    /// Records that arrived before may be gone, and must be hidden, on account of what was before
    /// this history.
    may_be_gone_ms: u64,
    is_hidden_ms: u64,
    /// The records of each shard, those that got lost included.
    pub(super) shards: Vec<Vec<Accepted>>,
}

impl Life {
    pub(super) fn new(id: u64, shards: usize, begun: u64, now_ms: u64) -> Self {
        let mut retention = Change::new(RETENTION_HOURS, begun);
        retention.acked = begun;
        Self {
            id,
            begun,
            created: NEVER,
            gone: NEVER,
            created_ms: Span {
                from: now_ms,
                to: now_ms,
            },
            deletions: Vec::new(),
            retentions: vec![retention],
            may_be_gone_ms: 0,
            is_hidden_ms: 0,
            shards: vec![Vec::new(); shards],
        }
    }

    /// Returns what may be in `shard` after operation `at` at most.
    pub(super) fn possible(&self, shard: usize, at: u64) -> Vec<&Accepted> {
        let records = self.shards.get(shard).map(Vec::as_slice);
        let possible = |record: &&Accepted| record.begun <= at && record.gone > at;
        records
            .unwrap_or_default()
            .iter()
            .filter(possible)
            .collect()
    }

    /// Returns the retentions that may be in force after operation `at`: the last one that was
    /// acknowledged, and those asked for since.
    pub(super) fn retentions_at(&self, at: u64) -> Vec<u32> {
        let last = self.retentions.iter().rposition(|it| it.acked <= at);
        let since = self.retentions.get(last.unwrap_or(0)..).unwrap_or_default();
        since
            .iter()
            .filter(|it| it.may_be(at))
            .map(|it| it.to)
            .collect()
    }

    /// Returns the deletion that may have happened by operation `at`, and whether it must have.
    pub(super) fn deletion_at(&self, at: u64) -> Option<(Span, bool)> {
        let deletion = self.deletions.iter().rfind(|it| it.may_be(at))?;
        Some((deletion.to, deletion.acked <= at))
    }

    fn epochs(&self, at: u64) -> impl Iterator<Item = u64> {
        let told = self.shards.iter().flatten();
        told.filter(move |it| it.acked <= at)
            .filter_map(|it| Some(it.number?.shard_created_s()))
    }
}

/// A shard iterator that a consumer holds.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) stream: usize,
    pub(super) life: u64,
    pub(super) shard: usize,
    pub(super) text: String,
    pub(super) issued_ms: u64,
    /// The place of the record that it goes on at.
    pub(super) next: usize,
    pub(super) made: u64,
}

/// Whether a stream is there at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Yes,
    Maybe,
    No,
}

/// All that was done, for judging what is found afterwards.
#[derive(Clone, Debug)]
pub struct History {
    /// For each of [`STREAMS`] all that ever bore its name.
    pub(super) streams: Vec<Vec<Life>>,
    pub(super) held: Vec<Held>,
    /// Streams and the creation times in the sequence numbers of those lives of theirs that are over.
    spent: Vec<(usize, u64)>,
    lives: u64,
    /// What the wall clock showed from which operation on.
    clock: Vec<(u64, TimestampMs)>,
    /// Whether the clock was ever set.
    pub(super) has_jumps: bool,
    /// By how much the clock may have gone on while something was looked at, in ms.
    pub(super) slack_ms: u64,
}

impl History {
    pub(super) fn new(now: TimestampMs) -> Self {
        Self {
            streams: vec![Vec::new(); STREAMS.len()],
            held: Vec::new(),
            spent: Vec::new(),
            lives: 0,
            clock: vec![(0, now)],
            has_jumps: false,
            slack_ms: 0,
        }
    }

    pub(super) fn clock_shows(&mut self, now: TimestampMs, op_count: u64) {
        self.clock.push((op_count, now));
    }

    /// Takes note of what the clock showed, each time after so many operations.
    pub(super) fn clock_showed(&mut self, readings: Vec<(u64, TimestampMs)>) {
        self.clock.extend(readings);
    }

    /// Returns when the last of those transitions ends that may have ended at `soon_ms`, or 0.
    pub(super) fn transition_under_way(&self, soon_ms: u64, transition_ms: u64) -> u64 {
        let lives = self.streams.iter().filter_map(|lives| lives.last());
        let spans = lives.flat_map(|life| {
            let deletion = life.deletions.last().map(|it| it.to);
            std::iter::once(life.created_ms).chain(deletion)
        });
        let ends = spans.map(|it| {
            (
                it.from.saturating_add(transition_ms),
                it.to.saturating_add(transition_ms),
            )
        });
        ends.filter(|(from, _)| *from <= soon_ms)
            .map(|(_, to)| to)
            .max()
            .unwrap_or(0)
    }

    /// Returns what the clock showed after operation `at`.
    pub(super) fn now_at(&self, at: u64) -> TimestampMs {
        let begun = self.clock.iter().take_while(|(from, _)| *from <= at);
        begun.last().map_or(TimestampMs(0), |(_, now)| *now)
    }

    /// Returns the latest that the clock ever showed up to operation `at`.
    fn latest_at(&self, at: u64) -> TimestampMs {
        let begun = self.clock.iter().take_while(|(from, _)| *from <= at);
        begun.map(|(_, now)| *now).max().unwrap_or(TimestampMs(0))
    }

    /// Takes note that a stream is about to be made, and returns its number.
    pub(super) fn begin_life(
        &mut self,
        stream: usize,
        shards: usize,
        begun: u64,
        now_ms: u64,
    ) -> u64 {
        let id = self.lives;
        self.lives = self.lives.saturating_add(1);
        if let Some(lives) = self.streams.get_mut(stream) {
            // There cannot be two of a name. One of which nothing is known may yet be there.
            for life in lives.iter_mut().filter(|life| life.created != NEVER) {
                life.gone = life.gone.min(begun);
            }
            lives.push(Life::new(id, shards, begun, now_ms));
        }
        id
    }

    /// Returns the life of a stream that goes on, if there is one.
    pub(super) fn current(&mut self, stream: usize) -> Option<&mut Life> {
        let lives = self.streams.get_mut(stream)?;
        lives.iter_mut().rfind(|life| life.gone == NEVER)
    }

    /// Returns whether any stream was ever made by operation `at`.
    pub(super) fn has_streams(&self, at: u64) -> bool {
        self.streams.iter().flatten().any(|life| life.created <= at)
    }

    /// Returns life `id` of a stream.
    pub(super) fn life(&mut self, stream: usize, id: u64) -> Option<&mut Life> {
        let lives = self.streams.get_mut(stream)?;
        lives.iter_mut().find(|life| life.id == id)
    }

    /// Takes note that a change of the catalogue was done: all that were in doubt before it were set
    /// back first.
    pub(super) fn doubts_end(&mut self, now: u64) {
        for life in self.streams.iter_mut().flatten() {
            if life.created == NEVER {
                life.gone = life.gone.min(now);
            }
            for deletion in &mut life.deletions {
                deletion.settle(false, now);
            }
            for retention in &mut life.retentions {
                retention.settle(false, now);
            }
        }
    }

    /// Returns the lives of a stream of which one may be found after operation `at` when the clock
    /// shows `now_ms`, the newest first, and whether one must be.
    pub(super) fn lives_at(
        &self,
        stream: usize,
        at: u64,
        now_ms: u64,
        transition_ms: u64,
    ) -> (Vec<&Life>, Presence) {
        let is_due = |since_ms: u64| now_ms.saturating_sub(since_ms) >= transition_ms;
        let presence = |life: &Life| match life.deletion_at(at) {
            Some((_, true)) if self.has_jumps => Presence::Maybe,
            Some((since_ms, true)) if is_due(since_ms.to) => Presence::No,
            Some((since_ms, true)) if is_due(since_ms.from) => Presence::Maybe,
            Some((since_ms, false)) if is_due(since_ms.from) || self.has_jumps => Presence::Maybe,
            _ if life.created > at => Presence::Maybe,
            _ => Presence::Yes,
        };
        let lives = self.streams.get(stream).map(Vec::as_slice);
        let possible = lives
            .unwrap_or_default()
            .iter()
            .rev()
            .filter(|life| life.begun <= at && life.gone > at)
            .map(|life| (life, presence(life)))
            .filter(|(_, presence)| *presence != Presence::No);
        let (lives, presences): (Vec<_>, Vec<_>) = possible.unzip();
        let presence = if lives.is_empty() {
            Presence::No
        } else if presences.contains(&Presence::Yes) {
            Presence::Yes
        } else {
            Presence::Maybe
        };
        (lives, presence)
    }

    /// Returns the creation times of a stream's earlier lives that stand in sequence numbers which
    /// somebody has seen by operation `at`.
    pub(super) fn spent(&self, stream: usize, life: u64, at: u64) -> Vec<u64> {
        let before = self.spent.iter().filter(|(of, _)| *of == stream);
        let lives = self.streams.get(stream).map(Vec::as_slice);
        let others = lives.unwrap_or_default().iter().filter(|it| it.id != life);
        before
            .map(|(_, epoch_s)| *epoch_s)
            .chain(others.flat_map(|it| it.epochs(at)))
            .collect()
    }

    /// Returns the arrival time before which records of a life may be gone: the latest that any
    /// retention which it may have had reached back to.
    pub(super) fn may_be_gone_ms(&self, life: &Life, at: u64, now_ms: u64) -> u64 {
        let horizons = life
            .retentions
            .iter()
            .enumerate()
            .map(|(number, retention)| {
                let after = life.retentions.get(number.saturating_add(1)..);
                let next = after.unwrap_or_default().iter().find(|it| it.acked <= at);
                let until_ms = match next {
                    Some(next) => self.latest_at(next.acked).0,
                    None => self.latest_at(at).0.max(now_ms),
                };
                if retention.may_be(at) {
                    until_ms.saturating_sub(u64::from(retention.to).saturating_mul(HOUR_MS))
                } else {
                    0
                }
            });
        horizons.max().unwrap_or(0).max(life.may_be_gone_ms)
    }

    /// Returns the arrival time before which records must not be shown, as the retention is `hours`
    /// or was when it was changed.
    pub(super) fn is_hidden_ms(&self, life: &Life, at: u64, now_ms: u64, hours: u32) -> u64 {
        let reach = |now_ms: u64, hours: u32| {
            now_ms.saturating_sub(u64::from(hours).saturating_mul(HOUR_MS))
        };
        let acked: Vec<_> = life.retentions.iter().filter(|it| it.acked <= at).collect();
        let before = acked.windows(2).filter_map(|pair| match pair {
            [old, new] => Some(reach(self.now_at(new.begun).0, old.to)),
            _ => None,
        });
        before
            .chain([reach(now_ms, hours), life.is_hidden_ms])
            .max()
            .unwrap_or(0)
    }

    /// Takes note of what a new process shows after operation `now`, and settles what was in doubt.
    pub(super) fn settle(&mut self, seen: &Seen, now: u64) {
        for (stream, lives) in self.streams.iter_mut().enumerate() {
            let shown = seen.stream(stream);
            for life in lives.iter_mut() {
                if shown.is_none_or(|shown| shown.life != life.id) {
                    life.gone = life.gone.min(now);
                }
            }
            let Some(shown) = shown else { continue };
            let Some(life) = lives.iter_mut().find(|life| life.id == shown.life) else {
                continue;
            };
            life.created = life.created.min(now);
            for deletion in &mut life.deletions {
                deletion.settle(shown.is_deleting, now);
            }
            for retention in &mut life.retentions {
                retention.settle(retention.to == shown.hours, now);
            }
            for (records, shown) in life.shards.iter_mut().zip(&shown.shards) {
                let there = records.iter_mut().filter(|it| it.gone == NEVER);
                for (place, record) in there.enumerate() {
                    if place < shown.found {
                        record.acked = record.acked.min(now);
                    } else {
                        record.gone = now;
                    }
                    if let Some((_, number, arrived_ms)) =
                        shown.records.iter().find(|it| it.0 == place)
                    {
                        record.number = Some(*number);
                        record.arrived_ms = Some(*arrived_ms);
                    }
                }
            }
        }
    }

    /// Returns the history of a disk on which `seen` was found after operation `at`, and where the
    /// clock shows `now` since.
    pub(super) fn of_survivors(&self, at: u64, seen: &Seen, now: TimestampMs) -> Self {
        let mut before = self.clone();
        for lives in &mut before.streams {
            lives.retain(|life| life.begun <= at);
            for life in lives.iter_mut() {
                life.gone = if life.gone > at { NEVER } else { life.gone };
                life.deletions.retain(|it| it.may_be(at));
                life.retentions.retain(|it| it.may_be(at));
                for records in &mut life.shards {
                    records.retain(|it| it.begun <= at && it.gone > at);
                    for record in records {
                        record.gone = NEVER;
                        record.begun = 0;
                    }
                }
            }
        }
        // From here on it is as after a kill, but that no moment is left to tell apart.
        before.settle(seen, at);
        let mut after = Self {
            held: before.held,
            spent: self.spent.clone(),
            lives: self.lives,
            clock: vec![(0, self.latest_at(at)), (0, now)],
            has_jumps: self.has_jumps,
            slack_ms: 0,
            streams: vec![Vec::new(); STREAMS.len()],
        };
        after.held.retain(|it| it.made <= at);
        for it in &mut after.held {
            it.made = 0;
        }
        for (stream, lives) in before.streams.into_iter().enumerate() {
            for life in lives {
                let Some(shown) = seen.stream(stream).filter(|_| life.gone == NEVER) else {
                    after.spent.extend(life.epochs(at).map(|it| (stream, it)));
                    continue;
                };
                let mut retention = Change::new(shown.hours, 0);
                retention.acked = 0;
                let mut shards = life.shards.clone();
                for records in &mut shards {
                    records.retain(|it| it.gone == NEVER);
                    for it in records {
                        it.acked = 0;
                    }
                }
                let next = Life {
                    id: life.id,
                    begun: 0,
                    created: 0,
                    gone: NEVER,
                    created_ms: Span { from: 0, to: 0 },
                    deletions: Vec::new(),
                    retentions: vec![retention],
                    may_be_gone_ms: self.may_be_gone_ms(&life, at, now.0),
                    is_hidden_ms: self.is_hidden_ms(&life, at, now.0, shown.hours),
                    shards,
                };
                if let Some(lives) = after.streams.get_mut(stream) {
                    lives.push(next);
                }
            }
        }
        after
    }
}
