//! Every call fails, in every way.

use mainstem_crashtest::sim::faults::{Case, EVERYTHING, fail, troubles};
use mainstem_env::sim::OpKind;

#[test]
fn no_call_that_fails_leads_to_a_broken_promise() {
    let plan = EVERYTHING.parse().unwrap();
    let mut count = 0;
    for op in OpKind::ALL {
        for (trouble, mode) in troubles(op) {
            for nth in 1.. {
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
    assert!(count > 2000, "{count}");
}
