//! The `syscalls` command: calls of the system fail one at a time, and what is left is judged.

use std::collections::BTreeMap;
use std::fmt;
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

/// Lets calls of the system fail under a writer and a reader, one at a time, and judges what is left.
///
/// Faults are put in the way of a writer that begins, of one that comes after one that was killed, and of
/// a reader that does. A writer may refuse, or die, or go on; what it acknowledged must be there. A reader
/// may refuse; what it shows before is right and without gaps. The next writer must work. Needs strace. A failed call does nothing at all: what a failed sync loses on a real
/// disk is not seen here.
#[derive(Args, Clone, Debug)]
pub struct Syscalls {
    /// How many faults are tried of all that there are
    #[arg(long, value_name = "N", default_value_t = 200)]
    cases: usize,
    /// Try every fault that there is
    #[arg(long, conflicts_with = "cases")]
    all: bool,
    /// Have our own writers put all groups through the commit journal that it can take
    #[arg(long, conflicts_with_all = ["write", "read"])]
    journal: bool,
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
    /// What writers do besides, those before and under faults.
    style: Style,
    tally: Tally,
    /// By call and fault, how processes took it: well, refusing, dying, or that it did not come to it.
    took: BTreeMap<(&'static str, &'static str), [u64; 4]>,
    cases: u64,
}

/// In whose way faults are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A writer that makes the store.
    FirstWriter,
    /// A writer after one that was killed.
    NextWriter,
    /// A reader after a writer that was killed.
    Reader,
}

impl Subject {
    const ALL: [Self; 3] = [Self::FirstWriter, Self::NextWriter, Self::Reader];

    /// Returns `style`, unless it is no writer.
    fn style(self, style: Style) -> Option<Style> {
        (self != Self::Reader).then_some(style)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstWriter => "the writer of a new store",
            Self::NextWriter => "a writer after a kill",
            Self::Reader => "a reader after a kill",
        })
    }
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
            style: Style {
                journal: self.journal.then_some(1),
                ..Style::default()
            },
            tally: Tally::default(),
            took: BTreeMap::new(),
            cases: 0,
        };
        let outcome = run.all(self, seed);
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

    /// Tries faults in each subject.
    fn all(&mut self, arguments: &Syscalls, seed: u64) -> Result<(), (String, Failure)> {
        let mut draw = Draw::new(seed, 1);
        for subject in Subject::ALL {
            let calls = self
                .trace(subject)
                .map_err(|failure| (format!("no fault, {subject}"), failure))?;
            let all = calls.cases();
            let most = if arguments.all {
                all.len()
            } else {
                arguments.cases.div_ceil(Subject::ALL.len())
            };
            println!(
                "{subject}: {} faults, {} of them tried",
                all.len(),
                most.min(all.len())
            );
            for case in sample(all, most, &mut draw) {
                let style = Style {
                    is_maintaining: draw.one_in(2),
                    ..self.style
                };
                let took = self.case(&case, subject, style);
                let took = took.map_err(|failure| (format!("{case}, {subject}"), failure))?;
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

    /// Finds out which calls are made when nothing fails.
    fn trace(&mut self, subject: Subject) -> Result<Calls, Failure> {
        let trace = self.bench.base.join("trace");
        let style = subject.style(self.style);
        self.with_store(subject, |store, tally| {
            match store.faulty(None, style, &trace, tally)? {
                Took::Well => Ok(()),
                _ => Err(anyhow::anyhow!("{subject} does not work under strace").into()),
            }
        })?;
        let text = read_text(&self.bench.env, &trace)?;
        Ok(Calls::read(&text, &self.store_dir()))
    }

    /// Tries one fault, and whether the store works on afterwards.
    fn case(&mut self, case: &Case, subject: Subject, style: Style) -> Result<Took, Failure> {
        let trace = self.bench.base.join("trace");
        let style = subject.style(style);
        let took = self.with_store(subject, |store, tally| {
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
        subject: Subject,
        work: impl FnOnce(&mut Store<'_>, &mut Tally) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let dir = self.store_dir();
        remove_all(&self.bench.env, &dir)?;
        let plan = match subject {
            Subject::Reader => self.plan.clone().with_segments(),
            _ => self.plan.clone(),
        };
        let mut store = Store::new(&self.bench.env, &self.bench.adapter, dir, &plan);
        if subject == Subject::Reader {
            store.faultless(&mut self.tally)?;
        }
        if subject != Subject::FirstWriter {
            store.kill_one(self.style, &mut self.tally)?;
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
