//! Streams on a simulated disk.

use std::sync::atomic::AtomicU64;

use mainstem_crashtest::sim::explore::{Extent, Tally, explore, replay};
use mainstem_crashtest::sim::faults::{Case, fail, troubles};
use mainstem_crashtest::sim::{State, Workload, exhaustive as all_states};
use mainstem_crashtest::streams::{Plan, Run, exhaustive, faults};
use mainstem_env::sim::OpKind;

/// Every moment of some random lives of streams, with several states of the disk at each.
#[test]
fn catalogue_and_shards_agree_whatever_is_lost() {
    let extent = Extent {
        random_states: 1,
        again_every: 32,
        depth: 3,
    };
    let tally = Tally::default();
    for seed in 0..8 {
        let explored = explore(&Plan::random(seed, 20), extent, &tally);
        assert!(explored.is_ok(), "{explored:?}");
    }
    assert!(tally.all_states() > 10_000, "{tally:?}");
}

/// The same plan twice is the same down to the order of the calls.
#[test]
fn a_plan_repeats_itself() {
    for seed in 0..40 {
        let plan = Plan::random(seed, 30);
        let journal = || Run::of(&plan).unwrap().sim.journal();
        let (first, second) = (journal(), journal());
        if let Some(at) = (0..first.len()).find(|at| first.get(*at) != second.get(*at)) {
            panic!("{plan}\n{:?}\n{:?}", first.get(at), second.get(at));
        }
    }
}

#[test]
fn a_state_is_shown_again_from_its_text() {
    let plan: Plan = "3: A+2 p100 A.p10 A&q5,r6,s7 A! A=48 k5 A- p100 A+1 p100 r"
        .parse()
        .unwrap();
    let ops = Plan::machine(&plan.carry_out().unwrap()).op_count();
    for state in [
        "0/StrictPosix/keep".to_owned(),
        "60/Ext4Like/drop".to_owned(),
        format!("{ops}/StrictPosix/77+3/PrefixOnly/5+1/Ext4Like/drop"),
    ] {
        let state: State = state.parse().unwrap();
        assert_eq!(replay(&plan, &state), Ok(()), "{state}");
    }
    let state: State = format!("{}/Ext4Like/drop", ops + 1).parse().unwrap();
    replay(&plan, &state).unwrap_err();
}

/// What was found once stays found: the second in which a deleted stream was made stands in its
/// sequence numbers, was forgotten once it was over, and the clock was set back to it.
#[test]
fn a_clock_that_is_set_back_meets_no_used_numbers() {
    let plan = "1: A+1 p100 A.p1 p1000 A- p100 m j-1200 A+1 p100 A.q1 c";
    let extent = Extent {
        random_states: 1,
        again_every: 0,
        depth: 1,
    };
    let plan: Plan = plan.parse().unwrap();
    let explored = explore(&plan, extent, &Tally::default());
    assert!(explored.is_ok(), "{explored:?}");
}

/// Some of the calls of a short plan fail, in every way; `streams --faults` makes all of them fail.
#[test]
fn no_call_that_fails_leads_to_a_broken_promise() {
    let plan: Plan = faults::SHORT.parse().unwrap();
    let mut count = 0;
    for op in OpKind::ALL {
        for (number, (trouble, mode)) in troubles(op).into_iter().enumerate() {
            for nth in (1..).skip(number % 23).step_by(23) {
                let case = Case {
                    op,
                    nth,
                    trouble,
                    mode,
                };
                match fail(&plan, case) {
                    Ok(true) => count += 1,
                    Ok(false) => break,
                    Err(what) => panic!("{case}: {what}"),
                }
            }
        }
    }
    assert!(count > 50, "{count}");
}

/// Calls whose failure was once answered with something that was not true, or that cost the catalogue.
#[test]
fn calls_whose_failure_once_led_astray_do_not() {
    for (plan, calls) in [
        ("1: A+1 p100 A.p1", "SyncDir eio/once"),
        ("2: A+1 p100 B+1 r C+1 p100 C.p1", "SyncData eio/once"),
        ("3: A+1 p100 B+1 p100 B.p1", "SyncData panic/once"),
    ] {
        let plan: Plan = plan.parse().unwrap();
        let (kind, how) = calls.split_once(' ').unwrap();
        for nth in 1.. {
            let case = format!("{kind}/{nth}/{how}").parse().unwrap();
            match fail(&plan, case) {
                Ok(true) => {}
                Ok(false) => break,
                Err(what) => panic!("{plan} {case}: {what}"),
            }
        }
    }
}

/// A full disk refuses what needs space, shows all that is there, and heals once it is freed.
#[test]
fn a_full_disk_refuses_and_heals() {
    for left in [0, 4096, 12_288, 40_000] {
        let plan = format!(
            "12: A+2 p100 A.p900 A.q900 B+1 p100 B.p10 f{left} A.p900 A&p900,q900,r20 c A=48 C+1 c B- p100 \
             m c A! r c A.p10 k5 A.q900 C+1 c u A&p900,q900 A=30 B+1 C+1 p100 B.p5 C.p5 c"
        );
        let plan: Plan = plan.parse().unwrap();
        let extent = Extent {
            random_states: 0,
            again_every: 0,
            depth: 1,
        };
        let explored = explore(&plan, extent, &Tally::default());
        assert!(explored.is_ok(), "{explored:?}");
    }
}

/// A deletion becomes due at every moment of a call that makes a stream of the same name.
#[test]
fn a_clock_that_goes_on_during_calls_confuses_nobody() {
    for ms in 80..=100 {
        let plan = format!(
            "1: t1 A+1 p100 A.p5 A- p{ms} A+2 p{ms} A.q5 c m A=48 A! c A- p{ms} A+1 r c m c"
        );
        let plan: Plan = plan.parse().unwrap();
        let run = plan.carry_out();
        assert!(run.is_ok(), "{plan}: {run:?}");
    }
}

/// All plans of a word, and all that may become of their disks, up to a bound.
#[test]
fn catalogue_and_shards_agree_after_every_short_plan() {
    let (tally, capped) = (Tally::default(), AtomicU64::new(0));
    for number in 0.. {
        let Some(plan) = exhaustive::plan(number, 1) else {
            break;
        };
        let from = exhaustive::first_operation(&plan).unwrap();
        let explored = all_states::explore(&plan, |_| from, 3, &tally, &capped);
        assert!(explored.is_ok(), "{explored:?}");
    }
    assert!(tally.all_states() > 500, "{tally:?}");
}
