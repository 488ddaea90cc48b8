//! The embedded queue on a simulated disk.

use mainstem_crashtest::queue::{Plan, Run, faults};
use mainstem_crashtest::sim::State;
use mainstem_crashtest::sim::explore::{Extent, Tally, explore, replay};
use mainstem_crashtest::sim::faults::fail;
use mainstem_env::sim::OpKind;

/// Every moment of some random work, with several states of the disk at each.
#[test]
fn nothing_pushed_is_lost_and_nothing_acknowledged_comes_back() {
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
    assert!(tally.all_states() > 4_000, "{tally:?}");
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

/// What was found once stays found: a push that was durable and could not be read back was answered
/// with an error that said that nothing had been done.
#[test]
fn a_push_that_cannot_be_read_back_is_not_said_to_be_undone() {
    let text = "34: p0d1 g0.1 p0 r";
    let plan: Plan = text.parse().unwrap();
    let state: State = "52/Ext4Like/drop+8/StrictPosix/4294097621486028564"
        .parse()
        .unwrap();
    assert_eq!(replay(&plan, &state), Ok(()));
}

/// Messages that stay are carried forward, over and over, while all around them goes.
#[test]
fn what_is_carried_forward_survives() {
    let mut text = String::from("2: pa10 p10d1 g0.1 g1.2 x0 ");
    for _ in 0..6 {
        text.push_str("p900 p900 p900 g0.5 g1.5 A u ");
    }
    text.push_str("w31000 g0.5 g1.5 d1 c r c");
    let plan: Plan = text.parse().unwrap();
    let extent = Extent {
        random_states: 1,
        again_every: 0,
        depth: 1,
    };
    let explored = explore(&plan, extent, &Tally::default());
    assert!(explored.is_ok(), "{explored:?}");
}

#[test]
fn the_plans_for_faults_make_every_call_that_a_queue_has() {
    let plans = faults::plans(2, 0).unwrap();
    let runs = plans.iter().map(|plan| Run::of(plan).unwrap());
    let sims: Vec<_> = runs.map(|run| run.sim).collect();
    let is_never = |op: &OpKind| sims.iter().all(|sim| sim.calls(*op) == 0);
    let never = OpKind::ALL.into_iter().filter(is_never);
    // Those of retention, of a full disk, and of zeros ahead of a busy log.
    let unused = [OpKind::AvailableSpace, OpKind::ZeroByDevice];
    assert_eq!(never.collect::<Vec<_>>(), unused);
}

/// A deletion of a file failed to be synced; the next process deleted the next file for good, and a power
/// cut brought the first one back, with a hole behind it: the queue did not open.
#[test]
fn a_file_whose_deletion_failed_does_not_come_back() {
    let plan: Plan = "78: p9 r p9 r".parse().unwrap();
    for nth in 1.. {
        let case = format!("SyncDir/{nth}/eio/forever").parse().unwrap();
        match fail(&plan, case) {
            Ok(true) => {}
            Ok(false) => break,
            Err(what) => panic!("{case}: {what}"),
        }
    }
}
