//! Records get the numbers 0, 1, 2 … and come back in that order, across rolls and reopening.

use mainstem_env::sim::Sim;
use mainstem_env::{Env, TimestampMs};
use mainstem_log::{AppendOptions, Engine, LogError, SeqNo, ShardOptions, Start};

use crate::kit::{
    append, append_batch, engine_options, name, open_sim, read, read_all, small_segments,
};

fn payload(number: u64) -> Vec<u8> {
    format!("record {number} ")
        .repeat(usize::try_from(number % 9).unwrap())
        .into_bytes()
}

fn expected(range: std::ops::Range<u64>) -> Vec<(u64, Vec<u8>)> {
    range.map(|number| (number, payload(number))).collect()
}

#[test]
fn over_the_simulated_machine() {
    let sim = Sim::new(1);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..300 {
        assert_eq!(append(&shard, &payload(number)).unwrap(), SeqNo(number));
    }
    assert!(shard.metrics().rolls > 3);
    assert_eq!(read_all(&shard), expected(0..300));
    for start in [0, 1, 77, 150, 299, 300] {
        let (records, error) = read(&shard, Start::At(SeqNo(start)));
        assert!(error.is_none());
        assert_eq!(records, expected(start..300));
    }
    engine.close().unwrap();
    let engine = open_sim(&sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert_eq!(
        shard.metrics().recovered_bytes,
        0,
        "an orderly close spares the scan"
    );
    assert_eq!(
        append_batch(&shard, &[payload(300), payload(301)]).unwrap(),
        SeqNo(300)
    );
    assert_eq!(read_all(&shard), expected(0..302));
}

#[test]
fn over_real_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/data");
    let engine = Engine::open(&Env::real(), &path, engine_options()).unwrap();
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..100 {
        assert_eq!(append(&shard, &payload(number)).unwrap(), SeqNo(number));
    }
    assert_eq!(read_all(&shard), expected(0..100));
    let mut cursor = shard.cursor(Start::At(SeqNo(42))).unwrap();
    let kept = cursor.next().unwrap().unwrap().keep();
    drop((cursor, shard));
    drop(engine);
    assert_eq!(kept.payload(), payload(42));
    let engine = Engine::open(&Env::real(), &path, engine_options()).unwrap();
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert_eq!(read_all(&shard), expected(0..100));
}

#[test]
fn a_position_that_is_not_the_expected_one_is_refused() {
    let engine = open_sim(&Sim::new(2));
    let shard = engine
        .create_shard(&name("s"), ShardOptions::default())
        .unwrap();
    let one = crate::kit::batch(&[b"a".to_vec()]);
    shard
        .append(&one, AppendOptions::expecting(SeqNo(0)))
        .unwrap();
    let refused = shard
        .append(&one, AppendOptions::expecting(SeqNo(0)))
        .unwrap_err();
    assert!(matches!(
        refused,
        LogError::UnexpectedPosition {
            expected: SeqNo(0),
            actual: SeqNo(1)
        }
    ));
    shard
        .append(&one, AppendOptions::expecting(SeqNo(1)))
        .unwrap();
    assert_eq!(shard.durable_end(), SeqNo(2));
    assert_eq!(shard.metrics().queued_bytes, 0);
}

#[test]
fn a_time_finds_the_first_record_that_is_not_older() {
    let sim = Sim::new(3);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    let mut times = Vec::new();
    for number in 0..200 {
        if number % 3 == 0 {
            sim.advance(std::time::Duration::from_millis(number * 7 % 900));
        }
        times.push(shard.append_one(&payload(number)).unwrap().time.0);
    }
    for wanted in (times[0] - 5)..(times[199] + 5) {
        let cursor = shard.cursor(Start::Time(TimestampMs(wanted))).unwrap();
        let scanned = times.iter().filter(|time| **time < wanted).count();
        assert_eq!(
            cursor.position().0,
            u64::try_from(scanned).unwrap(),
            "time {wanted}"
        );
    }
}
