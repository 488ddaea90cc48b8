//! The command `mainstem-crashtest rot`.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use mainstem_env::Env;

use super::change::Change;
use super::judge::{Answer, judge};
use super::store::{Ending, Store, is_segment};

/// Damages every file of a store in every way, one at a time, and reads what is left.
///
/// Each bit of each file is flipped; each file is cut at each byte, has each of its sectors zeroed, is
/// removed, replaced by each other file of its kind, and put back to an older copy; after an orderly
/// close, after a kill and after a power cut. Whoever opens and reads the store must get the right
/// data or an error that names the place.
#[derive(Args, Debug)]
pub struct Rot {
    /// The size of the store, in bytes.
    #[arg(long, default_value_t = 64 << 10)]
    bytes: u64,
    /// The kinds of damage; by default all.
    #[arg(long, value_enum, value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// How the last process ended; by default in each way.
    #[arg(long, value_enum, value_delimiter = ',')]
    endings: Vec<EndingName>,
    /// Do one in so many of the flips and cuts, for a quick look.
    #[arg(long, default_value_t = NonZero::<u64>::MIN)]
    one_in: NonZero<u64>,
    /// Threads; by default as many as there are processors.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Do this damage alone, as a failure printed it; needs one --endings.
    #[arg(long, requires = "endings")]
    change: Option<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Kind {
    Flip,
    Cut,
    Zero,
    Remove,
    Replace,
    Older,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EndingName {
    Closed,
    Killed,
    CutOff,
}

impl From<EndingName> for Ending {
    fn from(name: EndingName) -> Self {
        match name {
            EndingName::Closed => Self::Closed,
            EndingName::Killed => Self::Killed,
            EndingName::CutOff => Self::CutOff,
        }
    }
}

/// The unit of a zeroed range, in bytes.
const SECTOR: u64 = 512;
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

type Counts = BTreeMap<(Kind, Answer), u64>;

impl Rot {
    /// Damages and reads.
    ///
    /// # Errors
    /// When damage was not noticed, with the command that shows it again.
    pub fn run(&self) -> Result<()> {
        std::panic::set_hook(Box::new(|_| {}));
        let endings: Vec<Ending> = if self.endings.is_empty() {
            Ending::ALL.to_vec()
        } else {
            self.endings.iter().copied().map(Ending::from).collect()
        };
        let env = Env::real();
        let start = env.clock.elapsed();
        let mut counts = Counts::new();
        for ending in endings {
            let store = Store::new(self.bytes, ending).map_err(anyhow::Error::msg)?;
            if let Some(change) = &self.change {
                let answer = self.told(&store, change)?;
                println!("{change} after it was {ending:?}: {answer:?}");
                continue;
            }
            self.all(&store, &env, &mut counts)?;
        }
        let took = env.clock.elapsed().0.saturating_sub(start.0);
        if self.change.is_none() {
            print_table(&counts, took);
        }
        Ok(())
    }

    /// Does all damage to one store.
    fn all(&self, store: &Store, env: &Env, counts: &mut Counts) -> Result<()> {
        let changes = self.changes(store);
        let next = AtomicU64::new(0);
        let merged = Mutex::new(counts);
        let failed: Mutex<Option<anyhow::Error>> = Mutex::new(None);
        let threads = self
            .threads
            .or_else(|| std::thread::available_parallelism().ok());
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.map_or(1, NonZero::get))
                .map(|_| {
                    scope.spawn(|| {
                        let mut counts = Counts::new();
                        loop {
                            let at = next.fetch_add(1, Ordering::Relaxed);
                            let at = usize::try_from(at).unwrap_or(usize::MAX);
                            let Some((kind, change)) = changes.get(at) else {
                                break;
                            };
                            match self.told(store, change) {
                                Ok(answer) => {
                                    let count = counts.entry((*kind, answer)).or_default();
                                    *count = count.saturating_add(1);
                                }
                                Err(error) => {
                                    next.store(u64::MAX / 2, Ordering::Relaxed);
                                    let mut failed =
                                        failed.lock().unwrap_or_else(PoisonError::into_inner);
                                    failed.get_or_insert(error);
                                }
                            }
                        }
                        let mut merged = merged.lock().unwrap_or_else(PoisonError::into_inner);
                        for (key, count) in counts {
                            let sum = merged.entry(key).or_default();
                            *sum = sum.saturating_add(count);
                        }
                    })
                })
                .collect();
            let mut printed = env.clock.elapsed();
            while !workers
                .iter()
                .all(std::thread::ScopedJoinHandle::is_finished)
            {
                env.clock.sleep(Duration::from_millis(20));
                let now = env.clock.elapsed();
                if now.0.saturating_sub(printed.0) >= PROGRESS_EVERY {
                    printed = now;
                    let done = next.load(Ordering::Relaxed);
                    println!("{:?}: {done} of {} done", store.ending, changes.len());
                }
            }
        });
        failed
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .map_or(Ok(()), Err)
    }

    fn told(&self, store: &Store, change: &Change) -> Result<Answer> {
        let judged = crate::sim::explore::caught(|| judge(store, change));
        judged.map_err(anyhow::Error::msg).with_context(|| {
            let ending = match store.ending {
                Ending::Closed => "closed",
                Ending::Killed => "killed",
                Ending::CutOff => "cut-off",
            };
            let bytes = self.bytes;
            format!("show it with: mainstem-crashtest rot --bytes {bytes} --endings {ending} --change {change}")
        })
    }

    fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    fn changes(&self, store: &Store) -> Vec<(Kind, Change)> {
        let mut changes = Vec::new();
        let files = store.files();
        for path in &files {
            let len = store.len(path);
            let step = usize::try_from(self.one_in.get()).unwrap_or(usize::MAX);
            let all = |end: u64| (0..end).step_by(step);
            let path = || path.clone();
            if self.wants(Kind::Flip) {
                changes.extend(all(len * 8).map(|bit| (Kind::Flip, Change::Flip(path(), bit))));
            }
            if self.wants(Kind::Cut) {
                changes.extend(all(len).map(|len| (Kind::Cut, Change::Cut(path(), len))));
            }
            if self.wants(Kind::Zero) {
                let starts = (0..len).step_by(usize::try_from(SECTOR).unwrap_or(1));
                let end = |start: u64| start.saturating_add(SECTOR).min(len);
                changes.extend(
                    starts.map(|start| (Kind::Zero, Change::Zero(path(), start, end(start)))),
                );
            }
            if self.wants(Kind::Remove) && !is_oldest_segment(&files, &path()) {
                changes.push((Kind::Remove, Change::Remove(path())));
            }
            if self.wants(Kind::Replace) {
                let alike = files
                    .iter()
                    .filter(|by| **by != path() && by.extension() == path().extension());
                changes
                    .extend(alike.map(|by| (Kind::Replace, Change::Replace(path(), by.clone()))));
            }
            if self.wants(Kind::Older) && store.earlier.files().contains(&path()) {
                changes.push((Kind::Older, Change::Older(path())));
            }
        }
        changes
    }
}

/// A segment that retention deleted looks the same as one that somebody else did, as long as it is
/// the oldest of several.
pub(crate) fn is_oldest_segment(files: &[PathBuf], path: &PathBuf) -> bool {
    let of_shard = |it: &&PathBuf| it.parent() == path.parent() && is_segment(it);
    let mut segments = files.iter().filter(of_shard);
    segments.next() == Some(path) && segments.next().is_some()
}

fn print_table(counts: &Counts, took: Duration) {
    println!(
        "{:<10}{:>10}{:>10}{:>10}{:>16}",
        "damage", "harmless", "reported", "refused", "taken for torn"
    );
    let mut all = 0_u64;
    for kind in Kind::value_variants() {
        let of = |answer| counts.get(&(*kind, answer)).copied().unwrap_or(0);
        let [intact, reported, refused, torn] = [
            of(Answer::Intact),
            of(Answer::Reported),
            of(Answer::Refused),
            of(Answer::TakenForTorn),
        ];
        println!(
            "{:<10}{intact:>10}{reported:>10}{refused:>10}{torn:>16}",
            format!("{kind:?}").to_lowercase()
        );
        all = all
            .saturating_add(intact)
            .saturating_add(reported)
            .saturating_add(refused)
            .saturating_add(torn);
    }
    println!("{all} in {:.1} s, none unnoticed", took.as_secs_f64());
}
