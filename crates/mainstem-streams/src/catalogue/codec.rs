//! Streams as JSON.

use serde::{Deserialize, Serialize};

use mainstem_types::{AccountId, HashKey, HashKeyRange, Region, ShardId, StreamArn, StreamName};

use super::{Closed, Incarnation, ShardMeta, StreamMeta, StreamMode};
use crate::status::StoredStatus;
use mainstem_log::SeqNo;

/// Returns the value under which `stream` is kept.
///
/// # Errors
/// None in practice: the value has only strings and numbers.
pub(crate) fn encode_stream(stream: &StreamMeta) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Stored::from(stream))
}

/// Reads the value kept under `name` and checks that it makes sense.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn decode_stream(name: &str, value: &[u8]) -> Result<StreamMeta, String> {
    let stored: Stored = serde_json::from_slice(value).map_err(|error| error.to_string())?;
    let stream = stored.check(name)?;
    check_coverage(&stream)?;
    Ok(stream)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    incarnation: String,
    region: String,
    account: String,
    mode: Mode,
    status: Status,
    created_ms: u64,
    retention_hours: u32,
    readable_from_ms: u64,
    record_kib_max: u32,
    next_shard_index: u32,
    shards: Vec<StoredShard>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Provisioned,
    OnDemand,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
enum Status {
    Creating { since_ms: u64 },
    Active,
    Deleting { since_ms: u64 },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredShard {
    index: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adjacent_parent: Option<u32>,
    /// Decimal, as JSON numbers lose digits.
    hash_start: String,
    hash_end: String,
    created_ms: u64,
    sequence_epoch_s: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed: Option<StoredClosed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredClosed {
    at_ms: u64,
    end: u64,
}

impl From<&StreamMeta> for Stored {
    fn from(stream: &StreamMeta) -> Self {
        Self {
            incarnation: stream.incarnation.to_string(),
            region: stream.arn.region.to_string(),
            account: stream.arn.account.to_string(),
            mode: match stream.mode {
                StreamMode::Provisioned => Mode::Provisioned,
                StreamMode::OnDemand => Mode::OnDemand,
            },
            status: match stream.status {
                StoredStatus::Creating { since_ms } => Status::Creating { since_ms },
                StoredStatus::Active => Status::Active,
                StoredStatus::Deleting { since_ms } => Status::Deleting { since_ms },
            },
            created_ms: stream.created_ms,
            retention_hours: stream.retention_hours,
            readable_from_ms: stream.readable_from_ms,
            record_kib_max: stream.record_kib_max,
            next_shard_index: stream.next_shard_index,
            shards: stream.shards.iter().map(StoredShard::from).collect(),
        }
    }
}

impl From<&ShardMeta> for StoredShard {
    fn from(shard: &ShardMeta) -> Self {
        Self {
            index: shard.id.index(),
            parent: shard.parent.map(ShardId::index),
            adjacent_parent: shard.adjacent_parent.map(ShardId::index),
            hash_start: shard.range.start().to_string(),
            hash_end: shard.range.end().to_string(),
            created_ms: shard.created_ms,
            sequence_epoch_s: shard.sequence_epoch_s,
            closed: shard.closed.map(|closed| StoredClosed {
                at_ms: closed.at_ms,
                end: closed.end.0,
            }),
        }
    }
}

impl Stored {
    fn check(self, name: &str) -> Result<StreamMeta, String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        let arn = StreamArn {
            region: Region::new(&self.region).map_err(|e| text(&e))?,
            account: AccountId::new(&self.account).map_err(|e| text(&e))?,
            name: StreamName::new(name).map_err(|e| text(&e))?,
        };
        let incarnation = u64::from_str_radix(&self.incarnation, 16).map_err(|e| text(&e))?;
        let shards = self.shards.into_iter().map(StoredShard::check);
        Ok(StreamMeta {
            incarnation: Incarnation(incarnation),
            arn,
            mode: match self.mode {
                Mode::Provisioned => StreamMode::Provisioned,
                Mode::OnDemand => StreamMode::OnDemand,
            },
            status: match self.status {
                Status::Creating { since_ms } => StoredStatus::Creating { since_ms },
                Status::Active => StoredStatus::Active,
                Status::Deleting { since_ms } => StoredStatus::Deleting { since_ms },
            },
            created_ms: self.created_ms,
            retention_hours: self.retention_hours,
            readable_from_ms: self.readable_from_ms,
            record_kib_max: self.record_kib_max,
            next_shard_index: self.next_shard_index,
            shards: shards.collect::<Result<_, _>>()?,
        })
    }
}

impl StoredShard {
    fn check(self) -> Result<ShardMeta, String> {
        let id = shard_id(self.index)?;
        let key = |text: &str| HashKey::parse(text).map_err(|error| format!("{id}: {error}"));
        let range = HashKeyRange::new(key(&self.hash_start)?, key(&self.hash_end)?)
            .ok_or_else(|| format!("{id}: hash-key range ends before it starts"))?;
        Ok(ShardMeta {
            id,
            parent: self.parent.map(shard_id).transpose()?,
            adjacent_parent: self.adjacent_parent.map(shard_id).transpose()?,
            range,
            created_ms: self.created_ms,
            sequence_epoch_s: self.sequence_epoch_s,
            closed: self.closed.map(|closed| Closed {
                at_ms: closed.at_ms,
                end: SeqNo(closed.end),
            }),
        })
    }
}

fn shard_id(index: u32) -> Result<ShardId, String> {
    ShardId::new(index).ok_or_else(|| format!("shard index {index} is out of range"))
}

/// Checks the invariants of [`StreamMeta`]: without them records would have no shard, or two.
fn check_coverage(stream: &StreamMeta) -> Result<(), String> {
    let mut last: Option<ShardId> = None;
    for shard in &stream.shards {
        if last.is_some_and(|last| last >= shard.id) || shard.id.index() >= stream.next_shard_index
        {
            return Err(format!("{} is out of order", shard.id));
        }
        last = Some(shard.id);
    }
    let open = stream.shards.iter().filter(|shard| shard.closed.is_none());
    let mut ranges: Vec<HashKeyRange> = open.map(|shard| shard.range).collect();
    ranges.sort_by_key(HashKeyRange::start);
    let mut next = Some(HashKey::MIN);
    for range in &ranges {
        if next != Some(range.start()) {
            return Err(format!(
                "hash keys before {} have no shard or two",
                range.start()
            ));
        }
        next = range.end().0.checked_add(1).map(HashKey);
    }
    match next {
        None => Ok(()),
        Some(key) => Err(format!("hash keys from {key} on have no shard")),
    }
}

#[cfg(test)]
mod tests;
