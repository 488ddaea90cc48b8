//! Looks for the shortest plan that still fails, and for the plainest of its states.

use super::explore::{Extent, Failure, Tally, explore};
use super::plan::Plan;
use super::step::Step;

/// Returns the smallest failure that was found by leaving out steps of `failure`'s plan and making its
/// records shorter. Any failure counts, not only the same one: what is left is easier to understand.
///
/// `tried` is called before each attempt with the number of steps of the plan.
pub fn shrink(failure: Failure, extent: Extent, mut tried: impl FnMut(usize)) -> Failure {
    let mut best = failure;
    let mut try_it = |best: &mut Failure, plan: Plan| -> bool {
        tried(plan.steps.len());
        match explore(&plan, extent, &Tally::default()) {
            Ok(()) => false,
            Err(smaller) => {
                *best = *smaller;
                true
            }
        }
    };
    // Chunks first, then single steps, as in delta debugging (Zeller and Hildebrandt, 2002).
    let mut chunk = best.plan.steps.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < best.plan.steps.len() {
            let mut plan = best.plan.clone();
            let end = at.saturating_add(chunk).min(plan.steps.len());
            plan.steps.drain(at..end);
            if !try_it(&mut best, plan) {
                at = at.saturating_add(chunk);
            }
        }
        chunk /= 2;
    }
    for at in 0..best.plan.steps.len() {
        while let Some(step) = best.plan.steps.get(at).and_then(simpler) {
            let mut plan = best.plan.clone();
            if let Some(place) = plan.steps.get_mut(at) {
                *place = step;
            }
            if !try_it(&mut best, plan) {
                break;
            }
        }
    }
    best
}

/// Returns a step that does less than this one, if there is one.
fn simpler(step: &Step) -> Option<Step> {
    let halved = |sizes: &[usize]| -> Vec<usize> { sizes.iter().map(|size| size / 2).collect() };
    match step {
        Step::Append(shard, way, sizes) if sizes.len() > 1 => {
            let fewer = sizes.get(1..).unwrap_or_default().to_vec();
            Some(Step::Append(*shard, *way, fewer))
        }
        Step::Append(shard, way, sizes) if sizes.iter().any(|size| *size > 0) => {
            Some(Step::Append(*shard, *way, halved(sizes)))
        }
        Step::Group(shard, batches) if batches.len() > 2 => {
            let fewer = batches.get(1..).unwrap_or_default().to_vec();
            Some(Step::Group(*shard, fewer))
        }
        Step::Kill(changes) if *changes > 0 => Some(Step::Kill(changes - 1)),
        _ => None,
    }
}
