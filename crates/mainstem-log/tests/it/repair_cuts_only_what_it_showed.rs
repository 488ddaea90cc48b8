//! Damage is refused and named; `repair` alone cuts it off, after saying what goes.

use std::path::{Path, PathBuf};

use mainstem_env::sim::Sim;
use mainstem_log::{LogError, Offline, SeqNo, Start};

use crate::kit::{DIR, append, name, open_sim, read, read_all, small_segments};

fn payload(number: u64) -> Vec<u8> {
    format!("record {number} ").repeat(7).into_bytes()
}

/// A shard of several segments, left by a crash; returns its files.
fn store() -> (Sim, Vec<PathBuf>) {
    let sim = Sim::new(7);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..200 {
        append(&shard, &payload(number)).unwrap();
    }
    let crashed = sim.process_crash();
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|it| it == "seg");
    let segments: Vec<PathBuf> = crashed.files().into_iter().filter(is_segment).collect();
    assert!(segments.len() > 4);
    (crashed, segments)
}

fn base(path: &Path) -> u64 {
    path.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

/// Repairs, and returns how many records it said may be lost.
fn repair(sim: &Sim) -> u64 {
    let offline = Offline::open(&sim.env(), Path::new(DIR)).unwrap();
    let cuts = offline.plan_repair(&name("s")).unwrap();
    offline.repair(&name("s"), &cuts).unwrap();
    assert!(
        offline.plan_repair(&name("s")).unwrap().is_empty(),
        "one repair is enough"
    );
    cuts.iter().map(|cut| cut.records_lost_max).sum()
}

fn assert_usable_without(sim: &Sim, lost: std::ops::Range<u64>) {
    let engine = open_sim(sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
    let kept: Vec<u64> = (0..200).filter(|number| !lost.contains(number)).collect();
    let records = read_all(&shard);
    assert_eq!(records.iter().map(|it| it.0).collect::<Vec<_>>(), kept);
    assert!(
        records
            .iter()
            .all(|(number, bytes)| *bytes == payload(*number))
    );
    let next = append(&shard, b"after").unwrap();
    assert!(
        next >= SeqNo(200),
        "a number that was seen is used again: {next}"
    );
    assert_eq!(
        read_all(&shard).last().unwrap(),
        &(next.0, b"after".to_vec())
    );
    engine.close().unwrap();
    let engine = open_sim(sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert_eq!(read_all(&shard).len(), kept.len() + 1);
}

#[test]
fn a_whole_shard_needs_none() {
    let (sim, _) = store();
    assert_eq!(repair(&sim), 0);
    assert_usable_without(&sim, 0..0);
}

#[test]
fn damage_in_the_active_segment() {
    let (sim, segments) = store();
    let active = segments.last().unwrap();
    sim.flip_bit(active, (64 + 40 + 24 + 5) * 8).unwrap();
    // With the index, an opening reads the last group and no other.
    sim.env().fs.unlink(&active.with_extension("idx")).unwrap();
    let engine = open_sim(&sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    let Some(LogError::ReadOnly { source, .. }) = shard.refusal() else {
        panic!("not refused")
    };
    let LogError::Corrupt { path, position, .. } = &*source else {
        panic!("{source}")
    };
    assert_eq!((path, *position), (active, 64 + 40));
    assert_eq!(
        read_all(&shard).len(),
        usize::try_from(base(active)).unwrap()
    );
    let refused = shard.append_one(b"x").unwrap_err();
    assert!(matches!(refused, LogError::ReadOnly { .. }));
    drop((shard, engine));
    assert!(repair(&sim) >= 200 - base(active));
    assert_usable_without(&sim, base(active)..200);
    assert!(
        sim.files()
            .iter()
            .any(|it| it.to_str().unwrap().ends_with(".damaged"))
    );
}

#[test]
fn damage_in_a_sealed_segment() {
    let (sim, segments) = store();
    let (sealed, next) = (&segments[1], base(&segments[2]));
    sim.flip_bit(sealed, (64 + 40 + 24 + 5) * 8).unwrap();
    let engine = open_sim(&sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    let (records, error) = read(&shard, Start::Oldest);
    assert_eq!(records.len(), usize::try_from(base(sealed)).unwrap());
    assert!(matches!(error, Some(LogError::Corrupt { path, .. }) if path == *sealed));
    drop((shard, engine));
    assert_eq!(repair(&sim), next - base(sealed));
    assert_usable_without(&sim, base(sealed)..next);
}

#[test]
fn a_missing_segment() {
    let (sim, segments) = store();
    sim.env().fs.unlink(&segments[2]).unwrap();
    let lost = base(&segments[2])..base(&segments[3]);
    let engine = open_sim(&sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert!(matches!(shard.refusal(), Some(LogError::ReadOnly { .. })));
    drop((shard, engine));
    assert_eq!(repair(&sim), lost.end - lost.start);
    assert_usable_without(&sim, lost);
}

#[test]
fn an_unreadable_header_in_the_middle_and_at_the_end() {
    let (sim, segments) = store();
    sim.flip_bit(&segments[1], 20 * 8).unwrap();
    repair(&sim);
    assert_usable_without(&sim, base(&segments[1])..base(&segments[2]));
    let (sim, segments) = store();
    let active = segments.last().unwrap();
    sim.flip_bit(active, 20 * 8).unwrap();
    repair(&sim);
    assert_usable_without(&sim, base(active)..200);
}

#[test]
fn a_missing_active_segment_is_noticed_by_its_index() {
    let (sim, segments) = store();
    let active = segments.last().unwrap();
    sim.env().fs.unlink(active).unwrap();
    let engine = open_sim(&sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert!(matches!(shard.refusal(), Some(LogError::ReadOnly { .. })));
    drop((shard, engine));
    repair(&sim);
    assert_usable_without(&sim, base(active)..200);
}

#[test]
fn a_damaged_index_block_costs_no_record() {
    let (sim, segments) = store();
    let sealed = &segments[1];
    let bits = u64::try_from(sim.read_file(sealed).unwrap().len()).unwrap() * 8;
    sim.flip_bit(sealed, bits - 64 * 8 - 5).unwrap();
    let engine = open_sim(&sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert_eq!(read_all(&shard).len(), 200);
    drop((shard, engine));
    assert_eq!(repair(&sim), 0);
    assert_usable_without(&sim, 0..0);
}
