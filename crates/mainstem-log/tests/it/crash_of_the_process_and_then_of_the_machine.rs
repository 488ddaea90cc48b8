//! A process that is killed leaves names and bytes that its successor sees and the disk does not have
//! yet. What the successor acknowledges must not rest on them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mainstem_env::sim::{Choices, Fault, OpKind, Sim, Strictness, hooked};
use mainstem_env::{EIO, Env};
use mainstem_log::limits::{HOUR_MS, RETENTION_MS_MIN};
use mainstem_log::{Engine, LogError, Shard};

use crate::kit::{append, engine_options, name, read_all, small_segments};
use crate::workload::payload;

const DEEP_DIR: &str = "/deep/data";

fn shard_of(engine: &Engine) -> Result<Shard, LogError> {
    let shard = name("s");
    match engine.shard(&shard, small_segments()) {
        Err(LogError::ShardNotFound(_)) => engine.create_shard(&shard, small_segments()),
        other => other,
    }
}

fn open(env: &Env) -> Result<Engine, LogError> {
    Engine::open(env, Path::new(DEEP_DIR), engine_options())
}

/// What the processes of a test acknowledged, in order.
#[derive(Debug, Default)]
struct Acknowledged(Vec<Vec<u8>>);

impl Acknowledged {
    fn append(&mut self, shard: &Shard) -> Result<(), LogError> {
        let number = shard.durable_end().0;
        let bytes = payload(number + 7, 300);
        let seq = append(shard, &bytes)?;
        assert_eq!(seq.0, number, "nobody else appends");
        // A record of a killed process may be there without ever having been acknowledged.
        self.0.resize(usize::try_from(number).unwrap(), Vec::new());
        self.0.push(bytes);
        Ok(())
    }

    /// Checks that every acknowledged record is there, except for the oldest, if they are expired.
    fn check(&self, shard: &Shard, are_old_expired: bool) {
        assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
        let found = read_all(shard);
        let first = found
            .first()
            .map_or(0, |(seq, _)| usize::try_from(*seq).unwrap());
        assert!(first == 0 || are_old_expired);
        for (seq, wanted) in self.0.iter().enumerate().skip(first) {
            let (found_seq, bytes) = &found[seq - first];
            assert_eq!(usize::try_from(*found_seq).unwrap(), seq);
            assert!(wanted.is_empty() || bytes == wanted, "record {seq}");
        }
    }
}

/// Opens a new directory, rolls, deletes, closes, opens again: everything that changes names.
fn live(sim: &Sim, env: &Env, acknowledged: &mut Acknowledged) -> Result<(), LogError> {
    let engine = open(env)?;
    let shard = shard_of(&engine)?;
    for _ in 0..30 {
        acknowledged.append(&shard)?;
    }
    sim.advance(Duration::from_millis(RETENTION_MS_MIN / 2));
    for _ in 0..15 {
        acknowledged.append(&shard)?;
    }
    sim.advance(Duration::from_millis(RETENTION_MS_MIN / 2 + HOUR_MS));
    engine.maintain();
    acknowledged.append(&shard)?;
    engine.close()?;
    let engine = open(env)?;
    let shard = shard_of(&engine)?;
    acknowledged.append(&shard)?;
    engine.close()?;
    Ok(())
}

/// Opens what is there, appends, loses power, and looks again.
fn go_on_and_lose_power(world: &Sim, mut acknowledged: Acknowledged, context: &str) {
    let engine = open(&world.env()).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    let shard = shard_of(&engine).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    let expired = world.now().0 > Sim::new(0).now().0 + RETENTION_MS_MIN;
    acknowledged.check(&shard, expired);
    acknowledged.append(&shard).unwrap();
    let at = world.op_count();
    for strictness in Strictness::ALL {
        for seed in 0..6 {
            let mut choices = match seed {
                0 => Choices::drop_all(),
                1 => Choices::keep_all(),
                seed => Choices::random(seed),
            };
            let after = world.power_loss(at, &mut choices, strictness);
            let context = format!("{context}, {strictness:?}, choices {seed}");
            let engine = open(&after.env()).unwrap_or_else(|error| panic!("{context}: {error:?}"));
            let shard = engine.shard(&name("s"), small_segments());
            let shard = shard.unwrap_or_else(|error| panic!("{context}: {error:?}"));
            acknowledged.check(&shard, expired);
        }
    }
}

#[test]
fn crash_after_every_operation_and_then_a_power_cut() {
    for operations in 0.. {
        let sim = Sim::new(5);
        let fuse = Arc::new(AtomicI64::new(operations));
        let burning = Arc::clone(&fuse);
        let env = hooked(
            &sim.env(),
            Arc::new(move |kind, _| {
                let left = if kind.changes_disk() {
                    burning.fetch_sub(1, Ordering::SeqCst)
                } else {
                    burning.load(Ordering::SeqCst)
                };
                if left > 0 {
                    Ok(())
                } else {
                    Err(std::io::Error::other("killed"))
                }
            }),
        );
        let mut acknowledged = Acknowledged::default();
        let lived = live(&sim, &env, &mut acknowledged);
        let world = sim.process_crash();
        go_on_and_lose_power(&world, acknowledged, &format!("killed after {operations}"));
        if lived.is_ok() && fuse.load(Ordering::SeqCst) > 0 {
            assert!(operations > 100);
            break;
        }
    }
}

/// A sync that failed is not repeated: its pages and names count as clean, and a later sync that
/// succeeds proves nothing about them.
#[test]
fn crash_after_every_failed_sync_and_then_a_power_cut() {
    for kind in [OpKind::SyncAll, OpKind::SyncData, OpKind::SyncDir] {
        for nth in 1.. {
            let sim = Sim::new(6);
            sim.fail(Fault::once(
                kind,
                nth,
                mainstem_env::sim::FaultError::Raw(EIO),
            ));
            let mut acknowledged = Acknowledged::default();
            let lived = live(&sim, &sim.env(), &mut acknowledged);
            if sim.calls(kind) < nth {
                lived.unwrap();
                assert!(nth > 5);
                break;
            }
            let world = sim.process_crash();
            go_on_and_lose_power(&world, acknowledged, &format!("{kind:?} {nth} failed"));
        }
    }
}

/// The recovery cuts the file and fails to sync that. The next one finds a file that has the right length
/// already, and has to make it last all the same before it shows what is in there.
#[test]
fn a_length_that_could_not_be_synced_is_synced_at_the_next_opening() {
    let sim = Sim::new(1);
    let may_sync = Arc::new(AtomicI64::new(1));
    let env = {
        let may_sync = Arc::clone(&may_sync);
        let hook = move |kind, path: &Path| {
            let is_segment = path.extension().is_some_and(|it| it == "seg");
            if kind == OpKind::SyncData && is_segment && may_sync.load(Ordering::Relaxed) == 0 {
                return Err(std::io::Error::other("killed"));
            }
            Ok(())
        };
        hooked(&sim.env(), Arc::new(hook))
    };
    let engine = open(&env).unwrap();
    let shard = shard_of(&engine).unwrap();
    // Killed between the write of its first group and the sync of that.
    may_sync.store(0, Ordering::Relaxed);
    append(&shard, &payload(1, 300)).unwrap_err();
    let killed = sim.process_crash();

    killed.fail(Fault::once(OpKind::SyncAll, 1, std::io::ErrorKind::Other).on_path(".seg"));
    let engine = open(&killed.env()).unwrap();
    shard_of(&engine).unwrap_err();
    drop(engine);
    let engine = open(&killed.env()).unwrap();
    let shown = read_all(&shard_of(&engine).unwrap());
    assert_eq!(shown.len(), 1, "the group was written whole");

    for strictness in [Strictness::StrictPosix, Strictness::Ext4Like] {
        let at = killed.op_count();
        let disk = killed.power_loss(at, &mut Choices::drop_all(), strictness);
        let engine = open(&disk.env()).unwrap();
        assert_eq!(read_all(&shard_of(&engine).unwrap()), shown);
    }
}
