//! Groups of many shards share a sync: what is durable in the commit journal alone is never lost, and
//! never comes back where it does not belong.
#![expect(
    clippy::disallowed_methods,
    reason = "a test of what a backup does copies files itself"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use mainstem_env::Env;
use mainstem_env::sim::{
    Choices, Fault, FaultError, JournalEntry, OpKind, Sim, Strictness, hooked,
};
use mainstem_log::{Engine, EngineOptions, LogError, Offline, Shard, ShardOptions};

use crate::kit::{DIR, append, engine_options, name, open, open_sim, read_all, small_segments};

const JOURNAL: &str = "/data/journal";
const RECORDS: u64 = 5;

/// Every group goes through the journal that it can take.
fn journaling(bytes_max: u64) -> EngineOptions {
    let mut options = engine_options();
    options.journal.commits_min = 1;
    options.journal.bytes_max = bytes_max;
    options
}

fn open_journaling(sim: &Sim) -> Engine {
    // The journal vouches for what is readable.
    sim.set_published_check(|path| path.starts_with(JOURNAL));
    Engine::open(&sim.env(), Path::new(DIR), journaling(64 << 10)).unwrap()
}

fn payload(shard: usize, number: u64) -> Vec<u8> {
    format!("shard {shard}, record {number}").into_bytes()
}

fn is_there(sim: &Sim) -> bool {
    sim.files().iter().any(|it| it.starts_with(JOURNAL))
}

fn create(engine: &Engine, shards: usize) -> Vec<Shard> {
    (0..shards)
        .map(|it| engine.create_shard(&name(&format!("s{it}")), small_segments()))
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Returns an engine whose groups all go through the journal, with so many shards.
fn created(seed: u64, shards: usize) -> (Sim, Engine, Vec<Shard>) {
    let sim = Sim::new(seed);
    let engine = open_journaling(&sim);
    let shards = create(&engine, shards);
    (sim, engine, shards)
}

/// As [`created`], and something in each shard.
fn filled(seed: u64, shards: usize) -> (Sim, Engine, Vec<Shard>) {
    let made = created(seed, shards);
    fill(&made.2);
    made
}

/// Appends to each of the shards in turn.
fn fill(shards: &[Shard]) {
    for number in 0..RECORDS {
        for (at, shard) in shards.iter().enumerate() {
            append(shard, &payload(at, number)).unwrap();
        }
    }
}

fn shard_of(engine: &Engine, at: usize) -> Shard {
    engine
        .shard(&name(&format!("s{at}")), small_segments())
        .unwrap()
}

fn check(engine: &Engine, shards: usize) {
    for at in 0..shards {
        let shard = shard_of(engine, at);
        assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
        let expected: Vec<_> = (0..RECORDS).map(|it| (it, payload(at, it))).collect();
        assert_eq!(read_all(&shard), expected, "shard {at}");
    }
}

#[test]
fn one_sync_a_group_and_none_of_the_segments() {
    let (sim, engine, shards) = created(1, 3);
    append(&shards[0], b"creates the journal").unwrap();
    let before = sim.calls(OpKind::SyncData);
    for shard in &shards {
        append(shard, b"a record").unwrap();
    }
    assert_eq!(sim.calls(OpKind::SyncData) - before, 3);
    assert_eq!(engine.metrics().journaled_groups, 4);
    assert!(sim.violation().is_none(), "{:?}", sim.violation());
}

#[test]
fn the_index_is_written_now_and_then_and_a_crash_costs_no_more_than_reading_that_much() {
    const RECORDS: u64 = 300;
    const INDEX_HELD_BYTES: u64 = 64 << 10;
    let sim = Sim::new(12);
    let engine = Engine::open(&sim.env(), Path::new(DIR), journaling(8 << 20)).unwrap();
    let shard = engine
        .create_shard(&name("s"), ShardOptions::default())
        .unwrap();
    append(&shard, b"creates the journal").unwrap();
    let index = "/data/shards/s/00000000000000000000.idx";
    assert!(
        sim.files().iter().any(|it| it == Path::new(index)),
        "nothing shows that the segment was born"
    );
    for _ in 0..RECORDS {
        append(&shard, &[7; 1000]).unwrap();
    }
    let history = sim.journal();
    let of_index = |it: &&JournalEntry| it.op == OpKind::Write && it.path == index;
    let count = history.iter().filter(of_index).count();
    assert!((1..=6).contains(&count), "{count} for 300 KiB");

    let crashed = sim.process_crash();
    let engine = open_sim(&crashed);
    let shard = engine.shard(&name("s"), ShardOptions::default()).unwrap();
    let read = shard.metrics().recovered_bytes;
    // An entry and its group are never far apart.
    assert!(read <= INDEX_HELD_BYTES + (8 << 10), "{read} bytes");
    assert_eq!(read_all(&shard).len(), 301);
}

#[test]
fn it_is_gone_after_an_orderly_close_and_after_a_rest() {
    let (sim, engine, shards) = filled(2, 2);
    assert!(is_there(&sim));
    engine.maintain();
    sim.advance(Duration::from_mins(1));
    engine.maintain();
    assert!(!is_there(&sim), "{:?}", sim.files());
    // It comes back when it is wanted.
    append(&shards[0], b"again").unwrap();
    assert!(is_there(&sim));
    engine.close().unwrap();
    assert!(!is_there(&sim), "{:?}", sim.files());
    let mut lost = sim.power_loss_now();
    lost.set_published_check(|_| true);
    let engine = open_sim(&lost);
    let shard = shard_of(&engine, 0);
    assert_eq!(read_all(&shard).len(), 6);
    assert_eq!(
        shard.metrics().recovered_bytes,
        0,
        "the note of the close is believed"
    );
    lost = lost.process_crash();
    drop(lost);
}

#[test]
fn a_power_cut_at_any_moment_takes_nothing_that_was_acknowledged() {
    let (sim, _engine, shards) = created(3, 2);
    let mut acknowledged = Vec::new();
    for number in 0..RECORDS {
        for (at, shard) in shards.iter().enumerate() {
            append(shard, &payload(at, number)).unwrap();
            acknowledged.push((sim.op_count(), at));
        }
    }
    let begin = acknowledged[0].0;
    for at in begin..=sim.op_count() {
        for strictness in Strictness::ALL {
            for seed in 0..4 {
                let lost = sim.power_loss(at, &mut Choices::random(seed), strictness);
                // Without the wish for a journal, too, it is taken over.
                let engine = open_sim(&lost);
                assert!(!is_there(&lost), "{:?}", lost.files());
                for shard in 0..2 {
                    let wanted = acknowledged.iter().filter(|it| it.0 <= at && it.1 == shard);
                    let Ok(found) = engine.shard(&name(&format!("s{shard}")), small_segments())
                    else {
                        assert_eq!(wanted.count(), 0);
                        continue;
                    };
                    assert!(found.refusal().is_none(), "{:?}", found.refusal());
                    let found = read_all(&found);
                    assert!(found.len() >= wanted.count(), "shard {shard} at {at}");
                    for (number, bytes) in found {
                        assert_eq!(bytes, payload(shard, number));
                    }
                }
                assert!(lost.violation().is_none(), "{:?}", lost.violation());
            }
        }
    }
}

/// The journal's segments go when the segments of those who needed them are synced, and it stays within
/// its bounds.
#[test]
fn it_is_tidied_while_it_is_used() {
    let (sim, engine, shards) = created(4, 2);
    for round in 0..200 {
        append(&shards[0], &[b'x'; 400]).unwrap();
        if round == 0 {
            append(&shards[1], b"once, early").unwrap();
        }
        if round % 10 == 0 {
            engine.maintain();
        }
        let stored = sim
            .files()
            .iter()
            .filter(|it| it.starts_with(JOURNAL))
            .count();
        // A segment, its index, and as many again on their way out.
        assert!(stored <= 8, "{stored} files in round {round}");
    }
    let lost = sim.power_loss_now();
    let engine = open_sim(&lost);
    let [often, once] = ["s0", "s1"].map(|it| engine.shard(&name(it), small_segments()).unwrap());
    assert_eq!(read_all(&often).len(), 200);
    assert_eq!(read_all(&once), vec![(0, b"once, early".to_vec())]);
}

/// Nobody tidies here: when the journal is full, segments are synced as ever.
#[test]
fn a_full_journal_is_passed_by() {
    let (_sim, engine, shards) = created(5, 1);
    for _ in 0..300 {
        append(&shards[0], &[b'x'; 400]).unwrap();
    }
    let journaled = engine.metrics().journaled_groups;
    assert!((100..200).contains(&journaled), "{journaled} of 300 groups");
    engine.maintain();
    append(&shards[0], b"there is room again").unwrap();
    assert_eq!(engine.metrics().journaled_groups, journaled + 1);
}

#[test]
fn large_groups_have_a_sync_of_their_own() {
    let (_sim, engine, shards) = created(6, 1);
    append(&shards[0], &[b'x'; 1000]).unwrap();
    assert_eq!(engine.metrics().journaled_groups, 1);
    let large = engine
        .create_shard(&name("large"), ShardOptions::default())
        .unwrap();
    append(&large, &[b'x'; 3000]).unwrap();
    assert_eq!(engine.metrics().journaled_groups, 1);
}

/// A sync in the background fails: what it was to make durable is in the journal alone from then on, and
/// stays there.
#[test]
fn a_failed_sync_in_the_background_poisons_and_the_journal_keeps_what_it_has() {
    let (sim, engine, shards) = filled(7, 2);
    let fault = Fault::for_ever(OpKind::SyncData, 1, std::io::ErrorKind::Other);
    sim.fail(fault.on_path("shards/s0"));
    sim.advance(Duration::from_mins(1));
    engine.maintain();
    sim.advance(Duration::from_mins(1));
    engine.maintain();
    let error = append(&shards[0], b"more").unwrap_err();
    assert!(matches!(error, LogError::Poisoned(_)), "{error:?}");
    append(&shards[1], b"more").unwrap();
    let _shards_cannot_all_be_vouched_for = engine.close();
    assert!(is_there(&sim), "{:?}", sim.files());
    sim.clear_faults();
    let lost = sim.power_loss_now();
    let engine = open_sim(&lost);
    let shard = shard_of(&engine, 0);
    assert_eq!(read_all(&shard).len(), 5);
    let shard = shard_of(&engine, 1);
    assert_eq!(read_all(&shard).len(), 6);
    assert!(!is_there(&lost));
}

/// Has the next sync of the first shard's segment fail, and maintenance run into it.
fn fail_a_sync(sim: &Sim, engine: &Engine) {
    let fault = Fault::once(OpKind::SyncData, 1, std::io::ErrorKind::Other);
    sim.fail(fault.on_path("shards/s0/00000000000000000000.seg"));
    for _ in 0..3 {
        sim.advance(Duration::from_mins(1));
        engine.maintain();
    }
}

/// Nothing may end the journal but a shard that needs it, and that only for as long as it is there.
#[test]
fn a_failed_sync_keeps_the_journal_until_its_shard_is_removed() {
    let (sim, engine, shards) = filled(17, 2);
    fail_a_sync(&sim, &engine);
    let error = append(&shards[0], b"more").unwrap_err();
    assert!(matches!(error, LogError::Poisoned(_)), "{error:?}");
    let journaled = engine.metrics().journaled_groups;
    append(&shards[1], b"alone").unwrap();
    // Syncs that succeed by now prove nothing.
    for _ in 0..3 {
        sim.advance(Duration::from_mins(1));
        engine.maintain();
    }
    assert!(is_there(&sim), "{:?}", sim.files());
    for seed in 0..20 {
        for strictness in Strictness::ALL {
            let lost = sim.power_loss(sim.op_count(), &mut Choices::random(seed), strictness);
            let engine = open_sim(&lost);
            assert_eq!(read_all(&shard_of(&engine, 0)).len(), 5);
            assert_eq!(read_all(&shard_of(&engine, 1)).len(), 6);
        }
    }

    engine.remove_shard(&name("s0")).unwrap();
    engine.maintain();
    assert!(!is_there(&sim), "{:?}", sim.files());
    assert_eq!(engine.metrics().journaled_groups, journaled);
    append(&shards[1], b"in company").unwrap();
    assert_eq!(engine.metrics().journaled_groups, journaled + 1);
    let engine = open_sim(&sim.power_loss_now());
    assert_eq!(read_all(&shard_of(&engine, 1)).len(), 7);
}

/// Until a removal survives a power cut, so must what is removed.
#[test]
fn a_shard_that_could_not_be_removed_is_not_forgotten() {
    let (sim, engine, _shards) = filled(18, 2);
    fail_a_sync(&sim, &engine);
    let fault = Fault::for_ever(OpKind::SyncDir, 1, std::io::ErrorKind::Other);
    sim.fail(fault.on_path("/data/shards"));
    engine.remove_shard(&name("s0")).unwrap_err();
    engine.maintain();
    sim.clear_faults();
    assert!(is_there(&sim), "{:?}", sim.files());
    let mut is_back = 0;
    for seed in 0..20 {
        let lost = sim.power_loss(
            sim.op_count(),
            &mut Choices::random(seed),
            Strictness::StrictPosix,
        );
        let found = open_sim(&lost).shard(&name("s0"), small_segments());
        if let Ok(found) = found {
            assert_eq!(read_all(&found).len(), 5);
            is_back += 1;
        }
    }
    assert!(is_back > 0, "the removal was never lost");
}

/// The sync of its removal fails: that it was removed is never certain after that, and its name not used again.
#[test]
fn a_journal_that_could_not_be_removed_is_left_for_the_next_opening() {
    let (sim, engine, shards) = filled(19, 2);
    engine.maintain();
    sim.advance(Duration::from_mins(1));
    // After one for the index of each shard.
    let fault = Fault::once(OpKind::SyncDir, 3, std::io::ErrorKind::Other);
    sim.fail(fault);
    for _ in 0..3 {
        engine.maintain();
        sim.advance(Duration::from_mins(1));
    }
    let journaled = engine.metrics().journaled_groups;
    append(&shards[0], b"alone").unwrap();
    assert_eq!(engine.metrics().journaled_groups, journaled);
    engine.close().unwrap();
    let check = |sim: &Sim, at| {
        for seed in 0..20 {
            for strictness in Strictness::ALL {
                let lost = sim.power_loss(at, &mut Choices::random(seed), strictness);
                let engine = open_sim(&lost);
                assert_eq!(read_all(&shard_of(&engine, 0)).len(), 6);
                assert_eq!(read_all(&shard_of(&engine, 1)).len(), 5);
            }
        }
    };
    check(&sim, sim.op_count());
    // The next opening knows nothing of the failure, and may lose power at any moment.
    let next = sim.process_crash();
    let begin = next.op_count();
    open_sim(&next).close().unwrap();
    for at in begin..=next.op_count() {
        check(&next, at);
    }
}

#[test]
fn no_descriptor_to_spare_and_no_room_for_a_journal_are_no_reason_to_refuse() {
    for op in [OpKind::CreateDir, OpKind::Create, OpKind::Allocate] {
        let sim = Sim::new(8);
        let engine = open_journaling(&sim);
        let shards = create(&engine, 2);
        let fault = Fault::for_ever(op, 1, std::io::ErrorKind::StorageFull);
        sim.fail(fault.on_path("journal"));
        fill(&shards);
        assert_eq!(engine.metrics().journaled_groups, 0, "{op:?}");
        sim.clear_faults();
        // It is tried again, now and then.
        engine.maintain();
        let again = engine
            .create_shard(&name("again"), small_segments())
            .unwrap();
        append(&again, b"again").unwrap();
        assert_eq!(engine.metrics().journaled_groups, 1, "{op:?}");
        drop((shards, engine));
        check(&open_sim(&sim.process_crash()), 2);
    }
}

#[test]
fn a_shard_that_was_made_anew_gets_nothing_of_its_forerunner() {
    let sim = Sim::new(9);
    let engine = open_journaling(&sim);
    for text in ["first", "second"] {
        let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
        append(&shard, text.as_bytes()).unwrap();
        append(&shard, text.as_bytes()).unwrap();
        if text == "first" {
            engine.remove_shard(&name("s")).unwrap();
        }
    }
    assert_eq!(engine.metrics().journaled_groups, 4);
    for strictness in Strictness::ALL {
        for seed in 0..20 {
            let lost = sim.power_loss(sim.op_count(), &mut Choices::random(seed), strictness);
            let shard = open_sim(&lost).shard(&name("s"), small_segments()).unwrap();
            let second = b"second".to_vec();
            assert_eq!(read_all(&shard), vec![(0, second.clone()), (1, second)]);
        }
    }
}

#[test]
fn damage_is_told_and_never_served_and_can_be_set_aside() {
    let (sim, _engine, _shards) = filled(10, 2);
    let lost = sim.power_loss_now();
    let segment = PathBuf::from(JOURNAL).join("00000000000000000000.seg");
    // In the fourth group or so, long before the last one.
    lost.flip_bit(&segment, 8 * 600).unwrap();
    let error = open(&lost.env()).unwrap_err();
    assert!(
        matches!(&error, LogError::Corrupt { path, .. } if path.starts_with(JOURNAL)),
        "{error:?}"
    );
    let mut offline = Offline::open(&lost.env(), Path::new(DIR)).unwrap();
    assert!(offline.journal_problem().is_some());
    offline.set_journal_aside().unwrap();
    assert!(offline.journal_problem().is_none());
    drop(offline);
    let kept = Path::new("/data/journal.damaged");
    assert!(lost.files().iter().any(|it| it.starts_with(kept)));
    let engine = open_sim(&lost);
    let mut found = 0;
    for at in 0..2 {
        let shard = shard_of(&engine, at);
        for (number, bytes) in read_all(&shard) {
            assert_eq!(bytes, payload(at, number));
            found += 1;
        }
    }
    assert!((1..10).contains(&found), "{found} of 10 records");
}

/// Each byte of the journal in turn is changed. Only in its last group does that look like a write which the
/// power cut tore, as in any log.
#[test]
fn no_change_of_a_byte_goes_unnoticed() {
    let (sim, _engine, _shards) = filled(12, 2);
    let lost = sim.power_loss_now();
    let segment = PathBuf::from(JOURNAL).join("00000000000000000000.seg");
    let bytes = lost.read_file(&segment).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let is_group = |at: &usize| bytes[*at..].starts_with(b"GRP1");
    let last_group = (0..used).rev().find(is_group).unwrap();
    let mut refused = 0;
    for at in 0..used {
        let world = lost.snapshot();
        world
            .flip_bit(&segment, u64::try_from(at * 8 + at % 8).unwrap())
            .unwrap();
        let engine = match open(&world.env()) {
            Ok(engine) => engine,
            Err(LogError::Corrupt { path, .. }) => {
                assert!(path.starts_with(JOURNAL), "byte {at}: {}", path.display());
                refused += 1;
                continue;
            }
            Err(error) => panic!("byte {at}: {error:?}"),
        };
        let found = |shard: usize| {
            let shard = engine.shard(&name(&format!("s{shard}")), small_segments());
            u64::try_from(read_all(&shard.unwrap()).len()).unwrap()
        };
        let expected = if at < last_group {
            RECORDS
        } else {
            RECORDS - 1
        };
        assert_eq!(found(0), RECORDS, "byte {at}");
        assert!(
            found(1) >= expected,
            "byte {at}, the last group begins at {last_group}"
        );
    }
    assert!(refused > used / 2, "{refused} of {used}");
}

/// A sync of the segment fails; what comes after it proves nothing, whoever asks.
#[test]
fn a_failed_sync_of_a_segment_leaves_the_journal_what_it_has() {
    let sim = Sim::new(13);
    let engine = open_journaling(&sim);
    let shard = engine
        .create_shard(&name("s0"), ShardOptions::default())
        .unwrap();
    for number in 0..RECORDS {
        append(&shard, &payload(0, number)).unwrap();
    }
    let fault = Fault::once(OpKind::SyncData, 1, std::io::ErrorKind::Other);
    sim.fail(fault.on_path("shards/s0"));
    append(&shard, &LARGE).unwrap_err();
    engine.maintain();
    let _this_shard_is_not_vouched_for = engine.close();
    check_after_power_cut(&sim);
}

/// The same, while somebody waits to close the engine.
#[test]
fn a_sync_that_fails_during_a_close_is_not_made_up_for() {
    let sim = Sim::new(14);
    sim.set_published_check(|path| path.starts_with(JOURNAL));
    let is_armed = Arc::new(AtomicBool::new(false));
    let (entered, has_entered) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let hold = {
        let is_armed = Arc::clone(&is_armed);
        move |kind, path: &Path| {
            let is_meant = kind == OpKind::SyncData && path.starts_with("/data/shards/s0");
            if is_meant && is_armed.swap(false, Ordering::SeqCst) {
                entered.send(()).unwrap();
                may_go_on.lock().unwrap().recv().unwrap();
            }
            Ok(())
        }
    };
    let env = hooked(&sim.env(), Arc::new(hold));
    let engine = Engine::open(&env, Path::new(DIR), journaling(64 << 10)).unwrap();
    let shard = engine
        .create_shard(&name("s0"), ShardOptions::default())
        .unwrap();
    for number in 0..RECORDS {
        append(&shard, &payload(0, number)).unwrap();
    }
    is_armed.store(true, Ordering::SeqCst);
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| append(&shard, &LARGE));
        has_entered.recv().unwrap();
        let closing = scope.spawn(|| engine.close());
        while shard.refusal().is_none() {
            std::thread::yield_now();
        }
        let fault = Fault::once(OpKind::SyncData, 1, std::io::ErrorKind::Other);
        sim.fail(fault.on_path("shards/s0"));
        go_on.send(()).unwrap();
        appending.join().unwrap().unwrap_err();
        let _this_shard_is_not_vouched_for = closing.join().unwrap();
    });
    check_after_power_cut(&sim);
}

/// Too large for the journal.
const LARGE: [u8; 3000] = [b'x'; 3000];

fn check_after_power_cut(sim: &Sim) {
    let lost = sim.power_loss_now();
    let engine = open_sim(&lost);
    let shard = engine.shard(&name("s0"), ShardOptions::default()).unwrap();
    assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
    let found = read_all(&shard);
    let expected: Vec<_> = (0..RECORDS).map(|it| (it, payload(0, it))).collect();
    assert_eq!(found.get(..expected.len()), Some(&*expected));
}

/// Nobody tidies, records are short and names are long.
#[test]
fn it_stays_within_its_bounds() {
    let sim = Sim::new(15);
    let engine = open_journaling(&sim);
    let shard = engine.create_shard(&name(&"n".repeat(200)), small_segments());
    for _ in 0..2000 {
        append(shard.as_ref().unwrap(), b"x").unwrap();
    }
    let is_segment = |path: &&PathBuf| {
        path.starts_with(JOURNAL) && path.extension().is_some_and(|it| it == "seg")
    };
    // One more: none is filled to its end.
    assert!(sim.files().iter().filter(is_segment).count() <= 5);
}

#[test]
fn the_last_descriptor_is_for_the_segment() {
    let (sim, engine, shards) = created(16, 1);
    append(&shards[0], b"one").unwrap();
    for _ in 0..3 {
        sim.advance(Duration::from_mins(1));
        engine.maintain();
    }
    let too_many = FaultError::Raw(24);
    sim.fail(Fault::for_ever(OpKind::Open, 2, too_many).on_path("shards/s0"));
    append(&shards[0], b"two").unwrap();
}

#[test]
fn whoever_looks_offline_sees_what_the_journal_has() {
    let (sim, _engine, _shards) = filled(11, 1);
    let lost = sim.power_loss_now();
    let offline = Offline::open(&lost.env(), Path::new(DIR)).unwrap();
    let reports = offline.verify(&name("s0"), &mut |_| ()).unwrap();
    assert_eq!(reports.iter().map(|it| it.records).sum::<u64>(), RECORDS);
    assert!(reports.iter().all(|it| it.damage.is_empty()));
}

/// A journal that comes back from the dead, of a power cut or a backup, writes over nothing.
#[test]
fn a_stale_journal_does_not_overwrite_what_was_appended_since() {
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|it| dir.path().join(it));
    let engine = Engine::open(&Env::real(), &one, engine_options()).unwrap();
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    append(&shard, b"before").unwrap();
    engine.close().unwrap();
    copy(&one, &other);
    let engine = Engine::open(&Env::real(), &one, journaling(64 << 10)).unwrap();
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    for _ in 0..3 {
        append(&shard, b"what the journal has").unwrap();
    }
    assert_eq!(engine.metrics().journaled_groups, 3);
    let engine_of_other = Engine::open(&Env::real(), &other, engine_options()).unwrap();
    let shard_of_other = engine_of_other.shard(&name("s"), small_segments()).unwrap();
    // Longer, so that the places of the journal's later groups lie within it.
    let what_the_shard_has = b"what the shard has ".repeat(20);
    append(&shard_of_other, &what_the_shard_has).unwrap();
    engine_of_other.close().unwrap();
    copy(&one.join("journal"), &other.join("journal"));
    let engine_of_other = Engine::open(&Env::real(), &other, engine_options()).unwrap();
    let shard_of_other = engine_of_other.shard(&name("s"), small_segments()).unwrap();
    let expected = [(0, b"before".to_vec()), (1, what_the_shard_has)];
    assert_eq!(read_all(&shard_of_other), expected);
    assert!(!other.join("journal").exists());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
