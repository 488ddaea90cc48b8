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

    /// Returns what may be in the shard after operation `at` at most, by sequence number.
    pub(super) fn possible(&self, at: u64) -> Vec<&Accepted> {
        let possible = |record: &&Accepted| record.begun <= at && record.gone > at;
        self.records.iter().filter(possible).collect()
    }

    /// Takes note that the shard is there and shows its first `shown` records: these stay, and the
    /// others are lost.
    pub(super) fn seen(&mut self, shown: usize, now: u64) {
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

    /// Takes note that removal was asked for after `begun` operations, and how that ended.
    pub(super) fn removing(&mut self, begun: u64, removed_at: Option<u64>) {
        self.doubts.push(begun..NEVER);
        if let Some(now) = removed_at {
            self.gone = now;
        }
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
    /// Returns the life that may be found after operation `at`, and whether it must be.
    pub(super) fn life_at(&self, at: u64) -> (Option<&Life>, Presence) {
        match self.lives.iter().rfind(|life| life.begun <= at) {
            Some(life) if life.gone > at => {
                let in_doubt = life.doubts.iter().any(|doubt| doubt.contains(&at));
                let presence = if life.created > at || in_doubt {
                    Presence::Maybe
                } else {
                    Presence::Yes
                };
                (Some(life), presence)
            }
            _ => (None, Presence::No),
        }
    }

    /// Returns the life that goes on, if there is one.
    pub(super) fn current(&mut self) -> Option<&mut Life> {
        self.lives.last_mut().filter(|life| life.gone == NEVER)
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

    /// Returns the history of a disk that was found after operation `at`: the first `found` records
    /// of each shard are there, where `None` means that the shard is not.
    pub(super) fn of_survivors(&self, at: u64, found: &[Option<usize>]) -> Self {
        let logs = self.logs.iter().zip(found).map(|(log, found)| {
            let life = found.and_then(|found| {
                let mut left = log.life_at(at).0?.possible(at);
                left.truncate(found);
                Some(Life::of_found(left.into_iter().cloned().collect()))
            });
            Log {
                name: log.name,
                lives: life.into_iter().collect(),
            }
        });
        Self {
            logs: logs.collect(),
            clock: vec![(0, self.latest_at(at)), (0, self.now_at(at))],
            has_jumps: self.has_jumps,
        }
    }
}
