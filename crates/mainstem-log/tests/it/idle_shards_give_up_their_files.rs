//! A shard that nobody uses holds no descriptor and no map; used again, it opens them again.

#![expect(
    clippy::disallowed_methods,
    reason = "what the process holds is asked of the system, not of the code under test"
)]

use std::path::Path;

use mainstem_env::Env;
use mainstem_log::{Engine, Shard};

use crate::kit::{append, engine_options, name, read_all, small_segments};
use mainstem_env::sim::ShiftedClock;

/// Returns how many descriptors and maps of files below `dir` the process holds.
fn held(dir: &Path) -> (usize, usize) {
    let dir = dir.to_str().unwrap();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let descriptors = descriptors
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.starts_with(dir));
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let maps = maps.lines().filter(|line| line.contains(dir));
    (descriptors.count(), maps.count())
}

#[test]
fn and_open_them_again() {
    const SHARDS: usize = 40;
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().canonicalize().unwrap();
    let (env, clock) = ShiftedClock::put_into(&Env::real());
    let engine = Engine::open(&env, &dir, engine_options()).unwrap();
    let shards: Vec<Shard> = (0..SHARDS)
        .map(|it| {
            engine
                .create_shard(&name(&format!("s{it}")), small_segments())
                .unwrap()
        })
        .collect();
    for shard in &shards {
        for _ in 0..20 {
            append(shard, &[8; 700]).unwrap();
        }
        assert_eq!(read_all(shard).len(), 20);
    }
    let (descriptors, maps) = held(&dir);
    assert!(
        descriptors > SHARDS,
        "{descriptors}: a file each, and the lock"
    );
    assert!(maps > SHARDS, "{maps}: the sealed ones too");

    engine.maintain();
    assert_eq!(held(&dir), (descriptors, maps), "they were used just now");
    clock.advance_ms(31_000);
    engine.maintain();
    clock.advance_ms(31_000);
    engine.maintain();
    assert_eq!(held(&dir), (1, 0), "nothing but the lock");
    assert_eq!(engine.metrics().maps, 0);

    append(&shards[0], b"again").unwrap();
    assert_eq!(read_all(&shards[0]).len(), 21);
    let (descriptors, maps) = held(&dir);
    assert!(descriptors > 1 && maps > 0);
    drop(shards);
    engine.close().unwrap();
    drop(engine);
    assert_eq!(held(&dir), (0, 0));
}
