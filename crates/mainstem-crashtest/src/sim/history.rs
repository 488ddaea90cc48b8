//! What was asked of an engine and what it promised, for judging what is found afterwards.
//!
//! Moments are counted in operations of the simulated disk, so that the same history says what may be
//! found after power was lost at any of them.

use std::ops::Range;

use mainstem_env::TimestampMs;

use super::step::SHARDS;

/// "Not so far".
pub(super) const NEVER: u64 = u64::MAX;

/// A record that the log was asked to keep.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) payload: Vec<u8>,
    /// Its arrival time, if somebody was told.
    pub(super) time_ms: Option<u64>,
    /// What the clock showed when its append was called: never later than it arrived.
    pub(super) asked_ms: u64,
    /// Operations that were done when its append was called.
    pub(super) begun: u64,
    /// Operations that were done when somebody was told that it is durable, or saw it.
    pub(super) acked: u64,
    /// Operations that were done when a recovery came to know that it was lost.
    pub(super) gone: u64,
    /// Whether it is the last of its batch.
    pub(super) ends_batch: bool,
}

/// A shard from its creation to its removal.
#[derive(Clone, Debug)]
pub(super) struct Life {
    /// Every record, those that got lost included.
    pub(super) records: Vec<Accepted>,
    /// Operations that were done when its creation was asked for, and when that had succeeded.
    pub(super) begun: u64,
    pub(super) created: u64,
    /// When it is undecided whether the shard is there: from a call to remove it that did not
    /// return, until somebody saw the shard again.
    doubts: Vec<Range<u64>>,
    /// Operations that were done when the shard was removed, or seen to be.
    pub(super) gone: u64,
}

impl Life {
    pub(super) fn new(begun: u64) -> Self {
        Self {
            records: Vec::new(),
            begun,
            created: NEVER,
            doubts: Vec::new(),
            gone: NEVER,
        }
    }

    /// Returns whether the shard is there after operation `at` for certain, unless it was removed.
    fn is_certain_at(&self, at: u64) -> bool {
        self.created <= at && !self.doubts.iter().any(|doubt| doubt.contains(&at))
    }

    /// Returns what may be in the shard after operation `at` at most, by sequence number.
    pub(super) fn possible(&self, at: u64) -> Vec<&Accepted> {
        let possible = |record: &&Accepted| record.begun <= at && record.gone > at;
        self.records.iter().filter(possible).collect()
    }

    /// Takes note that the shard is there and shows its first `shown` records: these stay, and the
    /// others are lost.
    fn seen(&mut self, shown: usize, now: u64) {
        self.created = self.created.min(now);
        for doubt in &mut self.doubts {
            doubt.end = doubt.end.min(now);
        }
        let there = self.records.iter_mut().filter(|it| it.gone == NEVER);
        for (number, record) in there.enumerate() {
            if number < shown {
                record.acked = record.acked.min(now);
            } else {
                record.gone = now;
            }
        }
    }

    /// Takes note that removal is asked for after `begun` operations.
    pub(super) fn removing(&mut self, begun: u64) {
        self.doubts.push(begun..NEVER);
    }

    /// Returns the life of a shard in which the records `found` are, for good.
    fn of_found(records: Vec<Accepted>) -> Self {
        let records = records.into_iter().map(|record| Accepted {
            begun: 0,
            acked: 0,
            gone: NEVER,
            ..record
        });
        Self {
            records: records.collect(),
            created: 0,
            ..Self::new(0)
        }
    }
}

/// Whether a shard is there at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Yes,
    Maybe,
    No,
}

/// One name of a shard, and all that ever bore it.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) name: &'static str,
    pub(super) lives: Vec<Life>,
}

impl Log {
    /// Returns the lives that may be found after operation `at`, with their numbers, the newest first,
    /// and whether one of them must be. They are more than one where it is undecided whether a removal took effect.
    pub(super) fn lives_at(&self, at: u64) -> (Vec<(usize, &Life)>, Presence) {
        let mut lives = Vec::new();
        let possible = |(_, life): &(usize, &Life)| life.begun <= at && life.gone > at;
        for (number, life) in self.lives.iter().enumerate().rev().filter(possible) {
            let is_certain = life.is_certain_at(at);
            lives.push((number, life));
            if is_certain {
                return (lives, Presence::Yes);
            }
        }
        let presence = if lives.is_empty() {
            Presence::No
        } else {
            Presence::Maybe
        };
        (lives, presence)
    }

    /// Takes note that nothing of this name is there, unless that may change after a crash.
    pub(super) fn seen_absent(&mut self, now: u64, may_come_back: bool) {
        for life in self.lives.iter_mut().filter(|life| life.gone == NEVER) {
            if !may_come_back || life.is_certain_at(now) {
                life.gone = now;
            }
        }
    }

    /// Takes note that the newest life was created, for good.
    pub(super) fn created(&mut self, now: u64) {
        if let Some((newest, others)) = self.lives.split_last_mut() {
            newest.created = now;
            for life in others {
                life.gone = life.gone.min(now);
            }
        }
    }

    /// Takes note that life `number` is there, and shows its first `shown` records.
    pub(super) fn seen(&mut self, number: usize, shown: usize, now: u64) {
        for (other, life) in self.lives.iter_mut().enumerate() {
            if other == number {
                life.seen(shown, now);
            } else {
                life.gone = life.gone.min(now);
            }
        }
    }

    /// Returns the life that goes on, if there is one.
    pub(super) fn current(&mut self) -> Option<&mut Life> {
        self.lives.iter_mut().rfind(|life| life.gone == NEVER)
    }
}

/// All that was done, for judging what is found afterwards.
#[derive(Clone, Debug)]
pub struct History {
    pub(super) logs: Vec<Log>,
    /// What the wall clock showed from which operation on.
    clock: Vec<(u64, TimestampMs)>,
    /// Whether the clock was ever set.
    pub(super) has_jumps: bool,
}

impl History {
    pub(super) fn new(now: TimestampMs) -> Self {
        let log = |name| Log {
            name,
            lives: Vec::new(),
        };
        Self {
            logs: SHARDS.into_iter().map(log).collect(),
            clock: vec![(0, now)],
            has_jumps: false,
        }
    }

    pub(super) fn clock_shows(&mut self, now: TimestampMs, op_count: u64) {
        self.clock.push((op_count, now));
    }

    /// Returns what the clock showed after operation `at`.
    pub(super) fn now_at(&self, at: u64) -> TimestampMs {
        let begun = self.clock.iter().take_while(|(from, _)| *from <= at);
        begun.last().map_or(TimestampMs(0), |(_, now)| *now)
    }

    /// Returns the latest that the clock ever showed up to operation `at`.
    pub(super) fn latest_at(&self, at: u64) -> TimestampMs {
        let begun = self.clock.iter().take_while(|(from, _)| *from <= at);
        begun.map(|(_, now)| *now).max().unwrap_or(TimestampMs(0))
    }

    /// Returns the history of a disk that was found after operation `at`: of each shard the records in
    /// `found`, or `None` if it is not there.
    pub(super) fn of_survivors(&self, at: u64, found: &[Option<Vec<Accepted>>]) -> Self {
        let logs = self.logs.iter().zip(found).map(|(log, found)| Log {
            name: log.name,
            lives: found.iter().cloned().map(Life::of_found).collect(),
        });
        Self {
            logs: logs.collect(),
            clock: vec![(0, self.latest_at(at)), (0, self.now_at(at))],
            has_jumps: self.has_jumps,
        }
    }
}
