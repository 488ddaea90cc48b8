//! The retention is changed while the clock is a month ahead. Once it is right again, what is put is
//! seen.

use mainstem_env::sim::Sim;
use mainstem_log::Start;

use crate::kit::{append, name, open_sim, read, small_segments};

const DAY_MS: u64 = 24 * 3_600_000;

#[test]
fn after_a_change_of_the_retention_in_the_future() {
    let sim = Sim::new(8);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    append(&shard, b"before").unwrap();
    let month_ms = i64::try_from(30 * DAY_MS).unwrap();
    sim.jump_wall(month_ms);
    shard.set_retention_ms(2 * DAY_MS).unwrap();
    assert!(
        read(&shard, Start::Oldest).0.is_empty(),
        "a month later it is too old"
    );
    sim.jump_wall(-month_ms);
    append(&shard, b"today").unwrap();
    let payloads: Vec<Vec<u8>> = read(&shard, Start::Oldest)
        .0
        .into_iter()
        .map(|record| record.1)
        .collect();
    assert_eq!(payloads, [b"before".to_vec(), b"today".to_vec()]);
}
