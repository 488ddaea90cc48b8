//! The list of suites, and running them one after another.

use anyhow::{Result, bail};

use super::{crash, defects, javascript, kill, model, power, python, rust, server};
use crate::counts::Counts;
use crate::steps::Steps;
use crate::workspace::{self, Workspace};
use crate::{compare, fuzz};

/// A suite by its name on the command line.
#[derive(Debug)]
pub(crate) struct Suite {
    name: &'static str,
    run: fn(&Workspace) -> Result<Outcome>,
}

/// How a suite ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran. `is_ok` is what its runner says, which can fail without a failed test.
    Ran { counts: Counts, is_ok: bool },
    /// It could not run here, for this reason.
    Skipped(String),
}

/// Every suite, in the order in which they run.
pub(crate) const ALL: &[Suite] = &[
    Suite {
        name: "rust",
        run: rust::tests,
    },
    Suite {
        name: "loom",
        run: rust::loom,
    },
    Suite {
        name: "crash",
        run: crash::tests,
    },
    Suite {
        name: "defects",
        run: defects::tests,
    },
    Suite {
        name: "kill",
        run: kill::tests,
    },
    Suite {
        name: "power",
        run: power::tests,
    },
    Suite {
        name: "server",
        run: server::tests,
    },
    Suite {
        name: "model",
        run: model::tests,
    },
    Suite {
        name: "python",
        run: python::tests,
    },
    Suite {
        name: "javascript",
        run: javascript::tests,
    },
    Suite {
        name: "fuzz",
        run: fuzz::suite,
    },
    Suite {
        name: "compare",
        run: compare::suite,
    },
];

/// What `cargo xtask test --help` says.
pub(crate) const ABOUT: &str = "Every test: Rust, loom, killed processes, unmodified public clients, and a short run of the fuzz targets.\n\n\
    SUITE is one of\n  \
    rust        unit and integration tests, and the examples in the documentation\n  \
    loom        the models of the commit core under every interleaving\n  \
    crash       power lost at every operation, every call failed, every file damaged, simulated\n  \
    defects     defects planted in engine and queue, each of which a check must catch\n  \
    kill        200 and more rounds of killing real processes and judging what their store shows\n  \
    power       power cuts and failing disks under ext4, XFS and btrfs; needs root, /dev/fuse, loop devices\n  \
    server      the server killed at random while clients put records and change streams\n  \
    model       the generated shapes against the service model of the pinned botocore\n  \
    python      the AWS CLI version 2 and boto3 against a real server, with kills in between\n  \
    javascript  the JavaScript client, version 3, over HTTP/2 against a real server\n  \
    fuzz        each fuzz target for 7 seconds\n  \
    compare     the stores that benches/compare measures, without RocksDB\n\
    and all of them without one.\n\n\
    Pinned clients are installed below the target directory. What cannot run because a tool is\n\
    missing is named as skipped; when the variable CI is `true`, that is a failure.";

/// Runs the suites named in `arguments`, or all.
///
/// # Errors
/// When a name is unknown or a suite fails.
pub(crate) fn test(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if let Some(unknown) = arguments
        .iter()
        .find(|name| ALL.iter().all(|suite| suite.name != **name))
    {
        bail!("no suite `{unknown}`; `cargo xtask test --help` lists them");
    }
    let is_wanted =
        |suite: &&Suite| arguments.is_empty() || arguments.iter().any(|name| name == suite.name);
    let mut steps = Steps::default();
    let counts = run(workspace, ALL.iter().filter(is_wanted), &mut steps);
    let result = steps.finish();
    println!("\n{counts}");
    result
}

/// Runs `suites`, each as one step, and returns the tests of all of them together.
pub(crate) fn run<'suites>(
    workspace: &Workspace,
    suites: impl IntoIterator<Item = &'suites Suite>,
    steps: &mut Steps,
) -> Counts {
    let mut total = Counts::default();
    for suite in suites {
        steps.run(&format!("test {}", suite.name), || {
            let outcome = (suite.run)(workspace)?;
            if let Outcome::Ran { counts, .. } = &outcome {
                total += *counts;
            }
            judge(suite.name, &outcome, workspace::is_ci())
        });
    }
    total
}

fn judge(name: &str, outcome: &Outcome, is_ci: bool) -> Result<()> {
    match outcome {
        Outcome::Ran {
            is_ok: false,
            counts,
        } => bail!("{counts}"),
        Outcome::Ran { counts, .. } if counts.passed == 0 => bail!("it ran no test"),
        Outcome::Ran { counts, .. } => {
            println!("{name}: {counts}");
            Ok(())
        }
        Outcome::Skipped(reason) if is_ci => bail!("skipped, which CI does not accept: {reason}"),
        Outcome::Skipped(reason) => {
            println!("{name}: SKIPPED: {reason}");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(passed: u64, is_ok: bool) -> Outcome {
        Outcome::Ran {
            counts: Counts {
                passed,
                ..Counts::default()
            },
            is_ok,
        }
    }

    #[test]
    fn a_skip_fails_only_in_ci() {
        let skipped = Outcome::Skipped(String::from("no node"));
        judge("js", &skipped, false).expect("a skip at home is fine");
        let error = judge("js", &skipped, true).expect_err("a skip in CI is not");
        assert!(error.to_string().contains("no node"), "{error}");
    }

    #[test]
    fn a_suite_that_failed_or_ran_nothing_fails() {
        judge("rust", &ran(3, true), true).expect("three passed");
        judge("rust", &ran(3, false), true).expect_err("the runner failed");
        judge("rust", &ran(0, true), true).expect_err("nothing ran");
    }
}
