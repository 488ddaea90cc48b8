//! On the real system, where threads really meet.

use std::collections::BTreeMap;
use std::thread;

use mainstem_env::Env;
use mainstem_streams::{
    GetRecordsInput, IteratorType, PutRecordsEntry, PutRecordsInput, ShardIteratorInput, Streams,
    StreamsConfig,
};
use mainstem_types::StreamName;

use crate::support::{name, provisioned, record};

const WRITERS: usize = 4;
const RECORDS: usize = 200;
const SHARDS: u32 = 3;

fn write(streams: &Streams, stream: &StreamName, writer: usize) {
    let key = format!("writer {writer}");
    let texts: Vec<String> = (0..RECORDS).map(|i| format!("{writer} {i}")).collect();
    for (round, chunk) in texts.chunks(7).enumerate() {
        if round % 2 == 0 {
            for text in chunk {
                streams
                    .put_record(&record(stream, &key, text.as_bytes()))
                    .unwrap();
            }
            continue;
        }
        let records = chunk.iter().map(|text| PutRecordsEntry {
            data: text.as_bytes(),
            partition_key: &key,
            explicit_hash_key: None,
        });
        let records: Vec<_> = records.collect();
        let output = streams.put_records(&PutRecordsInput {
            stream,
            records: &records,
        });
        assert_eq!(output.unwrap().failed_count(), 0);
    }
}

/// Follows a shard until all writers' records, over all shards, have been seen.
fn follow(
    streams: &Streams,
    stream: &StreamName,
    shard: u32,
    seen: &dyn Fn(usize) -> bool,
) -> Vec<String> {
    let iterator = streams.shard_iterator(&ShardIteratorInput {
        stream,
        shard: &shard.to_string(),
        iterator_type: IteratorType::TrimHorizon,
        starting_sequence_number: None,
        timestamp_ms: None,
    });
    let mut iterator = iterator.unwrap();
    let mut found = Vec::new();
    let mut last = None;
    loop {
        let read = streams.records(&GetRecordsInput {
            shard_iterator: &iterator,
            limit: Some(10),
            stream_arn: None,
        });
        let read = read.unwrap();
        let is_done = seen(read.records.len());
        for record in &read.records {
            assert!(last < Some(record.sequence_number));
            last = Some(record.sequence_number);
            found.push(String::from_utf8(record.data.to_vec()).unwrap());
        }
        if is_done && read.records.is_empty() {
            return found;
        }
        iterator = read.next_shard_iterator.unwrap();
    }
}

#[test]
fn each_key_in_the_order_of_its_puts() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = StreamsConfig::default();
    config.transition_ms = 0;
    let streams = Streams::open(&Env::real(), dir.path(), config).unwrap();
    streams.create_stream(&provisioned("test", SHARDS)).unwrap();
    let stream = name("test");
    let total = std::sync::atomic::AtomicUsize::new(0);
    let seen = |count: usize| {
        let before = total.fetch_add(count, std::sync::atomic::Ordering::SeqCst);
        before + count == WRITERS * RECORDS
    };
    let found: Vec<Vec<String>> = thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (streams, stream) = (&streams, &stream);
            scope.spawn(move || write(streams, stream, writer));
        }
        // Meanwhile the catalogue changes under them.
        scope.spawn(|| {
            for i in 0..10 {
                streams.create_stream(&provisioned("other", 2)).unwrap();
                streams.increase_retention(&stream, 24 + i).unwrap();
                streams.delete_stream(&name("other")).unwrap();
            }
        });
        let readers: Vec<_> = (0..SHARDS)
            .map(|shard| {
                let (streams, stream, seen) = (&streams, &stream, &seen);
                scope.spawn(move || follow(streams, stream, shard, seen))
            })
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    });
    let mut by_writer: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in found.into_iter().flatten() {
        let (writer, i) = text.split_once(' ').unwrap();
        by_writer
            .entry(writer.to_owned())
            .or_default()
            .push(i.to_owned());
    }
    assert_eq!(by_writer.len(), WRITERS);
    for (writer, order) in by_writer {
        let expected: Vec<String> = (0..RECORDS).map(|i| i.to_string()).collect();
        assert_eq!(order, expected, "writer {writer}");
    }
    streams.close().unwrap();
}
