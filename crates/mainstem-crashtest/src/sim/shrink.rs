//! Looks for the shortest plan that still fails, and for the plainest of its states.

use super::explore::{Extent, Failure, Tally, explore};
use super::workload::Workload;

/// Returns the smallest failure that was found by leaving out steps of `failure`'s plan and making its
/// records shorter. Any failure counts, not only the same one: what is left is easier to understand.
///
/// `tried` is called before each attempt with the number of steps of the plan.
pub fn shrink<W: Workload>(
    failure: Failure<W>,
    extent: Extent,
    mut tried: impl FnMut(usize),
) -> Failure<W> {
    let mut best = failure;
    let mut try_it = |best: &mut Failure<W>, plan: W| -> bool {
        tried(plan.steps().len());
        match explore(&plan, extent, &Tally::default()) {
            Ok(()) => false,
            Err(smaller) => {
                *best = *smaller;
                true
            }
        }
    };
    // Chunks first, then single steps, as in delta debugging (Zeller and Hildebrandt, 2002).
    let mut chunk = best.plan.steps().len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < best.plan.steps().len() {
            let mut steps = best.plan.steps().to_vec();
            steps.drain(at..at.saturating_add(chunk).min(steps.len()));
            let plan = best.plan.with_steps(steps);
            if !try_it(&mut best, plan) {
                at = at.saturating_add(chunk);
            }
        }
        chunk /= 2;
    }
    for at in 0..best.plan.steps().len() {
        while let Some(step) = best.plan.steps().get(at).and_then(W::simpler) {
            let mut steps = best.plan.steps().to_vec();
            if let Some(place) = steps.get_mut(at) {
                *place = step;
            }
            let plan = best.plan.with_steps(steps);
            if !try_it(&mut best, plan) {
                break;
            }
        }
    }
    best
}
