//! The command `mainstem-crashtest queue`.

use std::num::NonZero;
use std::ops::Range;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::{Plan, faults};
use crate::sim::State;
use crate::sim::campaign::{self, Campaign};
use crate::sim::explore::{self, Extent, Tally};
use crate::sim::faults::{Case, fail_all, show};

/// Loses power after every operation of generated work on a queue, opens it again, and judges.
///
/// Messages are pushed, received, acknowledged, given back, rejected and redriven, one by one, in batches
/// and in transactions, on a simulated disk that keeps apart what was synced and what was not; files
/// are freed, messages carried forward, processes killed. After each operation, and in the middle of
/// it, states are built that a disk may legally show when power fails. In each, nothing may be lost that
/// was pushed, and nothing come back that was acknowledged; on a share of them work goes on and power is
/// lost again.
#[derive(Args, Debug)]
pub struct Queue {
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
    /// In place of losing power everywhere, make every call fail, in every way that it can, of so many
    /// plans: a short one, one that does everything, and random ones. With --plan: of that one.
    #[arg(long)]
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

impl Queue {
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
        let campaign = Campaign {
            first: self.seeds.start,
            threads: self.threads,
            limit: Duration::from_secs(self.minutes.saturating_mul(60)),
        };
        let ended = campaign.run(
            &tally,
            |seed, is_time_left| {
                (seed < self.seeds.end || is_time_left).then(|| Plan::random(seed, self.steps))
            },
            |plan| explore::explore(plan, extent, &tally),
        );
        let explored = format!(
            "seeds {}..{}, {} steps each",
            self.seeds.start,
            self.seeds.end.max(ended.end),
            self.steps
        );
        println!("{}", campaign::table(&tally, &ended, explored, Vec::new()));
        match ended.failed {
            None => Ok(()),
            Some(failure) => campaign::report(failure, extent),
        }
    }
}
