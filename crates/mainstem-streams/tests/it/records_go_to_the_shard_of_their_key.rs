use mainstem_streams::{PutRecordsEntry, PutRecordsInput};
use mainstem_types::ShardId;

use crate::support::{START_MS, Start, World, record, texts};

fn shard(index: u32) -> ShardId {
    ShardId::new(index).unwrap()
}

#[test]
fn by_hash_of_the_partition_key() {
    let world = World::new();
    let stream = world.create("test", 3);
    // MD5("a") is 16955237001963240173058271559858726497, in the first third; that of "b" is above
    // 2^127, in the second, and that of "c" in the first again.
    assert_eq!(world.put(&stream, "a", b"1").shard, shard(0));
    assert_eq!(world.put(&stream, "b", b"2").shard, shard(1));
    assert_eq!(world.put(&stream, "c", b"3").shard, shard(0));
}

#[test]
fn by_explicit_hash_key_at_the_edges_of_the_ranges() {
    let world = World::new();
    let stream = world.create("test", 3);
    for (key, expected) in [
        ("0", 0),
        ("113427455640312821154458202477256070484", 0),
        ("113427455640312821154458202477256070485", 1),
        ("226854911280625642308916404954512140969", 1),
        ("226854911280625642308916404954512140970", 2),
        ("340282366920938463463374607431768211455", 2),
    ] {
        let mut input = record(&stream, "a", b"");
        input.explicit_hash_key = Some(key);
        let put = world.streams().put_record(&input).unwrap();
        assert_eq!(put.shard, shard(expected), "{key}");
    }
}

#[test]
fn records_come_back_as_they_were_put() {
    let world = World::new();
    let stream = world.create("test", 1);
    world.advance(1234);
    let put = world.put(&stream, "ключ", b"\x00\xff data");
    let output = world.read_from(&stream, Start::TrimHorizon);
    let [found] = output.records.as_slice() else {
        panic!("one record, not {}", output.records.len());
    };
    assert_eq!(found.sequence_number, put.sequence_number);
    assert_eq!(found.arrived_ms, START_MS + 100 + 1234);
    assert_eq!(found.partition_key.as_deref(), Some("ключ"));
    assert_eq!(found.data, &b"\x00\xff data"[..]);
    assert_eq!(put.sequence_number.record_s(), found.arrived_ms / 1000);
}

#[test]
fn sequence_numbers_grow_whatever_the_clock_does() {
    let world = World::new();
    let stream = world.create("test", 1);
    let mut last = world.put(&stream, "k", b"").sequence_number;
    for step in 0..20 {
        if step % 3 == 0 {
            world.go_back(2000);
        } else {
            world.advance(1500);
        }
        let next = world.put(&stream, "k", b"").sequence_number;
        assert!(next > last, "{next} after {last}");
        last = next;
    }
}

#[test]
fn order_within_a_shard_is_that_of_the_request() {
    let world = World::new();
    let stream = world.create("test", 4);
    let data: Vec<String> = (0..100).map(|i| i.to_string()).collect();
    let keys: Vec<String> = (0..100).map(|i| format!("key {}", i % 7)).collect();
    let records = data.iter().zip(&keys).map(|(data, key)| PutRecordsEntry {
        data: data.as_bytes(),
        partition_key: key,
        explicit_hash_key: None,
    });
    let records: Vec<_> = records.collect();
    let input = PutRecordsInput {
        stream: &stream,
        records: &records,
    };
    let output = world.streams().put_records(&input).unwrap();
    assert_eq!(output.failed_count(), 0);
    let mut total = 0;
    for index in 0..4 {
        let iterator = world
            .iterator(&stream, &index.to_string(), Start::TrimHorizon)
            .unwrap();
        let read = world.read(&iterator).unwrap();
        let expected = output.records.iter().zip(&data).filter_map(|(put, data)| {
            let put = put.as_ref().unwrap();
            (put.shard == shard(index)).then(|| data.clone())
        });
        assert_eq!(texts(&read), expected.collect::<Vec<_>>());
        let numbers = output
            .records
            .iter()
            .flatten()
            .filter(|put| put.shard == shard(index));
        let numbers: Vec<_> = numbers.map(|put| put.sequence_number).collect();
        assert!(numbers.is_sorted());
        let read_numbers: Vec<_> = read.records.iter().map(|r| r.sequence_number).collect();
        assert_eq!(read_numbers, numbers);
        total += numbers.len();
    }
    assert_eq!(total, 100);
}
