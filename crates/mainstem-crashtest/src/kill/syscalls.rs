//! The `syscalls` command: calls of the system fail one at a time, and what is left is judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use mainstem_env::{Env, OpenMode};

use super::bench::{Bench, Setup};
use super::cycle::Store;
use super::dirs::remove_all;
use super::draw::Draw;
use super::fault::Failure;
use super::faulty::Took;
use super::inject::{Calls, Case, check, sample};
use super::plan::{StorePlan, Style};
use super::tally::Tally;

/// Lets calls of the system fail under a writer, one at a time, and judges what it leaves.
///
/// Each fault is put in the way of a writer twice: of one that begins, and of one that comes after one
/// that was killed. It may refuse, or die, or go on; what it acknowledged must be there, and the next
/// writer must work. Needs strace. A failed call does nothing at all: what a failed sync loses on a real
/// disk is not seen here.
#[derive(Args, Clone, Debug)]
pub struct Syscalls {
    /// How many faults are tried of all that there are
    #[arg(long, value_name = "N", default_value_t = 200)]
    cases: usize,
    /// Try every fault that there is
    #[arg(long, conflicts_with = "cases")]
    all: bool,
    #[command(flatten)]
    setup: Setup,
}

/// What strace writes when a call failed because of it, or a process died, maybe not the first one.
const HARMED: [&str; 2] = ["(INJECTED)", "+++ killed by SIGKILL"];
/// A run, and what it has come to.
#[derive(Debug)]
struct Run {
    bench: Bench,
    plan: StorePlan,
    tally: Tally,
    /// By call and fault, how writers took it: well, refusing, dying, or that it did not come to it.
    took: BTreeMap<(&'static str, &'static str), [u64; 4]>,
    cases: u64,
}

impl Syscalls {
    /// Tries the faults and prints how they were taken; the exit code says whether all was well.
    ///
    /// # Errors
    /// When a command cannot be started or the directory cannot be used.
    pub fn run(&self) -> Result<ExitCode> {
        let bench = match self.setup.bench("syscalls", check)? {
            Ok(bench) => bench,
            Err(code) => return Ok(code),
        };
        let seed = bench.seed;
        let mut run = Run {
            bench,
            plan: StorePlan::new(seed, 0).without_retention(),
            tally: Tally::default(),
            took: BTreeMap::new(),
            cases: 0,
        };
        let outcome = run.both(self, seed);
        run.print();
        match outcome {
            Ok(()) => {
                run.bench.clear()?;
                Ok(ExitCode::SUCCESS)
            }
            Err((text, Failure::Store(fault))) => {
                eprintln!("VIOLATION with {text}: {fault}");
                eprintln!(
                    "the store is kept as it is now: {}",
                    run.store_dir().display()
                );
                eprintln!("the same again: the same command with --seed {seed}");
                Ok(ExitCode::FAILURE)
            }
            Err((text, Failure::Harness(error))) => Err(error.context(text)),
        }
    }
}

impl Run {
    fn store_dir(&self) -> PathBuf {
        self.bench.base.join("store")
    }

    /// Tries faults in a writer that begins, then in one that comes after one that was killed.
    fn both(&mut self, arguments: &Syscalls, seed: u64) -> Result<(), (String, Failure)> {
        let mut draw = Draw::new(seed, 1);
        for is_new in [true, false] {
            let what = if is_new {
                "a new store"
            } else {
                "a store after a kill"
            };
            let calls = self
                .trace(is_new)
                .map_err(|failure| (format!("no fault, {what}"), failure))?;
            let all = calls.cases();
            let most = if arguments.all {
                all.len()
            } else {
                arguments.cases.div_ceil(2)
            };
            println!(
                "{what}: {} faults, {} of them tried",
                all.len(),
                most.min(all.len())
            );
            for case in sample(all, most, &mut draw) {
                let style = Style {
                    is_maintaining: draw.one_in(2),
                    ..Style::default()
                };
                let took = self.case(&case, is_new, style);
                let took = took.map_err(|failure| (format!("{case}, {what}"), failure))?;
                let counts = self.took.entry((case.call, case.fault)).or_default();
                let place = match took {
                    Took::Well => 0,
                    Took::Refusing => 1,
                    Took::Dying => 2,
                    Took::Unharmed => 3,
                };
                if let Some(count) = counts.get_mut(place) {
                    *count = count.saturating_add(1);
                }
                self.cases = self.cases.saturating_add(1);
                let cases = self.cases;
                self.bench
                    .tell(|age| format!("{:>5} s  {cases} faults", age.as_secs()));
            }
        }
        Ok(())
    }

    /// Finds out which calls a writer makes when nothing fails.
    fn trace(&mut self, is_new: bool) -> Result<Calls, Failure> {
        let trace = self.bench.base.join("trace");
        self.with_store(is_new, |store, tally| {
            let took = store.faulty(None, Style::default(), &trace, tally)?;
            match took {
                Took::Well => Ok(()),
                _ => Err(anyhow::anyhow!("the writer does not work under strace").into()),
            }
        })?;
        let text = read_text(&self.bench.env, &trace)?;
        Ok(Calls::read(&text, &self.store_dir()))
    }

    /// Tries one fault, and whether the store works on afterwards.
    fn case(&mut self, case: &Case, is_new: bool, style: Style) -> Result<Took, Failure> {
        let trace = self.bench.base.join("trace");
        let took = self.with_store(is_new, |store, tally| {
            let took = store.faulty(Some(case), style, &trace, tally)?;
            store.faultless(tally)?;
            Ok(took)
        })?;
        // Threads make it differ from run to run how many calls there are.
        let text = read_text(&self.bench.env, &trace)?;
        let is_harmed = took == Took::Dying || HARMED.iter().any(|mark| text.contains(mark));
        Ok(if is_harmed { took } else { Took::Unharmed })
    }

    fn with_store<T>(
        &mut self,
        is_new: bool,
        work: impl FnOnce(&mut Store<'_>, &mut Tally) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let dir = self.store_dir();
        remove_all(&self.bench.env, &dir)?;
        let mut store = Store::new(&self.bench.env, &self.bench.adapter, dir, &self.plan);
        if !is_new {
            store.kill_one(&mut self.tally)?;
        }
        work(&mut store, &mut self.tally)
    }

    fn print(&self) {
        println!(
            "\n{:<12}{:<20}{:>10}{:>10}{:>10}{:>12}",
            "call", "fault", "went on", "refused", "died", "not reached"
        );
        for ((call, fault), [well, refusing, dying, unharmed]) in &self.took {
            println!("{call:<12}{fault:<20}{well:>10}{refusing:>10}{dying:>10}{unharmed:>12}");
        }
        println!(
            "faults {}, records acknowledged {}\n",
            self.cases, self.tally.acked_records
        );
    }
}

/// Reads a whole file.
fn read_text(env: &Env, path: &Path) -> Result<String> {
    let file = env.fs.open(path, OpenMode::Read);
    let file = file.with_context(|| path.display().to_string())?;
    let mut bytes = vec![0; usize::try_from(file.len()?)?];
    file.read_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
