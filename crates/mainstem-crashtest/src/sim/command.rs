//! The command `mainstem-crashtest sim`.

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::campaign::{self, Campaign, Ended};
use super::explore::{self, Extent, Tally};
use super::run::Run;
use super::{Plan, State, exhaustive};

/// Loses power after every operation of generated work, recovers, and judges what is found.
///
/// The engine works on a simulated disk that keeps apart what was synced and what was not. After each
/// operation, and in the middle of it, states are built that a disk may legally show when power
/// fails: all that was written, only what was synced, and mixtures. Each is recovered; on a share of
/// them work goes on and power is lost again, also in the middle of the recovery. What was
/// acknowledged must be there each time, in order and unchanged, and nothing else but what was asked
/// for.
#[derive(Args, Debug)]
pub struct Sim {
    /// The seeds of the plans: a range such as 200..400.
    #[arg(long, default_value = "0..200", value_parser = campaign::range)]
    seeds: Range<u64>,
    /// Go on with further seeds until so many minutes have passed.
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// Steps of a plan.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// Random states for each operation and strictness, besides keeping all and dropping all.
    #[arg(long, default_value_t = 3)]
    random_states: u64,
    /// Lose power again in every so manieth state; 0 means never.
    #[arg(long, default_value_t = 4)]
    again_every: u64,
    /// How often power is lost in a row at most.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3))]
    depth: u64,
    /// In place of random plans, all plans of so many words (append, append over the end of a segment,
    /// append several at once, retention, maintenance, reopen, kill, remove), and all states of each.
    #[arg(long)]
    exhaustive: Option<u32>,
    /// With --exhaustive: one plan in so many, for a sample; those that are odd and more than the words
    /// give all words a chance.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    one_in: u64,
    /// With --exhaustive: the most states for an operation and a strictness.
    #[arg(long, default_value_t = 4096)]
    cap: u64,
    /// Threads; by default as many as there are processors.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Explore this plan alone, as a failure printed it.
    #[arg(long)]
    plan: Option<Plan>,
    /// With --plan: show this state alone, as a failure printed it.
    #[arg(long, requires = "plan")]
    state: Option<State>,
}

impl Sim {
    /// Explores.
    ///
    /// # Errors
    /// When a state is found wanting, with the command that shows it again.
    pub fn run(&self) -> Result<()> {
        campaign::hush_panics();
        let extent = Extent {
            random_states: self.random_states,
            again_every: self.again_every,
            depth: usize::try_from(self.depth)?,
        };
        if let Some(plan) = &self.plan {
            return campaign::explore_one(plan, self.state.as_ref(), extent);
        }
        let tally = Tally::default();
        let capped = AtomicU64::new(0);
        let campaign = Campaign {
            first: match self.exhaustive {
                Some(_) => 0,
                None => self.seeds.start,
            },
            threads: self.threads,
            limit: Duration::from_secs(self.minutes.saturating_mul(60)),
        };
        if let Some(length) = self.exhaustive {
            let plans = exhaustive::count(length).div_ceil(self.one_in);
            println!("{plans} plans of {length} words");
        }
        let ended = campaign.run(
            &tally,
            |number, is_time_left| self.plan_of(number, is_time_left),
            |plan| match self.exhaustive {
                Some(_) => {
                    let from = |run: &Run| exhaustive::first_operation(plan, run);
                    exhaustive::explore(plan, from, self.cap, &tally, &capped)
                }
                None => explore::explore(plan, extent, &tally),
            },
        );
        println!("{}", self.table(&tally, &capped, &ended));
        match ended.failed {
            None => Ok(()),
            Some(failure) => campaign::report(failure, extent),
        }
    }

    fn plan_of(&self, number: u64, is_time_left: bool) -> Option<Plan> {
        match self.exhaustive {
            Some(length) => exhaustive::plan(number.saturating_mul(self.one_in), length),
            None if number < self.seeds.end || is_time_left => {
                Some(Plan::random(number, self.steps))
            }
            None => None,
        }
    }

    fn table(&self, tally: &Tally, capped: &AtomicU64, ended: &Ended<Plan>) -> String {
        let mut special = Vec::new();
        let explored = match self.exhaustive {
            Some(length) => {
                let capped = capped.load(Ordering::Relaxed).to_string();
                special.push(("places with more states than the cap", capped));
                match self.one_in {
                    1 => format!("all plans of {length} words"),
                    one_in => format!("one in {one_in} of the plans of {length} words"),
                }
            }
            None => format!(
                "seeds {}..{}, {} steps each",
                self.seeds.start,
                self.seeds.end.max(ended.end),
                self.steps
            ),
        };
        let bytes = tally.recovered_bytes_max.load(Ordering::Relaxed);
        special.push(("most bytes read by a recovery", bytes.to_string()));
        campaign::table(tally, ended, explored, special)
    }
}
