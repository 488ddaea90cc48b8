use mainstem_types::{AccountId, HashKeyRange, Region, StreamArn};

use super::*;
use crate::catalogue::{Closed, StreamMeta, StreamMode};
use crate::status::StoredStatus;
use mainstem_log::SeqNo;

const HOUR: u64 = 3_600_000;

fn shard(index: u32, created_ms: u64, closed_ms: Option<u64>) -> ShardMeta {
    ShardMeta {
        id: ShardId::new(index).unwrap(),
        parent: None,
        adjacent_parent: None,
        range: HashKeyRange::FULL,
        created_ms,
        sequence_epoch_s: created_ms / 1000,
        closed: closed_ms.map(|at_ms| Closed {
            at_ms,
            end: SeqNo(0),
        }),
    }
}

/// A chain of splits: shard 0 lived in hours 100-110, 1 in 110-130, 2 since 130.
fn stream() -> Stream {
    let meta = StreamMeta {
        incarnation: Incarnation(1),
        arn: StreamArn {
            region: Region::default(),
            account: AccountId::DEFAULT,
            name: StreamName::new("test").unwrap(),
        },
        mode: StreamMode::Provisioned,
        status: StoredStatus::Active,
        created_ms: 100 * HOUR,
        retention_hours: 24,
        readable_from_ms: 0,
        record_kib_max: 1024,
        next_shard_index: 3,
        shards: vec![
            shard(0, 100 * HOUR, Some(110 * HOUR)),
            shard(1, 110 * HOUR, Some(130 * HOUR)),
            shard(2, 130 * HOUR, None),
        ],
    };
    Stream::new(meta).unwrap()
}

fn listed(filter: PageFilter, now_hour: u64) -> Vec<u32> {
    let stream = stream();
    let shards = stream.meta.shards.iter();
    let listed = shards.filter(|shard| is_listed(shard, filter, &stream, now_hour * HOUR));
    listed.map(|shard| shard.id.index()).collect()
}

#[test]
fn every_filter_on_a_chain_of_shards() {
    use PageFilter::{
        AfterShard, AtLatest, AtTimestamp, AtTrimHorizon, FromTimestamp, FromTrimHorizon,
    };
    // At hour 131 the trim horizon is hour 107: everything is inside the retention.
    assert_eq!(listed(FromTrimHorizon, 131), [0, 1, 2]);
    assert_eq!(listed(AtTrimHorizon, 131), [0]);
    assert_eq!(listed(AtLatest, 131), [2]);
    assert_eq!(listed(AfterShard(0), 131), [1, 2]);
    assert_eq!(listed(AfterShard(2), 131), [0; 0]);
    assert_eq!(listed(AtTimestamp(120 * HOUR), 131), [1]);
    assert_eq!(
        listed(AtTimestamp(110 * HOUR), 131),
        [0, 1],
        "both at the moment of the split"
    );
    assert_eq!(
        listed(AtTimestamp(0), 131),
        [0],
        "clipped to the trim horizon"
    );
    assert_eq!(listed(FromTimestamp(120 * HOUR), 131), [1, 2]);
    assert_eq!(listed(FromTimestamp(0), 131), [0, 1, 2]);
    assert_eq!(listed(FromTimestamp(131 * HOUR), 131), [2]);
}

#[test]
fn shards_out_of_retention_are_not_listed() {
    use PageFilter::{AfterShard, AtTrimHorizon, FromTimestamp, FromTrimHorizon};
    // Shard 0 closed at hour 110: inside the retention at hour 134, gone after it.
    assert_eq!(listed(FromTrimHorizon, 134), [0, 1, 2]);
    assert_eq!(listed(FromTrimHorizon, 135), [1, 2]);
    assert_eq!(listed(AtTrimHorizon, 135), [1]);
    assert_eq!(listed(FromTimestamp(0), 135), [1, 2]);
    assert_eq!(listed(FromTrimHorizon, 155), [2]);
    assert_eq!(listed(AfterShard(0), 155), [2]);
}

#[test]
fn a_young_stream_begins_at_its_creation() {
    // The trim horizon lies before the stream; its first shards count as open there.
    assert_eq!(listed(PageFilter::AtTrimHorizon, 105), [0]);
    assert_eq!(listed(PageFilter::AtTimestamp(99 * HOUR), 105), [0]);
}
