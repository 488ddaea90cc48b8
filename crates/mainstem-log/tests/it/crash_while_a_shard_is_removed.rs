//! A shard that is deleted is whole or gone after a crash, never a shard with a hole.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mainstem_env::sim::{Choices, Sim, Strictness, hooked};
use mainstem_log::LogError;

use crate::kit::{append, name, open, open_sim, read_all, small_segments};

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

/// The process that removes the shard is killed, the next one finishes the work, and then power fails
/// before the first one's rename is on the disk.
#[test]
fn crash_of_the_process_and_then_of_the_machine() {
    for changes in 0..40 {
        let sim = Sim::new(12);
        let engine = open_sim(&sim);
        let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
        for number in 0..60u64 {
            append(&shard, format!("record {number} ").repeat(9).as_bytes()).unwrap();
        }
        let whole = read_all(&shard);
        drop((shard, engine));
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let fuse = Arc::clone(&left);
        let env = hooked(
            &sim.env(),
            Arc::new(move |kind, _| {
                let spent = i64::from(kind.changes_disk());
                if fuse.fetch_sub(spent, Ordering::SeqCst) > 0 {
                    Ok(())
                } else {
                    Err(std::io::Error::other("killed"))
                }
            }),
        );
        let engine = open(&env).unwrap();
        left.store(changes, Ordering::SeqCst);
        let _cut_short = engine.remove_shard(&name("s"));
        let next = sim.process_crash();
        drop(engine);
        let killed_at = next.op_count();
        let engine = open_sim(&next);
        for at in killed_at..=next.op_count() {
            for strictness in Strictness::ALL {
                for seed in 0..8 {
                    let lost = next.power_loss(at, &mut Choices::random(seed), strictness);
                    match open_sim(&lost).shard(&name("s"), small_segments()) {
                        Ok(shard) => assert!(read_all(&shard) == whole, "{changes} {at}"),
                        Err(LogError::ShardNotFound(_)) => {}
                        Err(error) => panic!("{changes} {at}: {error}"),
                    }
                }
            }
        }
        drop(engine);
    }
}
