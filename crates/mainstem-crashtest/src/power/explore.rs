//! One run: a recording of some lives of the writer, and the states that power cuts make of it.

use std::collections::HashSet;
use std::ops::AddAssign;

use anyhow::{Context, Result, bail};

use super::dice::Dice;
use super::disk::Disk;
use super::image::to_u64;
use super::keeper::Stopped;
use super::log::{Choice, Cutter, Recording, State, oracle};
use super::programs::{Failure, Reading};
use super::server::{Fault, FaultKind};
use super::work::{self, End, Programs, Work};

/// What was done.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Recordings of lives, those of second cuts not counted.
    pub(super) runs: u64,
    /// Of them, those on a disk that fails.
    pub(super) failing_runs: u64,
    /// Calls that the disk failed.
    pub(super) io_errors: u64,
    /// Entries of the logs.
    pub(super) entries: u64,
    /// Of them, flushes.
    pub(super) flushes: u64,
    /// States after one power cut.
    pub(super) states: u64,
    /// States after a second one.
    pub(super) second_states: u64,
    /// Torn states that the file system itself refused to mount.
    pub(super) unmountable: u64,
    /// Violations, which stand in the list of finds.
    pub(super) violations: u64,
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.runs += other.runs;
        self.failing_runs += other.failing_runs;
        self.io_errors += other.io_errors;
        self.entries += other.entries;
        self.flushes += other.flushes;
        self.states += other.states;
        self.second_states += other.second_states;
        self.unmountable += other.unmountable;
        self.violations += other.violations;
    }
}

/// A state in which a store did wrong.
#[derive(Debug)]
pub(super) struct Find {
    /// What it did.
    pub(super) failure: Failure,
    /// The state; `None` if it happened without a power cut.
    pub(super) state: Option<State>,
}

/// What became of a state.
#[derive(Debug)]
pub(super) enum Verdict {
    /// All is as it must be; with the recording of what was done afterwards, if that was asked for.
    Good(Option<Recording>),
    /// The file system does not mount.
    Unmountable(String),
    /// The store did wrong.
    Bad(Failure),
}

/// Explores one run.
#[derive(Debug)]
pub(super) struct Run<'a> {
    /// The programs under test.
    pub(super) programs: &'a Programs,
    /// The disk, not mounted.
    pub(super) disk: &'a mut Disk,
    /// The choices.
    pub(super) dice: Dice,
    /// What was done so far.
    pub(super) tally: Tally,
    /// What was found.
    pub(super) finds: Vec<Find>,
    seen: HashSet<u64>,
}

impl<'a> Run<'a> {
    /// Returns a run that has not begun.
    pub(super) fn new(programs: &'a Programs, disk: &'a mut Disk, dice: Dice) -> Self {
        Self {
            programs,
            disk,
            dice,
            tally: Tally::default(),
            finds: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// Records some lives and judges `states` states of the recording.
    ///
    /// # Errors
    /// When the harness itself fails.
    pub(super) fn power_cuts(&mut self, states: u64) -> Result<()> {
        let fresh = self.disk.fresh();
        self.disk.load(fresh.clone())?;
        self.disk.device().start_log();
        self.disk.mount().context("cannot mount a fresh disk")?;
        let failure = self.lives()?;
        self.disk.unmount()?;
        let recording = Recording {
            base: fresh,
            marks: Vec::new(),
            entries: self.disk.device().take_log(),
        };
        self.count(&recording);
        if self.found(failure, None) {
            return Ok(());
        }
        let cuts = self.cuts(&recording, states);
        self.judge_cuts(&recording, &cuts, true)
    }

    /// Lets some writers live one after another, on the mounted disk.
    fn lives(&mut self) -> Result<Option<Failure>> {
        let mut work = Work::after(&[], &mut self.dice);
        let lives = 1 + self.dice.below(3);
        for life in 0..lives {
            let bytes = LIFE_BYTES_MIN + self.dice.below(LIFE_BYTES_MAX - LIFE_BYTES_MIN);
            let end = if self.dice.once_in(3) {
                End::Orderly
            } else {
                End::Kill
            };
            let failure = work::live(self.programs, self.disk, &mut work, bytes, end)?;
            if failure.is_some() {
                return Ok(failure);
            }
            // Before a next writer, the reader says which appends are gone for good.
            if (life + 1 < lives || self.dice.once_in(3))
                && let Reading::Refused(failure) = work::read(self.programs, self.disk)?
            {
                return Ok(Some(failure));
            }
        }
        Ok(None)
    }

    /// Records a life on a disk that fails, heals the disk, and judges what is there.
    ///
    /// # Errors
    /// When the harness itself fails.
    pub(super) fn failing_disk(&mut self, states: u64) -> Result<()> {
        let fresh = self.disk.fresh();
        self.disk.load(fresh.clone())?;
        self.disk.device().start_log();
        self.disk.mount().context("cannot mount a fresh disk")?;
        let mut work = Work::after(&[], &mut self.dice);
        let bytes = LIFE_BYTES_MIN + self.dice.below(LIFE_BYTES_MAX - LIFE_BYTES_MIN);
        let end = if self.dice.once_in(2) {
            End::Orderly
        } else {
            End::Kill
        };
        let mut failure = work::live(self.programs, self.disk, &mut work, bytes, end)?;
        if failure.is_none()
            && let Reading::Refused(refused) = work::read(self.programs, self.disk)?
        {
            failure = Some(refused);
        }
        // Mounted again, everything has to be read from the disk.
        self.disk.unmount()?;
        self.disk.forget()?;
        self.disk.mount().context("cannot mount again")?;
        if failure.is_none() {
            self.disk
                .device()
                .set_fault(Some(draw_fault(&mut self.dice)));
            // A reader may refuse now; what it shows all the same is judged with the marks.
            if self.dice.once_in(2) {
                let _ = work::read(self.programs, self.disk)?;
            }
            failure = work::live(self.programs, self.disk, &mut work, bytes, End::Fail)?;
        }
        self.disk.unmount()?;
        self.disk.device().set_fault(None);
        self.tally.failing_runs += 1;
        self.tally.io_errors += self.disk.device().take_failed();
        let recording = Recording {
            base: fresh,
            marks: Vec::new(),
            entries: self.disk.device().take_log(),
        };
        self.count(&recording);
        if self.found(failure, None) {
            return Ok(());
        }
        let mut cuts = self.cuts(&recording, states.saturating_sub(1));
        // The disk as it is when it works again, without any power cut.
        cuts.push((recording.entries.len(), Choice::All));
        self.judge_cuts(&recording, &cuts, true)
    }

    fn count(&mut self, recording: &Recording) {
        self.tally.runs += 1;
        self.tally.entries += to_u64(recording.entries.len());
        self.tally.flushes += recording.flushes();
    }

    /// Takes note of a failure, if there is one.
    fn found(&mut self, failure: Option<Failure>, state: Option<&State>) -> bool {
        let is_some = failure.is_some();
        if let Some(failure) = failure {
            self.tally.violations += 1;
            self.finds.push(Find {
                failure,
                state: state.cloned(),
            });
        }
        is_some
    }

    /// Draws `count` places to cut, in order, each with a choice.
    fn cuts(&mut self, recording: &Recording, count: u64) -> Vec<(usize, Choice)> {
        let mut cuts: Vec<(usize, Choice)> = (0..count)
            .map(|_| {
                let cut = recording.cut(&mut self.dice);
                (cut, self.dice.one_of(&Choice::ALL, Choice::All))
            })
            .collect();
        cuts.sort_by_key(|(cut, _)| *cut);
        cuts
    }

    /// Judges the states of `cuts`, which are in order.
    fn judge_cuts(
        &mut self,
        recording: &Recording,
        cuts: &[(usize, Choice)],
        is_first: bool,
    ) -> Result<()> {
        let mut cutter = Cutter::new(recording);
        for (cut, choice) in cuts {
            if self.programs.keeper.wants_stop() {
                bail!(Stopped);
            }
            let mut state = cutter.state(*cut, *choice, &mut self.dice);
            if is_first {
                // The same state twice says nothing new; other choices may.
                let mut tries = Choice::ALL.iter();
                while !self.seen.insert(state.fingerprint)
                    && let Some(choice) = tries.next()
                {
                    state = cutter.state(*cut, *choice, &mut self.dice);
                }
            }
            let goes_on = is_first && self.dice.once_in(GO_ON_ONCE_IN);
            let mut follow = goes_on.then(|| Dice::new(self.dice.next()));
            let verdict = judge(self.programs, self.disk, &state, follow.as_mut())?;
            match verdict {
                Verdict::Unmountable(_) if state.is_torn => {
                    self.tally.unmountable += 1;
                    continue;
                }
                Verdict::Unmountable(why) => {
                    let failure = Failure::Refused(format!("the file system: {why}"));
                    self.found(Some(failure), Some(&state));
                }
                Verdict::Bad(failure) => {
                    self.found(Some(failure), Some(&state));
                }
                Verdict::Good(after) => {
                    if let Some(after) = after {
                        let cuts = self.cuts(&after, SECOND_CUTS);
                        self.judge_cuts(&after, &cuts, false)?;
                    }
                }
            }
            if is_first {
                self.tally.states += 1;
            } else {
                self.tally.second_states += 1;
            }
            if self.finds.len() >= FINDS_MAX {
                break;
            }
        }
        Ok(())
    }
}

/// After how many finds a run is not explored further.
pub(super) const FINDS_MAX: usize = 2;

/// How much a writer gets in one life, in bytes: several segments of ours, which are 64 KiB.
const LIFE_BYTES_MIN: u64 = 60 << 10;
const LIFE_BYTES_MAX: u64 = 220 << 10;

/// On which share of the states the store goes on, and power fails again.
const GO_ON_ONCE_IN: u64 = 10;

/// How many second cuts such a state gets.
const SECOND_CUTS: u64 = 4;

/// How much a writer gets between the first cut and the second, in bytes.
const SECOND_BYTES_MAX: u64 = 100 << 10;

fn draw_fault(dice: &mut Dice) -> Fault {
    let (kind, within) = dice.one_of(
        &[
            (FaultKind::Read, 40),
            (FaultKind::Write, 30),
            (FaultKind::Write, 150),
            (FaultKind::Flush, 60),
        ],
        (FaultKind::Write, 150),
    );
    Fault {
        kind,
        after: dice.below(within),
        is_lasting: dice.once_in(3),
    }
}

/// Mounts `state`, reads the store and judges what it shows; with `follow`, a writer then goes on.
///
/// # Errors
/// When the harness itself fails.
pub(super) fn judge(
    programs: &Programs,
    disk: &mut Disk,
    state: &State,
    follow: Option<&mut Dice>,
) -> Result<Verdict> {
    let mut oracle = match oracle(&state.marks) {
        Ok(oracle) => oracle,
        Err(violation) => return Ok(Verdict::Bad(violation.into())),
    };
    disk.load(state.image.clone())?;
    disk.device().start_log();
    if let Err(error) = disk.mount() {
        disk.device().take_log();
        return Ok(Verdict::Unmountable(error.to_string()));
    }
    let mut failure = match work::read(programs, disk)? {
        Reading::Refused(failure) => Some(failure),
        Reading::Whole(records) => {
            let judged = oracle.judge(records.iter().map(String::as_str));
            judged.err().map(Failure::from)
        }
    };
    let mut goes_on = false;
    if failure.is_none()
        && let Some(dice) = follow
    {
        goes_on = true;
        let mut work = Work::after(&state.marks, dice);
        let bytes = dice.below(SECOND_BYTES_MAX);
        let end = dice.one_of(&[End::Orderly, End::Kill], End::Kill);
        failure = work::live(programs, disk, &mut work, bytes, end)?;
    }
    disk.unmount()?;
    let entries = disk.device().take_log();
    if let Some(failure) = failure {
        return Ok(Verdict::Bad(failure));
    }
    Ok(Verdict::Good(goes_on.then(|| Recording {
        base: state.image.clone(),
        marks: state.marks.clone(),
        entries,
    })))
}
