//! `PutRecord` and `PutRecords`.
//!
//! Throttling is not done here yet: a shard takes what the disk takes.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mainstem_types::{KinesisSeq, ShardId, StreamName, limits};

use super::Streams;
use super::facade::Inner;
use super::snapshot::Stream;
use crate::catalogue::ShardMeta;
use crate::engine::{Appended, EngineError, PendingAppend, RecordBatch, ShardLog};
use crate::error::StreamsError;
use crate::numbers::{is_valid_ordering, record_number};
use crate::record;
use crate::route::hash_key;
use crate::status::StreamStatus;
use crate::wait::block_on;

/// One record to be stored.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers fill it in")]
pub struct PutRecordInput<'a> {
    /// The stream.
    pub stream: &'a StreamName,
    /// What to store.
    pub data: &'a [u8],
    /// The key that decides the shard, and comes back with the record.
    pub partition_key: &'a str,
    /// A decimal hash key that decides the shard instead.
    pub explicit_hash_key: Option<&'a str>,
    /// A sequence number that the record's shall be greater than. Only one that could not be is
    /// refused: numbers of a shard grow anyhow.
    pub sequence_number_for_ordering: Option<&'a str>,
}

/// Where a record was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutRecordOutput {
    /// The shard.
    pub shard: ShardId,
    /// Its sequence number.
    pub sequence_number: KinesisSeq,
}

/// Several records to be stored.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers fill it in")]
pub struct PutRecordsInput<'a> {
    /// The stream.
    pub stream: &'a StreamName,
    /// 1 to [`limits::PUT_RECORDS_RECORDS_MAX`] records.
    pub records: &'a [PutRecordsEntry<'a>],
}

/// One of several records to be stored.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers fill it in")]
pub struct PutRecordsEntry<'a> {
    /// What to store.
    pub data: &'a [u8],
    /// The key that decides the shard, and comes back with the record.
    pub partition_key: &'a str,
    /// A decimal hash key that decides the shard instead.
    pub explicit_hash_key: Option<&'a str>,
}

/// What became of several records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PutRecordsOutput {
    /// One result per record, in the order of the request.
    pub records: Vec<Result<PutRecordOutput, RecordFailure>>,
}

impl PutRecordsOutput {
    /// Returns how many records were not stored.
    pub fn failed_count(&self) -> usize {
        self.records.iter().filter(|record| record.is_err()).count()
    }
}

/// Why one of several records was not stored, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordFailure {
    /// The shard's log failed. The cause was logged.
    Internal,
}

impl RecordFailure {
    /// Returns the `ErrorCode` of the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Internal => "InternalFailure",
        }
    }

    /// Returns the `ErrorMessage` of the API.
    pub fn message(&self) -> &'static str {
        match self {
            Self::Internal => "Internal Service Failure",
        }
    }
}

impl Streams {
    /// Stores a record and returns once it is durable.
    ///
    /// # Durability
    /// On `Ok`, the record survives a process crash and a power cut.
    ///
    /// # Errors
    /// [`StreamsError::StreamNotFound`], also while the stream is CREATING or DELETING; the errors
    /// of the arguments; [`StreamsError::Engine`], of which [`StreamsError::outcome`] tells whether
    /// the record may be stored all the same.
    pub fn put_record(&self, input: &PutRecordInput<'_>) -> Result<PutRecordOutput, StreamsError> {
        let (target, batch) = self.inner.prepare_one(input)?;
        match target.log.append(batch, None) {
            Ok(appended) => Ok(target.output(&appended, 0)),
            Err(error) => Err(or_gone(error, self.inner.not_found(input.stream))),
        }
    }

    /// As [`Streams::put_record`], but waits for durability in a `Future`.
    ///
    /// # Errors
    /// As [`Streams::put_record`] for all that is known before the record is on its way.
    pub fn put_record_async(&self, input: &PutRecordInput<'_>) -> Result<PendingPut, StreamsError> {
        let (target, batch) = self.inner.prepare_one(input)?;
        let append = target.log.append_async(batch, None);
        let not_found = self.inner.not_found(input.stream);
        Ok(PendingPut {
            target,
            append,
            not_found,
        })
    }

    /// Stores records and returns once each is durable or has failed.
    ///
    /// The records of one shard are stored together and in the order of the request, all of them or
    /// none; the shards do not wait for each other.
    ///
    /// # Durability
    /// Each record whose result is `Ok` survives a process crash and a power cut.
    ///
    /// # Errors
    /// As [`Streams::put_record`] for whatever is wrong with the request or one of its records; then
    /// none was stored. A shard that fails shows in the results of its records only.
    pub fn put_records(
        &self,
        input: &PutRecordsInput<'_>,
    ) -> Result<PutRecordsOutput, StreamsError> {
        Ok(block_on(self.put_records_async(input)?))
    }

    /// As [`Streams::put_records`], but waits for durability in a `Future`.
    ///
    /// # Errors
    /// As [`Streams::put_records`].
    pub fn put_records_async(
        &self,
        input: &PutRecordsInput<'_>,
    ) -> Result<PendingPuts, StreamsError> {
        self.inner.start_puts(input)
    }
}

/// A shard that takes records.
#[derive(Debug)]
struct Target {
    shard: ShardMeta,
    log: Arc<dyn ShardLog>,
}

impl Target {
    /// Returns the place of the `offset`-th record of an append.
    fn output(&self, appended: &Appended, offset: u64) -> PutRecordOutput {
        let seq = appended.seqs.start.plus(offset);
        debug_assert!(
            seq < appended.seqs.end,
            "an append has as many records as its batch"
        );
        PutRecordOutput {
            shard: self.shard.id,
            sequence_number: record_number(&self.shard, seq, appended.time),
        }
    }
}

/// A record on its way.
///
/// # Cancel safety
/// Dropping it does not take the record back.
#[derive(Debug)]
#[must_use = "a record is only known to be durable once the result is seen"]
pub struct PendingPut {
    target: Target,
    append: PendingAppend,
    /// What to say if the stream was deleted meanwhile.
    not_found: StreamsError,
}

impl Future for PendingPut {
    type Output = Result<PutRecordOutput, StreamsError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match Pin::new(&mut self.append).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(appended)) => Poll::Ready(Ok(self.target.output(&appended, 0))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(or_gone(error, self.not_found.clone()))),
        }
    }
}

/// Records on their way.
///
/// # Cancel safety
/// Dropping it does not take the records back.
#[derive(Debug)]
#[must_use = "records are only known to be durable once the results are seen"]
pub struct PendingPuts {
    /// One per shard; removed when it is done.
    appends: Vec<ShardPuts>,
    results: Vec<Result<PutRecordOutput, RecordFailure>>,
}

/// The records of one request that go to one shard.
#[derive(Debug)]
struct ShardPuts {
    target: Target,
    append: PendingAppend,
    /// Their places in the request, in order.
    places: Vec<usize>,
}

impl Future for PendingPuts {
    type Output = PutRecordsOutput;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { appends, results } = &mut *self;
        appends.retain_mut(|puts| match Pin::new(&mut puts.append).poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(appended)) => {
                for (offset, &place) in (0..).zip(&puts.places) {
                    if let Some(result) = results.get_mut(place) {
                        *result = Ok(puts.target.output(&appended, offset));
                    }
                }
                false
            }
            Poll::Ready(Err(error)) => {
                log_failure(puts.target.shard.id, &error);
                false
            }
        });
        if appends.is_empty() {
            Poll::Ready(PutRecordsOutput {
                records: std::mem::take(results),
            })
        } else {
            Poll::Pending
        }
    }
}

impl Inner {
    /// Returns the stream if it takes records; to producers, any other does not exist.
    fn writable_stream(&self, name: &StreamName) -> Result<Arc<Stream>, StreamsError> {
        match self.stream(name)? {
            (stream, StreamStatus::Active | StreamStatus::Updating) => Ok(stream),
            (_, StreamStatus::Creating | StreamStatus::Deleting) => Err(self.not_found(name)),
        }
    }

    /// Checks a record and returns its shard and its batch.
    fn prepare_one(
        &self,
        input: &PutRecordInput<'_>,
    ) -> Result<(Target, RecordBatch), StreamsError> {
        let stream = self.writable_stream(input.stream)?;
        let entry = PutRecordsEntry {
            data: input.data,
            partition_key: input.partition_key,
            explicit_hash_key: input.explicit_hash_key,
        };
        let bytes = check_size(&stream, &entry, None)?;
        let target = self.target(&stream, route(&stream, &entry)?);
        let target = target.map_err(|error| match error {
            StreamsError::Engine(error) => or_gone(error, self.not_found(input.stream)),
            other => other,
        })?;
        if let Some(number) = input.sequence_number_for_ordering {
            let end = target.log.durable_end()?;
            if !is_valid_ordering(&target.shard, number, end, self.now_ms()) {
                return Err(StreamsError::OrderingNumber {
                    number: number.to_owned(),
                    stream: input.stream.clone(),
                    account: self.config.account,
                });
            }
        }
        let mut batch = RecordBatch::with_capacity(1, bytes.saturating_add(record::HEADER_BYTES));
        push(&mut batch, &entry, None)?;
        Ok((target, batch))
    }

    /// Checks all records, then sends each shard its own.
    fn start_puts(&self, input: &PutRecordsInput<'_>) -> Result<PendingPuts, StreamsError> {
        let most = limits::PUT_RECORDS_RECORDS_MAX;
        let count = input.records.len();
        if !(1..=most).contains(&count) {
            let (relation, bound) = if count == 0 {
                ("greater", 1)
            } else {
                ("less", most)
            };
            return Err(StreamsError::Constraint {
                value: format!("{count} records"),
                member: "records",
                constraint: format!("Member must have length {relation} than or equal to {bound}"),
            });
        }
        let stream = self.writable_stream(input.stream)?;
        let mut total: usize = 0;
        for (place, entry) in input.records.iter().enumerate() {
            total = total.saturating_add(check_size(&stream, entry, Some(place))?);
        }
        if total > limits::PUT_RECORDS_BYTES_MAX {
            return Err(StreamsError::RequestTooLarge);
        }
        let mut by_shard: BTreeMap<usize, (RecordBatch, Vec<usize>)> = BTreeMap::new();
        for (place, entry) in input.records.iter().enumerate() {
            let (batch, places) = by_shard.entry(route(&stream, entry)?).or_default();
            push(batch, entry, Some(place))?;
            places.push(place);
        }
        let mut appends = Vec::with_capacity(by_shard.len());
        for (shard_place, (batch, places)) in by_shard {
            match self.target(&stream, shard_place) {
                Ok(target) => appends.push(ShardPuts {
                    append: target.log.append_async(batch, None),
                    target,
                    places,
                }),
                Err(StreamsError::Engine(error)) => {
                    if let Some(shard) = stream.meta.shards.get(shard_place) {
                        log_failure(shard.id, &error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(PendingPuts {
            appends,
            // A record is taken for failed until its shard says otherwise.
            results: vec![Err(RecordFailure::Internal); count],
        })
    }

    fn target(&self, stream: &Stream, place: usize) -> Result<Target, StreamsError> {
        let (shard, handle) = stream.at(place).ok_or_else(|| no_shard(stream))?;
        Ok(Target {
            shard: shard.clone(),
            log: handle.log(self.engine.as_ref())?,
        })
    }
}

/// Returns the bytes of data and key, unless they are too many for the stream.
fn check_size(
    stream: &Stream,
    entry: &PutRecordsEntry<'_>,
    place: Option<usize>,
) -> Result<usize, StreamsError> {
    let bytes = entry.data.len().saturating_add(entry.partition_key.len());
    let limit = stream.meta.record_bytes_max();
    if bytes > limit {
        return Err(StreamsError::RecordTooLarge {
            record: place,
            limit,
        });
    }
    Ok(bytes)
}

/// Returns the place of the shard that takes the record.
fn route(stream: &Stream, entry: &PutRecordsEntry<'_>) -> Result<usize, StreamsError> {
    let key = hash_key(entry.partition_key, entry.explicit_hash_key).map_err(|_| {
        StreamsError::ExplicitHashKey {
            value: entry.explicit_hash_key.unwrap_or_default().to_owned(),
        }
    })?;
    stream.routes.shard_of(key).ok_or_else(|| no_shard(stream))
}

fn push(
    batch: &mut RecordBatch,
    entry: &PutRecordsEntry<'_>,
    place: Option<usize>,
) -> Result<(), StreamsError> {
    let key = entry.partition_key;
    let header = record::header(Some(key)).ok_or(StreamsError::RecordTooLarge {
        record: place,
        limit: usize::from(u16::MAX),
    })?;
    batch.push(&[&header, key.as_bytes(), entry.data]);
    Ok(())
}

/// Says `gone` if a log does not exist any more: its stream was deleted after the call had begun.
pub(super) fn or_gone(error: EngineError, gone: StreamsError) -> StreamsError {
    match error {
        EngineError::NotFound { .. } => gone,
        other => other.into(),
    }
}

fn no_shard(stream: &Stream) -> StreamsError {
    StreamsError::Broken {
        stream: stream.meta.name().clone(),
        what: "a hash key has no open shard",
    }
}

fn log_failure(shard: ShardId, error: &EngineError) {
    let error: &dyn std::error::Error = error;
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    let cause = causes.join(": ");
    tracing::error!(%shard, %error, cause, "records of a PutRecords request were not stored");
}
