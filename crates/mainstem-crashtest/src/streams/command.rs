//! The command `mainstem-crashtest streams`.

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::{Plan, exhaustive, faults};
use crate::sim::State;
use crate::sim::campaign::{self, Campaign, Ended};
use crate::sim::exhaustive::explore as explore_all;
use crate::sim::explore::{self, Extent, Failure, Tally};
use crate::sim::faults::{Case, fail_all, show};

/// Loses power after every operation of generated work on streams, opens them again, and judges.
///
/// Streams are made, deleted and made again, their retention changes, records are put, time passes and
/// processes are killed, on a simulated disk that keeps apart what was synced and what was not. After
/// each operation, and in the middle of it, states are built that a disk may legally show when power
/// fails. In each, the catalogue and the shards must agree with each other and with all that was
/// acknowledged; on a share of them work goes on and power is lost again.
#[derive(Args, Debug)]
pub struct Streams {
    /// The seeds of the plans: a range such as 200..400.
    #[arg(long, default_value = "0..100", value_parser = campaign::range)]
    seeds: Range<u64>,
    /// Go on with further seeds until so many minutes have passed.
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// Steps of a plan.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// Random states for each operation and strictness, besides keeping all and dropping all.
    #[arg(long, default_value_t = 1)]
    random_states: u64,
    /// Lose power again in every so manieth state; 0 means never.
    #[arg(long, default_value_t = 16)]
    again_every: u64,
    /// How often power is lost in a row at most.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3))]
    depth: u64,
    /// In place of random plans, all plans of up to so many words (put, put several over the end of a
    /// segment, delete, create, create another, change the retention, maintenance after a day, reopen,
    /// kill), and all states of each.
    #[arg(long)]
    exhaustive: Option<u32>,
    /// With --exhaustive: the most states for an operation and a strictness.
    #[arg(long, default_value_t = 64)]
    cap: u64,
    /// In place of losing power everywhere, make every call fail, in every way that it can, of so many
    /// plans: a short one, one that does everything, and random ones. With --plan: of that one.
    #[arg(long, conflicts_with = "exhaustive")]
    faults: Option<usize>,
    /// Threads; by default as many as there are processors.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Explore this plan alone, as a failure printed it.
    #[arg(long)]
    plan: Option<Plan>,
    /// With --plan: show this state alone, as a failure printed it.
    #[arg(long, requires = "plan")]
    state: Option<State>,
    /// With --plan: make this call alone fail, as a failure printed it.
    #[arg(long, requires = "plan", conflicts_with = "state")]
    case: Option<Case>,
}

impl Streams {
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
        match (&self.plan, self.case, self.faults) {
            (Some(plan), Some(case), _) => return show(plan, case),
            (Some(plan), None, Some(_)) => {
                return fail_all(std::slice::from_ref(plan), self.threads);
            }
            (Some(plan), None, None) => {
                return campaign::explore_one(plan, self.state.as_ref(), extent);
            }
            (None, _, Some(count)) => {
                let plans = faults::plans(count, self.steps).map_err(anyhow::Error::msg)?;
                return fail_all(&plans, self.threads);
            }
            (None, _, None) => {}
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
        let ended = campaign.run(
            &tally,
            |number, is_time_left| self.plan_of(number, is_time_left),
            |plan| match self.exhaustive {
                Some(_) => self.explore_all(plan, &tally, &capped),
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
            Some(length) => exhaustive::plan(number, length),
            None if number < self.seeds.end || is_time_left => {
                Some(Plan::random(number, self.steps))
            }
            None => None,
        }
    }

    fn explore_all(
        &self,
        plan: &Plan,
        tally: &Tally,
        capped: &AtomicU64,
    ) -> Result<(), Box<Failure<Plan>>> {
        let from = exhaustive::first_operation(plan).map_err(|what| Failure {
            plan: plan.clone(),
            state: None,
            what,
        })?;
        explore_all(plan, |_| from, self.cap, tally, capped)
    }

    fn table(&self, tally: &Tally, capped: &AtomicU64, ended: &Ended<Plan>) -> String {
        let mut special = Vec::new();
        let explored = match self.exhaustive {
            Some(length) => {
                let capped = capped.load(Ordering::Relaxed).to_string();
                special.push(("places with more states than the cap", capped));
                format!("all plans of up to {length} words")
            }
            None => format!(
                "seeds {}..{}, {} steps each",
                self.seeds.start,
                self.seeds.end.max(ended.end),
                self.steps
            ),
        };
        campaign::table(tally, ended, explored, special)
    }
}
