//! Streams on a simulated disk.

use mainstem_crashtest::sim::explore::{Extent, Tally, explore, replay};
use mainstem_crashtest::sim::{State, Workload};
use mainstem_crashtest::streams::{Plan, Run};

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
