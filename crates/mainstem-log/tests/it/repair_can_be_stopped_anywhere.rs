//! A repair that fails or loses power at any point is planned again and finished. Whatever happened in
//! between, no number that may have been seen is used again, and what could be read still can be.

use std::path::{Path, PathBuf};

use mainstem_env::EIO;
use mainstem_env::sim::{Choices, Fault, FaultError, OpKind, Sim, Strictness};
use mainstem_log::{LogError, Offline, SeqNo};

use crate::kit::{DIR, append, name, open_sim, read_all, small_segments};

const RECORDS: u64 = 200;

fn payload(number: u64) -> Vec<u8> {
    format!("record {number} ").repeat(7).into_bytes()
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "seg")
}

fn segments(sim: &Sim) -> Vec<PathBuf> {
    sim.files()
        .into_iter()
        .filter(|it| is_segment(it))
        .collect()
}

fn base(path: &Path) -> u64 {
    path.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

fn filled() -> Sim {
    let sim = Sim::new(7);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..RECORDS {
        append(&shard, &payload(number)).unwrap();
    }
    sim.process_crash()
}

fn closed() -> Sim {
    let sim = Sim::new(7);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..RECORDS {
        append(&shard, &payload(number)).unwrap();
    }
    engine.close().unwrap();
    sim
}

/// Damaged stores, and how many of the oldest records are surely readable in each.
fn damaged() -> Vec<(&'static str, Sim, u64)> {
    let first_group = (64 + 40 + 24 + 5) * 8;
    let group = 40 + 24 + u64::try_from(payload(190).len().next_multiple_of(8)).unwrap();
    let mut stores = Vec::new();
    let sim = filled();
    let active = segments(&sim).pop().unwrap();
    sim.flip_bit(&active, first_group).unwrap();
    stores.push(("first group of the newest", sim, base(&active)));
    let sim = filled();
    sim.set_len_raw(&active, 64 + group).unwrap();
    stores.push(("newest cut at a group", sim, base(&active) + 1));
    let sim = filled();
    sim.flip_bit(&active, 20 * 8).unwrap();
    stores.push(("header of the newest", sim, base(&active)));
    let sim = filled();
    sim.set_len_raw(&active, 10).unwrap();
    stores.push(("newest cut in its header", sim, base(&active)));
    let sim = filled();
    sim.env().fs.unlink(&active).unwrap();
    stores.push(("newest missing", sim, base(&active)));
    let sim = filled();
    let sealed = segments(&sim)[1].clone();
    sim.flip_bit(&sealed, first_group).unwrap();
    sim.flip_bit(&active, first_group + group * 8).unwrap();
    stores.push(("a sealed one and the newest", sim, base(&sealed)));
    // Nothing but the note of the close says that there was more.
    let sim = closed();
    let index = active.with_extension("idx");
    if sim.files().contains(&index) {
        sim.env().fs.unlink(&index).unwrap();
    }
    sim.set_len_raw(&active, 64 + group).unwrap();
    stores.push(("newest cut after a close", sim, base(&active) + 1));
    stores
}

fn repair(sim: &Sim) -> Result<(), LogError> {
    let offline = Offline::open(&sim.env(), Path::new(DIR))?;
    let cuts = offline.plan_repair(&name("s"))?;
    offline.repair(&name("s"), &cuts)
}

fn assert_whole(sim: &Sim, readable: u64, what: &str) {
    repair(sim).unwrap();
    let offline = Offline::open(&sim.env(), Path::new(DIR)).unwrap();
    let left = offline.plan_repair(&name("s")).unwrap();
    assert!(left.is_empty(), "{what}: {:?}", left[0].damage);
    drop(offline);
    let engine = open_sim(sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert!(shard.refusal().is_none(), "{what}: {:?}", shard.refusal());
    let records = read_all(&shard);
    let prefix = (0..readable).map(|number| (number, payload(number)));
    assert!(
        records
            .iter()
            .take(usize::try_from(readable).unwrap())
            .cloned()
            .eq(prefix),
        "{what}: the readable records are not"
    );
    let next = append(&shard, b"after").unwrap();
    assert!(next >= SeqNo(RECORDS), "{what}: {next} is used again");
    assert_eq!(read_all(&shard).len(), records.len() + 1, "{what}");
}

/// An engine that is started between two repairs must not take appends with numbers that were seen.
fn assert_nothing_reused(sim: &Sim, what: &str) {
    let engine = open_sim(sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    if let Ok(next) = append(&shard, b"between") {
        assert!(next >= SeqNo(RECORDS), "{what}: {next} is used again");
    }
}

#[test]
fn by_a_call_that_fails() {
    for (damage, store, readable) in damaged() {
        let whole = store.snapshot();
        repair(&whole).unwrap();
        let mut stopped = 0;
        for op in OpKind::ALL {
            for nth in 1..=whole.calls(op) {
                for takes_effect in [false, true] {
                    let sim = store.snapshot();
                    let fault = Fault::once(op, nth, FaultError::Raw(EIO));
                    sim.fail(if takes_effect {
                        fault.after_effect()
                    } else {
                        fault
                    });
                    stopped += u64::from(repair(&sim).is_err());
                    sim.clear_faults();
                    let what = format!("{damage}, {op:?} {nth}, {takes_effect}");
                    assert_nothing_reused(&sim.process_crash(), &what);
                    assert_whole(&sim.process_crash(), readable, &what);
                }
            }
        }
        assert!(stopped > 20, "{damage}: only {stopped} repairs failed");
    }
}

#[test]
fn by_a_power_cut() {
    for (damage, store, readable) in damaged() {
        let store = store.snapshot();
        let begun = store.op_count();
        repair(&store).unwrap();
        for at in begun..=store.op_count() {
            for choices in [
                Choices::keep_all,
                Choices::drop_all,
                || Choices::random(5),
                || Choices::random(6),
            ] {
                let lost = || store.power_loss(at, &mut choices(), Strictness::StrictPosix);
                let what = format!("{damage}, power cut after {at}");
                assert_nothing_reused(&lost(), &what);
                assert_whole(&lost(), readable, &what);
            }
        }
    }
}

#[test]
fn and_a_cut_segment_without_a_successor_is_not_written_after() {
    let sim = filled();
    let active = segments(&sim).pop().unwrap();
    sim.flip_bit(&active, (64 + 40 + 24 + 5) * 8).unwrap();
    repair(&sim).unwrap();
    // Earlier versions cut first, and may have been stopped before they made the successor.
    sim.env().fs.unlink(&segments(&sim).pop().unwrap()).unwrap();
    let engine = open_sim(&sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert!(matches!(shard.refusal(), Some(LogError::ReadOnly { .. })));
    drop((shard, engine));
    assert_whole(&sim, base(&active), "no successor");
}

#[test]
fn and_copies_of_damaged_files_are_not_overwritten() {
    let sim = filled();
    let sealed = segments(&sim)[1].clone();
    let bit = (64 + 40 + 24 + 5) * 8;
    let count = |sim: &Sim| {
        sim.files()
            .iter()
            .filter(|it| it.to_str().unwrap().contains(".damaged"))
            .count()
    };
    sim.flip_bit(&sealed, bit).unwrap();
    let first = sim.read_file(&sealed).unwrap();
    repair(&sim).unwrap();
    assert_eq!(count(&sim), 1);
    sim.flip_bit(&sealed, 20 * 8).unwrap();
    repair(&sim).unwrap();
    assert!(count(&sim) >= 2);
    let mut kept = sealed.into_os_string();
    kept.push(".damaged");
    assert_eq!(sim.read_file(PathBuf::from(kept)).unwrap(), first);
}
