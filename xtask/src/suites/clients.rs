//! What the suites of unmodified clients share: the server they run against.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::workspace::Workspace;

/// The variable that tells a client suite which server binary to start.
pub(super) const BINARY_VARIABLE: &str = "MAINSTEM_BIN";

/// Builds the release binary and returns its path.
///
/// # Errors
/// When it does not build.
pub(super) fn build_server(workspace: &Workspace) -> Result<PathBuf> {
    let arguments = [
        "build",
        "--locked",
        "--release",
        "--package",
        "mainstem-cli",
    ];
    command::run(&mut workspace.cargo(&arguments))?;
    let binary = workspace.target().join("release").join("mainstem");
    binary
        .canonicalize()
        .with_context(|| format!("{} was not built", binary.display()))
}

/// The first of `names` that runs, with the version that it tells.
pub(super) fn first_that_runs(names: &[&str]) -> Option<(PathBuf, String)> {
    let mut candidates = names.iter().flat_map(|name| command::on_path(name));
    candidates.find_map(|path| command::version_of(&path).map(|version| (path, version)))
}

/// A command without the settings of the user's own AWS account.
pub(super) fn without_aws_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
}
