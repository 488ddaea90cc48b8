//! What the explorer asks of the work that it loses power under.

use std::fmt;

use mainstem_env::sim::Sim;

use super::explore::Tally;
use super::rng::Rng;

/// Work as data, that can be carried out on a simulated disk and judged after any loss of power.
///
/// Its text reads back as the same work, and the same work does the same calls in the same order each
/// time: a failure is printed as text and shown again from it.
pub trait Workload: Clone + fmt::Debug + fmt::Display {
    /// One thing that is done.
    type Step: Clone;
    /// The work carried out: its disk, and what was promised on the way.
    type Run;
    /// What was found on a disk after a loss of power.
    type Found;

    /// The subcommand that shows a failure again.
    const COMMAND: &'static str;

    /// Returns what all that is random about the work depends on.
    fn seed(&self) -> u64;

    /// Returns what is done, in order.
    fn steps(&self) -> &[Self::Step];

    /// Returns the same work with other steps.
    #[must_use]
    fn with_steps(&self, steps: Vec<Self::Step>) -> Self;

    /// Returns a step that does less than `step`, if there is one.
    fn simpler(step: &Self::Step) -> Option<Self::Step>;

    /// Carries the work out on a new machine.
    ///
    /// # Errors
    /// What went wrong without any loss of power.
    fn carry_out(&self) -> Result<Self::Run, String>;

    /// Returns the machine of `run`.
    fn machine(run: &Self::Run) -> &Sim;

    /// Recovers `world`, which is what a loss of power after operation `at` of `run` left, and judges
    /// it by what was promised.
    ///
    /// # Errors
    /// What is wrong with it.
    fn recover(
        &self,
        run: &Self::Run,
        world: &Sim,
        at: u64,
        tally: &Tally,
    ) -> Result<Self::Found, String>;

    /// Goes on with what was found, as `rng` has it.
    ///
    /// # Errors
    /// What went wrong.
    fn go_on(
        &self,
        run: &Self::Run,
        world: &Sim,
        at: u64,
        found: Self::Found,
        rng: Rng,
    ) -> Result<Self::Run, String>;
}
