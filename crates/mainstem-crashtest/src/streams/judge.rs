//! Holds streams to their history.

use std::collections::BTreeSet;
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_streams::{
    DescribeStreamInput, ErrorKind, GetRecordsInput, IteratorType, ListStreamsInput, LogEngine,
    LogName, Record, ShardDescription, ShardIteratorInput, StreamDescription, StreamStatus,
    StreamSummary,
};
use mainstem_types::limits::ITERATOR_VALID_MS;
use mainstem_types::{HashKey, KinesisSeq, StreamName};

use super::history::{Held, History, Life, Presence};
use super::plan::TRANSITION_MS;
use super::process::{DIR, Process, stream_of};
use super::step::STREAMS;
use crate::sim::told::told;

/// What was found of all streams.
#[derive(Clone, Debug, Default)]
pub struct Seen(Vec<StreamSeen>);

impl Seen {
    /// Returns what was found of a stream, if it is there.
    pub(super) fn stream(&self, stream: usize) -> Option<&StreamSeen> {
        self.0.iter().find(|it| it.stream == stream)
    }
}

/// What was found of a stream.
#[derive(Clone, Debug)]
pub(super) struct StreamSeen {
    stream: usize,
    /// Which of those that bore the name.
    pub(super) life: u64,
    pub(super) hours: u32,
    pub(super) is_deleting: bool,
    pub(super) shards: Vec<ShardSeen>,
}

/// What was found of a shard.
#[derive(Clone, Debug)]
pub(super) struct ShardSeen {
    /// Its records, those out of retention included.
    pub(super) found: usize,
    /// Of each that is shown its place, its number and when it arrived.
    pub(super) records: Vec<(usize, KinesisSeq, u64)>,
}

/// What is judged, and by what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge<'a> {
    pub(super) history: &'a History,
    pub(super) process: &'a Process,
    pub(super) sim: &'a Sim,
    /// Operations of the disk whose acknowledgements count.
    pub(super) at: u64,
}

/// Makes a stream's name of one of [`STREAMS`].
pub(super) fn name_of(stream: usize) -> Result<StreamName, String> {
    let (_, name) = STREAMS
        .get(stream)
        .ok_or_else(|| format!("no stream {stream}"))?;
    StreamName::new(name).map_err(|error| error.to_string())
}

impl Judge<'_> {
    /// Checks streams that were just opened.
    pub(super) fn opened(&self) -> Result<(), String> {
        self.listed().map(drop)
    }

    /// Lets all transitions end.
    pub(super) fn pass(history: &History, sim: &Sim) {
        // Where the clock was set, one transition may look younger than it is.
        let turns = if history.has_jumps { 3 } else { 1 };
        for _ in 0..turns {
            sim.advance(Duration::from_millis(TRANSITION_MS));
        }
    }

    /// Finishes what is left to do in streams that were opened, once no transition is under way, and
    /// checks everything.
    pub(super) fn settled(&self) -> Result<Seen, String> {
        self.process.maintain().map_err(|error| told(&error))?;
        let seen = self.everything()?;
        for (stream, (_, name)) in STREAMS.iter().enumerate() {
            if let Some(summary) = self.listed()?.get(stream).and_then(Option::as_ref)
                && summary.status != StreamStatus::Active
            {
                return Err(format!("{name}: still {}", summary.status));
            }
        }
        self.no_orphans(&seen)?;
        Ok(seen)
    }

    /// Checks all streams, all records and all iterators.
    pub(super) fn everything(&self) -> Result<Seen, String> {
        let mut seen = Seen::default();
        let listed = self.listed()?;
        if let Some(trouble) = self.process.streams.trouble() {
            return Err(format!("takes no records: {trouble}"));
        }
        let logs = self.logs()?;
        for (stream, summary) in listed.iter().enumerate() {
            if let Some(summary) = summary {
                let found = self.which(stream, summary, &logs);
                let found =
                    found.map_err(|what| format!("{}: {what}", summary.arn.name.as_str()))?;
                seen.0.push(found);
            }
        }
        for held in &self.history.held {
            if held.made <= self.at {
                self.held(held, &seen).map_err(|what| {
                    format!("iterator of {:?}: {what}", STREAMS.get(held.stream))
                })?;
            }
        }
        Ok(seen)
    }

    fn now_ms(&self) -> u64 {
        self.sim.now().0
    }

    fn lives_at(&self, stream: usize) -> (Vec<&Life>, Presence) {
        self.history
            .lives_at(stream, self.at, self.now_ms(), TRANSITION_MS)
    }

    /// Finds which of those that bore the name of a stream is there, and checks it.
    fn which(
        &self,
        stream: usize,
        summary: &StreamSummary,
        logs: &[LogName],
    ) -> Result<StreamSeen, String> {
        let mut wrong = None;
        for life in self.lives_at(stream).0 {
            match self.stream(stream, life, summary, logs) {
                Ok(seen) => return Ok(seen),
                // What is wrong with the newest says most.
                Err(what) => wrong = wrong.or(Some(what)),
            }
        }
        Err(wrong.unwrap_or_else(|| String::from("is there and should not be")))
    }

    fn logs(&self) -> Result<Vec<LogName>, String> {
        self.process.logs.names().map_err(|error| told(&error))
    }

    /// Checks which streams are there, and returns them in the order of [`STREAMS`].
    fn listed(&self) -> Result<Vec<Option<StreamSummary>>, String> {
        let listed = self
            .process
            .streams
            .list_streams(&ListStreamsInput::default());
        let listed = listed.map_err(|error| told(&error))?.streams;
        let mut found = vec![None; STREAMS.len()];
        for summary in listed {
            let known = STREAMS
                .iter()
                .position(|(_, name)| *name == summary.arn.name.as_str());
            match known.and_then(|stream| found.get_mut(stream)) {
                Some(place @ None) => *place = Some(summary),
                _ => return Err(format!("{}: nobody made it", summary.arn.name)),
            }
        }
        for (stream, summary) in found.iter().enumerate() {
            let (_, name) = STREAMS.get(stream).copied().unwrap_or_default();
            let (lives, presence) = self.lives_at(stream);
            match (presence, summary) {
                (Presence::Yes, None) => return Err(format!("{name}: is gone")),
                (Presence::No, Some(summary)) => {
                    return Err(format!(
                        "{name}: is {} and should not be there",
                        summary.status
                    ));
                }
                _ => {}
            }
            let Some(summary) = summary else { continue };
            let is_deleting = summary.status == StreamStatus::Deleting;
            let deletions = lives.iter().map(|life| life.deletion_at(self.at));
            let fits = |deletion: &Option<(_, bool)>| match deletion {
                None => !is_deleting,
                Some((_, is_certain)) => is_deleting || !is_certain,
            };
            if !deletions.clone().any(|deletion| fits(&deletion)) {
                let what = if is_deleting {
                    "nobody deleted it"
                } else {
                    "was deleted and is back"
                };
                return Err(format!("{name}: {what}"));
            }
        }
        Ok(found)
    }

    fn stream(
        &self,
        stream: usize,
        life: &Life,
        summary: &StreamSummary,
        logs: &[LogName],
    ) -> Result<StreamSeen, String> {
        let hours = summary.retention_hours;
        let allowed = life.retentions_at(self.at);
        if !allowed.contains(&hours) {
            return Err(format!(
                "the retention is {hours} hours and must be {allowed:?}"
            ));
        }
        let name = name_of(stream)?;
        let logs = Process::logs_of(logs, name.as_str());
        let mut seen = StreamSeen {
            stream,
            life: life.id,
            hours,
            is_deleting: summary.status == StreamStatus::Deleting,
            shards: Vec::new(),
        };
        if summary.status == StreamStatus::Creating {
            // Nothing was put yet, and no shard is shown.
            let empty = ShardSeen {
                found: 0,
                records: Vec::new(),
            };
            seen.shards = vec![empty; life.shards.len()];
            return if logs.len() < life.shards.len() {
                Err(format!("{} logs only", logs.len()))
            } else {
                Ok(seen)
            };
        }
        let described = self.process.streams.describe_stream(&DescribeStreamInput {
            stream: &name,
            limit: None,
            exclusive_start_shard: None,
        });
        let described = described.map_err(|error| told(&error))?;
        check_shards(&described, life.shards.len())?;
        // Of an earlier life logs may be left until maintenance.
        let spent = self.history.spent(stream, life.id, self.at);
        for (place, shard) in described.shards.iter().enumerate() {
            if spent.contains(&shard.starting_number.shard_created_s()) {
                return Err(format!(
                    "shard {place} begins at numbers that an earlier stream of the name has used"
                ));
            }
            let found = self.durable_end(&logs, place, hours)?;
            let records = self.records(&name, life, place, shard, hours, found);
            let records = records.map_err(|what| format!("shard {place}: {what}"))?;
            seen.shards.push(ShardSeen { found, records });
        }
        Ok(seen)
    }

    /// Returns how many records a shard's log has, those out of retention included.
    fn durable_end(&self, logs: &[LogName], place: usize, hours: u32) -> Result<usize, String> {
        let log = logs
            .get(place)
            .ok_or_else(|| format!("shard {place} has no log"))?;
        let retention_ms = u64::from(hours).saturating_mul(super::history::HOUR_MS);
        let log = self.process.logs.open(log, retention_ms);
        let end = log.and_then(|log| log.durable_end());
        let end = end.map_err(|error| told(&error))?;
        usize::try_from(end.0).map_err(|error| error.to_string())
    }

    /// Checks what a shard shows from its oldest record on.
    fn records(
        &self,
        name: &StreamName,
        life: &Life,
        place: usize,
        shard: &ShardDescription,
        hours: u32,
        found: usize,
    ) -> Result<Vec<(usize, KinesisSeq, u64)>, String> {
        let possible = life.possible(place, self.at);
        let acked = possible.iter().rposition(|it| it.acked <= self.at);
        let acked = acked.map_or(0, |last| last.saturating_add(1));
        if found < acked {
            return Err(format!(
                "{acked} records were acknowledged, {found} are there"
            ));
        }
        let expected = possible
            .get(..found)
            .ok_or_else(|| format!("{} records were put, {found} are there", possible.len()))?;
        if expected.last().is_some_and(|last| !last.ends_batch) {
            return Err(format!("{found} records end in the middle of a batch"));
        }
        let iterator = self
            .process
            .streams
            .shard_iterator(&ShardIteratorInput {
                stream: name,
                shard: &shard.id.to_string(),
                iterator_type: IteratorType::TrimHorizon,
                starting_sequence_number: None,
                timestamp_ms: None,
            })
            .map_err(|error| told(&error))?;
        let shown = self.read(iterator)?;
        let mut last = shard.starting_number;
        for record in &shown {
            if record.sequence_number <= last {
                return Err(format!(
                    "number {} is not above {last}",
                    record.sequence_number
                ));
            }
            last = record.sequence_number;
        }
        self.suffix(life, place, &shown, (0, found), hours)
    }

    /// Checks that `shown` is what is left of the records `from..found` of a shard: without the oldest,
    /// if their time has come, and otherwise all of them, as they were put.
    fn suffix(
        &self,
        life: &Life,
        place: usize,
        shown: &[Record],
        (from, found): (usize, usize),
        hours: u32,
    ) -> Result<Vec<(usize, KinesisSeq, u64)>, String> {
        let possible = life.possible(place, self.at);
        let expected = possible.get(from..found).unwrap_or_default();
        let hidden = expected
            .len()
            .checked_sub(shown.len())
            .ok_or_else(|| format!("{} records in place of {}", shown.len(), expected.len()))?;
        let may_be_gone_ms = self.history.may_be_gone_ms(life, self.at, self.now_ms());
        let is_hidden_ms = self
            .history
            .is_hidden_ms(life, self.at, self.now_ms(), hours);
        for (number, it) in expected.iter().take(hidden).enumerate() {
            if it.arrived_ms.unwrap_or(it.asked_ms) >= may_be_gone_ms {
                return Err(format!(
                    "record {} is not shown",
                    from.saturating_add(number)
                ));
            }
        }
        let mut seen = Vec::new();
        for (number, (record, wanted)) in shown.iter().zip(expected.iter().skip(hidden)).enumerate()
        {
            let number = from.saturating_add(hidden).saturating_add(number);
            let key = wanted.key.to_string();
            if record.data != wanted.data.as_slice() || record.partition_key != Some(key) {
                return Err(format!("record {number} is not what was put"));
            }
            if wanted.number.is_some_and(|it| it != record.sequence_number) {
                return Err(format!(
                    "record {number} has another number than was answered"
                ));
            }
            if record.arrived_ms < wanted.asked_ms && !self.history.has_jumps {
                return Err(format!("record {number} arrived before it was put"));
            }
            let slack_ms = self.history.slack_ms;
            if record.arrived_ms.saturating_add(slack_ms) < is_hidden_ms && !self.history.has_jumps
            {
                return Err(format!("record {number} is past the retention"));
            }
            seen.push((number, record.sequence_number, record.arrived_ms));
        }
        Ok(seen)
    }

    /// Reads on from an iterator until nothing comes.
    fn read(&self, mut iterator: String) -> Result<Vec<Record>, String> {
        let mut records = Vec::new();
        loop {
            let page = self.process.streams.records(&GetRecordsInput {
                shard_iterator: &iterator,
                limit: None,
                stream_arn: None,
            });
            let page = page.map_err(|error| told(&error))?;
            let Some(next) = page.next_shard_iterator else {
                return Err(String::from("the shard is closed"));
            };
            if page.records.is_empty() {
                return Ok(records);
            }
            records.extend(page.records);
            iterator = next;
        }
    }

    /// Checks that an iterator that was taken before goes on where it stood, or says why not.
    fn held(&self, held: &Held, seen: &Seen) -> Result<(), String> {
        let read = self.process.streams.records(&GetRecordsInput {
            shard_iterator: &held.text,
            limit: None,
            stream_arn: None,
        });
        let refused = read
            .as_ref()
            .err()
            .map(mainstem_streams::StreamsError::kind);
        let age_ms = self.now_ms().saturating_sub(held.issued_ms);
        if age_ms > ITERATOR_VALID_MS {
            // It may have been valid a moment ago.
            let was_valid = age_ms.saturating_sub(self.history.slack_ms) <= ITERATOR_VALID_MS;
            return if was_valid || refused == Some(ErrorKind::ExpiredIterator) {
                Ok(())
            } else {
                Err(format!("is too old and gives {refused:?}"))
            };
        }
        let mut lives = self.lives_at(held.stream).0.into_iter();
        let life = lives.find(|life| life.id == held.life);
        let shown = seen.stream(held.stream).filter(|it| it.life == held.life);
        let Some((life, shown)) = life.zip(shown) else {
            return if refused == Some(ErrorKind::ResourceNotFound) {
                Ok(())
            } else {
                Err(format!("its stream is gone and it gives {refused:?}"))
            };
        };
        let records = read.map_err(|error| told(&error))?.records;
        let shard = shown.shards.get(held.shard);
        let found = shard.map_or(0, |shard| shard.found);
        self.suffix(life, held.shard, &records, (held.next, found), shown.hours)
            .map(drop)
    }

    /// Checks that every log belongs to a shard of a stream, and that nothing else lies beside them.
    fn no_orphans(&self, seen: &Seen) -> Result<(), String> {
        let mut owned = BTreeSet::new();
        let logs = self.logs()?;
        for shown in &seen.0 {
            let (_, name) = STREAMS.get(shown.stream).copied().unwrap_or_default();
            let shards = shown.shards.len();
            let logs = Process::logs_of(&logs, name);
            if logs.len() != shards {
                return Err(format!("{name}: {} logs for {shards} shards", logs.len()));
            }
            owned.extend(logs);
        }
        if let Some(orphan) = logs.iter().find(|log| !owned.contains(log)) {
            let of = stream_of(orphan);
            return Err(format!("nobody owns log {orphan}, which was of {of:?}"));
        }
        for file in self.sim.files() {
            let Ok(inside) = file.strip_prefix(format!("{DIR}/shards")) else {
                continue;
            };
            let dir = inside.components().next();
            let dir = dir.map(|dir| dir.as_os_str().to_string_lossy());
            if !owned.iter().any(|log| Some(log.as_str()) == dir.as_deref()) {
                return Err(format!("nobody owns {}", file.display()));
            }
        }
        Ok(())
    }
}

/// Checks that a stream has `count` shards, all open, and that they cover all hash keys.
fn check_shards(described: &StreamDescription, count: usize) -> Result<(), String> {
    let shards = &described.shards;
    let open = usize::try_from(described.summary.open_shard_count).unwrap_or(usize::MAX);
    if shards.len() != count || open != count || described.has_more_shards {
        return Err(format!(
            "{} shards, {open} of them open, in place of {count}",
            shards.len()
        ));
    }
    let mut start = Some(HashKey::MIN);
    for (place, shard) in shards.iter().enumerate() {
        if usize::try_from(shard.id.index()) != Ok(place) || shard.ending_number.is_some() {
            return Err(format!("shard {} in place {place}: {shard:?}", shard.id));
        }
        if start != Some(shard.range.start()) {
            return Err(format!("hash keys before shard {} are nobody's", shard.id));
        }
        start = shard.range.end().0.checked_add(1).map(HashKey);
    }
    match start {
        None => Ok(()),
        Some(start) => Err(format!("hash keys from {start:?} on are nobody's")),
    }
}
