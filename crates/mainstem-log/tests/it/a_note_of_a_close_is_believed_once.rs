//! The note that an orderly close leaves is gone, for good, before anything is written; one that comes
//! back all the same is not believed.

use std::path::Path;
use std::time::Duration;

use mainstem_env::sim::{Choices, Sim, Strictness};
use mainstem_log::limits::RETENTION_MS_MIN;
use mainstem_log::{Engine, Shard};

use crate::kit::{DIR, append, name, open_sim, read_all, small_segments};
use crate::workload::payload;

fn note() -> std::path::PathBuf {
    Path::new(DIR).join("CLEAN")
}

/// Returns a machine on which a log of a few records was closed, and the note.
fn closed() -> (Sim, Vec<u8>) {
    let sim = Sim::new(1);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..10 {
        append(&shard, &payload(number, 300)).unwrap();
    }
    engine.close().unwrap();
    let bytes = sim.read_file(note()).unwrap();
    (sim, bytes)
}

fn open(sim: &Sim) -> (Engine, Shard) {
    let engine = open_sim(sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
    (engine, shard)
}

#[test]
fn it_is_gone_before_anything_is_written() {
    let (sim, _) = closed();
    let closed_at = sim.op_count();
    let (_engine, shard) = open(&sim);
    append(&shard, b"written").unwrap();
    let written_at = sim
        .journal()
        .into_iter()
        .find(|it| it.index >= closed_at && it.path.contains(".seg"))
        .unwrap();
    for strictness in Strictness::ALL {
        let disk = sim.power_loss(written_at.index, &mut Choices::drop_all(), strictness);
        assert!(!disk.files().contains(&note()), "{strictness:?}");
    }
}

#[test]
fn one_that_comes_back_hides_nothing() {
    for records in 0..40 {
        for is_expired in [false, true] {
            let (sim, bytes) = closed();
            let (engine, shard) = open(&sim);
            for number in 0..records {
                append(&shard, &payload(100 + number, 300)).unwrap();
            }
            if is_expired {
                sim.advance(Duration::from_millis(RETENTION_MS_MIN / 2));
                engine.maintain();
                append(&shard, b"young").unwrap();
                sim.advance(Duration::from_millis(RETENTION_MS_MIN / 2 + 1));
                engine.maintain();
            }
            let expected = read_all(&shard);
            let end = shard.durable_end();
            let crashed = sim.process_crash();
            crashed.write_raw(note(), &bytes).unwrap();
            let (_engine, shard) = open(&crashed);
            assert_eq!(shard.durable_end(), end, "{records} records later");
            assert_eq!(read_all(&shard), expected);
            assert_eq!(append(&shard, b"more").unwrap(), end);
        }
    }
}

#[test]
fn one_of_another_engine_is_none() {
    let (sim, _) = closed();
    let other = Sim::new(2);
    drop(open_sim(&other));
    let bytes = other.read_file(note()).unwrap();
    sim.write_raw(note(), &bytes).unwrap();
    let (_engine, shard) = open(&sim);
    assert_eq!(shard.durable_end().0, 10);
    assert!(shard.metrics().recovered_bytes > 0, "it is recovered");
}
