//! A shard without retention keeps its records until they are trimmed, by whole segments.

use std::time::Duration;

use mainstem_env::sim::{Choices, Fault, OpKind, Sim, Strictness};
use mainstem_log::limits::{KEEP_UNTIL_TRIMMED, RETENTION_MS_MAX};
use mainstem_log::{LogError, SeqNo, Shard, ShardOptions, Start};

use crate::kit;

fn options() -> ShardOptions {
    let mut options = kit::small_segments();
    options.retention_ms = KEEP_UNTIL_TRIMMED;
    options
}

/// Appends until there are `segments` segments.
fn fill(shard: &Shard, segments: usize) {
    while shard.segments().unwrap().len() < segments {
        kit::append(shard, &[7; 500]).unwrap();
    }
}

#[test]
fn nothing_expires() {
    let sim = Sim::new(1);
    let engine = kit::open_sim(&sim);
    let shard = engine.create_shard(&kit::name("s"), options()).unwrap();
    fill(&shard, 4);
    let all = kit::read_all(&shard);
    sim.advance(Duration::from_millis(RETENTION_MS_MAX * 3));
    assert_eq!(engine.maintain().deleted, 0);
    assert_eq!(kit::read_all(&shard), all);
}

#[test]
fn only_segments_that_lie_before_it_as_a_whole_go() {
    let sim = Sim::new(1);
    let engine = kit::open_sim(&sim);
    let shard = engine.create_shard(&kit::name("s"), options()).unwrap();
    fill(&shard, 5);
    let all = kit::read_all(&shard);
    let segments = shard.segments().unwrap();
    let third = segments[2].first;
    assert_eq!(shard.trim_before(SeqNo(third.0 - 1)).unwrap(), 1);
    assert_eq!(shard.first_seq().unwrap(), segments[1].first);
    assert_eq!(shard.trim_before(third).unwrap(), 1);
    assert_eq!(shard.trim_before(third).unwrap(), 0);
    let rest = usize::try_from(third.0).unwrap();
    assert_eq!(kit::read_all(&shard), all[rest..]);
    let (_, error) = kit::read(&shard, Start::At(SeqNo(0)));
    assert!(matches!(error, Some(LogError::Trimmed { oldest }) if oldest == third));
    let bytes: u64 = shard.segments().unwrap().iter().map(|it| it.bytes).sum();
    assert!(bytes < 3 * 5000, "{bytes}");
    // The newest stays, and with it the sequence numbers.
    let end = shard.durable_end();
    shard.trim_before(SeqNo(u64::MAX)).unwrap();
    assert_eq!(shard.segments().unwrap().len(), 1);
    assert_eq!(kit::append(&shard, b"next").unwrap(), end);
}

#[test]
fn a_rolled_shard_can_be_trimmed_to_nothing() {
    let sim = Sim::new(1);
    let engine = kit::open_sim(&sim);
    let shard = engine.create_shard(&kit::name("s"), options()).unwrap();
    assert!(
        !shard.roll().unwrap(),
        "an empty segment need not be sealed"
    );
    kit::append(&shard, b"one").unwrap();
    assert!(shard.roll().unwrap());
    assert_eq!(shard.trim_before(shard.durable_end()).unwrap(), 1);
    assert_eq!(kit::read_all(&shard), []);
    engine.close().unwrap();
    let engine = kit::open_sim(&sim);
    let shard = engine.shard(&kit::name("s"), options()).unwrap();
    assert_eq!(kit::append(&shard, b"two").unwrap(), SeqNo(1));
}

#[test]
fn a_power_cut_leaves_no_hole() {
    let sim = Sim::new(1);
    let engine = kit::open_sim(&sim);
    let shard = engine.create_shard(&kit::name("s"), options()).unwrap();
    fill(&shard, 4);
    let all = kit::read_all(&shard);
    let keep = shard.segments().unwrap()[2].first;
    let before = sim.op_count();
    shard.trim_before(keep).unwrap();
    let end = sim.op_count();
    drop((shard, engine));
    for at in before..=end {
        for seed in 0..40 {
            let world = sim.power_loss(at, &mut Choices::random(seed), Strictness::StrictPosix);
            let engine = kit::open_sim(&world);
            let shard = engine.shard(&kit::name("s"), options()).unwrap();
            let found = kit::read_all(&shard);
            let skipped = all.len() - found.len();
            assert!(skipped <= usize::try_from(keep.0).unwrap());
            assert_eq!(found, all[skipped..]);
            if at == end {
                assert_eq!(found[0].0, keep.0, "what was trimmed stays away");
            }
        }
    }
}

/// A deletion whose sync failed came back with a power cut, after a later process had deleted the next
/// segment for good: the shard had a hole, and opened read-only.
#[test]
fn a_deletion_that_failed_leaves_no_hole_when_a_new_process_goes_on() {
    let sim = Sim::new(1);
    let engine = kit::open_sim(&sim);
    let shard = engine.create_shard(&kit::name("s"), options()).unwrap();
    fill(&shard, 4);
    let segments = shard.segments().unwrap();
    sim.fail(Fault::for_ever(
        OpKind::SyncDir,
        1,
        std::io::ErrorKind::Other,
    ));
    shard.trim_before(segments[1].first).unwrap_err();
    drop((shard, engine));
    sim.clear_faults();

    let engine = kit::open_sim(&sim);
    let shard = engine.shard(&kit::name("s"), options()).unwrap();
    assert_eq!(shard.trim_before(segments[2].first).unwrap(), 1);
    engine.close().unwrap();
    drop((shard, engine));

    for choices in [Choices::drop_all(), Choices::keep_all(), Choices::random(1)] {
        let lost = sim.power_loss(
            sim.op_count(),
            &mut choices.clone(),
            Strictness::StrictPosix,
        );
        let engine = kit::open_sim(&lost);
        let shard = engine.shard(&kit::name("s"), options()).unwrap();
        assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
        assert_eq!(shard.first_seq().unwrap(), segments[2].first);
    }
}
