//! Every call fails, in every way.

use mainstem_crashtest::sim::Plan;
use mainstem_crashtest::sim::faults::{BUSY, Case, EVERYTHING, fail, troubles};
use mainstem_env::sim::OpKind;

#[test]
fn no_call_that_fails_leads_to_a_broken_promise() {
    let plans: [Plan; 2] = [EVERYTHING, BUSY].map(|plan| plan.parse().unwrap());
    let mut count = 0;
    let ops = |plan| OpKind::ALL.into_iter().map(move |op| (plan, op));
    for (plan, op) in plans.iter().flat_map(ops) {
        for (trouble, mode) in troubles(op) {
            for nth in 1.. {
                let case = Case {
                    op,
                    nth,
                    trouble,
                    mode,
                };
                match fail(plan, case) {
                    Ok(true) => count += 1,
                    Ok(false) => break,
                    Err(what) => panic!("{case}: {what}"),
                }
            }
        }
    }
    assert!(count > 4000, "{count}");
}
