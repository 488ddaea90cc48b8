//! What the harness has found so far, one line each: none of it may come back. `docs/reliability.md`
//! tells what each was.

use mainstem_crashtest::sim::{Plan, explore, faults};

/// Plans and states of their disks.
const STATES: [(&str, &str); 2] = [
    ("78/8192: b!0 k1 xb", "31/StrictPosix/4693701252149856783"),
    (
        "86/8192/32768: a!350 b.29 p3931 a&268&22&200,0&168,350 a+420,17,673,197,0,442 p1473 a?461 \
         p6505655 p4923 m m b&44,461&423&347,476&39,160 a&1081&5,443&941 xb a&3,13&3,0&1,45 k1 a.59 xb \
         b&32&71&156,45&0 b?44 p3116 p31000 a.0 b?399 p31000 b.428 xb a~216 b.32 b.25",
        "213/StrictPosix/drop+36/Ext4Like/drop+99/StrictPosix/15937726135150367449",
    ),
];

/// Plans of which every state is to be looked at, since their numbers shift with the engine.
const PLANS: [&str; 1] = ["78/8192: b!0 k1 xb"];

/// Plans, and kinds of calls of which each may be the one that fails.
const FAULTS: [(&str, &str); 3] = [
    (
        "4/4096: b~457 b+174 b.36 b+20,24,1000 r xb b&26,51&55,704&0 p100957744 b!255",
        "SyncDir eio/once",
    ),
    ("77/4096: b.9 b+300 xb b.22 b+7", "SyncDir eio/forever"),
    ("1/65536/65536: a.10 a.10 a.3000 r", "SyncData eio/once"),
];

#[test]
fn states_that_were_wrong_once_are_right() {
    for (plan, state) in STATES {
        let shown = explore::replay::<Plan>(&plan.parse().unwrap(), &state.parse().unwrap());
        assert_eq!(shown, Ok(()), "{plan} {state}");
    }
}

#[test]
fn plans_that_went_wrong_once_are_right_in_every_state() {
    let extent = explore::Extent {
        random_states: 40,
        again_every: 20,
        depth: 2,
    };
    for plan in PLANS {
        let tally = explore::Tally::default();
        let explored = explore::explore::<Plan>(&plan.parse().unwrap(), extent, &tally);
        assert!(explored.is_ok(), "{explored:?}");
    }
}

#[test]
fn calls_whose_failure_once_led_astray_do_not() {
    for (plan, calls) in FAULTS {
        let (kind, how) = calls.split_once(' ').unwrap();
        for nth in 1.. {
            let case = format!("{kind}/{nth}/{how}").parse().unwrap();
            match faults::fail::<Plan>(&plan.parse().unwrap(), case) {
                Ok(true) => {}
                Ok(false) => break,
                Err(what) => panic!("{plan} {case}: {what}"),
            }
        }
    }
}
