//! Work of so many records, for callgrind to count the instructions of.
//!
//! `instructions` lists the paths, and `instructions PATH RECORDS DIR` runs one of them, with
//! its files in `DIR`, which has nothing called `work`. Whoever counts runs it for N and for 2 N records: what is left of the
//! difference, over N, is the instructions of one record, without what comes before and after.
//!
//! Counts are the same in every run: clock and randomness are simulated, nothing is done in other
//! threads, and the kernel's instructions do not count. Files are real ones, since a simulated disk has
//! instructions of its own.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench lays its files out itself"
)]

mod log;
mod outside;

use std::path::Path;

use anyhow::{Context, Result, bail};

/// A path that a record takes.
pub(crate) struct HotPath {
    pub(crate) name: &'static str,
    /// Enough records for what is not theirs to vanish; a multiple of 500 where they come by so many.
    pub(crate) records: u64,
    pub(crate) run: fn(&Path, u64) -> Result<()>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let all = || log::PATHS.iter().chain(outside::PATHS);
    match arguments.as_slice() {
        [] => {
            for path in all() {
                println!("{}\t{}", path.records, path.name);
            }
            Ok(())
        }
        [name, records, dir] => {
            let path = all().find(|it| it.name == *name);
            let path = path.with_context(|| format!("no path `{name}`"))?;
            // Not a random name, and not made absolute: counts must not depend on where this is.
            let dir = Path::new(dir).join("work");
            std::fs::create_dir(&dir).context("cannot create a directory")?;
            (path.run)(&dir, records.parse().context("RECORDS")?)?;
            Ok(std::fs::remove_dir_all(&dir)?)
        }
        _ => bail!("instructions [PATH RECORDS DIR]"),
    }
}
