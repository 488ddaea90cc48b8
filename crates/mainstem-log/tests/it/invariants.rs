//! The ten invariants of the engine, each by its number: what it says, as directly as it can be put.
//! Other files look harder at single ones.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use mainstem_env::EIO;
use mainstem_env::sim::{Choices, Fault, FaultError, OpKind, Sim, Strictness, hooked};
use mainstem_log::format::names::{self, ShardFile};
use mainstem_log::limits::{HOUR_MS, RETENTION_MS_MIN};
use mainstem_log::{AppendOptions, LogError, Record, SeqNo, Shard, ShardOptions, Start};

use crate::kit::{
    DIR, append, append_batch, batch, name, open, open_sim, read, read_all, small_segments,
};
use crate::workload::payload;

const DAY_MS: u64 = RETENTION_MS_MIN;

fn pass(sim: &Sim, ms: u64) {
    sim.advance(Duration::from_millis(ms));
}

/// Returns the worst disks that a power cut at this moment can leave behind.
fn worst_disks(sim: &Sim) -> impl Iterator<Item = Sim> {
    let at = sim.op_count();
    let worst = Strictness::ALL.map(|it| sim.power_loss(at, &mut Choices::drop_all(), it));
    worst.into_iter()
}

fn reopened(sim: &Sim) -> (mainstem_log::Engine, Shard) {
    let engine = open_sim(sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
    (engine, shard)
}

/// An append returns only when its records survive everything.
#[test]
fn i01_durable_before_acknowledged() {
    let sim = Sim::new(1);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..60 {
        let payloads: Vec<Vec<u8>> = (0..=number % 3)
            .map(|it| payload(number * 3 + it, 200))
            .collect();
        append_batch(&shard, &payloads).unwrap();
        let expected = read_all(&shard);
        for disk in worst_disks(&sim) {
            let (_engine, survivor) = reopened(&disk);
            assert_eq!(read_all(&survivor), expected);
        }
    }
    assert!(shard.metrics().rolls > 5);
}

/// While a sync is under way, and when it failed, nobody sees what it was to make durable.
#[test]
fn i02_never_read_what_is_not_durable() {
    let sim = Sim::new(2);
    let watched: Arc<Mutex<Option<Shard>>> = Arc::default();
    let looks = Arc::new(AtomicU64::new(0));
    let (shard, count) = (Arc::clone(&watched), Arc::clone(&looks));
    let env = hooked(
        &sim.env(),
        Arc::new(move |kind, path| {
            if kind == OpKind::SyncData
                && path.extension().is_some_and(|it| it == "seg")
                && let Some(shard) = shard.lock().unwrap().as_ref()
            {
                let appended = count.fetch_add(1, Ordering::SeqCst);
                assert_eq!(shard.durable_end(), SeqNo(appended));
                assert_eq!(u64::try_from(read_all(shard).len()).unwrap(), appended);
                assert!(!shard.wait_beyond(SeqNo(appended), Duration::ZERO).unwrap());
                let mut at_end = shard.cursor(Start::At(SeqNo(appended))).unwrap();
                assert!(at_end.next().unwrap().is_none());
            }
            Ok(())
        }),
    );
    let engine = open(&env).unwrap();
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    *watched.lock().unwrap() = Some(shard.clone());
    for number in 0..40 {
        append(&shard, &payload(number, 300)).unwrap();
    }
    assert_eq!(looks.load(Ordering::SeqCst), 40, "a sync for each append");
    sim.fail(Fault::once(OpKind::SyncData, 1, FaultError::Raw(EIO)));
    append(&shard, b"lost?").unwrap_err();
    assert_eq!(shard.durable_end(), SeqNo(40));
    assert_eq!(read_all(&shard).len(), 40);
    assert_eq!(
        sim.violation(),
        None,
        "the simulated disk checks each end that is published"
    );
    // The hook holds the shard, which holds the hook.
    *watched.lock().unwrap() = None;
}

/// Whatever of the disk survives, the log is a prefix of what was appended, in whole batches, and
/// has all that was acknowledged.
#[test]
fn i03_prefix() {
    let sim = Sim::new(3);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    let mut appended = Vec::new();
    // After so many operations so many records were acknowledged.
    let mut acknowledged = vec![(sim.op_count(), 0)];
    for number in 0..25 {
        let payloads: Vec<Vec<u8>> = (0..=number % 4)
            .map(|it| payload(number * 4 + it, 130))
            .collect();
        append_batch(&shard, &payloads).unwrap();
        appended.extend(payloads);
        acknowledged.push((sim.op_count(), appended.len()));
    }
    for at in acknowledged[0].0..=sim.op_count() {
        let known = acknowledged
            .iter()
            .rfind(|(from, _)| *from <= at)
            .unwrap()
            .1;
        for seed in 0..12 {
            let disk = sim.power_loss(
                at,
                &mut Choices::random(seed),
                Strictness::ALL[usize::try_from(seed % 3).unwrap()],
            );
            let (_engine, survivor) = reopened(&disk);
            let found: Vec<Vec<u8>> = read_all(&survivor).into_iter().map(|it| it.1).collect();
            assert!(
                appended.starts_with(&found),
                "operation {at}, choices {seed}"
            );
            assert!(found.len() >= known, "operation {at}, choices {seed}");
            let whole = acknowledged
                .iter()
                .any(|(_, records)| *records == found.len());
            assert!(whole, "operation {at}, choices {seed}: part of a batch");
        }
    }
}

/// Numbers rise by one per record, and go on where they were after everything was deleted.
#[test]
fn i04_sequence_numbers_are_dense_and_outlive_the_records() {
    let sim = Sim::new(4);
    let mut engine = open_sim(&sim);
    let mut shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    let mut next = 0;
    for round in 0..4 {
        for _ in 0..10 {
            let first = append_batch(&shard, &[payload(next, 50), payload(next, 600)]).unwrap();
            assert_eq!(first.0, next);
            next += 2;
        }
        pass(&sim, DAY_MS + 2 * HOUR_MS);
        engine.maintain();
        engine.maintain();
        assert_eq!(read_all(&shard), []);
        assert_eq!(
            shard.metrics().segments,
            1,
            "nothing but an empty segment is left"
        );
        assert_eq!(shard.first_seq().unwrap().0, next);
        let (found, error) = read(&shard, Start::At(SeqNo(0)));
        assert!(found.is_empty());
        assert!(matches!(error, Some(LogError::Trimmed { oldest }) if oldest.0 == next));
        for disk in worst_disks(&sim) {
            let (_engine, survivor) = reopened(&disk);
            assert_eq!(survivor.durable_end().0, next);
            assert_eq!(append(&survivor, b"x").unwrap().0, next);
        }
        if round % 2 == 0 {
            engine.close().unwrap();
            (engine, shard) = reopened(&sim);
            assert_eq!(shard.durable_end().0, next);
        }
    }
}

/// A torn tail is cut; a changed byte of what was durable is reported, refused and left alone.
#[test]
fn i05_no_silent_loss() {
    let sim = Sim::new(5);
    let engine = open_sim(&sim);
    let shard = engine
        .create_shard(&name("s"), ShardOptions::default())
        .unwrap();
    for number in 0..20 {
        append(&shard, &payload(number, 100)).unwrap();
    }
    let path = Path::new(DIR)
        .join("shards/s")
        .join(names::segment(SeqNo(0)));
    let sound = sim.process_crash();

    let damaged = sound.snapshot();
    // In the payload of the third record or so; much later ones are whole, and prove it.
    damaged.flip_bit(&path, 8 * 500).unwrap();
    // With the index, an opening reads the last group and no other.
    let index = path.with_extension("idx");
    let with_index = damaged.snapshot();
    damaged.env().fs.unlink(&index).unwrap();
    let before = damaged.read_file(&path).unwrap();
    let engine_of_damaged = open_sim(&damaged);
    let survivor = engine_of_damaged
        .shard(&name("s"), ShardOptions::default())
        .unwrap();
    let Some(LogError::ReadOnly { source, .. }) = survivor.refusal() else {
        panic!("{:?}", survivor.refusal())
    };
    match &*source {
        LogError::Corrupt {
            path: named,
            position,
            ..
        } => {
            assert_eq!(named, &path);
            assert!((64..=500).contains(position), "{position}");
        }
        other => panic!("{other:?}"),
    }
    let refused = append(&survivor, b"no").unwrap_err();
    assert!(matches!(refused, LogError::ReadOnly { .. }), "{refused:?}");
    let (found, error) = read(&survivor, Start::Oldest);
    assert!(
        error.is_none() && (1..20).contains(&found.len()),
        "what is before it is read"
    );
    engine_of_damaged.maintain();
    engine_of_damaged.close().unwrap();
    assert_eq!(
        damaged.read_file(&path).unwrap(),
        before,
        "and nothing is cut"
    );

    let engine_of_damaged = open_sim(&with_index);
    let survivor = engine_of_damaged
        .shard(&name("s"), ShardOptions::default())
        .unwrap();
    let (found, error) = read(&survivor, Start::Oldest);
    assert!((1..20).contains(&found.len()));
    assert!(matches!(error, Some(LogError::Corrupt { .. })), "{error:?}");

    let mut torn = 0;
    for at in 0..6 {
        let mut choices = Choices::random(at);
        let at = sim.op_count();
        append(&shard, &payload(at, 3000)).unwrap();
        // The write of this group is the first of the operations since; its sync is not done.
        let disk = sim.power_loss(at + 1, &mut choices, Strictness::StrictPosix);
        let engine = open_sim(&disk);
        let survivor = engine.shard(&name("s"), ShardOptions::default()).unwrap();
        assert!(survivor.refusal().is_none());
        torn += u64::from(survivor.metrics().torn_bytes > 0);
        append(&survivor, b"yes").unwrap();
    }
    assert!(torn > 0, "some of them are torn");
}

/// What a reader holds never changes, whatever becomes of the file.
#[test]
fn i06_immutable() {
    let sim = Sim::new(6);
    let mut engine = open_sim(&sim);
    let mut shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    let mut kept: Vec<(Record, Vec<u8>)> = Vec::new();
    for number in 0..300 {
        let bytes = payload(number, usize::try_from(number * 13 % 700).unwrap());
        let seq = append(&shard, &bytes).unwrap();
        let mut cursor = shard.cursor(Start::At(seq)).unwrap();
        kept.push((cursor.next().unwrap().unwrap().keep(), bytes));
        match number % 60 {
            30 => {
                pass(&sim, DAY_MS / 2);
                engine.maintain();
            }
            50 => {
                engine.close().unwrap();
                (engine, shard) = reopened(&sim);
            }
            _ => {}
        }
    }
    assert!(
        shard.first_seq().unwrap().0 > 50,
        "retention deleted some of them"
    );
    for (record, bytes) in &kept {
        assert_eq!(record.payload(), bytes);
    }
    assert_eq!(
        sim.violation(),
        None,
        "the simulated disk checks each write and each cut"
    );
}

/// After a failed sync the shard takes no appends, although the next sync would succeed.
#[test]
fn i07_one_failed_sync_is_final() {
    let sim = Sim::new(7);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    append(&shard, b"kept").unwrap();
    sim.fail(Fault::once(OpKind::SyncData, 1, io::ErrorKind::Other));
    append(&shard, b"lost?").unwrap_err();
    let syncs = sim.calls(OpKind::SyncData) + sim.calls(OpKind::SyncAll);
    for _ in 0..10 {
        let refused = append(&shard, b"no").unwrap_err();
        assert!(matches!(refused, LogError::Poisoned(_)), "{refused:?}");
        engine.maintain();
    }
    assert_eq!(
        sim.calls(OpKind::SyncData) + sim.calls(OpKind::SyncAll),
        syncs
    );
    engine.close().unwrap();
    let (_engine, shard) = reopened(&sim);
    append(&shard, b"again").unwrap();
}

/// Opening after a crash reads the same of a small log and of one fifty times as large, and after an
/// orderly close it makes as many calls.
#[test]
fn i08_opening_costs_the_same() {
    let mut options = ShardOptions::default();
    options.segment_bytes = 16 << 10;
    let mut costs = Vec::new();
    for segments in [2, 100] {
        let sim = Sim::new(8);
        let engine = open_sim(&sim);
        let shard = engine.create_shard(&name("s"), options.clone()).unwrap();
        while shard.metrics().segments < segments {
            append(&shard, &[1; 1000]).unwrap();
        }
        for _ in 0..7 {
            append(&shard, &[1; 1000]).unwrap();
        }
        let mut cost = Vec::new();
        for crashed in worst_disks(&sim).chain([sim.process_crash()]) {
            let engine = open_sim(&crashed);
            let shard = engine.shard(&name("s"), options.clone()).unwrap();
            let read = shard.metrics().recovered_bytes;
            assert!(read > 0);
            cost.push(read);
        }
        engine.close().unwrap();
        let closed = sim.snapshot();
        let engine = open_sim(&closed);
        let shard = engine.shard(&name("s"), options.clone()).unwrap();
        assert_eq!(shard.metrics().recovered_bytes, 0);
        for kind in [OpKind::Open, OpKind::Read, OpKind::Metadata, OpKind::List] {
            cost.push(closed.calls(kind));
        }
        costs.push(cost);
    }
    assert_eq!(costs[0], costs[1]);
}

/// Accepted bytes are bounded: who will not wait is refused, who waits goes on as there is room.
#[test]
fn i09_bounded_memory() {
    let sim = Sim::new(9);
    let gate = Arc::new((Mutex::new(true), Condvar::new()));
    let (closed, is_armed) = (Arc::clone(&gate), Arc::new(AtomicBool::new(false)));
    let armed = Arc::clone(&is_armed);
    let env = hooked(
        &sim.env(),
        Arc::new(move |kind, _| {
            if kind == OpKind::SyncData && armed.load(Ordering::SeqCst) {
                let mut is_shut = closed.0.lock().unwrap();
                while *is_shut {
                    is_shut = closed.1.wait(is_shut).unwrap();
                }
            }
            Ok(())
        }),
    );
    let engine = open(&env).unwrap();
    let mut options = ShardOptions::default();
    options.queued_bytes_max = 64 << 10;
    let shard = engine.create_shard(&name("s"), options).unwrap();
    is_armed.store(true, Ordering::SeqCst);
    let one = batch(&[vec![1; 4000]]);
    std::thread::scope(|scope| {
        let appenders: Vec<_> = (0..40)
            .map(|_| scope.spawn(|| shard.append(&one, AppendOptions::default())))
            .collect();
        // Sixteen of them fit; the others wait for room.
        while shard.metrics().queued_bytes < 16 * 4024 {
            std::thread::yield_now();
        }
        let refused = shard
            .try_append(&one, AppendOptions::default())
            .unwrap_err();
        assert!(matches!(refused, LogError::QueueFull { .. }), "{refused:?}");
        assert!(refused.is_retryable());
        for _ in 0..1000 {
            assert!(shard.metrics().queued_bytes <= 64 << 10);
            std::thread::yield_now();
        }
        assert_eq!(shard.durable_end(), SeqNo(0));
        *gate.0.lock().unwrap() = false;
        gate.1.notify_all();
        for appender in appenders {
            appender.join().unwrap().unwrap();
        }
    });
    assert_eq!(shard.durable_end(), SeqNo(40));
    assert_eq!(shard.metrics().queued_bytes, 0);
    assert_eq!(engine.metrics().queued_bytes, 0);
}

/// Retention deletes sealed segments, the oldest first, none before its time, and what is left is
/// contiguous, also after a power cut in the middle of it.
#[test]
fn i10_retention_removes_oldest_first() {
    let sim = Sim::new(10);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    let mut newest_ms = 0;
    for number in 0..40 {
        let appended = shard.append_one(&payload(number, 500)).unwrap();
        newest_ms = appended.time.0;
        pass(&sim, 1000);
    }
    let sealed = shard.metrics().segments - 1;
    assert!(sealed > 4);
    let all = read_all(&shard);

    // Up to the last millisecond of the retention of the oldest record, all is there.
    let first_ms = shard
        .cursor(Start::Oldest)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .time()
        .0;
    pass(&sim, first_ms + DAY_MS - sim.now().0);
    // The active segment is old enough to be rolled, which deletes nothing.
    assert_eq!(engine.maintain().deleted, 0);
    assert_eq!(read_all(&shard), all);
    pass(&sim, 1);
    assert_eq!(
        read_all(&shard),
        all[1..],
        "hidden, though its segment lives"
    );
    assert_eq!(engine.maintain().deleted, 0, "its neighbours are younger");

    // A segment goes a millisecond after its youngest record, not with it.
    let mut bases =
        sim.files()
            .into_iter()
            .filter_map(|it| match names::parse(it.file_name()?.to_str()?) {
                ShardFile::Segment(base) => Some(base),
                ShardFile::Index(_) | ShardFile::Other => None,
            });
    let second = bases.nth(1).unwrap();
    let mut cursor = shard.cursor(Start::At(SeqNo(second.0 - 1))).unwrap();
    let youngest_ms = cursor.next().unwrap().unwrap().time().0;
    pass(&sim, youngest_ms + DAY_MS - sim.now().0);
    assert_eq!(engine.maintain().deleted, 0, "it is not too old yet");
    let start = sim.op_count();
    pass(&sim, 1);
    assert_eq!(engine.maintain().deleted, 1);
    pass(&sim, newest_ms + DAY_MS + 1 - sim.now().0);
    let report = engine.maintain();
    let deleted = report.deleted + 1;
    assert_eq!(u64::try_from(deleted).unwrap(), sealed + 1);
    assert_eq!(shard.metrics().segments, 1);
    let removed: Vec<u64> = sim.journal()[usize::try_from(start).unwrap()..]
        .iter()
        .filter(|entry| entry.op == OpKind::Unlink)
        .filter_map(
            |entry| match names::parse(entry.path.rsplit('/').next().unwrap()) {
                ShardFile::Segment(base) => Some(base.0),
                ShardFile::Index(_) | ShardFile::Other => None,
            },
        )
        .collect();
    assert_eq!(removed.len(), deleted);
    assert!(removed.is_sorted(), "{removed:?}");

    for at in start..=sim.op_count() {
        for seed in 0..20 {
            let strictness = Strictness::ALL[usize::try_from(seed % 3).unwrap()];
            let disk = sim.power_loss(at, &mut Choices::random(seed), strictness);
            disk.set_now(mainstem_env::TimestampMs(first_ms));
            let (_engine, survivor) = reopened(&disk);
            let found = read_all(&survivor);
            assert!(all.ends_with(&found), "operation {at}, choices {seed}");
            assert_eq!(survivor.durable_end(), SeqNo(40));
        }
    }
}
