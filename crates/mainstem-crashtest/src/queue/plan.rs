//! Work as data.

use std::fmt;
use std::str::FromStr;

use super::step::{Push, Settle, Step};
use crate::sim::rng::Rng;

/// What is asked of a queue, in order.
///
/// Written on a line: `SEED: STEP STEP ...`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a plan is what stands in it")]
pub struct Plan {
    /// Decides what the simulated machine's generator gives.
    pub seed: u64,
    /// What is done.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Returns a plan of `steps` random steps. Each seed draws first which kinds of steps there are.
    pub fn random(seed: u64, steps: usize) -> Self {
        let mut rng = Rng::new(seed);
        let style = Style::of_seed(seed);
        Self {
            seed,
            steps: (0..steps).map(|_| style.step(&mut rng)).collect(),
        }
    }
}

/// What kinds of steps the seed of a plan has drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    kills: bool,
    /// The disk is filled and freed.
    fills: bool,
    /// The bytes that a message has less than; where it is large, files come and go.
    bytes_max: u64,
    keys: bool,
}

impl Style {
    pub(super) fn of_seed(seed: u64) -> Self {
        Self {
            kills: seed % 4 >= 2,
            fills: matches!(seed % 8, 1 | 6),
            bytes_max: if seed % 3 == 1 { 900 } else { 60 },
            keys: seed.is_multiple_of(2),
        }
    }

    pub(super) fn step(self, rng: &mut Rng) -> Step {
        if self.kills && rng.below(12) == 0 {
            return Step::Kill(rng.below(12));
        }
        if self.fills && rng.below(10) == 0 {
            let left = rng.pick(&[0, 100, 700, 5000]);
            return rng.pick(&[Step::Fill(left), Step::Free]);
        }
        let small = |rng: &mut Rng, bound: u64| usize::try_from(rng.below(bound)).unwrap_or(0);
        match rng.below(100) {
            0..28 => Step::Push(self.push(rng)),
            28..34 => Step::Batch(small(rng, 5) + 2),
            34..54 => Step::Receive(rng.pick(&[0, 0, 0, 1, 2]), rng.pick(&[1, 1, 2, 5])),
            54..72 => {
                let settle = rng.pick(&[
                    Settle::Ack,
                    Settle::Ack,
                    Settle::Ack,
                    Settle::Nack,
                    Settle::Extend,
                    Settle::Reject,
                    Settle::Transaction,
                    Settle::Transaction,
                ]);
                Step::Settle(settle, small(rng, 4))
            }
            72..77 => Step::AckAll,
            77..80 => Step::Redrive(rng.pick(&[0, 1, 2])),
            80..86 => Step::Pass(rng.pick(&[1, 1000, 10_000, 31_000])),
            86..94 => Step::Upkeep,
            94..97 => Step::Reopen,
            _ => Step::Check,
        }
    }

    fn push(self, rng: &mut Rng) -> Push {
        let key = (self.keys && rng.below(2) == 0).then(|| rng.pick(&['a', 'b', 'c']));
        let dedup = (rng.below(5) == 0).then(|| rng.pick(&[1, 2, 3, 4]));
        Push {
            key,
            size: usize::try_from(rng.below(self.bytes_max)).unwrap_or(0),
            dedup,
            delay_ms: if rng.below(8) == 0 {
                rng.pick(&[1, 2000, 20_000])
            } else {
                0
            },
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seed)?;
        self.steps.iter().try_for_each(|step| write!(f, " {step}"))
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || String::from("a plan is written SEED: STEP STEP ...");
        let (seed, steps) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Self {
            seed: seed.trim().parse().map_err(|_| wrong())?,
            steps: steps
                .split_whitespace()
                .map(str::parse)
                .collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read_as_they_were_written() {
        for seed in 0..50 {
            let plan = Plan::random(seed, 30);
            assert_eq!(plan.to_string().parse::<Plan>(), Ok(plan));
        }
    }
}
