//! A shard that is deleted is whole or gone after a crash, never a shard with a hole.

use mainstem_env::sim::{Choices, Sim, Strictness};
use mainstem_log::LogError;

use crate::kit::{append, name, open_sim, read_all, small_segments};

#[test]
fn crash_at_every_step() {
    let sim = Sim::new(11);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..150u64 {
        append(&shard, format!("record {number} ").repeat(9).as_bytes()).unwrap();
    }
    let whole = read_all(&shard);
    let before = sim.op_count();
    engine.remove_shard(&name("s")).unwrap();
    assert!(matches!(
        shard.append_one(b"x"),
        Err(LogError::ShardNotFound(_))
    ));
    let after = sim.op_count();
    let mut gone = 0;
    for at in before..=after {
        for strictness in Strictness::ALL {
            for seed in 0..8 {
                let crashed = sim.power_loss(at, &mut Choices::random(seed), strictness);
                let engine = open_sim(&crashed);
                match engine.shard(&name("s"), small_segments()) {
                    Ok(shard) => {
                        assert!(at < after, "gone once the call has returned");
                        assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
                        assert_eq!(read_all(&shard), whole);
                    }
                    Err(LogError::ShardNotFound(_)) => gone += 1,
                    Err(error) => panic!("{error}"),
                }
                engine.create_shard(&name("t"), small_segments()).unwrap();
                assert!(
                    crashed
                        .files()
                        .iter()
                        .all(|it| !it.to_str().unwrap().contains(".leaving"))
                );
            }
        }
    }
    assert!(gone > 0);
}
