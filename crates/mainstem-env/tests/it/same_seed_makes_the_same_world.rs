//! Determinism, copies of the world, and the hands on its medium.

use std::path::Path;
use std::time::Duration;

use mainstem_env::sim::{Choices, Sim, Strictness};
use mainstem_env::{Elapsed, LockAttempt, OpenMode, TimestampMs};

fn work(sim: &Sim) {
    let env = sim.env();
    let mut bytes = vec![0; 3000];
    for name in ["/a", "/b"] {
        let file = env.fs.open(Path::new(name), OpenMode::CreateNew).unwrap();
        for round in 0..5 {
            env.random.fill(&mut bytes).unwrap();
            file.write_all_at(&bytes, round * 2500).unwrap();
        }
        file.sync_data().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
    }
    env.fs.sync_dir(Path::new("/")).unwrap();
}

#[test]
fn the_same_seed_and_calls_give_the_same_bytes_and_journal() {
    let (first, second, other) = (Sim::new(5), Sim::new(5), Sim::new(6));
    for sim in [&first, &second, &other] {
        work(sim);
    }
    assert_eq!(first.journal(), second.journal());
    assert_eq!(
        first.read_file("/a").unwrap(),
        second.read_file("/a").unwrap()
    );
    assert_ne!(first.journal(), other.journal());
    for strictness in Strictness::ALL {
        for at_op in 0..=first.op_count() {
            let lose = |sim: &Sim| {
                let after = sim.power_loss(at_op, &mut Choices::random(at_op), strictness);
                let files = after.files();
                let bytes: Vec<_> = files
                    .iter()
                    .map(|path| after.read_file(path).unwrap())
                    .collect();
                (files, bytes, after.env().random.next_u64().unwrap())
            };
            assert_eq!(lose(&first), lose(&second));
            assert_eq!(lose(&first), lose(&first), "a state is a pure function");
        }
    }
}

/// What shows an old block takes it for its own where the numbers drawn are the same.
#[test]
fn no_life_draws_the_numbers_of_the_one_before() {
    let lose = |sim: &Sim| sim.power_loss(0, &mut Choices::drop_all(), Strictness::StrictPosix);
    let first = lose(&Sim::new(1));
    let second = lose(&first);
    let draw = |sim: &Sim| sim.env().random.next_u64().unwrap();
    assert_ne!(draw(&first), draw(&second));
}

#[test]
fn the_clock_moves_when_told() {
    let sim = Sim::new(1);
    let clock = sim.env().clock;
    sim.set_now(TimestampMs(10_000));
    clock.sleep(Duration::from_millis(1500));
    sim.advance(Duration::from_micros(500));
    sim.advance(Duration::from_micros(500));
    assert_eq!(clock.now(), TimestampMs(11_501));
    sim.jump_wall(-20_000);
    assert_eq!(sim.now(), TimestampMs(0));
    sim.jump_wall(7);
    assert_eq!(clock.now(), TimestampMs(7));
    assert_eq!(clock.elapsed(), Elapsed(Duration::from_millis(1501)));
    let after = sim.power_loss(0, &mut Choices::drop_all(), Strictness::StrictPosix);
    assert_eq!(after.now(), TimestampMs(7));
    after.advance(Duration::from_millis(1));
    assert_eq!(sim.now(), TimestampMs(7));
}

#[test]
fn locks_go_with_their_holder_the_process_or_the_power() {
    let sim = Sim::new(1);
    let lock = |sim: &Sim, holder: &str| {
        let attempt = sim.env().fs.try_lock(Path::new("/LOCK"), holder).unwrap();
        match attempt {
            LockAttempt::Acquired(held) => Ok(held),
            LockAttempt::HeldBy(holder) => Err(holder),
        }
    };
    let held = lock(&sim, "first").unwrap();
    assert_eq!(lock(&sim, "second").unwrap_err(), "first");
    assert!(lock(&sim.process_crash(), "third").is_ok());
    assert!(lock(&sim.snapshot(), "third").is_ok());
    let mut choices = Choices::keep_all();
    let after = sim.power_loss(sim.op_count(), &mut choices, Strictness::StrictPosix);
    assert!(lock(&after, "third").is_ok());
    drop(held);
    let _second = lock(&sim, "second").unwrap();
    assert_eq!(lock(&sim, "third").unwrap_err(), "second");
}

#[test]
fn a_process_crash_loses_nothing_but_makes_nothing_durable() {
    let sim = Sim::new(1);
    work(&sim);
    let crashed = sim.process_crash();
    assert_eq!(crashed.journal(), sim.journal());
    assert_eq!(
        crashed.read_file("/a").unwrap(),
        sim.read_file("/a").unwrap()
    );
    let lose = |sim: &Sim| {
        let mut choices = Choices::drop_all();
        let after = sim.power_loss(sim.op_count(), &mut choices, Strictness::StrictPosix);
        after.read_file("/a").unwrap()
    };
    assert_eq!(lose(&crashed), lose(&sim));
    assert_ne!(lose(&crashed), sim.read_file("/a").unwrap());
    let settled = sim.snapshot();
    assert_eq!(lose(&settled), sim.read_file("/a").unwrap());
    // The copies go their own ways.
    crashed.env().fs.unlink(Path::new("/a")).unwrap();
    assert!(sim.read_file("/a").is_ok() && settled.read_file("/a").is_ok());
}

#[test]
fn the_medium_can_be_changed_by_hand() {
    let sim = Sim::new(1);
    sim.write_raw("/f", b"abc").unwrap();
    sim.flip_bit("/f", 8).unwrap();
    assert_eq!(sim.read_file("/f").unwrap(), b"acc");
    assert!(sim.flip_bit("/f", 24).is_err());
    sim.set_len_raw("/f", 5).unwrap();
    sim.set_len_raw("/f", 4).unwrap();
    let mut choices = Choices::drop_all();
    let after = sim.power_loss(sim.op_count(), &mut choices, Strictness::StrictPosix);
    assert_eq!(after.read_file("/f").unwrap(), b"acc\0");
    assert_eq!(sim.first_op(), sim.op_count());
}

#[test]
fn without_recording_power_is_lost_at_the_end_only() {
    let sim = Sim::new(1);
    sim.set_recording(false);
    work(&sim);
    assert_eq!((sim.journal().len(), sim.first_op()), (0, sim.op_count()));
    let mut choices = Choices::drop_all();
    let after = sim.power_loss(sim.op_count(), &mut choices, Strictness::StrictPosix);
    assert_eq!(after.files().len(), 2);
    sim.set_recording(true);
    sim.env().fs.unlink(Path::new("/a")).unwrap();
    assert_eq!(sim.journal().len(), 1);
    let after = sim.power_loss(sim.first_op(), &mut choices, Strictness::StrictPosix);
    assert_eq!(after.files().len(), 2);
}
