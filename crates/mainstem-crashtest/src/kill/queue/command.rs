//! The command `mainstem-crashtest kill-queue`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use mainstem_env::Env;

use super::super::dirs::{make_base, random_seed, remove_all};
use super::super::draw::Draw;
use super::super::process::{Heard, Process, STUCK};
use super::judge;
use super::story::Story;

/// Kills processes that work on an embedded queue with many threads, and judges what is left.
///
/// Three threads push, one by one, in batches and with ordering keys; four receive for three consumers,
/// acknowledge, give back, hold on, and commit transactions that acknowledge, push and keep a value; one
/// does upkeep over and over. They say what they are about to do and what was answered. After each kill
/// a copy of the queue is drained: nothing acknowledged to a producer may be missing, nothing that a
/// consumer acknowledged may come back, batches and transactions are whole, deliveries are counted, and
/// keys are in order. Then the next process goes on with the same queue.
#[derive(Args, Debug)]
pub struct KillQueue {
    /// How many processes are killed or ended.
    #[arg(long, default_value_t = 100)]
    cycles: u64,
    /// Decides the work and when it is cut short; by default a random one, printed. The same seed does not
    /// meet the same moments again, as processes take their own time.
    #[arg(long)]
    seed: Option<u64>,
    /// Begin with an empty queue after so many cycles.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..))]
    cycles_per_store: u64,
    /// Where the queues are; by default a directory of its own among the temporary files.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// How a life ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// It is killed after so many lines, and so many microseconds.
    Lines(u64, u64),
    /// It is killed so many microseconds after its start.
    Start(u64),
    /// Its input ends after so many lines.
    Order(u64),
}

#[derive(Debug, Default)]
struct Tally {
    cycles: u64,
    killed: u64,
    killed_early: u64,
    ended: u64,
    stories: Vec<Story>,
}

const PROGRESS_EVERY: Duration = Duration::from_secs(10);

impl KillQueue {
    /// Carries out the cycles.
    ///
    /// # Errors
    /// What the queue did wrong, with the command that tries it again, and where it is.
    pub fn run(&self) -> Result<()> {
        let env = Env::real();
        let seed = self.seed.map_or_else(|| random_seed(&env), Ok)?;
        println!("seed {seed}");
        let base = make_base(&env, self.dir.as_deref())?;
        let start = env.clock.elapsed();
        let mut printed = start;
        let mut tally = Tally::default();
        while tally.cycles < self.cycles {
            let number = u64::try_from(tally.stories.len())?;
            let dir = base.join(format!("queue-{number}"));
            remove_all(&env, &dir)?;
            tally.stories.push(Story::default());
            for _ in 0..self.cycles_per_store.min(self.cycles - tally.cycles) {
                let mut draw = Draw::new(seed, tally.cycles);
                tally.cycles = tally.cycles.saturating_add(1);
                cycle(&env, &dir, &mut draw, &mut tally).with_context(|| {
                    format!(
                        "VIOLATION in cycle {} of seed {seed}; the queue is kept in {}\ntry again \
                         with: mainstem-crashtest kill-queue --seed {seed} --cycles {}",
                        tally.cycles,
                        dir.display(),
                        self.cycles
                    )
                })?;
                if env.clock.elapsed().since(printed) >= PROGRESS_EVERY {
                    printed = env.clock.elapsed();
                    let took = printed.since(start).as_secs_f64();
                    println!("{took:>6.0} s  {} cycles", tally.cycles);
                }
            }
            remove_all(&env, &dir)?;
        }
        if self.dir.is_none() {
            remove_all(&env, &base)?;
        }
        println!("{}", table(&tally, env.clock.elapsed().since(start)));
        Ok(())
    }
}

fn cycle(env: &Env, dir: &Path, draw: &mut Draw, tally: &mut Tally) -> Result<()> {
    let ending = match draw.within(0..=9) {
        0..=1 => Ending::Start(draw.within(0..=40_000)),
        2 => Ending::Order(draw.within(0..=600)),
        _ => Ending::Lines(draw.mostly_small(1..=900), draw.mostly_small(0..=5000)),
    };
    let story = tally.stories.last_mut().context("no story")?;
    story.begin_life();
    live(env, dir, draw, ending, story)?;
    match ending {
        Ending::Lines(..) => tally.killed = tally.killed.saturating_add(1),
        Ending::Start(_) => tally.killed_early = tally.killed_early.saturating_add(1),
        Ending::Order(_) => tally.ended = tally.ended.saturating_add(1),
    }
    let found = judge::look(env, dir)?;
    story.settle(&found).map_err(|what| anyhow!(what))
}

/// Has a worker live, and hears all that it says.
fn live(env: &Env, dir: &Path, draw: &mut Draw, ending: Ending, story: &mut Story) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("queue-worker").arg(dir);
    command.arg("--seed").arg(draw.next().to_string());
    command.arg("--life").arg(story.life.to_string());
    let mut process = Process::start(&mut command, 1)?;
    let lines = match ending {
        Ending::Lines(lines, _) | Ending::Order(lines) => lines,
        Ending::Start(_) => 0,
    };
    for _ in 0..lines {
        match process.hear(STUCK) {
            Heard::Line(line) => story.hear(&line).map_err(|what| anyhow!(what))?,
            Heard::Nothing => bail!("the worker is stuck"),
            Heard::End => bail!("the worker ended: {}", process.wait()?),
        }
    }
    let mut wrong = None;
    let mut heard = |line: String| {
        if wrong.is_none() {
            wrong = story.hear(&line).err();
        }
    };
    match ending {
        Ending::Order(_) => {
            process.end_input();
            loop {
                match process.hear(STUCK) {
                    Heard::Line(line) => heard(line),
                    Heard::Nothing => bail!("the worker does not end"),
                    Heard::End => break,
                }
            }
            let exit = process.wait()?;
            if !exit.status.success() {
                bail!("the worker ended: {exit}");
            }
        }
        Ending::Lines(_, us) | Ending::Start(us) => {
            env.clock.sleep(Duration::from_micros(us));
            if let Some(exit) = process.ended()? {
                bail!("the worker ended: {exit}");
            }
            process.kill(heard)?;
        }
    }
    wrong.map_or(Ok(()), |what| Err(anyhow!(what)))
}

fn table(tally: &Tally, took: Duration) -> String {
    let sum = |of: fn(&Story) -> u64| {
        let all = tally.stories.iter().map(of);
        all.fold(0_u64, u64::saturating_add).to_string()
    };
    let rows = [
        ("cycles", tally.cycles.to_string()),
        ("queues", tally.stories.len().to_string()),
        ("killed at work", tally.killed.to_string()),
        ("killed while starting", tally.killed_early.to_string()),
        ("ended in good order", tally.ended.to_string()),
        ("pushes acknowledged, batches as one", sum(|it| it.pushed)),
        ("deliveries", sum(|it| it.deliveries)),
        ("of these, not the first", sum(|it| it.redeliveries)),
        ("acknowledgements, batches as one", sum(|it| it.acked)),
        ("transactions", sum(|it| it.transactions)),
        ("calls that a kill left in doubt", sum(|it| it.doubtful)),
        ("time", format!("{:.1} s", took.as_secs_f64())),
    ];
    let rows = rows.map(|(name, value)| format!("{name:<38}{value}"));
    rows.join("\n")
}
