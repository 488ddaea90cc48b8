//! Mainstem beside other embedded stores: the same work, at the same durability, in the same minute.
//!
//! `cargo run --release --manifest-path benches/compare/Cargo.toml -- [log | queue | all] [options]`
//!
//! Prints tables, keeps them under `docs/benchmarks/`, and judges nothing by its exit code: times
//! differ between machines and days.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and lays its files out itself"
)]

mod contest;
mod disk;
mod killed;
mod log;
mod options;
mod peer;
mod queue;
mod report;
mod workload;

use anyhow::{Context, Result, bail};
use mainstem_benches::workplace::Workplace;

use crate::options::{Options, Task};

fn main() -> Result<()> {
    log::peers::hush()?;
    match options::parse(std::env::args().skip(1))? {
        Task::Measure { kinds, options } => {
            for kind in kinds {
                measure(kind, &options)?;
            }
            Ok(())
        }
        Task::Hold {
            kind,
            peer,
            dir,
            count,
        } => match kind.as_str() {
            log::KIND => log::rows::reopen::hold(&peer, &dir, count),
            queue::KIND => queue::rows::reopen::hold(&peer, &dir, count),
            other => bail!("nothing is called {other}"),
        },
        Task::Fill {
            peer,
            dir,
            records,
            record_bytes,
        } => log::rows::stock::fill_log(&peer, &dir, records, record_bytes),
        Task::Help => {
            println!("{}", options::HELP);
            Ok(())
        }
    }
}

fn measure(kind: &str, options: &Options) -> Result<()> {
    if options.only_redraws {
        let page = if kind == log::KIND {
            &log::PAGE
        } else {
            &queue::PAGE
        };
        return report::redraw(page, &options.out);
    }
    std::fs::create_dir_all(&options.dir).context("cannot create the directory for the stores")?;
    // Some peers change the directory that relative paths begin in.
    let workplace = Workplace::new(&options.dir.canonicalize()?)?;
    if kind == log::KIND {
        log::compare(&workplace, options)
    } else {
        queue::compare(&workplace, options)
    }
}
