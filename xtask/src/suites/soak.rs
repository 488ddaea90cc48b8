//! The long form of the test that kills the server while real text is written to it.

use anyhow::{Context, Result, bail};

use super::plan::Outcome;
use super::python;
use crate::counts::Counts;
use crate::workspace::Workspace;

/// What `cargo xtask soak --help` says.
pub(crate) const ABOUT: &str = "Kills the server again and again while real text is written to it.\n\n\
    --megabytes N  text to write (default 100)\n\
    --kills N      kills at least (default 12)\n\
    --seed N       which text, and when to kill (default random, and printed)\n\n\
    The text is what cargo fetched as sources of crates, or the tree that MAINSTEM_TEXT_TREE\n\
    names. `cargo xtask test python` has a short form of this.";

/// Runs the killing test at its full length.
///
/// # Errors
/// When an argument is wrong, the test fails or cannot run here.
pub(crate) fn soak(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    match python::killing(workspace, &variables(arguments)?)? {
        Outcome::Ran {
            is_ok: true,
            counts: Counts { passed: 1.., .. },
        } => Ok(()),
        Outcome::Ran { counts, .. } => bail!("{counts}"),
        Outcome::Skipped(reason) => bail!("{reason}"),
    }
}

/// The settings of the test as it reads them.
fn variables(arguments: &[String]) -> Result<Vec<(&'static str, String)>> {
    let mut variables = vec![
        (MEGABYTES, String::from("100")),
        (KILLS, String::from("12")),
    ];
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let variable = match name.as_str() {
            "--megabytes" => MEGABYTES,
            "--kills" => KILLS,
            "--seed" => "MAINSTEM_REAL_INPUT_SEED",
            other => bail!("unexpected argument `{other}`"),
        };
        let value = arguments
            .next()
            .with_context(|| format!("{name} needs a number"))?;
        let number: u64 = value.parse().with_context(|| format!("{name} {value}"))?;
        variables.retain(|(known, _)| *known != variable);
        variables.push((variable, number.to_string()));
    }
    Ok(variables)
}

const MEGABYTES: &str = "MAINSTEM_REAL_INPUT_MB";
const KILLS: &str = "MAINSTEM_REAL_INPUT_KILLS";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Vec<(&'static str, String)>> {
        variables(
            &line
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn arguments_replace_the_defaults() {
        let defaults = [
            (MEGABYTES, String::from("100")),
            (KILLS, String::from("12")),
        ];
        assert_eq!(parse("").expect("no arguments"), defaults);
        let chosen = [(KILLS, String::from("12")), (MEGABYTES, String::from("5"))];
        assert_eq!(parse("--megabytes 5").expect("a number"), chosen);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for line in ["--kills", "--kills some", "--hours 1"] {
            parse(line).expect_err(line);
        }
    }
}
