//! Once an engine is closed, the files are somebody else's.
#![expect(
    clippy::disallowed_methods,
    reason = "real threads meet in real time here"
)]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mainstem_env::sim::{OpKind, Sim, hooked};
use mainstem_env::{EIO, Env};
use mainstem_log::{Engine, LogError, ShardOptions};

use crate::kit::{DIR, append, engine_options, name, open, open_sim, read_all, small_segments};

fn payload(number: u64) -> Vec<u8> {
    format!("record {number} ").repeat(7).into_bytes()
}

fn nap(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

#[test]
fn no_zeros_are_written_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = Arc::new(AtomicBool::new(false));
    let free = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicBool::new(false));
    let fail = Arc::new(AtomicBool::new(false));
    let (b, f, d, e) = (
        Arc::clone(&blocked),
        Arc::clone(&free),
        Arc::clone(&done),
        Arc::clone(&fail),
    );
    let env = hooked(
        &Env::real(),
        Arc::new(move |kind, _: &Path| {
            let pool = std::thread::current().name() == Some("mainstem-sync");
            if pool && kind == OpKind::Write {
                b.store(true, Ordering::SeqCst);
                while !f.load(Ordering::SeqCst) {
                    nap(1);
                }
            }
            if pool && kind == OpKind::SyncData {
                d.store(true, Ordering::SeqCst);
            }
            if !pool && kind == OpKind::SyncData && e.load(Ordering::SeqCst) {
                return Err(io::Error::from_raw_os_error(EIO));
            }
            Ok(())
        }),
    );
    let mut options = ShardOptions::default();
    options.prewrite_bytes = 1 << 20;
    let engine = Engine::open(&env, dir.path(), engine_options()).unwrap();
    let shard = engine.create_shard(&name("s"), options.clone()).unwrap();
    let mut count = 0u64;
    while !blocked.load(Ordering::SeqCst) {
        shard.append_one(&payload(count)).unwrap();
        count += 1;
        assert!(count < 20_000, "never busy");
    }
    fail.store(true, Ordering::SeqCst);
    shard.append_one(b"fails").unwrap_err();
    drop(shard);
    let releases = std::thread::spawn(move || {
        nap(50);
        free.store(true, Ordering::SeqCst);
    });
    engine.close().unwrap();
    assert!(
        done.load(Ordering::SeqCst),
        "closed while zeros were still to be written"
    );
    releases.join().unwrap();
}

#[test]
fn nothing_is_deleted_by_it() {
    let sim = Sim::new(3);
    let first = open_sim(&sim);
    let shard = first.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..100 {
        append(&shard, &payload(number)).unwrap();
    }
    first.close().unwrap();
    let second = open_sim(&sim);
    let mut options = small_segments();
    options.retention_ms = 365 * 24 * 3_600_000;
    let kept = second.shard(&name("s"), options).unwrap();
    sim.advance(Duration::from_hours(72));
    first.trust_clock();
    let report = first.maintain();
    assert_eq!(report.deleted, 0);
    assert_eq!(read_all(&kept).len(), 100);
}

#[test]
fn a_shard_poisoned_during_close_is_not_vouched_for() {
    use mainstem_log::format::manifest::{decode_clean, decode_engine};
    let sim = Sim::new(6);
    let gate = Arc::new(AtomicUsize::new(0));
    let g = Arc::clone(&gate);
    let env = hooked(
        &sim.env(),
        Arc::new(move |kind, path: &Path| {
            if kind == OpKind::SyncData
                && path.extension().is_some_and(|e| e == "seg")
                && g.load(Ordering::SeqCst) == 1
            {
                g.store(2, Ordering::SeqCst);
                nap(300);
                return Err(io::Error::other("no"));
            }
            Ok(())
        }),
    );
    let engine = open(&env).unwrap();
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    append(&shard, b"before").unwrap();
    gate.store(1, Ordering::SeqCst);
    let s = shard.clone();
    let leader = std::thread::spawn(move || s.append_one(b"lost?"));
    while gate.load(Ordering::SeqCst) < 2 {
        nap(1);
    }
    engine.close().unwrap();
    assert!(matches!(
        leader.join().unwrap(),
        Err(LogError::SyncFailed { .. })
    ));
    let file = |name: &str| sim.read_file(Path::new(DIR).join(name)).unwrap();
    let id = decode_engine(&file("ENGINE")).unwrap();
    let clean = decode_clean(&file("CLEAN"), id).unwrap();
    assert!(clean.is_empty(), "{clean:?}");
}
