//! Stored records, and the texts that a client puts beside its own: keys, numbers, shards.

use bytes::Bytes;
use mainstem_streams::{
    GetRecordsInput, GetRecordsOutput, IteratorType, PutRecordInput, ShardIteratorInput,
    StreamsError,
};

use crate::input::Input;
use crate::shelf::{NOW_MS, Shelf};
use crate::world::{World, in_memory};

/// Records in a shard at most.
const RECORDS_MAX: usize = 8;

/// One run.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let (world, shelf) = in_memory();
    let choice = input.u8();
    let mut records = Vec::new();
    while records.len() < RECORDS_MAX && !input.is_empty() {
        let len = usize::from(input.u8());
        let mut record = input.bytes(len).to_vec();
        if choice % 2 == 1 {
            mend(&mut record);
        }
        records.push(Bytes::from(record));
    }
    shelf.hold(records);
    if choice % 4 < 2 {
        put(world, shelf, input);
    }
    read_all(world, shelf);
    ask(world, input);
}

/// Makes a header fit, so that what lies behind it is reached.
fn mend(record: &mut [u8]) {
    if let [version, flags, low, high, rest @ ..] = record {
        (*version, *flags) = (1, 1);
        let key_bytes = usize::from(*low).checked_rem(rest.len() + 1).unwrap_or(0);
        *low = u8::try_from(key_bytes).expect("a record of at most 255 bytes");
        *high = 0;
    }
}

fn text<'a>(input: &mut Input<'a>) -> &'a str {
    let len = usize::from(input.u8() % 80);
    std::str::from_utf8(input.bytes(len)).unwrap_or("0")
}

/// Stores a record with whatever keys there are, and finds it where it says it is.
fn put(world: &World, shelf: &Shelf, mut input: Input<'_>) {
    let (key, hash, order) = (text(&mut input), text(&mut input), text(&mut input));
    let (has_hash, has_order) = (input.u8() % 2 == 1, input.u8() % 2 == 1);
    let data = input.bytes(64);
    let count = shelf.records().len();
    let stored = world.streams.put_record(&PutRecordInput {
        stream: &world.few,
        data,
        partition_key: key,
        explicit_hash_key: has_hash.then_some(hash),
        sequence_number_for_ordering: has_order.then_some(order),
    });
    let records = shelf.records();
    match stored {
        Err(_) => assert_eq!(records.len(), count, "what is refused is not stored"),
        Ok(stored) => {
            assert_eq!(records.len(), count + 1);
            let place = stored.sequence_number.sequence_index();
            assert_eq!(place, records.len() as u64);
            let iterator = world.streams.shard_iterator(&ShardIteratorInput {
                stream: &world.few,
                shard: &stored.shard.to_string(),
                iterator_type: IteratorType::AtSequenceNumber,
                starting_sequence_number: Some(&stored.sequence_number.to_string()),
                timestamp_ms: None,
            });
            let iterator = iterator.expect("the number of a record");
            let output = read(world, &iterator).expect("a record that was just stored");
            let record = output.records.first().expect("the record");
            assert_eq!(
                (&record.data[..], record.partition_key.as_deref()),
                (data, Some(key))
            );
        }
    }
}

/// Reads all records from the start, up to the first that is none.
fn read_all(world: &World, shelf: &Shelf) {
    let records = shelf.records();
    let mut iterator = world.streams.shard_iterator(&ShardIteratorInput {
        stream: &world.few,
        shard: "0",
        iterator_type: IteratorType::TrimHorizon,
        starting_sequence_number: None,
        timestamp_ms: None,
    });
    let mut found = 0;
    while let Ok(text) = &iterator {
        let output = match read(world, text) {
            Ok(output) => output,
            Err(StreamsError::Record { seq, .. }) => {
                assert_eq!(seq, found as u64, "the first that cannot be read");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        for record in &output.records {
            let key = record.partition_key.as_deref();
            let [low, high, ..] = key.map_or(0, str::len).to_le_bytes();
            let mut encoded = vec![1, u8::from(key.is_some()), low, high];
            encoded.extend_from_slice(key.unwrap_or_default().as_bytes());
            encoded.extend_from_slice(&record.data);
            assert_eq!(encoded, records[found]);
            found += 1;
        }
        if output.records.is_empty() {
            break;
        }
        iterator = Ok(output.next_shard_iterator.expect("an open shard goes on"));
    }
    assert_eq!(found, records.len());
}

/// Asks for an iterator with whatever texts there are.
fn ask(world: &World, mut input: Input<'_>) {
    let types = [
        IteratorType::AtSequenceNumber,
        IteratorType::AfterSequenceNumber,
        IteratorType::AtTimestamp,
        IteratorType::Latest,
    ];
    let iterator_type = types[input.below(types.len())];
    let (shard, number) = (text(&mut input), text(&mut input));
    let time = NOW_MS.wrapping_add(input.u64());
    let iterator = world.streams.shard_iterator(&ShardIteratorInput {
        stream: &world.many,
        shard,
        iterator_type,
        starting_sequence_number: Some(number).filter(|it| !it.is_empty()),
        timestamp_ms: (iterator_type == IteratorType::AtTimestamp).then_some(time),
    });
    if let Ok(iterator) = iterator {
        match read(world, &iterator) {
            Ok(_) | Err(StreamsError::Record { .. }) => {}
            Err(error) => panic!("an iterator that was just given out: {error}"),
        }
    }
}

fn read(world: &World, iterator: &str) -> Result<GetRecordsOutput, StreamsError> {
    world.streams.records(&GetRecordsInput {
        shard_iterator: iterator,
        limit: None,
        stream_arn: None,
    })
}
