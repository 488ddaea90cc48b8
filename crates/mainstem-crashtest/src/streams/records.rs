//! Records and iterators of a run: how they are put and taken, and what is noted of them.

use mainstem_streams::{
    ErrorKind, IteratorType, Outcome, PutRecordInput, PutRecordOutput, PutRecordsEntry,
    PutRecordsInput, ShardIteratorInput, StreamsError,
};
use mainstem_types::{HashKey, HashKeyRange};

use super::history::{Accepted, Held, NEVER};
use super::judge::name_of;
use super::process::Process;
use super::run::{Done, Run, is_active};
use super::step::Put;
use crate::sim::rng::payload;

impl Run {
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
        let Some(records) = life.shards.get_mut(begun.shard) else {
            return Ok(());
        };
        let Some(record) = records.get_mut(begun.place) else {
            return Ok(());
        };
        match put {
            Some(Ok(output)) => {
                if usize::try_from(output.shard.index()) != Ok(begun.shard) {
                    return Err(format!("key {} went to {}", begun.key, output.shard));
                }
                record.acked = now;
                record.number = Some(output.sequence_number);
                let index = output.sequence_number.sequence_index();
                return settle_before(records, begun.place, index, now);
            }
            // Never to be found.
            Some(Err(Outcome::NotApplied)) => record.gone = 0,
            Some(Err(Outcome::Unknown)) | None => {}
        }
        Ok(())
    }

    pub(super) fn put(
        &mut self,
        process: &Process,
        stream: usize,
        put: Put,
    ) -> Result<Done, String> {
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
            return self.refused(process, put, ErrorKind::ResourceNotFound);
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

    pub(super) fn puts(
        &mut self,
        process: &Process,
        stream: usize,
        puts: &[Put],
    ) -> Result<Done, String> {
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
        // The threads that commit the shards would read a clock that ticks in any order.
        process.clock.set_tick(0);
        let output = process.streams.put_records(&PutRecordsInput {
            stream: &name,
            records: &entries,
        });
        process.clock.set_tick(self.tick_ms());
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
        let may_fail = self.may_fail(process);
        if failed > 0 && !may_fail && !self.is_full {
            return Err(format!("{failed} records failed"));
        }
        // Want of space, where nothing else can be the reason, leaves no doubt.
        let failure = (!may_fail).then_some(Err(Outcome::NotApplied));
        for (it, put) in begun.iter().zip(&output.records) {
            let put = put.as_ref().map_or(failure, |output| Some(Ok(*output)));
            self.end(stream, it, put)?;
        }
        Ok(Ok(()))
    }

    pub(super) fn iterators(&mut self, process: &Process, stream: usize) -> Result<Done, String> {
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

/// Settles by the number of the record at `place`, counted from 1, which of those before it that were in
/// doubt are there.
fn settle_before(
    records: &mut [Accepted],
    place: usize,
    index: u64,
    now: u64,
) -> Result<(), String> {
    let (before, _) = records.split_at_mut(place.min(records.len()));
    let wrong = || format!("record {place} of its shard has number {index}");
    let mut there: Vec<&mut Accepted> = before.iter_mut().filter(|it| it.gone == NEVER).collect();
    let found = index.checked_sub(1).and_then(|it| usize::try_from(it).ok());
    let found = found.filter(|found| *found <= there.len());
    let (found, lost) = there.split_at_mut(found.ok_or_else(wrong)?);
    for record in found {
        record.acked = record.acked.min(now);
    }
    for record in lost {
        if record.acked != NEVER {
            return Err(wrong());
        }
        record.gone = now;
    }
    Ok(())
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
