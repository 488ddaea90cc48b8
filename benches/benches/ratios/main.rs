//! The engine against the floor of the disk, side by side in rounds.
//!
//! `cargo bench -p mainstem-benches --bench ratios -- --help` says what there is to choose.
//!
//! Prints a table, keeps it if asked to, and judges nothing by its exit code: times differ between
//! machines and days.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and lays its files out itself"
)]

mod appends;
mod batches;
mod closed;
mod cold;
mod deleting;
mod load;
mod options;
mod points;
mod reopen;
mod replay;
mod server;
mod serving;
mod shards;

use anyhow::Result;

use mainstem_benches::report::Report;
use mainstem_benches::workplace::Workplace;

use crate::options::Task;

fn main() -> Result<()> {
    let options = match options::parse(std::env::args().skip(1))? {
        Task::Measure(options) => options,
        Task::Fill(fill) => return reopen::fill(&fill),
        Task::Help => {
            println!("{}", options::HELP);
            return Ok(());
        }
    };
    let workplace = Workplace::new(env!("CARGO_TARGET_TMPDIR").as_ref())?;
    let mut report = Report::begin(workplace.path(), options.write.as_deref())?;
    appends::measure(&workplace, &options, &mut report)?;
    batches::measure(&workplace, &options, &mut report)?;
    replay::measure(&workplace, &options, &mut report)?;
    cold::measure(&workplace, &options, &mut report)?;
    points::measure(&workplace, &options, &mut report)?;
    reopen::measure(&workplace, &options, &mut report)?;
    closed::measure(&workplace, &options, &mut report)?;
    serving::measure(&workplace, &options, &mut report)?;
    load::measure(&workplace, &options, &mut report)?;
    deleting::measure(&workplace, &options, &mut report)?;
    shards::measure(&workplace, &options, &mut report)?;
    Ok(())
}
