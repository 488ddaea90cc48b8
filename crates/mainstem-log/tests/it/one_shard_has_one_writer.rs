//! However many threads ask for a shard that others create or remove, there is one of it at a time:
//! two would write into the same files.

use std::collections::BTreeSet;
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_log::{Engine, LogError, Shard};

use crate::kit::{append, name, open_sim, read_all, small_segments};

/// What a user does who wants a shard, whether or not there is one.
fn find_or_create(engine: &Engine) -> Result<Shard, LogError> {
    let shard = name("s");
    loop {
        match engine.shard(&shard, small_segments()) {
            Err(LogError::ShardNotFound(_)) => {}
            other => return other,
        }
        match engine.create_shard(&shard, small_segments()) {
            Err(LogError::ShardExists(_)) => {}
            other => return other,
        }
    }
}

#[test]
fn when_several_threads_create_it() {
    const THREADS: u64 = 4;
    const RECORDS: u64 = 5;
    for seed in 0..300 {
        let sim = Sim::new(seed);
        let engine = open_sim(&sim);
        let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
        let numbers = Mutex::new(BTreeSet::new());
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    barrier.wait();
                    let shard = find_or_create(&engine).unwrap();
                    for _ in 0..RECORDS {
                        let seq = append(&shard, b"x").unwrap();
                        assert!(numbers.lock().unwrap().insert(seq), "{seq} was given twice");
                    }
                });
            }
        });
        let shard = find_or_create(&engine).unwrap();
        assert_eq!(read_all(&shard).len(), numbers.lock().unwrap().len());
        assert_eq!(shard.durable_end().0, THREADS * RECORDS);
        assert_eq!(sim.violation(), None);
    }
}

#[test]
fn when_another_thread_removes_it() {
    for seed in 0..300 {
        let sim = Sim::new(seed);
        let engine = open_sim(&sim);
        find_or_create(&engine).unwrap();
        let barrier = Barrier::new(4);
        let appended = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..4 {
                        let shard = find_or_create(&engine).unwrap();
                        match append(&shard, b"x") {
                            Ok(seq) => appended.lock().unwrap().push(seq),
                            Err(LogError::ShardNotFound(_)) => {}
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                });
            }
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..2 {
                    match engine.remove_shard(&name("s")) {
                        Ok(()) | Err(LogError::ShardNotFound(_)) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
        });
        // Whatever is there now was written by one writer: its records are dense from 0.
        let shard = find_or_create(&engine).unwrap();
        let end = shard.durable_end().0;
        assert_eq!(append(&shard, b"last").unwrap().0, end);
        engine.close().unwrap();
        drop((shard, engine));
        let engine = open_sim(&sim);
        let shard = engine.shard(&name("s"), small_segments()).unwrap();
        assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
        assert_eq!(u64::try_from(read_all(&shard).len()).unwrap(), end + 1);
        assert_eq!(sim.violation(), None);
    }
}

/// Retention that is at work on a shard that is removed leaves the files of the next one of that name
/// alone.
#[test]
fn when_retention_is_at_work() {
    for seed in 0..100 {
        let sim = Sim::new(seed);
        let engine = open_sim(&sim);
        let barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..20 {
                    sim.advance(Duration::from_hours(13));
                    engine.maintain();
                }
            });
            barrier.wait();
            for _ in 0..10 {
                let shard = find_or_create(&engine).unwrap();
                for _ in 0..12 {
                    append(&shard, &[1; 900]).unwrap();
                }
                engine.remove_shard(&name("s")).unwrap();
            }
        });
        let shard = find_or_create(&engine).unwrap();
        for _ in 0..12 {
            append(&shard, &[1; 900]).unwrap();
        }
        let crashed = sim.process_crash();
        let engine = open_sim(&crashed);
        let shard = engine.shard(&name("s"), small_segments()).unwrap();
        assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
        assert_eq!(read_all(&shard).len(), 12);
    }
}
