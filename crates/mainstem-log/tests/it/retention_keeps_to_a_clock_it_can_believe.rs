//! A wall clock that jumps deletes nothing, and a retention that is changed hides at once and brings
//! nothing back.

use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_log::limits::{HOUR_MS, RETENTION_MS_MIN};
use mainstem_log::{Engine, Shard};

use crate::kit::{append, name, open_sim, read_all, small_segments};

const DAY_MS: u64 = RETENTION_MS_MIN;

fn some_records(sim: &Sim) -> (Engine, Shard) {
    let engine = open_sim(sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for _ in 0..20 {
        append(&shard, &[1; 500]).unwrap();
    }
    (engine, shard)
}

#[test]
fn a_clock_that_jumps_deletes_nothing() {
    let sim = Sim::new(1);
    let (engine, shard) = some_records(&sim);
    let segments = shard.metrics().segments;
    let all = read_all(&shard);
    sim.jump_wall(i64::try_from(100 * DAY_MS).unwrap());
    for _ in 0..3 {
        let report = engine.maintain();
        assert!(report.clock_held);
        assert_eq!(report.deleted, 0);
        sim.advance(Duration::from_mins(1));
    }
    assert!(shard.metrics().segments >= segments);
    assert_eq!(engine.metrics().clock_holds, 3);
    // Back again, all is there.
    sim.jump_wall(-i64::try_from(100 * DAY_MS).unwrap());
    assert!(!engine.maintain().clock_held);
    assert_eq!(read_all(&shard), all);

    sim.jump_wall(-i64::try_from(2 * HOUR_MS).unwrap());
    assert!(engine.maintain().clock_held, "backwards as well");
    assert_eq!(read_all(&shard), all);
}

#[test]
fn a_jump_that_is_said_to_be_right_counts() {
    let sim = Sim::new(2);
    let (engine, shard) = some_records(&sim);
    sim.jump_wall(i64::try_from(2 * DAY_MS).unwrap());
    assert_eq!(engine.maintain().deleted, 0);
    engine.trust_clock();
    assert!(engine.maintain().deleted > 0);
    assert_eq!(read_all(&shard), []);
}

#[test]
fn arrival_times_never_go_back() {
    let sim = Sim::new(3);
    let (engine, shard) = some_records(&sim);
    let before = shard.append_one(b"x").unwrap().time;
    sim.jump_wall(-i64::try_from(5 * HOUR_MS).unwrap());
    assert_eq!(shard.append_one(b"x").unwrap().time, before);
    for is_crashed in [false, true] {
        let next = if is_crashed {
            sim.process_crash()
        } else {
            engine.close().unwrap();
            sim.snapshot()
        };
        let engine = open_sim(&next);
        let shard = engine.shard(&name("s"), small_segments()).unwrap();
        assert_eq!(shard.append_one(b"x").unwrap().time, before);
    }
}

#[test]
fn a_shorter_retention_hides_at_once_and_a_longer_one_brings_nothing_back() {
    let sim = Sim::new(4);
    let mut options = small_segments();
    options.retention_ms = 10 * DAY_MS;
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), options).unwrap();
    for _ in 0..10 {
        append(&shard, &[1; 900]).unwrap();
        sim.advance(Duration::from_hours(12));
    }
    assert_eq!(read_all(&shard).len(), 10);
    shard.set_retention_ms(2 * DAY_MS).unwrap();
    let left = read_all(&shard);
    assert_eq!(left.len(), 4);
    assert_eq!(shard.first_seq().unwrap().0, left[0].0);
    shard.set_retention_ms(10 * DAY_MS).unwrap();
    assert_eq!(read_all(&shard), left);
    shard.set_retention_ms(2 * DAY_MS).unwrap();
    engine.maintain();
    assert_eq!(read_all(&shard), left);
    assert!(shard.metrics().trimmed_segments > 0);
}
