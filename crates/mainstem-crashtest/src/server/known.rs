//! What is known about the streams of a server: what was asked of each, and what was answered.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contract::{Id, record};
use crate::oracle::Oracle;
use crate::sim::rng::Rng;

/// Whether something has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    No,
    /// It was asked for, and the answer was cut off.
    Maybe,
    Yes,
}

/// A stream from its creation to its end.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) shards: usize,
    pub(super) created: Happened,
    pub(super) deleted: Happened,
    /// The retentions in hours of which one must be in force; the last is the one asked for last.
    pub(super) hours: Vec<u64>,
    pub(super) oracle: Oracle,
    /// Distinguishes its records from those of others.
    seed: u64,
    lanes: BTreeMap<u32, Lane>,
}

/// What a producer sent to a stream.
#[derive(Debug, Default)]
struct Lane {
    next: u64,
    /// What the stream refused, being in no state to take it: it is sent again.
    refused: Option<Vec<String>>,
}

impl Life {
    fn new(shards: usize, seed: u64) -> Self {
        Self {
            shards,
            created: Happened::Maybe,
            deleted: Happened::No,
            hours: vec![RETENTION_HOURS],
            oracle: Oracle::new(),
            seed,
            lanes: BTreeMap::new(),
        }
    }

    /// Returns the records of the next append of a lane, at most `most`, and tells the oracle.
    fn next(&mut self, lane: u32, most: u64, rng: &mut Rng) -> Vec<String> {
        let (seed, known) = (self.seed, self.lanes.entry(lane).or_default());
        if let Some(refused) = known.refused.take() {
            return refused;
        }
        let count = 1 + rng.below(most);
        let records: Vec<String> = (0..count)
            .map(|_| {
                let number = known.next;
                known.next = known.next.saturating_add(1);
                let filler = match rng.below(20) {
                    0 => rng.below(20_000),
                    _ => rng.below(200),
                };
                record(
                    Id { lane, number },
                    usize::try_from(filler).unwrap_or(0),
                    seed,
                )
            })
            .collect();
        self.oracle.sent(&records);
        records
    }

    /// Tells whether the stream may be there.
    pub(super) fn may_be(&self) -> bool {
        self.deleted != Happened::Yes
    }

    /// Forgets what was refused: with the process it may be that it was taken after all.
    pub(super) fn restarted(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.refused = None;
        }
    }
}

/// All streams of a server, by name.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) streams: BTreeMap<String, Option<Life>>,
    /// The record that each sequence number of a stream's name was given to.
    numbers: BTreeMap<(String, String), String>,
    /// Appends that are on their way, by stream.
    flying: BTreeMap<String, u64>,
    lives: u64,
    seed: u64,
    pub(super) acked: u64,
    pub(super) changes: u64,
    pub(super) refused: u64,
    pub(super) cut: u64,
    pub(super) tailed: u64,
    /// The first thing that went wrong while the server was up.
    pub(super) wrong: Option<String>,
}

/// The stream that stays.
pub(super) const LASTING: &str = "lasting";

/// Those that come and go.
pub(super) const PASSING: [&str; 3] = ["passing", "passing.0123456789abcdef.000000000000", "p"];

/// The retention of a new stream, in hours.
pub(super) const RETENTION_HOURS: u64 = 24;

impl Known {
    pub(super) fn new(seed: u64) -> Self {
        let names = PASSING.into_iter().chain([LASTING]);
        Self {
            streams: names.map(|name| (name.to_owned(), None)).collect(),
            numbers: BTreeMap::new(),
            flying: BTreeMap::new(),
            lives: 0,
            seed,
            acked: 0,
            changes: 0,
            refused: 0,
            cut: 0,
            tailed: 0,
            wrong: None,
        }
    }

    /// Returns the life of a stream, if it may be there.
    pub(super) fn life(&mut self, name: &str) -> Option<&mut Life> {
        let life = self.streams.get_mut(name)?.as_mut();
        life.filter(|life| life.may_be())
    }

    /// Takes note that a stream is about to be made.
    pub(super) fn creating(&mut self, name: &str, shards: usize) {
        self.lives = self.lives.saturating_add(1);
        let life = Life::new(shards, self.seed ^ (self.lives << 40));
        self.streams.insert(name.to_owned(), Some(life));
    }

    /// Returns what a producer is to put next, and where.
    pub(super) fn next(&mut self, lane: u32, rng: &mut Rng) -> Option<(String, Vec<String>)> {
        let names: Vec<&String> = self
            .streams
            .iter()
            .filter(|(_, life)| life.as_ref().is_some_and(Life::may_be))
            .map(|(name, _)| name)
            .collect();
        if names.is_empty() {
            return None;
        }
        let name = rng.pick(&names).clone();
        let most = if rng.below(3) == 0 { 8 } else { 1 };
        let records = self.life(&name)?.next(lane, most, rng);
        let flying = self.flying.entry(name.clone()).or_default();
        *flying = flying.saturating_add(1);
        Some((name, records))
    }

    /// Tells whether a new stream of the name may be made: not while records are on their way to an
    /// earlier one, which could end up in the new one.
    pub(super) fn is_free(&self, name: &str) -> bool {
        self.flying.get(name).is_none_or(|count| *count == 0)
    }

    fn landed(&mut self, name: &str) {
        if let Some(count) = self.flying.get_mut(name) {
            *count = count.saturating_sub(1);
        }
    }

    /// Takes note that all connections were cut.
    pub(super) fn restarted(&mut self) {
        self.flying.clear();
    }

    /// Takes note that all of `records` are acknowledged with these numbers.
    pub(super) fn acked(
        &mut self,
        name: &str,
        records: &[String],
        numbers: &[&str],
    ) -> Result<(), String> {
        self.landed(name);
        if records.len() != numbers.len() {
            return Err(format!("{} numbers for {}", numbers.len(), records.len()));
        }
        for (record, number) in records.iter().zip(numbers) {
            self.numbered(name, record, number)?;
        }
        let life = self.streams.get_mut(name).and_then(Option::as_mut);
        let first = records.first().and_then(|record| record.split(' ').next());
        if let (Some(life), Some(first)) = (life, first) {
            life.oracle
                .acked(first)
                .map_err(|wrong| wrong.to_string())?;
            self.acked = self.acked.saturating_add(1);
        }
        Ok(())
    }

    /// Takes note that nothing of `records` was taken, and that they are to be sent again.
    pub(super) fn refused(&mut self, name: &str, lane: u32, records: Vec<String>) {
        self.landed(name);
        self.refused = self.refused.saturating_add(1);
        let life = self.streams.get_mut(name).and_then(Option::as_mut);
        let first = records.first();
        // A new stream of the name may have come meanwhile, of which these are not.
        if let Some(life) = life.filter(|life| first.is_some_and(|it| life.is_mine(it))) {
            life.lanes.entry(lane).or_default().refused = Some(records);
        }
    }

    /// Checks that a number of a stream's name was never given to another record.
    pub(super) fn numbered(
        &mut self,
        name: &str,
        record: &str,
        number: &str,
    ) -> Result<(), String> {
        let key = (name.to_owned(), number.to_owned());
        let known = self.numbers.entry(key).or_insert_with(|| record.to_owned());
        if known == record {
            Ok(())
        } else {
            Err(format!(
                "{name}: number {number} was given to `{}` and to `{}`",
                short(known),
                short(record)
            ))
        }
    }

    /// Takes note of the first thing that went wrong.
    pub(super) fn went_wrong(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }
}

impl Life {
    fn is_mine(&self, text: &str) -> bool {
        let id = Id::of_record(text);
        let words = text.split_once(' ');
        id.zip(words)
            .is_some_and(|(id, (_, filler))| record(id, filler.len(), self.seed) == text)
    }
}

/// Returns enough of a record to know it by.
pub(super) fn short(record: &str) -> String {
    record.chars().take(40).collect()
}

/// Returns the text at `key` of a JSON object.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    let text = value.get(key).and_then(Value::as_str);
    text.ok_or_else(|| format!("no text {key} in {value}"))
}

/// Returns the list at `key` of a JSON object.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    let list = value.get(key).and_then(Value::as_array);
    list.ok_or_else(|| format!("no list {key} in {value}"))
}
