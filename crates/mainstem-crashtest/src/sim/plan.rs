//! Work as data.

use std::fmt;
use std::str::FromStr;

use mainstem_log::ShardOptions;
use mainstem_log::limits::{HOUR_MS, RETENTION_MS_MIN};

use super::judge::Setup;
use super::rng::Rng;
use super::step::{SHARDS, Step, Way};

/// What is done to an engine, in order.
///
/// Written on a line: `SEED/SEGMENT_BYTES/JOURNAL_BYTES: STEP STEP ...`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a plan is what stands in it")]
pub struct Plan {
    /// Decides what the simulated machine's generator gives.
    pub seed: u64,
    /// At how many bytes a segment is rolled.
    pub segment_bytes: u64,
    /// The size of the commit journal that every group goes through that it can take; 0 for none.
    pub journal_bytes: u64,
    /// What is done.
    pub steps: Vec<Step>,
}

/// What must be left of half a segment for the frames of a batch.
const FRAME_BYTES: usize = 40;
/// After so many appends in as many milliseconds a shard is busy.
const BUSY_AFTER: usize = 64;

impl Plan {
    /// Returns a plan of `steps` random steps. Each seed draws a style first: the size of segments,
    /// whether all records are as long, and which kinds of steps there are.
    pub fn random(seed: u64, steps: usize) -> Self {
        let mut rng = Rng::new(seed);
        let is_busy = matches!(seed % 16, 3 | 8);
        let segment_bytes = if is_busy {
            rng.pick(&[24 << 10, 32 << 10])
        } else {
            rng.pick(&[4096, 4096, 8192])
        };
        // In turn, so that a few seeds in a row have all of them, also together.
        let extras = [
            (Extra::Kill, seed % 4 >= 2),
            (Extra::Remove, matches!(seed % 8, 4 | 6)),
            (Extra::Jump, matches!(seed % 8, 5 | 7)),
            (Extra::Fill, seed % 16 >= 12),
            (Extra::Busy, is_busy),
        ];
        let style = Style {
            segment_bytes,
            equal: (seed % 2 == 1).then(|| rng.pick(&[0, 16, 80, 488, 1000])),
            extras: extras
                .into_iter()
                .filter_map(|(extra, is_on)| is_on.then_some(extra))
                .collect(),
        };
        // Zeros ahead of the journal's data would come when they please.
        let journal_bytes = if is_busy || seed.is_multiple_of(4) {
            0
        } else {
            rng.pick(&[16 << 10, 32 << 10, 64 << 10])
        };
        Self {
            seed,
            segment_bytes,
            journal_bytes,
            steps: (0..steps)
                .map(|number| match number {
                    0 if is_busy => Step::Busy(0, BUSY_AFTER, 0),
                    _ => style.step(&mut rng),
                })
                .collect(),
        }
    }

    pub(super) fn setup(&self) -> Setup {
        Setup {
            shard: self.shard_options(),
            journal_bytes: self.journal_bytes,
        }
    }

    /// Returns the options of the plan's shards.
    pub fn shard_options(&self) -> ShardOptions {
        let mut options = ShardOptions::default();
        options.segment_bytes = self.segment_bytes;
        options.queued_bytes_max = 64 << 10;
        options.prewrite_bytes = 64 << 10;
        options
    }
}

/// What kinds of steps the seed of a plan has drawn.
#[derive(Clone, Debug)]
struct Style {
    segment_bytes: u64,
    /// The length of all records, if they are all of the same.
    equal: Option<usize>,
    extras: Vec<Extra>,
}

/// A kind of step that only some plans have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extra {
    Kill,
    Remove,
    Jump,
    Fill,
    Busy,
}

impl Style {
    fn step(&self, rng: &mut Rng) -> Step {
        let shard = usize::try_from(rng.below(2)).unwrap_or(0).min(SHARDS.len());
        let extras = u64::try_from(self.extras.len()).unwrap_or(0);
        let weight = if self.extras.contains(&Extra::Busy) {
            4
        } else {
            2
        };
        if extras > 0 && rng.below(24) < extras.saturating_mul(weight) {
            return self.extra(shard, rng);
        }
        match rng.below(100) {
            0..40 => {
                let way = rng.pick(&[
                    Way::Blocking,
                    Way::One,
                    Way::One,
                    Way::Try,
                    Way::Future,
                    Way::Dropped,
                ]);
                Step::Append(shard, way, vec![self.size(rng)])
            }
            40..58 => {
                let way = rng.pick(&[
                    Way::Blocking,
                    Way::Blocking,
                    Way::Try,
                    Way::Future,
                    Way::Dropped,
                ]);
                Step::Append(shard, way, self.batch(rng, 6))
            }
            58..65 => {
                let batches = 2 + rng.below(3);
                Step::Group(shard, (0..batches).map(|_| self.batch(rng, 2)).collect())
            }
            65..70 => Step::Maintain,
            70..78 => Step::Pass(rng.below(5000)),
            78..82 => Step::Pass(HOUR_MS + rng.below(HOUR_MS)),
            82..86 => Step::Pass(RETENTION_MS_MIN / 2 + rng.below(RETENTION_MS_MIN)),
            86..91 => Step::Reopen,
            91..95 => Step::Pass(31_000),
            _ => Step::Check,
        }
    }

    fn extra(&self, shard: usize, rng: &mut Rng) -> Step {
        match rng.pick(&self.extras) {
            Extra::Kill => Step::Kill(rng.below(12)),
            Extra::Remove => Step::Remove(shard),
            Extra::Jump => {
                let hours = i64::try_from(rng.below(60)).unwrap_or(0).saturating_sub(30);
                Step::Jump(hours.saturating_mul(i64::try_from(HOUR_MS).unwrap_or(i64::MAX)))
            }
            Extra::Fill if rng.below(2) == 0 => Step::Fill(rng.below(4 * self.segment_bytes)),
            Extra::Fill => Step::Free,
            Extra::Busy => match rng.below(4) {
                0 => Step::Busy(0, rng.pick(&[2, 14, BUSY_AFTER]), self.size(rng)),
                _ => Step::Zeros,
            },
        }
    }

    fn batch(&self, rng: &mut Rng, records_max: u64) -> Vec<usize> {
        let limit = usize::try_from(self.segment_bytes / 2).unwrap_or(usize::MAX);
        let mut sizes = vec![self.size(rng)];
        let mut bytes = sizes.iter().fold(0, |sum, size| size + FRAME_BYTES + sum);
        for _ in 0..rng.below(records_max) {
            let size = self.size(rng);
            bytes += size + FRAME_BYTES;
            if bytes > limit {
                break;
            }
            sizes.push(size);
        }
        sizes
    }

    fn size(&self, rng: &mut Rng) -> usize {
        let limit = self.segment_bytes / 4 - 24;
        let size = self.equal.map_or_else(
            || match rng.below(8) {
                0 => 0,
                1..=3 => rng.below(64),
                4..=6 => rng.below(500),
                _ => rng.below(1501),
            },
            |size| u64::try_from(size).unwrap_or(u64::MAX),
        );
        usize::try_from(size.min(limit)).unwrap_or(0)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}:",
            self.seed, self.segment_bytes, self.journal_bytes
        )?;
        self.steps.iter().try_for_each(|step| write!(f, " {step}"))
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || String::from("a plan is written SEED/SEGMENT_BYTES/JOURNAL_BYTES: STEP STEP ...");
        let (head, steps) = text.split_once(':').ok_or_else(wrong)?;
        let (seed, sizes) = head.split_once('/').ok_or_else(wrong)?;
        let (segment_bytes, journal_bytes) = sizes.split_once('/').unwrap_or((sizes, "0"));
        Ok(Self {
            seed: seed.trim().parse().map_err(|_| wrong())?,
            segment_bytes: segment_bytes.trim().parse().map_err(|_| wrong())?,
            journal_bytes: journal_bytes.trim().parse().map_err(|_| wrong())?,
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
        for text in ["", "1/4096", "x/4096: m", "1: m", "1/4096: quux"] {
            text.parse::<Plan>().unwrap_err();
        }
    }

    #[test]
    fn random_plans_have_every_kind_of_step() {
        let steps: Vec<Step> = (0..64)
            .flat_map(|seed| Plan::random(seed, 30).steps)
            .collect();
        let kinds: std::collections::BTreeSet<String> = steps
            .iter()
            .map(|step| {
                step.to_string()
                    .chars()
                    .filter(|it| !it.is_ascii_digit())
                    .take(2)
                    .collect()
            })
            .collect();
        for kind in [
            "a+", "b+", "a.", "a?", "a~", "a!", "a&", "a*", "z", "p", "j", "j-", "m", "r", "k",
            "xa", "f", "u", "c",
        ] {
            assert!(kinds.contains(kind), "{kind} in {kinds:?}");
        }
    }
}
