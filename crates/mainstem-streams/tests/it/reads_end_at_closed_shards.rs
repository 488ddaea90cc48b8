//! Shards are not split or merged yet; a catalogue that says so is written by hand.

use mainstem_streams::{MetaChange, MetaStore, MetaTable, StreamsError};
use mainstem_types::{ShardId, StreamName};

use crate::support::{HOUR_MS, START_MS, Start, World, name, provisioned, texts};

/// A stream whose shards 0 and 1 were merged into 2 an hour after its creation, with two records in
/// shard 0 and none in 1.
fn merged() -> (World, StreamName) {
    let mut world = World::new();
    // Of three shards; the third becomes the child.
    world
        .streams()
        .create_stream(&provisioned("test", 3))
        .unwrap();
    world.advance(100);
    let stream = name("test");
    world.put(&stream, "a", b"1");
    world.put(&stream, "a", b"2");
    world.advance(HOUR_MS);
    let store = world.store();
    let value = store.value(MetaTable::Streams, "test").unwrap().unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&value).unwrap();
    let closed_ms = START_MS + 100 + HOUR_MS;
    for (shard, end) in [(0, 2), (1, 0)] {
        value["shards"][shard]["closed"] = serde_json::json!({"at_ms": closed_ms, "end": end});
    }
    let child = &mut value["shards"][2];
    child["parent"] = 0.into();
    child["adjacent_parent"] = 1.into();
    child["hash_start"] = "0".into();
    child["created_ms"] = (closed_ms + 1000).into();
    child["sequence_epoch_s"] = ((closed_ms + 1000) / 1000).into();
    store
        .commit(&[MetaChange::Put {
            table: MetaTable::Streams,
            key: "test".to_owned(),
            value: value.to_string().into_bytes(),
        }])
        .unwrap();
    drop(store);
    world.reopen().unwrap();
    (world, stream)
}

fn shard(index: u32) -> ShardId {
    ShardId::new(index).unwrap()
}

#[test]
fn the_end_names_the_children() {
    let (world, stream) = merged();
    let iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    let read = world.read_up_to(&iterator, Some(1)).unwrap();
    assert_eq!(texts(&read), ["1"]);
    assert!(read.child_shards.is_empty(), "not at the end yet");
    let read = world.read(&read.next_shard_iterator.unwrap()).unwrap();
    assert_eq!(texts(&read), ["2"]);
    assert_eq!(read.next_shard_iterator, None);
    assert_eq!(read.behind_latest_ms, 0);
    let [child] = read.child_shards.as_slice() else {
        panic!("one child, not {:?}", read.child_shards);
    };
    assert_eq!(child.id, shard(2));
    assert_eq!(child.parents, [shard(0), shard(1)]);
    // The other parent, which has no records, reports the same child.
    let other = world.iterator(&stream, "1", Start::TrimHorizon).unwrap();
    let other = world.read(&other).unwrap();
    assert_eq!(other.next_shard_iterator, None);
    assert_eq!(other.child_shards, read.child_shards);
}

#[test]
fn every_start_at_the_end_finds_the_end() {
    let (world, stream) = merged();
    let list = world
        .streams()
        .list_shards(&mainstem_streams::ListShardsInput {
            stream: Some(&stream),
            ..mainstem_streams::ListShardsInput::default()
        });
    let ending = list.unwrap().shards[0].ending_number.unwrap().to_string();
    let now_ms = START_MS + 100 + HOUR_MS;
    for start in [
        Start::Latest,
        Start::At(&ending),
        Start::After(&ending),
        Start::Time(now_ms),
    ] {
        let read = world.read_from(&stream, start);
        assert_eq!(texts(&read), [""; 0], "{start:?}");
        assert_eq!(read.next_shard_iterator, None, "{start:?}");
        assert_eq!(read.child_shards.len(), 1, "{start:?}");
    }
}

#[test]
fn records_go_to_the_child() {
    let (world, stream) = merged();
    let put = world.put(&stream, "a", b"3");
    assert_eq!(put.shard, shard(2));
    let iterator = world.iterator(&stream, "2", Start::TrimHorizon).unwrap();
    let read = world.read(&iterator).unwrap();
    assert_eq!(texts(&read), ["3"]);
    assert!(read.next_shard_iterator.is_some());
}

#[test]
fn a_closed_shard_goes_with_its_last_record() {
    let (world, stream) = merged();
    let count = || {
        let list = world
            .streams()
            .list_shards(&mainstem_streams::ListShardsInput {
                stream: Some(&stream),
                ..mainstem_streams::ListShardsInput::default()
            });
        list.unwrap().shards.len()
    };
    world.advance(24 * HOUR_MS);
    assert_eq!(count(), 3);
    let iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    world.advance(1);
    assert_eq!(count(), 1);
    let expired = world.iterator(&stream, "0", Start::TrimHorizon);
    assert!(matches!(expired, Err(StreamsError::ShardMissing { .. })));
    assert!(matches!(
        world.read(&iterator),
        Err(StreamsError::ShardMissing { .. })
    ));
}
