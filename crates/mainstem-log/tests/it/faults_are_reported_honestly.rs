//! Each call that the log makes of the system fails, once and for ever. Nothing panics or hangs, what
//! was acknowledged is there when the log is opened again, and what was reported as not applied is
//! not.

use std::io::ErrorKind;

use mainstem_env::EIO;
use mainstem_env::sim::{Choices, Fault, FaultError, FaultMode, OpKind, Strictness};
use mainstem_log::limits::{HOUR_MS, RETENTION_MS_MIN};
use mainstem_log::{LogError, Outcome};

use crate::workload::{Run, Style, judge_after_loss, payload};

/// Linux's number for "too many open files".
const EMFILE: i32 = 24;
const SEED: u64 = 77;

fn style() -> Style {
    Style {
        segment_bytes: 4096,
        equal: None,
        kills: false,
    }
}

/// Appends whatever happens; an error must say what became of the records.
fn append(run: &mut Run, at: usize, records: u64, len: usize) {
    let unique = run.sim.op_count() * 100;
    let payloads: Vec<Vec<u8>> = (0..records).map(|it| payload(unique + it, len)).collect();
    let _noted_in_the_history = run.append(at, &payloads);
}

/// Opens; if that fails, tries once more, as one would.
fn open(run: &mut Run) -> Result<(), LogError> {
    run.open().or_else(|_| run.open())
}

/// Everything a log does, and it goes on after errors.
fn live(run: &mut Run) {
    if open(run).is_err() {
        return;
    }
    for turn in 0..3 {
        for at in [0, 1] {
            append(run, at, 1, 900);
            append(run, at, 3, 300);
            append(run, at, 1, 0);
        }
        if turn == 1 {
            run.advance_ms(HOUR_MS);
            run.maintain();
        }
    }
    run.advance_ms(31_000);
    run.maintain();
    run.advance_ms(31_000);
    run.maintain();
    let _poisoned_shards_are_left_out = run.close();
    if open(run).is_err() {
        return;
    }
    append(run, 0, 2, 200);
    run.advance_ms(RETENTION_MS_MIN - HOUR_MS / 2);
    run.maintain();
    append(run, 0, 1, 100);
    append(run, 1, 1, 100);
    run.advance_ms(HOUR_MS);
    run.maintain();
    run.maintain();
    append(run, 0, 1, 50);
}

/// Judges the disk as a new process finds it, as a power cut leaves it, and as a power cut leaves it
/// after a new process went on.
fn judge(run: &mut Run, fault: &Fault) {
    let context = format!("{fault:?}");
    run.sim.clear_faults();
    run.faulty = false;
    let at = run.sim.op_count();
    let options = run.style.shard_options();
    for strictness in Strictness::ALL {
        for seed in 0..3 {
            let mut choices = match seed {
                0 => Choices::drop_all(),
                seed => Choices::random(seed),
            };
            let world = run.sim.power_loss(at, &mut choices, strictness);
            let judged = judge_after_loss(&run.history, &world, at, &options);
            assert!(
                judged.is_ok(),
                "{strictness:?} {seed}: {judged:?} {context}"
            );
        }
    }
    run.rise_again();
    append(run, 0, 1, 10);
    append(run, 1, 2, 10);
    for at in [0, 1] {
        let acked = run.history.logs[at].records.last().unwrap().acked;
        assert_ne!(acked, u64::MAX, "the log goes on: {context}");
    }
    let at = run.sim.op_count();
    for strictness in Strictness::ALL {
        let world = run.sim.power_loss(at, &mut Choices::drop_all(), strictness);
        let judged = judge_after_loss(&run.history, &world, at, &options);
        assert!(
            judged.is_ok(),
            "later, {strictness:?}: {judged:?} {context}"
        );
    }
    assert_eq!(run.sim.violation(), None, "{context}");
}

/// Lets each call that `fault` makes of `kind` fail, one after the other; returns how many there are.
fn fail_each(kind: OpKind, fault: impl Fn(u64) -> Fault) -> u64 {
    for nth in 1.. {
        let fault = fault(nth);
        let mut run = Run::unopened(SEED, style());
        run.sim.fail(fault.clone());
        run.faulty = true;
        live(&mut run);
        if run.sim.calls(kind) < nth {
            return nth - 1;
        }
        judge(&mut run, &fault);
    }
    unreachable!("the work ends")
}

fn fail_each_kind(kinds: &[OpKind], fault: impl Fn(OpKind, u64) -> Fault) {
    for kind in kinds {
        let calls = fail_each(*kind, |nth| fault(*kind, nth));
        println!("{kind:?}: {calls} calls");
        let never_called = [OpKind::RemoveDir, OpKind::AvailableSpace];
        assert_eq!(calls == 0, never_called.contains(kind), "{kind:?}");
    }
}

#[test]
fn when_a_call_fails_once() {
    fail_each_kind(&OpKind::ALL, |kind, nth| {
        Fault::once(kind, nth, FaultError::Raw(EIO))
    });
}

#[test]
fn when_a_call_fails_although_it_took_effect() {
    fail_each_kind(&OpKind::ALL, |kind, nth| {
        Fault::once(kind, nth, FaultError::Raw(EIO)).after_effect()
    });
}

#[test]
fn when_a_call_fails_from_then_on() {
    fail_each_kind(&OpKind::ALL, |kind, nth| {
        Fault::for_ever(kind, nth, FaultError::Raw(EIO))
    });
}

#[test]
fn when_there_is_no_space_for_a_call() {
    let kinds = [
        OpKind::Create,
        OpKind::CreateDir,
        OpKind::Allocate,
        OpKind::Write,
        OpKind::Rename,
    ];
    for mode in [FaultMode::Once, FaultMode::ForEver] {
        fail_each_kind(&kinds, |kind, nth| Fault {
            mode,
            ..Fault::once(kind, nth, ErrorKind::StorageFull)
        });
    }
}

#[test]
fn when_there_are_too_many_open_files() {
    let kinds = [OpKind::Open, OpKind::Create, OpKind::List, OpKind::TryLock];
    for mode in [FaultMode::Once, FaultMode::ForEver] {
        fail_each_kind(&kinds, |kind, nth| Fault {
            mode,
            ..Fault::once(kind, nth, FaultError::Raw(EMFILE))
        });
    }
}

#[test]
fn when_a_write_stops_half_way() {
    for error in [FaultError::Raw(EIO), ErrorKind::StorageFull.into()] {
        for bytes in [1, 39, 41, 512, 600] {
            fail_each(OpKind::Write, |nth| {
                Fault::once(OpKind::Write, nth, error).after_bytes(bytes)
            });
        }
    }
}

#[test]
fn an_append_that_may_be_there_says_so() {
    let mut unknown = 0;
    for nth in 1..60 {
        let mut run = Run::unopened(SEED, style());
        run.sim
            .fail(Fault::once(OpKind::SyncData, nth, FaultError::Raw(EIO)).on_path(".seg"));
        run.open().unwrap();
        for number in 0..40 {
            let payloads = vec![payload(number, 100)];
            match run.append(0, &payloads) {
                Ok(()) => {}
                Err(error @ LogError::SyncFailed { .. }) => {
                    assert_eq!(error.outcome(), Outcome::Unknown);
                    unknown += 1;
                }
                Err(error) => assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}"),
            }
        }
    }
    assert!(unknown > 30, "{unknown}");
}
