//! Index entries know times to the second. Within one, the records that they point at tell: a lookup
//! does not walk all that arrived in it.

use std::path::PathBuf;
use std::time::Duration;

use mainstem_env::TimestampMs;
use mainstem_env::sim::Sim;
use mainstem_log::{LogError, Shard, ShardOptions, Start};

use crate::kit::{self, DIR, append, append_batch, name, open_sim};

/// Two segments, the first one sealed, whose records arrive within a few seconds, some in one ms and
/// some in one group; returns their times.
fn fill(sim: &Sim, shard: &Shard) -> Vec<u64> {
    let mut times = Vec::new();
    while shard.metrics().segments < 3 {
        let number = u64::try_from(times.len()).unwrap();
        sim.advance(Duration::from_millis(number % 4));
        if number.is_multiple_of(5) {
            append_batch(shard, &vec![vec![7; 300]; 20]).unwrap();
            times.resize(times.len() + 20, sim.now().0);
        } else {
            append(shard, &[number.to_le_bytes()[0]; 100]).unwrap();
            times.push(sim.now().0);
        }
    }
    times
}

fn options() -> ShardOptions {
    let mut options = ShardOptions::default();
    options.segment_bytes = 128 << 10;
    options
}

fn position(shard: &Shard, time_ms: u64) -> Result<u64, LogError> {
    let cursor = shard.cursor(Start::Time(TimestampMs(time_ms)))?;
    Ok(cursor.position().0)
}

fn first_not_older(times: &[u64], time_ms: u64) -> u64 {
    let older = times.iter().filter(|time| **time < time_ms).count();
    u64::try_from(older).unwrap()
}

fn oldest_segment() -> PathBuf {
    PathBuf::from(DIR).join("shards/s/00000000000000000000.seg")
}

#[test]
fn the_first_record_of_every_millisecond_is_found() {
    let sim = Sim::new(31);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), options()).unwrap();
    let times = fill(&sim, &shard);
    let (first, last) = (times[0], times[times.len() - 1]);
    for time_ms in first - 2..last + 3 {
        let expected = first_not_older(&times, time_ms);
        assert_eq!(position(&shard, time_ms).unwrap(), expected, "{time_ms}");
    }
}

#[test]
fn damage_that_is_not_on_the_way_is_not_met() {
    let sim = Sim::new(32);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), options()).unwrap();
    let times = fill(&sim, &shard);
    // The fourth record, at the end of the first group of twenty: no entry points at it.
    let frame = 24 + 300 + 4;
    sim.flip_bit(oldest_segment(), (64 + 40 + 3 * frame + 100) * 8)
        .unwrap();
    let (_, error) = kit::read(&shard, Start::Oldest);
    assert!(matches!(error, Some(LogError::Corrupt { .. })), "{error:?}");
    for time_ms in (times[0] + 100)..(times[0] + 500) {
        let expected = first_not_older(&times, time_ms);
        assert_eq!(position(&shard, time_ms).unwrap(), expected, "{time_ms}");
    }
}

#[test]
fn a_record_that_cannot_be_read_leads_to_no_wrong_place() {
    let sim = Sim::new(33);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), options()).unwrap();
    let times = fill(&sim, &shard);
    let len = u64::try_from(sim.read_file(oldest_segment()).unwrap().len()).unwrap();
    // Any bit may be damaged: a lookup ends at the right place, or says that it met the damage.
    for step in 0..200 {
        let damaged = sim.snapshot();
        let bit = 64 * 8 + step * 7919 * 13 % ((len - 64) * 8);
        damaged.flip_bit(oldest_segment(), bit).unwrap();
        let engine = open_sim(&damaged);
        let Ok(shard) = engine.shard(&name("s"), options()) else {
            continue;
        };
        for time_ms in (times[0]..times[times.len() - 1]).step_by(37) {
            match position(&shard, time_ms) {
                Ok(found) => assert_eq!(found, first_not_older(&times, time_ms), "bit {bit}"),
                Err(LogError::Corrupt { .. }) => {}
                Err(error) => panic!("bit {bit}: {error}"),
            }
        }
    }
}
