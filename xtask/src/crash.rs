//! The long form of the crash exploration of the storage engine.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command;
use crate::workspace::Workspace;

/// What `cargo xtask crash --help` says.
pub(crate) const ABOUT: &str = "Loses power after every operation of many random workloads.\n\n\
    --seeds N     workloads to explore in one round (default 200)\n\
    --minutes M   further rounds, each with new seeds, until M minutes have passed\n\n\
    A failure prints its seed; the same seed fails again. The tests read MAINSTEM_CRASH_SEEDS,\n\
    a range such as `200..400`.";

/// Explores rounds of seeds until the time is up, at least one round.
///
/// # Errors
/// When an argument is wrong, a test fails, or no crash test ran.
pub(crate) fn crash(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let start = Instant::now();
    let mut first = 0;
    loop {
        let end = first + options.seeds;
        println!("seeds {first}..{end}");
        round(workspace, first, end)?;
        first = end;
        if start.elapsed() >= options.time {
            println!("explored seeds 0..{end}");
            return Ok(());
        }
    }
}

fn round(workspace: &Workspace, first: u64, end: u64) -> Result<()> {
    let mut test = workspace.cargo(&["test", "--locked", "--release"]);
    test.args(["--package", "mainstem-log", "--test", "it", "crash"]);
    test.env("MAINSTEM_CRASH_SEEDS", format!("{first}..{end}"));
    let (counts, is_ok) = command::run_counted(&mut test)?;
    if !is_ok {
        bail!("a crash test failed in seeds {first}..{end}");
    }
    if counts.passed == 0 {
        bail!("no test of mainstem-log matches `crash`");
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    seeds: u64,
    time: Duration,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            seeds: 200,
            time: Duration::ZERO,
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let mut number = || -> Result<u64> {
                let value = arguments
                    .next()
                    .with_context(|| format!("{name} needs a number"))?;
                value.parse().with_context(|| format!("{name} {value}"))
            };
            match name.as_str() {
                "--seeds" => options.seeds = number()?.max(1),
                "--minutes" => options.time = Duration::from_mins(number()?),
                other => bail!("unexpected argument `{other}`"),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(
            &line
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn options_are_read() {
        let expected = Options {
            seeds: 7,
            time: Duration::from_mins(2),
        };
        assert_eq!(
            parse("--seeds 7 --minutes 2").expect("both are numbers"),
            expected
        );
    }

    #[test]
    fn wrong_options_are_refused() {
        for line in ["--seeds", "--seeds many", "--hours 3"] {
            parse(line).expect_err(line);
        }
    }
}
