//! A full disk refuses appends, loses nothing, lets reads and retention go on, and is forgotten about
//! as soon as there is space, without opening the log again.

use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_log::limits::RETENTION_MS_MIN;
use mainstem_log::{LogError, Outcome, Shard};

use crate::kit::{append, name, open_sim, read_all, small_segments};

const BLOCK: u64 = 4096;

/// Appends until the disk is full; returns the records that were taken.
fn fill(shard: &Shard, len: usize) -> u64 {
    for taken in 0..100_000 {
        match append(shard, &vec![3; len]) {
            Ok(_) => {}
            Err(error) => {
                assert!(matches!(error, LogError::StorageFull { .. }), "{error:?}");
                assert_eq!(error.outcome(), Outcome::NotApplied);
                assert!(error.is_retryable());
                return taken;
            }
        }
    }
    panic!("the disk is never full")
}

/// Whatever the log was about to do when the disk was full: extend the segment, seal it, create the
/// next one or write its header.
#[test]
fn wherever_it_is_met() {
    for blocks in 3..60 {
        let sim = Sim::new(blocks);
        let engine = open_sim(&sim);
        let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
        append(&shard, b"first").unwrap();
        // The first step of allocation is larger than the segment: what matters is what comes after.
        let used = (1 << 40) - sim.available_space();
        sim.set_capacity(used + blocks * BLOCK);
        let taken = 1 + fill(&shard, 300);
        let expected = read_all(&shard);
        assert_eq!(u64::try_from(expected.len()).unwrap(), taken);
        for _ in 0..3 {
            fill(&shard, 300);
        }
        assert_eq!(
            shard.durable_end().0,
            u64::try_from(expected.len()).unwrap()
        );
        assert!(shard.refusal().is_none());

        sim.set_capacity(1 << 40);
        for number in 0..30 {
            let seq = append(&shard, b"again").unwrap();
            assert_eq!(seq.0, taken + number, "{blocks} blocks");
        }
        let all = read_all(&shard);
        assert_eq!(all[..expected.len()], expected);
        engine.close().unwrap();
        let engine = open_sim(&sim);
        let shard = engine.shard(&name("s"), small_segments()).unwrap();
        assert_eq!(read_all(&shard), all);
        assert_eq!(sim.violation(), None);
    }
}

#[test]
fn retention_makes_room_again() {
    let sim = Sim::new(1);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    sim.set_capacity((1 << 40) - sim.available_space() + 20 * BLOCK);
    let taken = fill(&shard, 300);
    assert!(shard.metrics().segments > 3);
    sim.advance(Duration::from_millis(RETENTION_MS_MIN + 1));
    let report = engine.maintain();
    assert!(report.deleted > 0, "{report:?}");
    assert!(sim.available_space() > 0);
    let more = fill(&shard, 300);
    assert!(more > 0);
    assert_eq!(shard.durable_end().0, taken + more);
    assert_eq!(u64::try_from(read_all(&shard).len()).unwrap(), more);
}

#[test]
fn a_full_disk_is_opened_and_read() {
    for blocks in 0..12 {
        let sim = Sim::new(1);
        let engine = open_sim(&sim);
        let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
        sim.set_capacity((1 << 40) - sim.available_space() + (20 + blocks) * BLOCK);
        fill(&shard, 300);
        let expected = read_all(&shard);
        let world = sim.process_crash();
        drop((shard, engine));
        // Nothing is left, not even what the log gave back as it recovered.
        world.set_capacity(0);
        let engine = open_sim(&world);
        let shard = engine.shard(&name("s"), small_segments()).unwrap();
        assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
        assert_eq!(read_all(&shard), expected);
        fill(&shard, 300);
        world.set_capacity(1 << 40);
        append(&shard, b"again").unwrap();
    }
}
