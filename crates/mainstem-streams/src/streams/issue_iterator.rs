//! `GetShardIterator`.

use std::fmt;
use std::sync::Arc;

use mainstem_env::TimestampMs;
use mainstem_types::{KinesisSeq, StreamName};

use super::Streams;
use super::facade::Inner;
use super::put::or_gone;
use super::snapshot::Stream;
use crate::catalogue::ShardMeta;
use crate::engine::{EngineError, ReadFrom, ShardLog};
use crate::error::StreamsError;
use crate::numbers::{StartNumber, read_start, record_number};
use crate::status::StreamStatus;
use crate::token::{IteratorPosition, ShardIterator};
use mainstem_log::SeqNo;

/// Where an iterator begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the API has these five")]
pub enum IteratorType {
    /// At this sequence number.
    AtSequenceNumber,
    /// After this sequence number.
    AfterSequenceNumber,
    /// At the oldest record inside the retention.
    TrimHorizon,
    /// After the newest record.
    Latest,
    /// At the first record that arrived at this time or later.
    AtTimestamp,
}

impl IteratorType {
    /// Returns the name that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtSequenceNumber => "AT_SEQUENCE_NUMBER",
            Self::AfterSequenceNumber => "AFTER_SEQUENCE_NUMBER",
            Self::TrimHorizon => "TRIM_HORIZON",
            Self::Latest => "LATEST",
            Self::AtTimestamp => "AT_TIMESTAMP",
        }
    }
}

impl fmt::Display for IteratorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The iterator that is wanted.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers fill it in")]
pub struct ShardIteratorInput<'a> {
    /// The stream.
    pub stream: &'a StreamName,
    /// The shard, spelt as a client spells it.
    pub shard: &'a str,
    /// Where the iterator begins.
    pub iterator_type: IteratorType,
    /// The sequence number of the two types that need one.
    pub starting_sequence_number: Option<&'a str>,
    /// The time of the type that needs one, in epoch milliseconds.
    pub timestamp_ms: Option<u64>,
}

impl Streams {
    /// Returns a shard iterator, valid for [`mainstem_types::limits::ITERATOR_VALID_MS`].
    ///
    /// It stays valid over a restart. No two calls return the same text.
    ///
    /// # Errors
    /// [`StreamsError::ShardIdMalformed`]; [`StreamsError::ShardMissing`], also for an unknown
    /// stream and one that is CREATING; the errors of number, type and time.
    pub fn shard_iterator(&self, input: &ShardIteratorInput<'_>) -> Result<String, StreamsError> {
        let inner = &self.inner;
        let id = inner.shard_id(input.stream, input.shard)?;
        let missing = || StreamsError::ShardMissing {
            shard: id,
            stream: input.stream.clone(),
            account: inner.config.account,
        };
        let stream = match inner.stream(input.stream) {
            Ok((_, StreamStatus::Creating)) | Err(StreamsError::StreamNotFound { .. }) => {
                return Err(missing());
            }
            other => other?.0,
        };
        let now_ms = inner.now_ms();
        let (shard, handle) = stream.shard(id).ok_or_else(missing)?;
        if shard.is_expired(stream.meta.horizon_ms(now_ms)) {
            return Err(missing());
        }
        let start = inner.start(input, shard, now_ms)?;
        let log = handle.log(inner.engine.as_ref());
        let log = log.map_err(|error| or_gone(error, missing()))?;
        inner.seal_iterator(&ShardIterator {
            stream: stream.meta.name().clone(),
            incarnation: stream.meta.incarnation,
            shard: id,
            position: position(&stream, shard, log.as_ref(), start, now_ms)?,
            issued_ms: now_ms,
        })
    }
}

/// Where an iterator shall begin, before the log was asked.
#[derive(Clone, Copy)]
enum Start {
    Oldest,
    Latest,
    Time(u64),
    /// At or after this number, which is that of this record or one next to it.
    Number(SeqNo, KinesisSeq, Side),
}

/// Whether the record with the number itself is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    At,
    After,
}

impl Inner {
    pub(super) fn seal_iterator(&self, iterator: &ShardIterator) -> Result<String, StreamsError> {
        let text = iterator.seal(&self.sealer);
        text.map_err(|error| StreamsError::Random(Arc::new(error)))
    }

    /// Checks type, number and time against each other and the shard.
    fn start(
        &self,
        input: &ShardIteratorInput<'_>,
        shard: &ShardMeta,
        now_ms: u64,
    ) -> Result<Start, StreamsError> {
        let iterator_type = input.iterator_type;
        let number = input.starting_sequence_number;
        let mismatch = || StreamsError::IteratorTypeMismatch {
            iterator_type,
            has_number: number.is_some(),
        };
        match (iterator_type, number) {
            (
                IteratorType::TrimHorizon | IteratorType::Latest | IteratorType::AtTimestamp,
                Some(_),
            )
            | (IteratorType::AtSequenceNumber | IteratorType::AfterSequenceNumber, None) => {
                Err(mismatch())
            }
            (IteratorType::TrimHorizon, None) => Ok(Start::Oldest),
            (IteratorType::Latest, None) => Ok(Start::Latest),
            (IteratorType::AtTimestamp, None) => match input.timestamp_ms {
                None => Err(StreamsError::TimestampMissing),
                Some(timestamp_ms) if timestamp_ms > now_ms => {
                    Err(StreamsError::TimestampInFuture {
                        timestamp_ms,
                        now_ms,
                    })
                }
                Some(timestamp_ms) => Ok(Start::Time(timestamp_ms)),
            },
            (IteratorType::AtSequenceNumber, Some(text)) => {
                self.start_number(input.stream, shard, text, Side::At)
            }
            (IteratorType::AfterSequenceNumber, Some(text)) => {
                self.start_number(input.stream, shard, text, Side::After)
            }
        }
    }

    fn start_number(
        &self,
        stream: &StreamName,
        shard: &ShardMeta,
        text: &str,
        side: Side,
    ) -> Result<Start, StreamsError> {
        let (number, stream) = (text.to_owned(), stream.clone());
        let (shard_id, account) = (shard.id, self.config.account);
        match read_start(shard, text) {
            StartNumber::BeforeFirst => Ok(Start::Oldest),
            StartNumber::Near(seq, number) => Ok(Start::Number(seq, number, side)),
            StartNumber::Unreadable => Err(StreamsError::StartingNumberInvalid {
                number,
                shard: shard_id,
                stream,
                account,
            }),
            StartNumber::Foreign => Err(StreamsError::StartingNumberForeign {
                number,
                shard: shard_id,
                stream,
                account,
            }),
            StartNumber::OtherShard(encoded_index) => Err(StreamsError::StartingNumberOtherShard {
                encoded_index,
                shard: shard_id,
            }),
        }
    }
}

/// Finds the start in the log.
fn position(
    stream: &Stream,
    shard: &ShardMeta,
    log: &dyn ShardLog,
    start: Start,
    now_ms: u64,
) -> Result<IteratorPosition, StreamsError> {
    match start {
        Start::Oldest => Ok(IteratorPosition::Oldest),
        Start::Latest => Ok(IteratorPosition::At(log.durable_end()?)),
        Start::Time(ms) => {
            // With no such record yet the time stays in the iterator, so that the next record that
            // arrives is it, even one that is being committed right now.
            let from_ms = ms.max(stream.meta.floor_ms(now_ms));
            let mut cursor = log.cursor(ReadFrom::Time(TimestampMs(from_ms)))?;
            Ok(match cursor.next()? {
                Some(record) => IteratorPosition::At(record.seq),
                None => IteratorPosition::Time(ms),
            })
        }
        Start::Number(seq, number, side) => {
            let end = shard.closed.map_or(seq, |closed| closed.end);
            // A closed shard's ending number lies beyond its records; there is nothing to wait for.
            let seq = seq.min(end);
            Ok(IteratorPosition::At(near(shard, log, seq, number, side)?))
        }
    }
}

/// Returns the first record whose number is `number` or, as `side` asks, above it. A client may use
/// any number in the shard's range, so the time within it need not be that of the record.
fn near(
    shard: &ShardMeta,
    log: &dyn ShardLog,
    seq: SeqNo,
    number: KinesisSeq,
    side: Side,
) -> Result<SeqNo, StreamsError> {
    let is_own = number.sequence_index() == seq.plus(1).0;
    if seq >= log.durable_end()? {
        return Ok(if side == Side::After && is_own {
            seq.plus(1)
        } else {
            seq
        });
    }
    let found = log.cursor(ReadFrom::At(seq));
    let found = match found.and_then(|mut cursor| cursor.next()) {
        Ok(found) => found.filter(|record| record.seq == seq),
        Err(EngineError::Trimmed { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let is_wanted = match found.map(|record| record_number(shard, seq, record.time)) {
        // Out of retention: reading goes on at the oldest record anyhow, unless the clock is set back
        // and the record is shown again.
        None => !(side == Side::After && is_own),
        Some(found) => found > number || (found == number && side == Side::At),
    };
    Ok(if is_wanted { seq } else { seq.plus(1) })
}
