//! Work whose calls can be made to fail, and what goes on after a panic that was ordered.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mainstem_env::sim::{OpKind, Sim};

use super::explore::caught;
use super::workload::Workload;

/// Work that goes on when calls fail, and is judged by what was answered all the same.
pub trait Faulty: Workload {
    /// The subcommand that shows a failing call again.
    const FAULTS: &'static str;

    /// Carries the work out on a machine that `order` has prepared so that no error may come of it.
    ///
    /// # Errors
    /// What went wrong.
    fn unhindered(&self, order: impl FnOnce(&Sim)) -> Result<Self::Run, String>;

    /// Carries the work out on a machine whose calls fail as `order` says, and goes on after errors.
    ///
    /// # Errors
    /// What was wrong all the same.
    fn with_faults(&self, order: impl FnOnce(&Sim)) -> Result<Self::Run, String>;

    /// Carries the work out while call `nth` of kind `op` panics, and goes on after errors and panics.
    /// Returns `None` if there are fewer calls.
    ///
    /// # Errors
    /// What was wrong all the same.
    fn with_panic(&self, op: OpKind, nth: u64) -> Result<Option<Self::Run>, String>;

    /// Judges `world`, which is what a loss of power after operation `at` of `run` left.
    ///
    /// # Errors
    /// What is wrong with it.
    fn judge(&self, run: &Self::Run, world: &Sim, at: u64) -> Result<(), String>;

    /// Goes on in a new process, in which nothing fails any more.
    ///
    /// # Errors
    /// What went wrong.
    fn begin_again(run: &mut Self::Run) -> Result<(), String>;
}

/// Makes one call panic. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Bomb {
    op: OpKind,
    left: Arc<AtomicI64>,
}

impl Bomb {
    /// Returns one that goes off at call `nth` of kind `op`.
    pub(crate) fn new(op: OpKind, nth: u64) -> Self {
        let nth = i64::try_from(nth).unwrap_or(i64::MAX);
        Self {
            op,
            left: Arc::new(AtomicI64::new(nth)),
        }
    }

    /// Counts a call.
    ///
    /// # Panics
    /// If it is the one.
    pub(crate) fn pass(&self, kind: OpKind) {
        let goes_off = self.op == kind && self.left.fetch_sub(1, Ordering::SeqCst) == 1;
        assert!(!goes_off, "{ORDERED}");
    }

    /// Returns whether it went off, and keeps it from going off later, as when everything is dropped.
    pub(crate) fn defuse(&self) -> bool {
        self.left.swap(i64::MAX, Ordering::SeqCst) <= 0
    }
}

/// What an ordered panic says.
const ORDERED: &str = "a panic, as ordered";

/// Returns what `work` does, or `None` if it panics because that was ordered.
///
/// # Errors
/// Any other panic.
pub(crate) fn unless_ordered<T>(work: impl FnOnce() -> T) -> Result<Option<T>, String> {
    let mut done = None;
    let caught = caught(|| {
        done = Some(work());
        Ok(())
    });
    match caught {
        Err(what) if !what.contains(ORDERED) => Err(what),
        _ => Ok(done),
    }
}
