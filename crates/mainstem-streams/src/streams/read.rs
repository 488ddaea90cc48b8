//! `GetRecords`.
//!
//! Throttling is not done here yet: reads are as fast as the disk.

use bytes::Bytes;

use mainstem_env::TimestampMs;
use mainstem_types::{HashKeyRange, KinesisSeq, ShardId, StreamArn, StreamName, limits};

use super::Streams;
use super::facade::Inner;
use super::put::or_gone;
use super::snapshot::Stream;
use crate::catalogue::ShardMeta;
use crate::engine::{EngineError, ReadFrom, ShardLog, StoredRecord};
use crate::error::StreamsError;
use crate::numbers::record_number;
use crate::record;
use crate::status::StreamStatus;
use crate::token::{IteratorPosition, ShardIterator};
use mainstem_log::SeqNo;

/// The records that are wanted.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers fill it in")]
pub struct GetRecordsInput<'a> {
    /// A shard iterator.
    pub shard_iterator: &'a str,
    /// Most records in the answer; at most, and by default,
    /// [`limits::GET_RECORDS_RECORDS_MAX`].
    pub limit: Option<usize>,
    /// The stream's ARN, if the request names it; the iterator must be one of that stream.
    pub stream_arn: Option<&'a StreamArn>,
}

/// A record as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its sequence number.
    pub sequence_number: KinesisSeq,
    /// When it arrived, in epoch milliseconds.
    pub arrived_ms: u64,
    /// Its partition key, if one was supplied.
    pub partition_key: Option<String>,
    /// What was stored; shared with the engine where the engine can.
    pub data: Bytes,
}

/// A shard that goes on where a closed one ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildShard {
    /// Its id.
    pub id: ShardId,
    /// The shards it was split or merged from.
    pub parents: Vec<ShardId>,
    /// The hash keys whose records it takes.
    pub range: HashKeyRange,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GetRecordsOutput {
    /// The stream that was read.
    pub stream: StreamName,
    /// The shard that was read.
    pub shard: ShardId,
    /// The records, in order. None does not mean that there are none.
    pub records: Vec<Record>,
    /// Where to go on; `None` at the end of a closed shard.
    pub next_shard_iterator: Option<String>,
    /// How old the newest record handed out is, in milliseconds; 0 if there is none after it.
    pub behind_latest_ms: u64,
    /// At the end of a closed shard, the shards that go on.
    pub child_shards: Vec<ChildShard>,
}

impl Streams {
    /// Returns the records at an iterator, in order: at most the limit, and at most
    /// [`limits::GET_RECORDS_BYTES_MAX`] of data and keys, but at least one if there is one.
    ///
    /// Records that are out of retention are skipped.
    ///
    /// # Errors
    /// [`StreamsError::InvalidIterator`], [`StreamsError::ExpiredIterator`];
    /// [`StreamsError::ShardMissing`] if stream or shard are gone, also if the stream's name is in use
    /// again; [`StreamsError::Engine`].
    pub fn records(&self, input: &GetRecordsInput<'_>) -> Result<GetRecordsOutput, StreamsError> {
        let inner = &self.inner;
        let now_ms = inner.now_ms();
        let iterator = ShardIterator::open(&inner.sealer, input.shard_iterator);
        let iterator = iterator.ok_or(StreamsError::InvalidIterator)?;
        // An iterator from the future, after the clock went back, is not too old.
        if now_ms.saturating_sub(iterator.issued_ms) > limits::ITERATOR_VALID_MS {
            return Err(StreamsError::ExpiredIterator {
                issued_ms: iterator.issued_ms,
                now_ms,
            });
        }
        let missing = || StreamsError::ShardMissing {
            shard: iterator.shard,
            stream: iterator.stream.clone(),
            account: inner.config.account,
        };
        let stream = match inner.stream(&iterator.stream) {
            Ok((_, StreamStatus::Creating)) | Err(StreamsError::StreamNotFound { .. }) => {
                return Err(missing());
            }
            other => other?.0,
        };
        if stream.meta.incarnation != iterator.incarnation {
            return Err(missing());
        }
        if input.stream_arn.is_some_and(|arn| *arn != stream.meta.arn) {
            return Err(StreamsError::InvalidIterator);
        }
        let (shard, handle) = stream.shard(iterator.shard).ok_or_else(missing)?;
        if shard.is_expired(stream.meta.horizon_ms(now_ms)) {
            return Err(missing());
        }
        let log = handle.log(inner.engine.as_ref());
        let log = log.map_err(|error| or_gone(error, missing()))?;
        let most = limits::GET_RECORDS_RECORDS_MAX;
        let limit = input.limit.map_or(most, |limit| limit.min(most));
        let found = Reader {
            stream: &stream,
            shard,
            log: log.as_ref(),
            floor_ms: stream.meta.floor_ms(now_ms),
        }
        .read(iterator.position, limit)?;
        inner.answer(&stream, shard, iterator, found, now_ms)
    }
}

impl Inner {
    fn answer(
        &self,
        stream: &Stream,
        shard: &ShardMeta,
        iterator: ShardIterator,
        found: Found,
        now_ms: u64,
    ) -> Result<GetRecordsOutput, StreamsError> {
        let is_at_end = shard.closed.is_some_and(|closed| match found.next {
            IteratorPosition::At(next) => next >= closed.end,
            // Nothing was found, and nothing will come.
            IteratorPosition::Oldest | IteratorPosition::Time(_) => !found.is_more,
        });
        let newest_ms = found.records.last().map(|record| record.arrived_ms);
        let output = GetRecordsOutput {
            stream: iterator.stream.clone(),
            shard: shard.id,
            behind_latest_ms: match newest_ms {
                Some(newest_ms) if found.is_more => now_ms.saturating_sub(newest_ms),
                _ => 0,
            },
            records: found.records,
            next_shard_iterator: None,
            child_shards: Vec::new(),
        };
        if is_at_end {
            return Ok(GetRecordsOutput {
                child_shards: children(stream, shard),
                ..output
            });
        }
        let next = self.seal_iterator(&ShardIterator {
            position: found.next,
            issued_ms: now_ms,
            ..iterator
        })?;
        Ok(GetRecordsOutput {
            next_shard_iterator: Some(next),
            ..output
        })
    }
}

/// What a read found.
struct Found {
    records: Vec<Record>,
    next: IteratorPosition,
    /// Whether a record is stored after these.
    is_more: bool,
}

/// A shard that is being read.
struct Reader<'a> {
    stream: &'a Stream,
    shard: &'a ShardMeta,
    log: &'a dyn ShardLog,
    /// Records that arrived before are hidden.
    floor_ms: u64,
}

impl Reader<'_> {
    /// Reads on from `position`. Where records have gone out of retention, goes on behind them.
    fn read(&self, position: IteratorPosition, limit: usize) -> Result<Found, StreamsError> {
        let mut from = self.clamped(position);
        for _ in 0..GAPS_MAX {
            match self.read_once(from, limit)? {
                Read::Gap => from = self.clamped(IteratorPosition::Oldest),
                Read::Done { records, is_more } => {
                    let next = records
                        .last()
                        .map(|(seq, _)| IteratorPosition::At(seq.plus(1)));
                    return Ok(Found {
                        next: next.unwrap_or(position),
                        records: records.into_iter().map(|(_, record)| record).collect(),
                        is_more,
                    });
                }
            }
        }
        // Records go away faster than they can be read. The caller tries again from here.
        Ok(Found {
            records: Vec::new(),
            next: IteratorPosition::Oldest,
            is_more: true,
        })
    }

    /// Returns where to begin, so that nothing older than the stream may show is met.
    fn clamped(&self, position: IteratorPosition) -> ReadFrom {
        let floor_ms = self.floor_ms;
        match position {
            IteratorPosition::At(seq) => ReadFrom::At(seq),
            IteratorPosition::Oldest if floor_ms == 0 => ReadFrom::Oldest,
            IteratorPosition::Oldest => ReadFrom::Time(TimestampMs(floor_ms)),
            IteratorPosition::Time(ms) => ReadFrom::Time(TimestampMs(ms.max(floor_ms))),
        }
    }

    fn read_once(&self, from: ReadFrom, limit: usize) -> Result<Read, StreamsError> {
        let mut cursor = match self.log.cursor(from) {
            Ok(cursor) => cursor,
            Err(EngineError::Trimmed { .. }) => return Ok(Read::Gap),
            Err(error) => return Err(error.into()),
        };
        let mut records: Vec<(SeqNo, Record)> = Vec::new();
        let mut bytes: usize = 0;
        loop {
            let next = cursor.next().map_err(StreamsError::Engine);
            let next =
                next.and_then(|stored| stored.map(|stored| self.decode(&stored)).transpose());
            let (seq, record) = match next {
                Ok(Some(found)) => found,
                Ok(None) => {
                    return Ok(Read::Done {
                        records,
                        is_more: false,
                    });
                }
                // What was found is handed out; the next call meets the error.
                Err(_) if !records.is_empty() => {
                    return Ok(Read::Done {
                        records,
                        is_more: true,
                    });
                }
                Err(StreamsError::Engine(EngineError::Trimmed { .. })) => return Ok(Read::Gap),
                Err(error) => return Err(error),
            };
            if record.arrived_ms < self.floor_ms {
                return Ok(Read::Gap);
            }
            let key_bytes = record.partition_key.as_ref().map_or(0, String::len);
            bytes = bytes
                .saturating_add(record.data.len())
                .saturating_add(key_bytes);
            let is_over = bytes > limits::GET_RECORDS_BYTES_MAX && !records.is_empty();
            if is_over || records.len() >= limit {
                return Ok(Read::Done {
                    records,
                    is_more: true,
                });
            }
            records.push((seq, record));
        }
    }

    fn decode(&self, stored: &StoredRecord) -> Result<(SeqNo, Record), StreamsError> {
        let payload = record::decode(&stored.payload).map_err(|source| StreamsError::Record {
            stream: self.stream.meta.name().clone(),
            shard: self.shard.id,
            seq: stored.seq.0,
            source,
        })?;
        let record = Record {
            sequence_number: record_number(self.shard, stored.seq, stored.time),
            arrived_ms: stored.time.0,
            partition_key: payload.partition_key,
            data: payload.data,
        };
        Ok((stored.seq, record))
    }
}

/// What one pass over the log found.
enum Read {
    /// The records where the pass began have gone out of retention.
    Gap,
    Done {
        records: Vec<(SeqNo, Record)>,
        is_more: bool,
    },
}

/// Returns the shards that `shard` was split or merged into.
fn children(stream: &Stream, shard: &ShardMeta) -> Vec<ChildShard> {
    let parents = |child: &ShardMeta| child.parent.into_iter().chain(child.adjacent_parent);
    let children = stream.meta.shards.iter();
    children
        .filter(|child| parents(child).any(|parent| parent == shard.id))
        .map(|child| ChildShard {
            id: child.id,
            parents: parents(child).collect(),
            range: child.range,
        })
        .collect()
}

/// How often a read starts again behind records that went out of retention under it. Once is the
/// normal case; the bound keeps a call from going on for ever.
const GAPS_MAX: usize = 8;
