//! Every call of every kind that a plan makes fails, once and for ever, and in every way that it can;
//! what was promised all the same is held to.

use std::fmt;
use std::io;
use std::num::NonZero;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use mainstem_env::sim::{Choices, Fault, FaultError, FaultMode, OpKind, Strictness};
use mainstem_env::{EIO, Env};

use super::campaign;
use super::explore::caught;
use super::faulty::Faulty;
use super::plan::Plan;

/// What a failing call reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the command goes through all of them"
)]
pub enum Trouble {
    /// An I/O error, after which nothing of the call was done.
    Io,
    /// An I/O error of a call that took effect all the same.
    IoAfterEffect,
    /// No space is left.
    NoSpace,
    /// Too many files are open.
    TooManyFiles,
    /// The call was interrupted by a signal.
    Interrupted,
    /// A write put down so many bytes before the error; a read returned so many, which is none.
    Short(u16),
    /// The thread that makes the call panics in it.
    Panic,
}

/// Linux's numbers for "interrupted system call" and "too many open files".
const EINTR: i32 = 4;
const EMFILE: i32 = 24;

/// All troubles with their names; a short call has its length in place of the `#`.
const NAMES: [(Trouble, &str); 6] = [
    (Trouble::Io, "eio"),
    (Trouble::IoAfterEffect, "late-eio"),
    (Trouble::NoSpace, "enospc"),
    (Trouble::TooManyFiles, "emfile"),
    (Trouble::Interrupted, "eintr"),
    (Trouble::Panic, "panic"),
];

/// One call that fails: `SyncData/3/eio/once`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a case is what stands in it")]
pub struct Case {
    /// The kind of call.
    pub op: OpKind,
    /// Which of them, from 1 on.
    pub nth: u64,
    /// What it reports.
    pub trouble: Trouble,
    /// Whether all later ones fail too.
    pub mode: FaultMode,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            FaultMode::Once => "once",
            FaultMode::ForEver => "forever",
        };
        write!(f, "{:?}/{}/", self.op, self.nth)?;
        match self.trouble {
            Trouble::Short(bytes) => write!(f, "short{bytes}")?,
            trouble => {
                let name = NAMES.iter().find(|(it, _)| *it == trouble);
                write!(f, "{}", name.map_or("", |(_, name)| name))?;
            }
        }
        write!(f, "/{mode}")
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let case = || {
            let mut parts = text.split('/');
            let (op, nth, trouble, mode) =
                (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
            let trouble = match trouble.strip_prefix("short") {
                Some(bytes) => Trouble::Short(bytes.parse().ok()?),
                None => NAMES.iter().find(|(_, name)| *name == trouble)?.0,
            };
            let case = Self {
                op: OpKind::ALL.into_iter().find(|it| format!("{it:?}") == op)?,
                nth: nth.parse().ok()?,
                trouble,
                mode: match mode {
                    "once" => FaultMode::Once,
                    "forever" => FaultMode::ForEver,
                    _ => return None,
                },
            };
            parts.next().is_none().then_some(case)
        };
        case().ok_or_else(|| format!("`{text}` is no case: KIND/NTH/TROUBLE/once|forever"))
    }
}

impl Case {
    fn fault(self) -> Fault {
        let error = match self.trouble {
            Trouble::NoSpace => io::ErrorKind::StorageFull.into(),
            Trouble::TooManyFiles => FaultError::Raw(EMFILE),
            Trouble::Interrupted => FaultError::Raw(EINTR),
            _ => FaultError::Raw(EIO),
        };
        let fault = Fault {
            mode: self.mode,
            ..Fault::once(self.op, self.nth, error)
        };
        match self.trouble {
            Trouble::IoAfterEffect => fault.after_effect(),
            Trouble::Short(bytes) => fault.after_bytes(bytes.into()),
            _ => fault,
        }
    }

    /// Returns whether nobody need notice: a system may do this at any time.
    fn is_harmless(self) -> bool {
        self.op == OpKind::Read && matches!(self.trouble, Trouble::Short(_) | Trouble::Interrupted)
    }

    /// Returns the fault for a machine that comes after the one that the plan was carried out on.
    fn fault_later(self) -> Option<Fault> {
        let goes_on = self.is_harmless() && self.mode == FaultMode::ForEver;
        goes_on.then(|| Fault {
            nth: 1,
            ..self.fault()
        })
    }
}

/// Returns what calls of a kind can run into, and how long that may last.
pub fn troubles(op: OpKind) -> Vec<(Trouble, FaultMode)> {
    let mut troubles = vec![
        (Trouble::Io, FaultMode::Once),
        (Trouble::Io, FaultMode::ForEver),
        (Trouble::IoAfterEffect, FaultMode::Once),
        (Trouble::Interrupted, FaultMode::Once),
        (Trouble::Panic, FaultMode::Once),
    ];
    let mut both =
        |trouble| troubles.extend([(trouble, FaultMode::Once), (trouble, FaultMode::ForEver)]);
    if matches!(
        op,
        OpKind::Create | OpKind::CreateDir | OpKind::Allocate | OpKind::Write | OpKind::Rename
    ) {
        both(Trouble::NoSpace);
    }
    if matches!(
        op,
        OpKind::Open | OpKind::Create | OpKind::List | OpKind::TryLock
    ) {
        both(Trouble::TooManyFiles);
    }
    if op == OpKind::Write {
        let short = [1, 39, 41, 512, 600].map(|bytes| (Trouble::Short(bytes), FaultMode::Once));
        troubles.extend(short);
    }
    if op == OpKind::Read {
        for bytes in [1, 41, 512] {
            let short = Trouble::Short(bytes);
            troubles.extend([(short, FaultMode::Once), (short, FaultMode::ForEver)]);
        }
    }
    troubles
}

/// Carries out `plan` while a call fails as `case` has it, and judges the machine as a new process
/// finds it, as a power cut leaves it, and as a power cut leaves it after a new process went on.
///
/// # Errors
/// What was wrong. `Ok(false)` means that the plan makes fewer calls of the kind.
pub fn fail<W: Faulty>(plan: &W, case: Case) -> Result<bool, String> {
    caught(|| {
        let run = if case.trouble == Trouble::Panic {
            plan.with_panic(case.op, case.nth)?
        } else if case.is_harmless() {
            let run = plan.unhindered(|sim| sim.fail(case.fault()))?;
            (W::machine(&run).calls(case.op) >= case.nth).then_some(run)
        } else {
            let run = plan.with_faults(|sim| sim.fail(case.fault()))?;
            (W::machine(&run).calls(case.op) >= case.nth).then_some(run)
        };
        let Some(mut run) = run else {
            return Ok(false);
        };
        lose_power(
            (plan, case),
            &run,
            &[Choices::drop_all(), Choices::random(1), Choices::random(2)],
        )?;
        W::begin_again(&mut run)?;
        lose_power((plan, case), &run, &[Choices::drop_all()])
            .map_err(|what| format!("later: {what}"))?;
        W::machine(&run).violation().map_or(Ok(true), Err)
    })
}

fn lose_power<W: Faulty>(
    (plan, case): (&W, Case),
    run: &W::Run,
    choices: &[Choices],
) -> Result<(), String> {
    let at = W::machine(run).op_count();
    for strictness in Strictness::ALL {
        for choices in choices {
            let world = W::machine(run).power_loss(at, &mut choices.clone(), strictness);
            case.fault_later()
                .into_iter()
                .for_each(|fault| world.fail(fault));
            plan.judge(run, &world, at)
                .map_err(|what| format!("after a power cut, {strictness:?}: {what}"))?;
        }
    }
    Ok(())
}

/// A plan that makes calls of every kind that the engine makes: rolls, retention, idle files closed and
/// opened, an orderly close, removal and creation.
pub const EVERYTHING: &str = "77/4096: a+900,300 b+900 a+300,300,300 b.0 a.900 b+900 a&20&30,40&50 \
    b.900 p3600000 m a+900 b~300 a!100 p31000 m p31000 m r a+200,200 p84600000 m b.100 a.100 \
    p3600000 m m xb b.9 c r a.50 b?60";

/// A plan of a shard so busy that the space ahead of it is filled with zeros: synced before it is needed,
/// and waited for.
pub const BUSY: &str = "3/32768: a*64,0 a.10 z a.10 z a*16,1000 r a.10";

/// Makes every call that the engine makes fail, one after the other, in every way that it can.
///
/// Work is carried out over and over on a simulated disk, each time with another call that fails, once
/// or from then on: I/O errors with and without effect, no space, too many open files, interrupted
/// and short writes, and a panic of the calling thread. Failed syncs drop what they should have
/// written, as Linux does. Whatever the log answered then must be true: what it acknowledged is
/// there, what it called not applied is not, and after opening it again it goes on.
#[derive(Args, Debug)]
pub struct Faults {
    /// Besides the plan that does everything and that of a busy shard, random plans with these many
    /// seeds.
    #[arg(long, default_value_t = 2)]
    plans: u64,
    /// Steps of a random plan.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// Threads; by default as many as there are processors.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Work through this plan alone, as a failure printed it.
    #[arg(long)]
    plan: Option<Plan>,
    /// With --plan: show this case alone, as a failure printed it.
    #[arg(long, requires = "plan")]
    case: Option<Case>,
}

impl Faults {
    /// Makes calls fail.
    ///
    /// # Errors
    /// When something promised was not kept, with the command that shows it again.
    pub fn run(&self) -> Result<()> {
        campaign::hush_panics();
        let plans = match &self.plan {
            Some(plan) => vec![plan.clone()],
            None => self.default_plans()?,
        };
        match (self.case, plans.as_slice()) {
            (Some(case), [plan]) => show(plan, case),
            _ => fail_all(&plans, self.threads),
        }
    }

    fn default_plans(&self) -> Result<Vec<Plan>> {
        let fixed = [EVERYTHING, BUSY].map(|plan| plan.parse::<Plan>().map_err(anyhow::Error::msg));
        // Kills and faults together have no history that could be told apart.
        let random = (0..self.plans).map(|seed| Plan::random(seed * 4, self.steps));
        fixed.into_iter().chain(random.map(Ok)).collect()
    }
}

/// Shows one failing call of a plan again.
///
/// # Errors
/// What was wrong, or that the plan makes no such call.
pub(crate) fn show<W: Faulty>(plan: &W, case: Case) -> Result<()> {
    match fail(plan, case) {
        Ok(true) => {
            println!("nothing is wrong with this case");
            Ok(())
        }
        Ok(false) => bail!("the plan makes fewer calls of the kind"),
        Err(what) => bail!("{what}"),
    }
}

/// Makes every call of all `plans` fail, in every way that it can, and prints a table.
///
/// # Errors
/// When something promised was not kept, with the command that shows it again.
pub(crate) fn fail_all<W: Faulty + Send + Sync>(
    plans: &[W],
    threads: Option<NonZero<usize>>,
) -> Result<()> {
    let env = Env::real();
    let start = env.clock.elapsed();
    let jobs: Vec<(&W, OpKind, Trouble, FaultMode)> = plans
        .iter()
        .flat_map(|plan| OpKind::ALL.into_iter().map(move |op| (plan, op)))
        .flat_map(|(plan, op)| {
            troubles(op)
                .into_iter()
                .map(move |(trouble, mode)| (plan, op, trouble, mode))
        })
        .collect();
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let counts: Vec<AtomicU64> = jobs.iter().map(|_| AtomicU64::new(0)).collect();
    let failed: Mutex<Option<(W, Case, String)>> = Mutex::new(None);
    let threads = threads.or_else(|| std::thread::available_parallelism().ok());
    std::thread::scope(|scope| {
        for _ in 0..threads.map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let at =
                        usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
                    let (Some((plan, op, trouble, mode)), Some(count)) =
                        (jobs.get(at), counts.get(at))
                    else {
                        return;
                    };
                    for nth in 1.. {
                        if is_over.load(Ordering::Relaxed) {
                            return;
                        }
                        let case = Case {
                            op: *op,
                            nth,
                            trouble: *trouble,
                            mode: *mode,
                        };
                        match fail(*plan, case) {
                            Ok(true) => {
                                count.fetch_add(1, Ordering::Relaxed);
                            }
                            Ok(false) => break,
                            Err(what) => {
                                is_over.store(true, Ordering::Relaxed);
                                let mut failed =
                                    failed.lock().unwrap_or_else(PoisonError::into_inner);
                                failed.get_or_insert(((*plan).clone(), case, what));
                            }
                        }
                    }
                }
            });
        }
    });
    let took = env.clock.elapsed().0.saturating_sub(start.0);
    let of = |op: OpKind| {
        let counts = jobs
            .iter()
            .zip(&counts)
            .filter(|((_, it, ..), _)| *it == op);
        counts.fold(0_u64, |sum, (_, count)| {
            sum.wrapping_add(count.load(Ordering::Relaxed))
        })
    };
    print_table(&OpKind::ALL.map(|op| (op, of(op))), plans.len(), took);
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(()),
        Some((plan, case, what)) => Err(anyhow::anyhow!("{what}")).with_context(|| {
            format!(
                "show it with: mainstem-crashtest {} --plan '{plan}' --case {case}",
                W::FAULTS
            )
        }),
    }
}

fn print_table(counts: &[(OpKind, u64)], plans: usize, took: Duration) {
    println!("{:<20}{:>10}", "call", "failures");
    let mut all = 0_u64;
    for (op, count) in counts {
        println!("{:<20}{count:>10}", format!("{op:?}"));
        all = all.wrapping_add(*count);
    }
    println!(
        "{:<20}{all:>10}  in {plans} plans, {:.1} s",
        "all",
        took.as_secs_f64()
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::run::Run;

    #[test]
    fn cases_are_read_as_they_were_written() {
        for text in [
            "SyncData/3/eio/once",
            "Write/1/short39/forever",
            "Open/7/panic/once",
        ] {
            assert_eq!(text.parse::<Case>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "Sync/1/eio/once",
            "Write/x/eio/once",
            "Write/1/eio",
            "Write/1/eio/once/",
        ] {
            text.parse::<Case>().unwrap_err();
        }
    }

    #[test]
    fn the_plans_make_every_call_that_the_engine_has() {
        let runs = [EVERYTHING, BUSY].map(|plan| Run::of(&plan.parse().unwrap()).unwrap());
        let is_never = |op: &OpKind| runs.iter().all(|run| run.calls(*op) == 0);
        let never = OpKind::ALL.into_iter().filter(is_never);
        assert_eq!(never.collect::<Vec<_>>(), [OpKind::AvailableSpace]);
    }
}
