//! Between sequence numbers of a log and the 56-digit ones that clients see.

use mainstem_env::TimestampMs;
use mainstem_types::{KinesisSeq, KinesisSeqError};

use crate::catalogue::ShardMeta;
use mainstem_log::SeqNo;

/// Returns the number clients see for the record `seq` of `shard`, which arrived at `time`.
///
/// The record's index is one more than its sequence number, as index 0 is the shard's start.
pub(crate) fn record_number(shard: &ShardMeta, seq: SeqNo, time: TimestampMs) -> KinesisSeq {
    let index = seq.0.saturating_add(1);
    KinesisSeq::record(shard.sequence_epoch_s, shard.id, index, time.0 / 1000)
}

/// What a starting sequence number of a client means in a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartNumber {
    /// It is not a sequence number.
    Unreadable,
    /// It was made for the shard with this index.
    OtherShard(u32),
    /// It was made for another stream, or an earlier one of the same name.
    Foreign,
    /// It lies before the first record.
    BeforeFirst,
    /// It lies at or next to this record, if that exists.
    Near(SeqNo, KinesisSeq),
}

/// Reads a starting sequence number that was sent for `shard`.
pub(crate) fn read_start(shard: &ShardMeta, text: &str) -> StartNumber {
    let number = match KinesisSeq::parse(text) {
        Ok(number) => number,
        // Readable, but no stream here ever gave such numbers.
        Err(KinesisSeqError::Version0 | KinesisSeqError::Version1) => return StartNumber::Foreign,
        Err(_) => return StartNumber::Unreadable,
    };
    if number.shard_index() != shard.id.index() {
        return StartNumber::OtherShard(number.shard_index());
    }
    if number.shard_created_s() != shard.sequence_epoch_s {
        return StartNumber::Foreign;
    }
    match number.sequence_index().checked_sub(1) {
        None => StartNumber::BeforeFirst,
        Some(seq) => StartNumber::Near(SeqNo(seq), number),
    }
}

/// Tells whether a record of `shard` that is appended now may be asked to come after `text`.
///
/// A number of this shard must be one that was given out; any other must not lie in the future.
/// Numbers of older layouts are accepted, as Kinesis accepts them.
pub(crate) fn is_valid_ordering(shard: &ShardMeta, text: &str, end: SeqNo, now_ms: u64) -> bool {
    match KinesisSeq::parse(text) {
        Err(KinesisSeqError::Version0 | KinesisSeqError::Version1) => true,
        Err(_) => false,
        Ok(number) => {
            let is_ours = number.shard_index() == shard.id.index()
                && number.shard_created_s() == shard.sequence_epoch_s;
            if is_ours {
                number.sequence_index() <= end.0
            } else {
                number.record_s() <= now_ms / 1000
            }
        }
    }
}

#[cfg(test)]
mod tests;
