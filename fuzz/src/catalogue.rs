//! Values of the catalogue: opening refuses them, or all that is known of the streams holds together.

use std::sync::Arc;

use mainstem_env::sim::Sim;
use mainstem_streams::{
    DescribeStreamInput, ListShardsInput, ListStreamsInput, LogEngine, LogName, MetaTable,
    OpenError, PutRecordInput, StreamStatus, Streams, StreamsError, is_log_of_a_stream,
};
use mainstem_types::{StreamName, limits};

use crate::input::Input;
use crate::shelf::{Shelf, Values};
use crate::world::{KEY, config};

/// Values in the catalogue at most.
const VALUES_MAX: usize = 4;

/// Logs that opening may ask for: no input has as many shards.
const LOGS_MAX: usize = 200;

/// A stream as it is stored, of two shards and one that is closed.
const STREAM: &str = concat!(
    r#"{"incarnation":"00000000000000ab","region":"us-east-1","account":"000000000000","#,
    r#""mode":"provisioned","status":{"state":"active"},"created_ms":1699999999000,"#,
    r#""retention_hours":24,"readable_from_ms":0,"record_kib_max":1024,"next_shard_index":3,"#,
    r#""shards":[{"index":0,"hash_start":"0","hash_end":"340282366920938463463374607431768211455","#,
    r#""created_ms":1699999999000,"sequence_epoch_s":1699999999,"#,
    r#""closed":{"at_ms":1699999999500,"end":0}},"#,
    r#"{"index":1,"parent":0,"hash_start":"0","hash_end":"170141183460469231731687303715884105727","#,
    r#""created_ms":1699999999500,"sequence_epoch_s":1699999999},"#,
    r#"{"index":2,"parent":0,"hash_start":"170141183460469231731687303715884105728","#,
    r#""hash_end":"340282366920938463463374607431768211455","#,
    r#""created_ms":1699999999500,"sequence_epoch_s":1699999999}]}"#
);

/// One run.
///
/// # Panics
/// When streams were opened that cannot be used.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let sim = Sim::new(1);
    let (values, shelf) = (Arc::new(Values::default()), Shelf::default());
    if input.u8() % 16 != 0 {
        values.put(MetaTable::Store, "token_key", &KEY);
    }
    for _ in 0..=input.below(VALUES_MAX) {
        value(&mut input, &values);
    }
    if let Ok(name) = std::str::from_utf8(input.bytes(80)) {
        // A log that nobody names: removed if it is one of a stream, and left alone otherwise.
        if let Some(log) = LogName::new(name) {
            shelf.create(&log).expect("a new log");
        }
    }
    let others = shelf.names().expect("a list");
    let Some(streams) = open(&sim, &values, &shelf) else {
        return;
    };
    for log in others {
        let is_there = shelf.names().expect("a list").contains(&log);
        assert!(
            is_there || is_log_of_a_stream(log.as_str()),
            "{log} was not ours"
        );
    }
    use_all(&streams);
    let before = known(&streams);
    streams.close().expect("a close");
    let again = open(&sim, &values, &shelf).expect("what was opened opens again");
    assert_eq!(known(&again), before);
}

/// Puts a value into a table: the input's own, or that of a stream with some of it changed.
fn value(input: &mut Input<'_>, values: &Values) {
    let choice = input.u8();
    let table = match choice % 8 {
        0 => MetaTable::Retired,
        1 => MetaTable::Store,
        _ => MetaTable::Streams,
    };
    let len = usize::from(input.u8() % 20);
    let key = match std::str::from_utf8(input.bytes(len)) {
        Ok(key) if !key.is_empty() => key,
        _ if table == MetaTable::Store => "token_key",
        _ => "stream",
    };
    let mut value = STREAM.as_bytes().to_vec();
    if choice & 0x10 != 0 {
        let len = input.u16();
        value = input.bytes(usize::from(len)).to_vec();
    } else {
        for _ in 0..input.u8() % 8 {
            let at = input.below(value.len());
            let cut = usize::from(input.u8() % 16).min(value.len() - at);
            let len = usize::from(input.u8() % 32);
            value.splice(at..at + cut, input.bytes(len).iter().copied());
        }
    }
    values.put(table, key, &value);
}

/// Opens the streams, and makes the logs that are missing for it.
fn open(sim: &Sim, values: &Arc<Values>, shelf: &Shelf) -> Option<Streams> {
    for _ in 0..LOGS_MAX {
        let engine = Arc::new(shelf.clone());
        let store = Arc::clone(values);
        match Streams::with_stores(&sim.env(), config(), engine, store) {
            Ok(streams) => return Some(streams),
            Err(OpenError::ShardLogMissing { log, .. }) => {
                assert!(is_log_of_a_stream(&log), "{log}");
                let log = LogName::new(&log).expect("a name");
                shelf.create(&log).expect("a log that was missing");
            }
            Err(_) => return None,
        }
    }
    panic!("more shards than an input can name");
}

/// All that can be known of the streams.
fn known(streams: &Streams) -> Vec<String> {
    let listed = streams.list_streams(&ListStreamsInput::default());
    let names = listed.expect("a list").streams;
    let name = |text: &str| StreamName::new(text).expect("a name");
    names
        .iter()
        .map(|stream| {
            let name = name(stream.arn.name.as_str());
            let input = DescribeStreamInput {
                stream: &name,
                exclusive_start_shard: None,
                limit: None,
            };
            format!(
                "{:?}",
                streams.describe_stream(&input).expect("a listed stream")
            )
        })
        .collect()
}

/// Lists, stores into and changes every stream.
fn use_all(streams: &Streams) {
    let listed = streams.list_streams(&ListStreamsInput::default());
    for stream in listed.expect("a list").streams {
        let name = stream.arn.name;
        let shards = streams.list_shards(&ListShardsInput {
            stream: Some(&name),
            ..ListShardsInput::default()
        });
        if stream.status != StreamStatus::Active {
            continue;
        }
        shards.expect("the shards of an active stream");
        for key in ["0", "340282366920938463463374607431768211455"] {
            let put = streams.put_record(&PutRecordInput {
                stream: &name,
                data: b"",
                partition_key: "key",
                explicit_hash_key: Some(key),
                sequence_number_for_ordering: None,
            });
            match put {
                Ok(_) | Err(StreamsError::RecordTooLarge { .. }) => {}
                Err(error) => panic!("every key has a shard: {error}"),
            }
        }
        let longer = streams.increase_retention(&name, limits::RETENTION_HOURS_MAX);
        let is_longest = stream.retention_hours > limits::RETENTION_HOURS_MAX;
        assert!(longer.is_ok() || is_longest, "{longer:?}");
    }
}
