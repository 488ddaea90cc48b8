//! The benches beside other stores, which are a workspace of their own: that they still compile, and that
//! each peer does what it is measured at. Without `RocksDB`, which takes an hour to compile.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::suites::Outcome;
use crate::workspace::Workspace;

const MANIFEST: &str = "benches/compare/Cargo.toml";
/// Where modules are declared by a macro, which rustfmt does not look into.
const PEERS: [&str; 2] = [
    "benches/compare/src/log/peers",
    "benches/compare/src/queue/peers",
];

/// Checks the format.
///
/// # Errors
/// When something is not formatted, or no file is found.
pub(crate) fn fmt(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo(&["fmt", "--manifest-path", MANIFEST, "--", "--check"]);
    for directory in PEERS {
        cargo.args(sources(&workspace.root().join(directory))?);
    }
    command::run(&mut cargo)
}

/// Lints benches and tests.
///
/// # Errors
/// When there is something to complain of.
pub(crate) fn clippy(workspace: &Workspace) -> Result<()> {
    let mut cargo = cargo(workspace, "clippy");
    cargo.args(["--all-targets", "--", "-D", "warnings"]);
    command::run(&mut cargo)
}

/// Runs the tests.
pub(crate) fn suite(workspace: &Workspace) -> Result<Outcome> {
    let (counts, is_ok) = command::run_counted(&mut cargo(workspace, "test"))?;
    Ok(Outcome::Ran { counts, is_ok })
}

/// Its own directory, which lints and tests share: features and profile differ from the workspace's.
fn cargo(workspace: &Workspace, what: &str) -> Command {
    let mut cargo = workspace.cargo(&[what, "--locked", "--manifest-path", MANIFEST]);
    cargo
        .arg("--target-dir")
        .arg(workspace.target().join("compare"));
    cargo
}

/// The source files in a directory, sorted.
fn sources(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("cannot list {}", directory.display()))?;
    let mut sources = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
    sources.sort();
    Ok(sources)
}
