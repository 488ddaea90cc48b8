//! All short plans, and all that may become of the disk while they are carried out.

use std::sync::atomic::{AtomicU64, Ordering};

use mainstem_env::sim::{Choices, Strictness};
use mainstem_log::limits::{HOUR_MS, RETENTION_MS_MIN};

use super::explore::{Failure, Tally, caught, found};
use super::plan::Plan;
use super::run::Run;
use super::state::{Choice, Loss, State};
use super::step::{Step, Way};
use super::workload::Workload;

/// The words that short plans are made of.
pub fn alphabet() -> Vec<Vec<Step>> {
    let append = |way, sizes: &[usize]| vec![Step::Append(0, way, sizes.to_vec())];
    vec![
        append(Way::One, &[16]),
        // Over the end of a segment of 4 KiB, from the second of its kind on.
        append(Way::Blocking, &[1000, 700, 10]),
        vec![Step::Group(0, vec![vec![5], vec![200, 0], vec![600]])],
        vec![Step::Pass(RETENTION_MS_MIN + HOUR_MS), Step::Maintain],
        vec![Step::Pass(31_000), Step::Maintain],
        vec![Step::Reopen],
        vec![Step::Kill(2)],
        vec![Step::Remove(0)],
    ]
}

/// Returns plan `number` of those that are `length` words long, or `None` if there are fewer.
pub fn plan(number: u64, length: u32) -> Option<Plan> {
    Some(Plan {
        seed: number,
        segment_bytes: 4096,
        journal_bytes: if number.is_multiple_of(2) {
            0
        } else {
            32 << 10
        },
        steps: sequence(&alphabet(), number, length)?.concat(),
    })
}

/// Returns how many plans there are that are `length` words long.
pub fn count(length: u32) -> u64 {
    let words = u64::try_from(alphabet().len()).unwrap_or(u64::MAX);
    words.saturating_pow(length)
}

/// Returns how many of the first steps of plan `number` another plan goes through: the one that has the
/// first word in place of all that follow them.
///
/// What is lost with power does not depend on what would have come later, so that of the plans that begin
/// alike one need look at the beginning.
fn steps_known(number: u64) -> usize {
    let words = alphabet();
    let base = u64::try_from(words.len()).unwrap_or(u64::MAX);
    let (mut rest, mut steps) = (number, 0_usize);
    while rest >= base {
        let word = usize::try_from(rest % base).unwrap_or(0);
        steps = steps.saturating_add(words.get(word).map_or(0, Vec::len));
        rest /= base;
    }
    steps
}

/// Returns the first operation of `run`, which carried out `plan`, that no plan shows which begins as it
/// does.
pub(super) fn first_operation(plan: &Plan, run: &Run) -> u64 {
    let known = steps_known(plan.seed);
    let end = known.checked_sub(1).and_then(|step| run.ends.get(step));
    end.copied().unwrap_or(0)
}

/// Returns sequence `number` of those of `length` out of `words`, or `None` if there are fewer.
pub(crate) fn sequence<T: Clone>(words: &[T], number: u64, length: u32) -> Option<Vec<T>> {
    let base = u64::try_from(words.len()).ok()?;
    let mut rest = number;
    let mut sequence = Vec::new();
    for _ in 0..length {
        let word = usize::try_from(rest.checked_rem(base)?).ok()?;
        sequence.push(words.get(word)?.clone());
        rest = rest.checked_div(base)?;
    }
    (rest == 0).then_some(sequence)
}

/// Carries out `plan` and goes through all states of its disk from the operation on that `from` says, but
/// through no more than `cap` for an operation and a strictness; `capped` counts how often there were
/// more.
///
/// # Errors
/// The first [`Failure`].
pub fn explore<W: Workload>(
    plan: &W,
    from: impl FnOnce(&W::Run) -> u64,
    cap: u64,
    tally: &Tally,
    capped: &AtomicU64,
) -> Result<(), Box<Failure<W>>> {
    let failure = |state: Option<State>, what: String| {
        Box::new(Failure {
            plan: plan.clone(),
            state,
            what,
        })
    };
    let run = caught(|| plan.carry_out()).map_err(|what| failure(None, what))?;
    let sim = W::machine(&run);
    tally.plans.fetch_add(1, Ordering::Relaxed);
    let from = from(&run);
    let count = sim.op_count().saturating_sub(from);
    tally.operations.fetch_add(count, Ordering::Relaxed);
    for at in from..=sim.op_count() {
        for strictness in Strictness::ALL {
            let mut choices = Choices::exhaustive();
            for turn in 0.. {
                if turn == cap {
                    capped.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                let world = caught(|| Ok(sim.power_loss(at, &mut choices, strictness)))
                    .map_err(|what| failure(None, what))?;
                let choice = Choice::Script(choices.script());
                let state = State::default().then(Loss {
                    at,
                    strictness,
                    choice,
                });
                found(plan, &run, &state, &world, false, tally)
                    .map_err(|what| failure(Some(state.clone()), what))?;
                if !choices.advance() {
                    break;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_beginning_is_gone_through_by_exactly_one_plan() {
        for length in 1..=3 {
            let plans = (0..).map_while(|number| plan(number, length));
            let mut seen = BTreeSet::new();
            for plan in plans {
                let text: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
                for end in steps_known(plan.seed)..text.len() {
                    // Words of two steps are known as a whole.
                    assert!(
                        seen.insert(text[..=end].join(" ")),
                        "{}",
                        text[..=end].join(" ")
                    );
                }
            }
            for plan in (0..).map_while(|number| plan(number, length)) {
                let text: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
                assert!((1..=text.len()).all(|end| seen.contains(&text[..end].join(" "))));
            }
            assert_eq!(
                (0..).map_while(|it| plan(it, length)).count(),
                usize::try_from(count(length)).unwrap()
            );
        }
    }
}
