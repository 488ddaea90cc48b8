//! Work as data.

use std::fmt;
use std::str::FromStr;

use mainstem_log::limits::HOUR_MS;

use super::step::{KEYS, Put, STREAMS, Step};
use crate::sim::rng::Rng;

/// What is asked of streams, in order.
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
    /// Returns a plan of `steps` random steps, the first of which makes a stream. Each seed draws
    /// first which kinds of steps there are.
    pub fn random(seed: u64, steps: usize) -> Self {
        let mut rng = Rng::new(seed);
        let style = Style::of_seed(seed);
        let mut first = vec![
            Step::Create(0, style.shards(&mut rng)),
            Step::Pass(TRANSITION_MS),
        ];
        if style.ticks() {
            first.insert(0, Step::Tick(rng.pick(&[1, 2])));
        }
        let more = (first.len()..steps).map(|_| style.step(&mut rng));
        Self {
            seed,
            steps: first.iter().take(steps).cloned().chain(more).collect(),
        }
    }
}

/// How long streams are CREATING and DELETING in runs.
pub(super) const TRANSITION_MS: u64 = 100;

/// What kinds of steps the seed of a plan has drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    seed: u64,
}

impl Style {
    pub(super) fn of_seed(seed: u64) -> Self {
        Self { seed }
    }

    fn kills(self) -> bool {
        self.seed % 4 >= 2
    }

    /// Streams come and go all the time, mostly within the same second.
    fn churns(self) -> bool {
        self.seed % 3 == 1
    }

    fn jumps(self) -> bool {
        self.seed % 8 == 5
    }

    /// The clock goes on while work is done.
    fn ticks(self) -> bool {
        matches!(self.seed % 16, 7 | 8)
    }

    /// The disk is full now and then.
    fn fills(self) -> bool {
        matches!(self.seed % 16, 9 | 12 | 14)
    }

    fn shards(self, rng: &mut Rng) -> u32 {
        let most = if self.churns() { 2 } else { 3 };
        u32::try_from(rng.below(most)).unwrap_or(0) + 1
    }

    pub(super) fn step(self, rng: &mut Rng) -> Step {
        let streams = if self.churns() { 2 } else { 3 };
        let stream = usize::try_from(rng.below(streams))
            .unwrap_or(0)
            .min(STREAMS.len());
        if self.kills() && rng.below(10) == 0 {
            return Step::Kill(rng.below(16));
        }
        if self.jumps() && rng.below(10) == 0 {
            let by = match rng.below(4) {
                0 => rng.below(60 * HOUR_MS),
                _ => rng.below(6000),
            };
            let by = i64::try_from(by).unwrap_or(0);
            return Step::Jump(if rng.below(2) == 0 { by } else { -by });
        }
        if self.ticks() && rng.below(8) == 0 {
            // So that a transition ends while the next call is under way.
            return Step::Pass(TRANSITION_MS - rng.below(10));
        }
        if self.fills() && rng.below(8) == 0 {
            return match rng.below(3) {
                0 => Step::Free,
                1 => Step::Fill(0),
                _ => Step::Fill(rng.below(1 << 16)),
            };
        }
        if self.churns() {
            match rng.below(6) {
                0 => return Step::Delete(stream),
                1 => return Step::Create(stream, self.shards(rng)),
                2 => return Step::Pass(rng.pick(&[50, TRANSITION_MS, 150, 400])),
                _ => {}
            }
        }
        match rng.below(100) {
            0..30 => Step::Put(stream, put(rng, 900)),
            30..45 => Step::Puts(
                stream,
                (0..2 + rng.below(5)).map(|_| put(rng, 250)).collect(),
            ),
            45..55 => Step::Create(stream, self.shards(rng)),
            55..60 => Step::Delete(stream),
            60..68 => {
                let hours = [24, 25, 30, 48, 168];
                Step::Retain(stream, rng.pick(&hours))
            }
            68..74 => Step::Iterators(stream),
            74..84 => Step::Pass(rng.pick(&[1, TRANSITION_MS, TRANSITION_MS, 150, 1000, 31_000])),
            84..88 => Step::Pass(HOUR_MS + rng.below(30 * HOUR_MS)),
            88..94 => Step::Maintain,
            94..97 => Step::Reopen,
            _ => Step::Check,
        }
    }
}

/// Returns a record of at most `most` bytes. A record has to fit into a quarter of a segment, and what
/// one call puts into half of one.
fn put(rng: &mut Rng, most: u64) -> Put {
    let size = match rng.below(8) {
        0 => 0,
        1..=5 => rng.below(80),
        6 => rng.below(most),
        _ => most - rng.below(50),
    };
    (rng.pick(&KEYS), usize::try_from(size).unwrap_or(0))
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
        for text in ["", "1", "x: m", "1: quux"] {
            text.parse::<Plan>().unwrap_err();
        }
    }

    #[test]
    fn random_plans_have_every_kind_of_step() {
        let steps: Vec<String> = (0..64)
            .flat_map(|seed| Plan::random(seed, 30).steps)
            .map(|step| step.to_string())
            .collect();
        for kind in [
            "A+", "B-", "C=", "A.", "B&", "A!", "p", "j", "j-", "m", "r", "k", "t", "f", "u", "c",
        ] {
            assert!(steps.iter().any(|it| it.starts_with(kind)), "{kind}");
        }
    }
}
