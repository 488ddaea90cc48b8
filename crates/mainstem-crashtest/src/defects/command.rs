//! The command `mainstem-crashtest defects`.

use anyhow::Result;
use clap::Args;

/// Plants deliberate defects in the engine and the queue, one at a time, and expects the named check to catch each.
///
/// A defect that survives is a missing check. At the end every check runs once without a defect, and
/// must find nothing. Only builds for tests have defects to plant: `cargo run -p mainstem-crashtest
/// --features defects -- defects`.
#[derive(Args, Debug)]
pub struct Defects {
    /// Plant this defect alone; `none` runs the checks without one.
    #[arg(long)]
    only: Option<String>,
    /// Say which defects there are and which check must catch each.
    #[arg(long)]
    list: bool,
    /// Print the final table as Markdown.
    #[arg(long)]
    markdown: bool,
}

impl Defects {
    /// Plants and checks.
    ///
    /// # Errors
    /// When a defect survives, a check finds something where none is planted, or there is nothing to
    /// plant in this build.
    pub fn run(&self) -> Result<()> {
        self.with_defects()
    }

    #[cfg(feature = "defects")]
    fn with_defects(&self) -> Result<()> {
        use super::round;
        if self.list {
            round::list();
            return Ok(());
        }
        round::run(self.only.as_deref(), self.markdown)
    }

    #[cfg(not(feature = "defects"))]
    fn with_defects(&self) -> Result<()> {
        let asked = self.only.as_deref().unwrap_or("all of them");
        let whatever = if self.list || self.markdown {
            ""
        } else {
            asked
        };
        anyhow::bail!(
            "this build has no defects to plant ({whatever}): build it with\n  \
             cargo run -p mainstem-crashtest --features defects -- defects"
        )
    }
}
