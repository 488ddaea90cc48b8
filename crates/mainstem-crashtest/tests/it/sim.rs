//! The engine on a simulated disk.

use std::sync::atomic::AtomicU64;

use mainstem_crashtest::sim::explore::{Extent, Tally, explore, replay, replay_drawn};
use mainstem_crashtest::sim::state::{Choice, Loss};
use mainstem_crashtest::sim::{Plan, Run, State, exhaustive};
use mainstem_env::sim::Strictness;

const EXTENT: Extent = Extent {
    random_states: 2,
    again_every: 16,
    depth: 3,
};

#[test]
fn no_state_of_random_plans_is_wrong() {
    let tally = Tally::default();
    for seed in 0..24 {
        let explored = explore(&Plan::random(seed, 30), EXTENT, &tally);
        assert!(explored.is_ok(), "{explored:?}");
    }
    assert!(tally.all_states() > 50_000, "{tally:?}");
}

#[test]
fn no_state_of_the_shortest_plans_is_wrong() {
    let (tally, capped) = (Tally::default(), AtomicU64::new(0));
    for plan in (0..).map_while(|number| exhaustive::plan(number, 1)) {
        let explored = exhaustive::explore(&plan, |_| 0, 1000, &tally, &capped);
        assert!(explored.is_ok(), "{explored:?}");
    }
    assert!(tally.all_states() > 5_000, "{tally:?}");
}

/// The same plan twice is the same down to the order of the calls, also where threads take turns.
#[test]
fn a_plan_repeats_itself() {
    for seed in 0..60 {
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
    let plan: Plan = "3/4096: a+100,200 b.7 k5 a&10&20&30 r".parse().unwrap();
    for state in [
        "0/StrictPosix/keep",
        "9/Ext4Like/drop",
        "12/StrictPosix/77+3/PrefixOnly/5+1/Ext4Like/drop",
        "14/StrictPosix/x0.1.1",
    ] {
        let state: State = state.parse().unwrap();
        assert_eq!(replay(&plan, &state), Ok(()), "{state}");
    }
    let state: State = "100000/Ext4Like/drop".parse().unwrap();
    replay(&plan, &state).unwrap_err();
}

/// What is drawn as the work goes on can be shown again by its name.
#[test]
fn losses_that_are_drawn_happen_where_they_say() {
    for seed in 0..8 {
        let plan = Plan::random(seed, 20);
        let mut state = State::default();
        let drawn = replay_drawn(&plan, |operations| {
            let loss = Loss {
                at: operations / 2,
                strictness: Strictness::ALL[state.losses.len()],
                choice: Choice::Random(seed),
            };
            state = state.then(loss.clone());
            (state.losses.len() < 3).then_some(loss)
        });
        assert!(drawn.is_ok(), "{drawn:?}");
        assert_eq!(state.losses.len(), 3);
        state.losses.truncate(2);
        assert_eq!(replay(&plan, &state), Ok(()));
    }
}
