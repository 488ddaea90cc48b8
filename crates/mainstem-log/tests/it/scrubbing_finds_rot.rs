//! Sealed segments are verified in the background, at a bounded rate, and rot is reported.

use std::time::Duration;

use mainstem_env::sim::Sim;

use crate::kit::{append, name, open_sim, small_segments};

fn filled(sim: &Sim) -> (mainstem_log::Engine, mainstem_log::Shard) {
    let engine = open_sim(sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..400u32 {
        append(&shard, format!("record {number} ").repeat(9).as_bytes()).unwrap();
    }
    (engine, shard)
}

#[test]
fn everything_sealed_is_read_once_and_again_a_day_later() {
    let sim = Sim::new(5);
    let (engine, shard) = filled(&sim);
    sim.advance(Duration::from_millis(4));
    engine.maintain();
    let little = shard.metrics().scrubbed_bytes;
    assert!(
        (4000..12_000).contains(&little),
        "{little} bytes in 4 ms at 1 MiB/s"
    );
    let pass = || {
        sim.advance(Duration::from_secs(5));
        engine.maintain();
        shard.metrics().scrubbed_bytes
    };
    let all = pass();
    assert!(all > 40_000);
    assert_eq!(pass(), all, "the day's work is done");
    sim.advance(Duration::from_hours(24) - Duration::from_secs(20));
    engine.trust_clock();
    // The segments are not past the retention yet: their records were put after the clock began.
    assert_eq!(shard.metrics().scrub_errors, 0);
    pass();
    pass();
    assert!(shard.metrics().scrubbed_bytes > all);
}

#[test]
fn a_flipped_bit_is_found_without_a_reader() {
    let sim = Sim::new(6);
    let (engine, shard) = filled(&sim);
    let sealed = sim
        .files()
        .into_iter()
        .find(|it| it.extension().is_some_and(|it| it == "seg"));
    sim.flip_bit(sealed.unwrap(), 1000 * 8).unwrap();
    sim.advance(Duration::from_secs(5));
    engine.maintain();
    assert_eq!(shard.metrics().scrub_errors, 1);
    assert!(
        shard.refusal().is_none(),
        "a damaged old segment is no reason to refuse new records"
    );
}
