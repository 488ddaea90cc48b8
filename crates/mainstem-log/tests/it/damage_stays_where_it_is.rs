//! What is wrong with one segment stays with that segment.
#![expect(
    clippy::disallowed_methods,
    reason = "files are damaged behind the engine's back"
)]

use std::path::Path;

use mainstem_env::sim::Sim;
use mainstem_env::{Env, OpenMode};
use mainstem_log::{Engine, LogError, SeqNo, ShardOptions, Start};

use crate::kit::{append, engine_options, name, open_sim, read_all, small_segments};

fn payload(number: u64) -> Vec<u8> {
    format!("record {number} ").repeat(7).into_bytes()
}

/// Counts this process's descriptors of files below `dir`; other tests have theirs.
fn descriptors(dir: &Path) -> usize {
    let all = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = all.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.starts_with(dir)).count()
}

#[test]
fn rot_in_one_footer_hides_only_its_segment() {
    let sim = Sim::new(7);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..200 {
        append(&shard, &payload(number)).unwrap();
    }
    engine.close().unwrap();
    let oldest = sim
        .files()
        .into_iter()
        .find(|p| p.extension().is_some_and(|it| it == "seg"))
        .unwrap();
    let bits = sim
        .read_file(&oldest)
        .unwrap()
        .len()
        .checked_mul(8)
        .unwrap();
    sim.flip_bit(&oldest, u64::try_from(bits).unwrap() - 100)
        .unwrap();
    let engine = open_sim(&sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert!(shard.refusal().is_none());
    append(&shard, b"appends are still taken").unwrap();
    let mut cursor = shard
        .cursor(Start::At(SeqNo(199)))
        .expect("record 199 is healthy");
    assert_eq!(cursor.next().unwrap().unwrap().seq(), SeqNo(199));
}

#[test]
fn a_replay_does_not_keep_every_segment_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = engine_options();
    options.read_mode = mainstem_env::ReadMode::Buffered;
    let engine = Engine::open(&Env::real(), dir.path(), options).unwrap();
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..2000 {
        append(&shard, &payload(number)).unwrap();
    }
    let before = descriptors(dir.path());
    assert_eq!(read_all(&shard).len(), 2000);
    engine.maintain();
    let after = descriptors(dir.path());
    assert!(
        after < before + 5,
        "{before} then {after} of {} segments",
        shard.metrics().segments
    );
}

#[test]
fn a_page_that_cannot_be_read_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(&Env::real(), dir.path(), engine_options()).unwrap();
    let mut options = ShardOptions::default();
    options.segment_bytes = 1 << 20;
    let shard = engine.create_shard(&name("s"), options).unwrap();
    for number in 0..30 {
        append(&shard, &vec![number; 20_000]).unwrap();
    }
    // The active segment's index is in memory: only the cursor touches the map.
    let file = dir.path().join("shards/s/00000000000000000000.seg");
    let env = Env::real();
    let file = env.fs.open(&file, OpenMode::ReadWrite).unwrap();
    file.truncate(4096).unwrap();
    let mut cursor = shard.cursor(Start::At(SeqNo(20))).unwrap();
    assert!(matches!(cursor.next(), Err(LogError::Io { .. })));
}

#[test]
fn a_path_through_a_symbolic_link() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("real")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
    Engine::open(
        &Env::real(),
        &dir.path().join("link/data"),
        engine_options(),
    )
    .unwrap();
}
