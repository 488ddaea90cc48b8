//! The `full` command: space runs out under a store, and comes back.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::bench::{Bench, Setup};
use super::cycle::Store;
use super::draw::Draw;
use super::fault::{Failure, Fault, Who};
use super::faulty::{Took, took};
use super::medium::{Kind, Medium};
use super::plan::{StorePlan, Style};
use super::process::Process;
use super::tally::Tally;
use crate::power::host::Workspace;

/// Lets space run out under a writer or a reader, and judges what is left.
///
/// Before it starts, as it starts, or between two appends, there is room for a little more and no further:
/// a write is short, and the next one fails. It may refuse and say so. What it acknowledged must be there,
/// and once there is space again, the next writer must work. Space is the size of files that a process may
/// write, and that of a small file system, which needs root.
#[derive(Args, Clone, Debug)]
pub struct Full {
    /// How many times it runs out
    #[arg(long, value_name = "N", default_value_t = 100)]
    cases: u64,
    /// Begin with this case of the run: a violation names it
    #[arg(long, value_name = "K", default_value_t = 0)]
    case: u64,
    /// What runs out [default: all that this machine has]
    #[arg(long = "on", value_enum, value_name = "WHAT", value_delimiter = ',')]
    kinds: Vec<Kind>,
    #[command(flatten)]
    setup: Setup,
}

/// How many appends a writer gets.
const APPENDS: u64 = 40;
/// How much room is left at most, in bytes: more than a segment of ours, less than a writer writes.
const ROOM_BYTES_MAX: u64 = 96 << 10;
/// How long after its start space is taken from a process at most, in microseconds.
const START_US_MAX: u64 = 30_000;

/// A run, and what it has come to.
#[derive(Debug)]
struct Run {
    bench: Bench,
    tally: Tally,
    /// For each medium, and whether it was a writer, how space was missed: well, refusing.
    took: BTreeMap<(Kind, bool), [u64; 2]>,
    cases: u64,
}

impl Full {
    /// Carries out the cases and prints how each was taken; the exit code says whether all was well.
    ///
    /// # Errors
    /// When a command cannot be started or the directory cannot be used.
    pub fn run(&self) -> Result<ExitCode> {
        let bench = match self.setup.bench("full", || Ok(()))? {
            Ok(bench) => bench,
            Err(code) => return Ok(code),
        };
        let mut media = Vec::new();
        let mut workspace = None;
        for kind in Kind::ALL {
            let is_asked_for = self.kinds.contains(&kind);
            if !self.kinds.is_empty() && !is_asked_for {
                continue;
            }
            match kind.missing(&bench.env) {
                None => {
                    if kind.is_mounted() && workspace.is_none() {
                        workspace = Some(Workspace::new(&bench.env)?);
                    }
                    media.push(Medium::new(&bench, workspace.as_ref(), kind)?);
                }
                Some(missing) if is_asked_for => {
                    eprintln!("cannot run on {kind} here; this is missing: {missing}");
                    return Ok(ExitCode::from(CANNOT_RUN));
                }
                Some(missing) => println!("not on {kind}; this is missing: {missing}"),
            }
        }
        let mut run = Run {
            bench,
            tally: Tally::default(),
            took: BTreeMap::new(),
            cases: 0,
        };
        let outcome = run.all(self, &media);
        run.print();
        match outcome {
            Ok(()) => {
                run.bench.clear()?;
                Ok(ExitCode::SUCCESS)
            }
            Err((case, kind, Failure::Store(fault))) => {
                let (seed, commands) = (run.bench.seed, self.setup.commands());
                eprintln!("VIOLATION in case {case}, on {kind}: {fault}");
                eprintln!(
                    "the same again: mainstem-crashtest full --seed {seed} --on {kind} --case {case} \
                     --cases 1{commands}"
                );
                Ok(ExitCode::FAILURE)
            }
            Err((case, kind, Failure::Harness(error))) => {
                Err(error.context(format!("case {case}, on {kind}")))
            }
        }
    }
}

impl Run {
    fn all(&mut self, full: &Full, media: &[Medium]) -> Result<(), (u64, Kind, Failure)> {
        for case in full.case..full.case.saturating_add(full.cases) {
            for medium in media {
                let done = self.case(medium, case);
                done.map_err(|failure| (case, medium.kind, failure))?;
            }
            self.cases = self.cases.saturating_add(1);
            let cases = self.cases;
            self.bench
                .tell(|age| format!("{:>5} s  {cases} cases on each", age.as_secs()));
        }
        Ok(())
    }

    fn case(&mut self, medium: &Medium, case: u64) -> Result<(), Failure> {
        let (env, adapter) = (self.bench.env.clone(), self.bench.adapter.clone());
        let mut draw = Draw::new(self.bench.seed, case);
        let plan = StorePlan::new(self.bench.seed, case).without_retention();
        medium.clear()?;
        let mut store = Store::new(&env, &adapter, medium.store_dir(), &plan);
        let is_new = draw.one_in(3);
        if !is_new {
            store.kill_one(Style::default(), &mut self.tally)?;
        }
        // The first in whose way it comes, and those who come while there is no space.
        let others = draw.within(0..=2);
        for _ in 0..=others {
            let is_writer = draw.within(0..=2) > 0;
            let took = if is_writer {
                self.write(medium, &mut store, &mut draw)?
            } else {
                self.read(medium, &mut store, &mut draw)?
            };
            let counts = self.took.entry((medium.kind, is_writer)).or_default();
            let place = usize::from(took != Took::Well);
            if let Some(count) = counts.get_mut(place) {
                *count = count.saturating_add(1);
            }
        }
        medium.free()?;
        if draw.one_in(2) {
            store.read_and_judge(&mut self.tally)?;
        }
        store.faultless(&mut self.tally)
    }

    /// Lets a writer work that runs out of space.
    fn write(
        &mut self,
        medium: &Medium,
        store: &mut Store<'_>,
        draw: &mut Draw,
    ) -> Result<Took, Failure> {
        let room = draw.mostly_small(0..=ROOM_BYTES_MAX);
        let after = draw.within(0..=2).min(1) * draw.within(1..=APPENDS / 2);
        let pause = start_pause(draw).filter(|_| after == 0);
        if after == 0 && pause.is_none() {
            medium.fill(None, room)?;
        }
        let style = Style {
            is_maintaining: draw.one_in(2),
            is_asynchronous: draw.one_in(2),
            journal: draw.one_in(2).then_some(1),
            ..Style::default()
        };
        let env = self.bench.env.clone();
        let mut then = |process: &Process| -> Result<()> {
            env.clock.sleep(pause.unwrap_or_default());
            medium.fill(Some(process), room)
        };
        let command = medium.command(store.writer(style)?);
        let exit = store.work_off(command, APPENDS, &mut self.tally, after, &mut then)?;
        // Nobody killed it.
        if exit.status.code().is_none() {
            return Err(Fault::Ended(Who::Writer, exit).into());
        }
        took(Who::Writer, exit)
    }

    /// Lets a reader work that runs out of space as it starts, or has none.
    fn read(
        &mut self,
        medium: &Medium,
        store: &mut Store<'_>,
        draw: &mut Draw,
    ) -> Result<Took, Failure> {
        let room = draw.mostly_small(0..=ROOM_BYTES_MAX);
        let pause = start_pause(draw);
        if pause.is_none() {
            medium.fill(None, room)?;
        }
        let command = medium.command(store.reader()?);
        let env = self.bench.env.clone();
        store.read_off(command, false, &mut self.tally, |process| {
            env.clock.sleep(pause.unwrap_or_default());
            medium.fill(Some(process), room)
        })
    }

    fn print(&self) {
        println!(
            "\n{:<12}{:<10}{:>10}{:>10}",
            "on", "who", "went on", "refused"
        );
        for ((kind, is_writer), [well, refusing]) in &self.took {
            let who = if *is_writer { Who::Writer } else { Who::Reader };
            println!("{kind:<12}{:<10}{well:>10}{refusing:>10}", who.to_string());
        }
        println!(
            "cases {}, records acknowledged {}\n",
            self.cases, self.tally.acked_records
        );
    }
}

/// The exit code of a run that the machine does not allow.
const CANNOT_RUN: u8 = 3;

/// Draws how long after its start space is taken from a process; `None` is before.
fn start_pause(draw: &mut Draw) -> Option<Duration> {
    let pause = draw.within(0..=START_US_MAX);
    draw.one_in(2).then(|| Duration::from_micros(pause))
}
