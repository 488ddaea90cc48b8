//! Mainstem beside other embedded stores: the same work, at the same durability, in the same minute.
//!
//! `cargo run --release --manifest-path benches/compare/Cargo.toml -- queue [options]`
//!
//! Prints a table, keeps it under `docs/benchmarks/`, and judges nothing by its exit code: times
//! differ between machines and days.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and lays its files out itself"
)]

mod disk;
mod options;
mod queue;
mod report;

use anyhow::Result;

use crate::options::Task;

fn main() -> Result<()> {
    match options::parse(std::env::args().skip(1))? {
        Task::Queue(options) => queue::run::compare(&options),
        Task::Hold {
            peer,
            dir,
            messages,
        } => queue::rows::reopen::hold(&peer, &dir, messages),
        Task::Help => {
            println!("{}", options::HELP);
            Ok(())
        }
    }
}
