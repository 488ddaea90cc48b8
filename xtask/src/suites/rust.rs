//! The tests written in Rust.

use anyhow::{Result, bail};

use super::plan::Outcome;
use crate::counts::Counts;
use crate::workspace::{self, Workspace};
use crate::{command, no_arguments};

/// Unit and integration tests, with nextest where it is installed, then the examples in the
/// documentation, which nextest does not run.
pub(super) fn tests(workspace: &Workspace) -> Result<Outcome> {
    let profile = if workspace::is_ci() { "ci" } else { "default" };
    let mut runner = if command::on_path("cargo-nextest").is_empty() {
        workspace.cargo(&[
            "test",
            "--locked",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
        ])
    } else {
        workspace.cargo(&[
            "nextest",
            "run",
            "--locked",
            "--workspace",
            "--profile",
            profile,
        ])
    };
    let (mut counts, is_ok) = command::run_counted(&mut runner)?;
    let mut examples = workspace.cargo(&["test", "--locked", "--workspace", "--doc"]);
    let (of_examples, are_examples_ok) = command::run_counted(&mut examples)?;
    counts += of_examples;
    Ok(Outcome::Ran {
        counts,
        is_ok: is_ok && are_examples_ok,
    })
}

/// The loom models of the storage engine.
pub(super) fn loom(workspace: &Workspace) -> Result<Outcome> {
    let mut cargo = workspace.cargo(&["test", "--locked", "--release"]);
    cargo.args(["--package", "mainstem-log", "--test", "loom"]);
    // Its own directory: the flag would otherwise rebuild the whole workspace each time.
    cargo
        .arg("--target-dir")
        .arg(workspace.target().join("loom"));
    cargo.env("RUSTFLAGS", "--cfg mainstem_loom");
    let (counts, is_ok) = command::run_counted(&mut cargo)?;
    Ok(Outcome::Ran { counts, is_ok })
}

/// `cargo xtask loom`.
///
/// # Errors
/// When a model fails or none ran.
pub(crate) fn run_loom(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    no_arguments(arguments)?;
    match loom(workspace)? {
        Outcome::Ran {
            is_ok: true,
            counts: Counts { passed: 1.., .. },
        } => Ok(()),
        Outcome::Ran { counts, .. } => bail!("{counts}"),
        Outcome::Skipped(reason) => bail!("{reason}"),
    }
}
