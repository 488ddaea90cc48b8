//! Space ahead of a busy segment is filled with zeros while groups are written behind it.

use std::collections::BTreeMap;

use mainstem_env::Env;
use mainstem_log::{Engine, ShardOptions};

use crate::kit::{engine_options, name, read_all};

#[test]
fn every_record_of_busy_producers_is_there_across_rolls() {
    const PRODUCERS: u32 = 8;
    const RECORDS: u32 = 1000;
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(&Env::real(), dir.path(), engine_options()).unwrap();
    let mut options = ShardOptions::default();
    // A window so small that the data is at its heels all the time.
    options.prewrite_bytes = 64 << 10;
    options.segment_bytes = 1 << 20;
    let shard = engine.create_shard(&name("s"), options.clone()).unwrap();
    std::thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let shard = shard.clone();
            scope.spawn(move || {
                for record in 0..RECORDS {
                    let text = format!("{producer} {record} ").repeat(100);
                    shard.append_one(text.as_bytes()).unwrap();
                }
            });
        }
    });
    assert!(shard.metrics().rolls > 1);
    let mut last: BTreeMap<String, u32> = BTreeMap::new();
    for (_, payload) in read_all(&shard) {
        let text = String::from_utf8(payload).unwrap();
        let mut words = text.split(' ');
        let (producer, record) = (words.next().unwrap(), words.next().unwrap());
        let record: u32 = record.parse().unwrap();
        assert_eq!(text, format!("{producer} {record} ").repeat(100));
        let next = last.entry(producer.to_owned()).or_insert(0);
        assert_eq!(*next, record, "order of a producer");
        *next += 1;
    }
    assert!(last.values().all(|count| *count == RECORDS), "{last:?}");
    assert_eq!(last.len(), usize::try_from(PRODUCERS).unwrap());
    engine.close().unwrap();
    let engine = Engine::open(&Env::real(), dir.path(), engine_options()).unwrap();
    let shard = engine.shard(&name("s"), options).unwrap();
    assert_eq!(
        read_all(&shard).len(),
        usize::try_from(PRODUCERS * RECORDS).unwrap()
    );
}
