//! Carries out a plan on a simulated machine.

use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_streams::{
    CreateStreamInput, ErrorKind, IteratorType, Outcome, PutRecordInput, PutRecordOutput,
    PutRecordsEntry, PutRecordsInput, ShardIteratorInput, StreamStatus, StreamSummary,
    StreamsError,
};
use mainstem_types::{HashKey, HashKeyRange, StreamName};

use super::history::{Accepted, Change, Held, History, NEVER};
use super::judge::{Judge, Seen, name_of};
use super::plan::Plan;
use super::process::{Process, told};
use super::step::{Put, Step};
use crate::sim::rng::payload;

/// A plan under way, or done.
#[derive(Debug)]
pub struct Run {
    /// The machine.
    pub sim: Sim,
    /// What was promised so far.
    pub history: History,
    process: Option<Process>,
    unique: u64,
}

/// What a call came to: its error is one that only a dying process may see.
type Done = Result<(), StreamsError>;

impl Run {
    /// Carries out `plan` on a new machine.
    ///
    /// # Errors
    /// What the streams did wrong on the way.
    pub fn of(plan: &Plan) -> Result<Self, String> {
        let sim = Sim::new(plan.seed);
        let process = Process::start(&sim).map_err(|error| format!("open: {}", told(&error)))?;
        let mut run = Self {
            history: History::new(sim.now()),
            sim,
            process: Some(process),
            unique: plan.seed << 32,
        };
        for (number, step) in plan.steps.iter().enumerate() {
            run.step(step)
                .map_err(|what| format!("step {number}, {step}: {what}"))?;
        }
        run.sim.violation().map_or(Ok(run), Err)
    }

    /// Goes on with streams that were recovered on `sim`.
    pub(super) fn resume(sim: Sim, history: History, process: Process) -> Self {
        Self {
            // Other payloads than those of the first run.
            unique: (1 << 63) | (sim.op_count() << 20),
            sim,
            history,
            process: Some(process),
        }
    }

    /// Does one thing.
    ///
    /// # Errors
    /// What the streams did wrong.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        let Some(process) = self.process.take() else {
            return Err(String::from("there is no process"));
        };
        let done = self.try_step(&process, step)?;
        if process.fuse.has_burnt() {
            return self.rise_again(process);
        }
        done.map_err(|error| told(&error))?;
        if *step == Step::Reopen {
            drop(process);
            self.start()?;
            return self.look().map(drop);
        }
        self.process = Some(process);
        Ok(())
    }

    fn start(&mut self) -> Result<(), String> {
        let process = Process::start(&self.sim);
        self.process = Some(process.map_err(|error| format!("open: {}", told(&error)))?);
        Ok(())
    }

    /// Goes on in a new process after this one was killed.
    fn rise_again(&mut self, dead: Process) -> Result<(), String> {
        // What the dead process still does on its way out happens on the machine that is left behind.
        self.sim = self.sim.process_crash();
        drop(dead);
        self.start()?;
        self.judged(|judge| judge.opened())?;
        Judge::pass(&self.history, &self.sim);
        self.clock_changed();
        let seen = self.judged(|judge| judge.settled())?;
        self.history.settle(&seen, self.sim.op_count());
        Ok(())
    }

    fn look(&self) -> Result<Seen, String> {
        self.judged(|judge| judge.everything())
    }

    fn judged<T>(&self, judge: impl FnOnce(Judge<'_>) -> Result<T, String>) -> Result<T, String> {
        let process = self.process.as_ref().ok_or("there is no process")?;
        judge(Judge {
            history: &self.history,
            process,
            sim: &self.sim,
            at: self.sim.op_count(),
        })
    }

    fn clock_changed(&mut self) {
        let now = self.sim.now();
        self.history.clock_shows(now, self.sim.op_count());
    }

    fn try_step(&mut self, process: &Process, step: &Step) -> Result<Done, String> {
        Ok(match step {
            Step::Create(stream, shards) => self.create(process, *stream, *shards)?,
            Step::Delete(stream) => self.delete(process, *stream)?,
            Step::Retain(stream, hours) => self.retain(process, *stream, *hours)?,
            Step::Put(stream, put) => self.put(process, *stream, *put)?,
            Step::Puts(stream, puts) => self.puts(process, *stream, puts)?,
            Step::Iterators(stream) => self.iterators(process, *stream)?,
            Step::Pass(ms) => {
                self.sim.advance(Duration::from_millis(*ms));
                self.clock_changed();
                Ok(())
            }
            Step::Jump(ms) => {
                self.sim.jump_wall(*ms);
                self.history.has_jumps = true;
                self.clock_changed();
                Ok(())
            }
            Step::Maintain => process.maintain(),
            Step::Kill(changes) => {
                process.fuse.light(*changes);
                Ok(())
            }
            Step::Check => {
                let judge = Judge {
                    history: &self.history,
                    process,
                    sim: &self.sim,
                    at: self.sim.op_count(),
                };
                match judge.everything() {
                    Err(what) if !process.fuse.has_burnt() => return Err(what),
                    _ => Ok(()),
                }
            }
            Step::Reopen => process.streams.close(),
        })
    }

    fn create(&mut self, process: &Process, stream: usize, shards: u32) -> Result<Done, String> {
        let name = name_of(stream)?;
        let before = summary(process, &name)?;
        let input = CreateStreamInput {
            name,
            mode: None,
            shard_count: Some(shards),
            record_kib_max: None,
        };
        if before.is_some() {
            let created = process.streams.create_stream(&input);
            return refused(process, created, ErrorKind::ResourceInUse);
        }
        let count = usize::try_from(shards).map_err(|error| error.to_string())?;
        self.history.begin_life(stream, count, self.sim.op_count());
        let created = process.streams.create_stream(&input);
        let now = self.sim.op_count();
        if let Some(life) = self.history.current(stream) {
            match &created {
                Ok(()) => life.created = now,
                Err(error) if error.outcome() == Outcome::NotApplied => life.gone = 0,
                Err(_) => {}
            }
        }
        Ok(created)
    }

    fn delete(&mut self, process: &Process, stream: usize) -> Result<Done, String> {
        let name = name_of(stream)?;
        match summary(process, &name)?.map(|it| it.status) {
            Some(StreamStatus::Active) => {}
            Some(_) => {
                let deleted = process.streams.delete_stream(&name);
                return refused(process, deleted, ErrorKind::ResourceInUse);
            }
            None => {
                let deleted = process.streams.delete_stream(&name);
                return refused(process, deleted, ErrorKind::ResourceNotFound);
            }
        }
        let deletion = Change::new(self.sim.now().0, self.sim.op_count());
        let deletions = |life: &mut super::history::Life| life.deletions.push(deletion);
        self.history.current(stream).map(deletions);
        let deleted = process.streams.delete_stream(&name);
        let now = self.sim.op_count();
        if let Some(life) = self.history.current(stream)
            && let Some(last) = life.deletions.last_mut()
        {
            note(last, &deleted, now);
        }
        Ok(deleted)
    }

    fn retain(&mut self, process: &Process, stream: usize, hours: u32) -> Result<Done, String> {
        let name = name_of(stream)?;
        let before = summary(process, &name)?;
        let existing = before.as_ref().map_or(hours, |it| it.retention_hours);
        let change = |hours| {
            if hours >= existing {
                process.streams.increase_retention(&name, hours)
            } else {
                process.streams.decrease_retention(&name, hours)
            }
        };
        match before.map(|it| it.status) {
            Some(StreamStatus::Active) => {}
            Some(_) => return refused(process, change(hours), ErrorKind::ResourceInUse),
            None => return refused(process, change(hours), ErrorKind::ResourceNotFound),
        }
        if hours == existing {
            return Ok(change(hours));
        }
        let retention = Change::new(hours, self.sim.op_count());
        let retentions = |life: &mut super::history::Life| life.retentions.push(retention);
        self.history.current(stream).map(retentions);
        let changed = change(hours);
        let now = self.sim.op_count();
        if let Some(life) = self.history.current(stream)
            && let Some(last) = life.retentions.last_mut()
        {
            note(last, &changed, now);
        }
        Ok(changed)
    }

    /// Notes that records are about to be put, and returns for each its shard, its place there, and
    /// its data.
    fn begin(&mut self, stream: usize, puts: &[Put]) -> Result<Vec<Begun>, String> {
        let begun = self.sim.op_count();
        let asked_ms = self.sim.now().0;
        let mut all = Vec::new();
        for (key, size) in puts {
            self.unique = self.unique.wrapping_add(1);
            let data = payload(self.unique, *size);
            let life = self.history.current(stream);
            let life = life.ok_or("is active, and nobody made it")?;
            let shard = shard_of(*key, life.shards.len())?;
            let records = life.shards.get_mut(shard).ok_or("no such shard")?;
            // What is put into a shard by one call is one batch.
            let is_same_call = |it: &&Begun| it.shard == shard;
            if let Some(before) = all.iter().rfind(is_same_call)
                && let Some(record) = records.get_mut(before.place)
            {
                record.ends_batch = false;
            }
            all.push(Begun {
                shard,
                place: records.len(),
                key: key.to_string(),
                data: data.clone(),
            });
            records.push(Accepted {
                data,
                key: *key,
                number: None,
                arrived_ms: None,
                asked_ms,
                begun,
                acked: NEVER,
                gone: NEVER,
                ends_batch: true,
            });
        }
        Ok(all)
    }

    /// Notes what became of a record; `None` is a failure of which nothing is known.
    fn end(
        &mut self,
        stream: usize,
        begun: &Begun,
        put: Option<Result<PutRecordOutput, Outcome>>,
    ) -> Result<(), String> {
        let now = self.sim.op_count();
        let Some(life) = self.history.current(stream) else {
            return Ok(());
        };
        let shard = life.shards.get_mut(begun.shard);
        let Some(record) = shard.and_then(|records| records.get_mut(begun.place)) else {
            return Ok(());
        };
        match put {
            Some(Ok(output)) => {
                if usize::try_from(output.shard.index()) != Ok(begun.shard) {
                    return Err(format!("key {} went to {}", begun.key, output.shard));
                }
                record.acked = now;
                record.number = Some(output.sequence_number);
            }
            // Never to be found.
            Some(Err(Outcome::NotApplied)) => record.gone = 0,
            Some(Err(Outcome::Unknown)) | None => {}
        }
        Ok(())
    }

    fn put(&mut self, process: &Process, stream: usize, put: Put) -> Result<Done, String> {
        let name = name_of(stream)?;
        let call = |key: &str, data: &[u8]| {
            process.streams.put_record(&PutRecordInput {
                stream: &name,
                data,
                partition_key: key,
                explicit_hash_key: None,
                sequence_number_for_ordering: None,
            })
        };
        if !is_active(process, &name)? {
            let put = call("p", &[]).map(drop);
            return refused(process, put, ErrorKind::ResourceNotFound);
        }
        let begun = self.begin(stream, &[put])?;
        let begun = begun.first().ok_or("nothing to put")?;
        let put = call(&begun.key, &begun.data);
        let outcome = match &put {
            Ok(output) => Ok(*output),
            Err(error) => Err(error.outcome()),
        };
        self.end(stream, begun, Some(outcome))?;
        Ok(put.map(drop))
    }

    fn puts(&mut self, process: &Process, stream: usize, puts: &[Put]) -> Result<Done, String> {
        let name = name_of(stream)?;
        if !is_active(process, &name)? {
            return self.put(process, stream, ('p', 0));
        }
        // Opened beforehand, one after the other, so that the same plan does the same calls in the
        // same order: a commit may begin while the next shard is opened.
        if let Err(error) = self.take_iterators(process, stream, &[IteratorType::Latest])? {
            return Ok(Err(error));
        }
        let begun = self.begin(stream, puts)?;
        let entries: Vec<PutRecordsEntry<'_>> = begun
            .iter()
            .map(|it| PutRecordsEntry {
                data: &it.data,
                partition_key: &it.key,
                explicit_hash_key: None,
            })
            .collect();
        let output = process.streams.put_records(&PutRecordsInput {
            stream: &name,
            records: &entries,
        });
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                for it in &begun {
                    self.end(stream, it, Some(Err(error.outcome())))?;
                }
                return Ok(Err(error));
            }
        };
        let failed = output.failed_count();
        for (it, put) in begun.iter().zip(&output.records) {
            self.end(stream, it, put.as_ref().ok().map(|output| Ok(*output)))?;
        }
        if failed > 0 && !process.fuse.has_burnt() {
            return Err(format!("{failed} records failed"));
        }
        Ok(Ok(()))
    }

    fn iterators(&mut self, process: &Process, stream: usize) -> Result<Done, String> {
        if !is_active(process, &name_of(stream)?)? {
            return Ok(Ok(()));
        }
        let types = [
            IteratorType::TrimHorizon,
            IteratorType::Latest,
            IteratorType::AfterSequenceNumber,
        ];
        let taken = match self.take_iterators(process, stream, &types)? {
            Ok(taken) => taken,
            Err(error) => return Ok(Err(error)),
        };
        self.history.held.extend(taken);
        Ok(Ok(()))
    }

    fn take_iterators(
        &mut self,
        process: &Process,
        stream: usize,
        types: &[IteratorType],
    ) -> Result<Result<Vec<Held>, StreamsError>, String> {
        let name = name_of(stream)?;
        let issued_ms = self.sim.now().0;
        let life = self.history.current(stream);
        let life = life.ok_or("is active, and nobody made it")?;
        let mut taken = Vec::new();
        for (shard, records) in life.shards.iter().enumerate() {
            let there: Vec<&Accepted> = records.iter().filter(|it| it.gone == NEVER).collect();
            let last = there.last().and_then(|it| it.number);
            let last = last.map(|number| number.to_string());
            for iterator_type in types {
                let (next, number) = match (iterator_type, &last) {
                    (IteratorType::TrimHorizon, _) => (0, None),
                    (IteratorType::AfterSequenceNumber, None) => continue,
                    (IteratorType::AfterSequenceNumber, last) => (there.len(), last.as_deref()),
                    _ => (there.len(), None),
                };
                let text = process.streams.shard_iterator(&ShardIteratorInput {
                    stream: &name,
                    shard: &shard.to_string(),
                    iterator_type: *iterator_type,
                    starting_sequence_number: number,
                    timestamp_ms: None,
                });
                let text = match text {
                    Ok(text) => text,
                    Err(error) => return Ok(Err(error)),
                };
                taken.push(Held {
                    stream,
                    life: life.id,
                    shard,
                    text,
                    issued_ms,
                    next,
                    made: NEVER,
                });
            }
        }
        let made = self.sim.op_count();
        for it in &mut taken {
            it.made = made;
        }
        Ok(Ok(taken))
    }
}

/// A record that is on its way.
#[derive(Debug)]
struct Begun {
    shard: usize,
    place: usize,
    key: String,
    data: Vec<u8>,
}

/// Returns the shard of a stream of `shards` that takes records with this key.
fn shard_of(key: char, shards: usize) -> Result<usize, String> {
    let count = u32::try_from(shards).map_err(|error| error.to_string())?;
    let count = std::num::NonZeroU32::new(count).ok_or("a stream without shards")?;
    let hash = HashKey::of_partition_key(&key.to_string());
    let ranges = HashKeyRange::FULL.even_split(count);
    let place = ranges.iter().position(|range| range.contains(hash));
    place.ok_or_else(|| format!("key {key} belongs nowhere"))
}

fn summary(process: &Process, name: &StreamName) -> Result<Option<StreamSummary>, String> {
    match process.streams.describe_stream_summary(name) {
        Ok(summary) => Ok(Some(summary)),
        Err(StreamsError::StreamNotFound { .. }) => Ok(None),
        Err(error) => Err(told(&error)),
    }
}

fn is_active(process: &Process, name: &StreamName) -> Result<bool, String> {
    let summary = summary(process, name)?;
    Ok(summary.is_some_and(|it| it.status == StreamStatus::Active))
}

/// Checks that a call that cannot succeed was refused with an error of this kind.
fn refused(process: &Process, done: Done, kind: ErrorKind) -> Result<Done, String> {
    match done {
        Err(error) if error.kind() == kind => Ok(Ok(())),
        Err(error) if process.fuse.has_burnt() => Ok(Err(error)),
        Err(error) => Err(format!("refused with {}", told(&error))),
        Ok(()) => Err(format!("done, and should have been refused as {kind:?}")),
    }
}

/// Notes what became of a change of the catalogue.
fn note<T>(change: &mut Change<T>, done: &Done, now: u64) {
    match done {
        Ok(()) => change.acked = now,
        Err(error) if error.outcome() == Outcome::NotApplied => change.void = 0,
        Err(_) => {}
    }
}
