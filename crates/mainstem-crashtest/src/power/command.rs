//! The command `power`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use mainstem_env::Env;

use super::dice::Dice;
use super::disk::Disk;
use super::explore::{Find, Run, Verdict, judge};
use super::filesystem::FileSystem;
use super::host::{self, Workspace};
use super::keep;
use super::keeper::{Keeper, Stopped};
use super::programs::{Failure, Program};
use super::schedule::{Order, Schedule};
use super::work::Programs;
use crate::template::quoted;

/// Cuts power under a real file system, at any point.
///
/// A disk in memory writes down each write and each flush of the kernel while the writer works on it,
/// through ext4, XFS or btrfs. Then the disk is rebuilt as a power cut may have left it: with all that
/// was flushed, and any part of what was not. The file system recovers, the reader shows what it has,
/// and that is compared with what the writer had acknowledged. On some states a writer goes on and power
/// fails again. One run in three is on a disk that fails reads, writes or flushes.
///
/// Needs root, /dev/fuse and loop devices. Exits with 0 if all was well, 1 after a violation or a failure
/// of its own, 2 after wrong usage, 3 if it cannot run here, 130 if it was interrupted.
///
/// A short run is part of `cargo xtask test`, as `cargo xtask test power`; this command is the long form.
#[derive(Args, Debug)]
pub struct Power {
    /// The file systems.
    #[arg(long = "fs", value_enum, value_name = "FS", value_delimiter = ',', num_args = 1..)]
    #[arg(default_values_t = FileSystem::ALL)]
    file_systems: Vec<FileSystem>,
    /// How many states to judge in all, those of a second cut not counted.
    #[arg(long, value_name = "N", default_value_t = 5000)]
    states: u64,
    /// What all choices come from. The kernel's own timing comes on top.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Only the run of this number, with all of the states.
    #[arg(long, value_name = "N")]
    run: Option<u64>,
    /// Let the disk fail reads, writes or flushes in every run, not in one of three.
    #[arg(long)]
    failing: bool,
    /// How many disks are worked on at once, a processor each by default.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// The writer. `{dir}` becomes the directory of the store, `{self}` this program; words are split at
    /// white space.
    #[arg(long, value_name = "COMMAND", value_parser = Program::parse, default_value = WRITE)]
    write: Program,
    /// The reader, likewise.
    #[arg(long, value_name = "COMMAND", value_parser = Program::parse, default_value = READ)]
    read: Program,
    /// Where the states of violations are kept; the directory of temporary files by default.
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
    /// Judges one state again that was kept.
    #[arg(long, value_name = "DIRECTORY")]
    replay: Option<PathBuf>,
}

/// The commands of our own log.
const WRITE: &str = "{self} write {dir}";
const READ: &str = "{self} read {dir}";

/// What went well, or not.
enum End {
    Good,
    Violations,
}

impl Power {
    /// Explores, prints what was found, and returns how it went.
    ///
    /// # Errors
    /// When the harness itself fails.
    pub fn run(&self) -> Result<ExitCode> {
        let env = Env::real();
        let replayed = self.replay.as_deref().map(|path| keep::load(&env, path));
        let replayed = replayed.transpose()?;
        let wanted = match &replayed {
            Some((file_system, _)) => vec![*file_system],
            None => self.file_systems.clone(),
        };
        let missing = host::missing(&env, &wanted);
        if !missing.is_empty() {
            eprintln!("cannot run here; this is missing:");
            for missing in missing {
                eprintln!("  {missing}");
            }
            return Ok(ExitCode::from(CANNOT_RUN));
        }
        let done = self.programs(&env).and_then(|programs| match replayed {
            Some((file_system, state)) => replay(&env, &programs, file_system, &state),
            None => self.explore(&env, &programs),
        });
        match done {
            Ok(End::Good) => Ok(ExitCode::SUCCESS),
            Ok(End::Violations) => Ok(ExitCode::FAILURE),
            Err(error) if error.is::<Stopped>() => Ok(ExitCode::from(INTERRUPTED)),
            Err(error) => Err(error),
        }
    }

    /// Starts the keeper, and returns the programs under test.
    fn programs(&self, env: &Env) -> Result<Programs> {
        let keeper = Keeper::start(env)?;
        // The threads that serve disks had better not wait for disks when memory is short. Not every
        // root may ask for that; memory is seldom so short.
        let _ = rustix::process::configure_io_flusher_behavior(true);
        Ok(Programs {
            env: env.clone(),
            keeper,
            write: self.write.clone(),
            read: self.read.clone(),
        })
    }

    fn explore(&self, env: &Env, programs: &Programs) -> Result<End> {
        let names: Vec<&str> = self.file_systems.iter().map(|it| it.name()).collect();
        println!(
            "power cuts: {} states over {}, seed {}",
            self.states,
            names.join(", "),
            self.seed
        );
        if let Some(kept) = &self.keep
            && env.fs.metadata(kept)?.is_none()
        {
            env.fs
                .create_dir(kept)
                .with_context(|| kept.display().to_string())?;
        }
        let workspace = Workspace::new(env)?;
        let schedule = Schedule::new(env, &self.file_systems, self.states, self.run, self.failing);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.unwrap_or(processors).max(1);
        let results: Vec<Result<()>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs)
                .map(|job| {
                    let worker = Worker {
                        env,
                        workspace: &workspace,
                        programs,
                        schedule: &schedule,
                        options: self,
                        job,
                    };
                    scope.spawn(move || worker.work())
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| match worker.join() {
                    Ok(done) => done,
                    Err(_) => Err(anyhow!("a thread that explores panicked")),
                })
                .collect()
        });
        drop(workspace);
        let (table, violations) = schedule.table();
        println!("{table}");
        for result in results {
            result?;
        }
        Ok(if violations == 0 {
            End::Good
        } else {
            End::Violations
        })
    }
}

/// One thread that explores, with a disk of each file system.
struct Worker<'a> {
    env: &'a Env,
    workspace: &'a Workspace,
    programs: &'a Programs,
    schedule: &'a Schedule,
    options: &'a Power,
    job: usize,
}

/// Ends the others' work too unless it is told that all went well.
struct AbortUnlessDone<'a> {
    schedule: &'a Schedule,
    is_done: bool,
}

impl Drop for AbortUnlessDone<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.schedule.abort();
        }
    }
}

impl Worker<'_> {
    fn work(&self) -> Result<()> {
        let mut guard = AbortUnlessDone {
            schedule: self.schedule,
            is_done: false,
        };
        let mut disks: BTreeMap<FileSystem, Disk> = BTreeMap::new();
        while let Some(order) = self.schedule.next() {
            let file_system = order.file_system;
            let mut disk = match disks.remove(&file_system) {
                Some(disk) => disk,
                None => {
                    let name = format!("{}-{file_system}", self.job);
                    Disk::new(self.env, self.workspace, &name, file_system)
                        .with_context(|| format!("a disk with {file_system}"))?
                }
            };
            self.fill(order, &mut disk)?;
            disks.insert(file_system, disk);
        }
        guard.is_done = true;
        Ok(())
    }

    fn fill(&self, order: Order, disk: &mut Disk) -> Result<()> {
        let seed = Dice::of(self.options.seed, order.run).next();
        let dice = Dice::of(seed, order.file_system.disk_bytes());
        let mut run = Run::new(self.programs, disk, dice);
        if order.is_failing {
            run.failing_disk(order.states)
        } else {
            run.power_cuts(order.states)
        }
        .with_context(|| self.name(order))?;
        for (number, find) in run.finds.iter().enumerate() {
            self.report(order, number, find);
        }
        self.schedule.done(order, &run.tally);
        Ok(())
    }

    fn name(&self, order: Order) -> String {
        let Order {
            file_system, run, ..
        } = order;
        format!("{file_system}, seed {}, run {run}", self.options.seed)
    }

    fn report(&self, order: Order, number: usize, find: &Find) {
        let mut text = format!("VIOLATION ({}): {}", self.name(order), find.failure);
        let mut programs = String::new();
        if self.options.failing {
            programs.push_str(" --failing");
        }
        for (name, program, own) in [
            ("--write", self.options.write.to_string(), WRITE),
            ("--read", self.options.read.to_string(), READ),
        ] {
            if program != own {
                programs.extend([" ", name, " ", &quoted(&program)]);
            }
        }
        let Order {
            file_system, run, ..
        } = order;
        if let Some(state) = &find.state {
            text.extend([format!("\n  {}", state.about)]);
            let parent = self.options.keep.clone().unwrap_or_else(std::env::temp_dir);
            let name = format!(
                "mainstem-power-{}-{file_system}-{run}-{number}",
                std::process::id()
            );
            let path = parent.join(name);
            match keep::save(self.env, &path, file_system, state) {
                Ok(()) => text.extend([format!(
                    "\n  the same state again: mainstem-crashtest power --replay {}{programs}",
                    path.display()
                )]),
                Err(error) => text.extend([format!("\n  the state was not kept: {error:#}")]),
            }
        }
        text.extend([format!(
            "\n  a run like it: mainstem-crashtest power --fs {file_system} --seed {} --run {run} \
             --states {}{programs}",
            self.options.seed, order.states
        )]);
        println!("{text}");
    }
}

/// Judges one state again.
fn replay(
    env: &Env,
    programs: &Programs,
    file_system: FileSystem,
    state: &super::log::State,
) -> Result<End> {
    println!("{file_system}: {}", state.about);
    let workspace = Workspace::new(env)?;
    let mut disk = Disk::new(env, &workspace, "replay", file_system)?;
    let verdict = judge(programs, &mut disk, state, None)?;
    let failure = match verdict {
        Verdict::Good(_) => {
            println!("all acknowledged records are there");
            return Ok(End::Good);
        }
        Verdict::Bad(failure) => failure,
        Verdict::Unmountable(why) => Failure::Refused(format!("the file system: {why}")),
    };
    println!("VIOLATION: {failure}");
    Ok(End::Violations)
}

const CANNOT_RUN: u8 = 3;
const INTERRUPTED: u8 = 130;
