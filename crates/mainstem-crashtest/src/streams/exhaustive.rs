//! All short plans on streams.

use mainstem_log::limits::HOUR_MS;

use super::plan::{Plan, TRANSITION_MS};
use super::step::Step;
use crate::sim::exhaustive::sequence;
use crate::sim::{Workload, explore};

/// The words that short plans are made of; they come after [`beginning`].
pub fn alphabet() -> Vec<Vec<Step>> {
    let passed = || Step::Pass(TRANSITION_MS);
    vec![
        vec![Step::Put(0, ('p', 30))],
        // Over the end of a segment of 4 KiB, from the second of its kind on.
        vec![
            Step::Puts(0, vec![('p', 900), ('q', 600), ('p', 400), ('q', 100)]),
            Step::Put(0, ('p', 800)),
        ],
        vec![Step::Delete(0), passed(), Step::Maintain],
        vec![Step::Create(0, 2), passed()],
        vec![Step::Create(1, 1)],
        vec![Step::Retain(0, 48)],
        vec![Step::Pass(25 * HOUR_MS), Step::Maintain],
        vec![Step::Reopen],
        vec![Step::Kill(2)],
    ]
}

/// What every short plan begins with.
pub fn beginning() -> Vec<Step> {
    vec![Step::Create(0, 2), Step::Pass(TRANSITION_MS)]
}

/// Returns plan `number` of those of up to `length` words, shorter ones first, or `None` if there are
/// fewer.
pub fn plan(number: u64, length: u32) -> Option<Plan> {
    let words = alphabet();
    let base = u64::try_from(words.len()).ok()?;
    let mut rest = number;
    for length in 0..=length {
        let count = base.checked_pow(length)?;
        if rest < count {
            let words = sequence(&words, rest, length)?.concat();
            let steps = beginning().into_iter().chain(words).collect();
            // The same for all, so that those that begin with the same words begin with the same
            // operations.
            return Some(Plan { seed: 1, steps });
        }
        rest = rest.saturating_sub(count);
    }
    None
}

/// Returns the operation from which on a plan's states are to be looked at: those of earlier ones are
/// those of a shorter plan.
///
/// # Errors
/// What went wrong while the shorter plan was carried out.
pub fn first_operation(plan: &Plan) -> Result<u64, String> {
    let longest = |shorter: &&Vec<Step>| {
        plan.steps.len() > beginning().len() && plan.steps.ends_with(shorter)
    };
    let words = alphabet();
    let Some(last) = words.iter().filter(longest).max_by_key(|word| word.len()) else {
        return Ok(0);
    };
    let shorter = plan.steps.len().saturating_sub(last.len());
    let steps = plan.steps.get(..shorter).unwrap_or_default().to_vec();
    let run = explore::caught(|| plan.with_steps(steps).carry_out())?;
    Ok(run.sim.op_count())
}
