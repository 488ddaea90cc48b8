//! The engine against the floor of the disk, side by side in rounds.
//!
//! `cargo bench -p mainstem-benches --bench ratios -- --help` says what there is to choose.
//!
//! Prints a table and judges nothing by its exit code: times differ between machines and days.
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

use mainstem_benches::machine;
use mainstem_benches::table::Row;
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
    println!("{}", machine::describe(workplace.path()));
    println!("{}", Row::heading());
    appends::measure(&workplace, &options)?;
    batches::measure(&workplace, &options)?;
    replay::measure(&workplace, &options)?;
    cold::measure(&workplace, &options)?;
    points::measure(&workplace, &options)?;
    reopen::measure(&workplace, &options)?;
    closed::measure(&workplace, &options)?;
    serving::measure(&workplace, &options)?;
    load::measure(&workplace, &options)?;
    deleting::measure(&workplace, &options)?;
    shards::measure(&workplace, &options)?;
    Ok(())
}
