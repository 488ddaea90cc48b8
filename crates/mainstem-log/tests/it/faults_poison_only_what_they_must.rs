//! A failed write or sync ends writing to its shard until it is opened again, a failed medium ends it
//! for the engine; reading goes on.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Barrier;

use mainstem_env::EIO;
use mainstem_env::sim::{Fault, FaultError, OpKind, Sim};
use mainstem_log::format::manifest::{decode_clean, decode_engine};
use mainstem_log::{Engine, LogError, Outcome, Shard};

use crate::kit::{DIR, append, name, open_sim, read_all, small_segments};

fn two_shards(sim: &Sim) -> (Engine, Shard, Shard) {
    let engine = open_sim(sim);
    let a = engine.create_shard(&name("a"), small_segments()).unwrap();
    let b = engine.create_shard(&name("b"), small_segments()).unwrap();
    for shard in [&a, &b] {
        append(shard, b"before").unwrap();
    }
    (engine, a, b)
}

fn sync_fails(sim: &Sim, error: impl Into<FaultError>) {
    sim.fail(Fault::once(OpKind::SyncData, 1, error).on_path("/a/"));
}

/// Returns the names of the shards that the last close vouched for.
fn vouched_for(sim: &Sim) -> Vec<String> {
    let file = |name: &str| sim.read_file(Path::new(DIR).join(name)).unwrap();
    let id = decode_engine(&file("ENGINE")).unwrap();
    let clean = decode_clean(&file("CLEAN"), id).unwrap();
    clean.into_iter().map(|shard| shard.name).collect()
}

#[test]
fn a_poisoned_shard_names_the_first_cause() {
    let sim = Sim::new(1);
    let (_engine, a, _b) = two_shards(&sim);
    sync_fails(&sim, FaultError::Raw(EIO));
    let first = append(&a, b"lost?").unwrap_err();
    assert!(matches!(first, LogError::SyncFailed { .. }), "{first:?}");
    assert_eq!(first.outcome(), Outcome::Unknown);
    sim.fail(Fault::once(OpKind::SyncData, 1, ErrorKind::Other));
    for _ in 0..3 {
        let later = append(&a, b"no").unwrap_err();
        assert_eq!(later.outcome(), Outcome::NotApplied);
        let LogError::Poisoned(cause) = later else {
            panic!("{later:?}")
        };
        assert_eq!(format!("{cause:?}"), format!("{first:?}"));
    }
    assert!(matches!(a.refusal(), Some(LogError::Poisoned(_))));
    assert_eq!(a.metrics().poisoned, 1);
    assert_eq!(a.metrics().queued_bytes, 0);
}

#[test]
fn reading_goes_on_up_to_the_durable_mark() {
    let sim = Sim::new(2);
    let (engine, a, _b) = two_shards(&sim);
    sync_fails(&sim, FaultError::Raw(EIO));
    append(&a, b"lost?").unwrap_err();
    assert_eq!(a.durable_end().0, 1);
    assert_eq!(read_all(&a), [(0, b"before".to_vec())]);
    engine.maintain();
    assert_eq!(read_all(&a), [(0, b"before".to_vec())]);
    assert_eq!(sim.violation(), None);
}

#[test]
fn a_failed_medium_poisons_the_other_shards_too() {
    let sim = Sim::new(3);
    let (_engine, a, b) = two_shards(&sim);
    sync_fails(&sim, FaultError::Raw(EIO));
    append(&a, b"lost?").unwrap_err();
    let refused = append(&b, b"no").unwrap_err();
    assert!(matches!(refused, LogError::Poisoned(_)), "{refused:?}");
    assert!(b.refusal().is_some());
    assert_eq!(read_all(&b), [(0, b"before".to_vec())]);
}

#[test]
fn another_failure_leaves_the_other_shards_alone() {
    let sim = Sim::new(4);
    let (_engine, a, b) = two_shards(&sim);
    sync_fails(&sim, ErrorKind::StorageFull);
    append(&a, b"lost?").unwrap_err();
    append(&a, b"no").unwrap_err();
    append(&b, b"yes").unwrap();
    assert!(b.refusal().is_none());
}

#[test]
fn an_orderly_close_does_not_vouch_for_a_poisoned_shard() {
    for error in [FaultError::Raw(EIO), ErrorKind::StorageFull.into()] {
        let sim = Sim::new(5);
        let (engine, a, _b) = two_shards(&sim);
        sync_fails(&sim, error);
        append(&a, b"lost?").unwrap_err();
        engine.close().unwrap();
        assert_eq!(vouched_for(&sim), ["b"]);
        let engine = open_sim(&sim);
        let a = engine.shard(&name("a"), small_segments()).unwrap();
        assert!(a.metrics().recovered_bytes > 0, "it is recovered");
        append(&a, b"again").unwrap();
    }
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    for kind in [OpKind::SyncData, OpKind::SyncAll] {
        for nth in 1.. {
            let sim = Sim::new(6);
            sim.fail(Fault::once(kind, nth, FaultError::Raw(EIO)).on_path(".seg"));
            let engine = open_sim(&sim);
            let mut failed = false;
            if let Ok(shard) = engine.create_shard(&name("a"), small_segments()) {
                for _ in 0..40 {
                    failed |= append(&shard, &[7; 200]).is_err();
                }
                engine.maintain();
            } else {
                failed = true;
            }
            let _closed_as_well_as_can_be = engine.close();
            if !failed {
                assert!(nth > 3, "{kind:?}");
                break;
            }
            let journal = sim.journal();
            let failure = journal.iter().position(|it| it.detail == "failed").unwrap();
            let path = &journal[failure].path;
            let later = &journal[failure + 1..];
            let touched = later.iter().find(|it| {
                &it.path == path
                    && matches!(it.op, OpKind::SyncData | OpKind::SyncAll | OpKind::Write)
            });
            assert!(touched.is_none(), "{kind:?} {nth}: {touched:?}");
        }
    }
}

#[test]
fn all_who_wait_for_a_failed_group_are_told() {
    let sim = Sim::new(7);
    let (_engine, a, _b) = two_shards(&sim);
    for at in 0..4 {
        sim.fail(Fault::once(OpKind::SyncData, 20 + at, FaultError::Raw(EIO)));
    }
    let barrier = Barrier::new(8);
    let acked: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let appends = (0..50).map(|_| append(&a, b"x"));
                    appends.flatten().count()
                })
            })
            .collect();
        threads.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert_eq!(u64::try_from(acked).unwrap() + 1, a.durable_end().0);
    assert_eq!(a.metrics().queued_bytes, 0);
}
