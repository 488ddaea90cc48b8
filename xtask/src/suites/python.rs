//! The suites in Python: the AWS CLI, boto3, and the test that kills the server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::plan::Outcome;
use super::{aws_cli, clients};
use crate::command;
use crate::workspace::Workspace;

/// Installs the pinned clients into an environment of their own and runs every suite.
pub(super) fn tests(workspace: &Workspace) -> Result<Outcome> {
    run(workspace, &[], &[])
}

/// The long form of the killing test: more text, more kills.
pub(super) fn killing(workspace: &Workspace, variables: &[(&str, String)]) -> Result<Outcome> {
    run(workspace, &["test_real_input.py"], variables)
}

fn run(workspace: &Workspace, files: &[&str], variables: &[(&str, String)]) -> Result<Outcome> {
    let server = clients::build_server(workspace)?;
    let Some((python, _)) = clients::first_that_runs(&["python3"]) else {
        return Ok(Outcome::Skipped(String::from("python3 is not installed")));
    };
    let Some(aws) = aws_cli::find_or_install()? else {
        return Ok(Outcome::Skipped(String::from(aws_cli::MISSING)));
    };
    let python = environment(workspace, &python)?;
    let mut pytest = Command::new(python);
    // -B: nothing is written into the source tree.
    pytest
        .args(["-B", "-m", "pytest", "-ra", "--tb=short", "--durations=5"])
        .args(files);
    pytest.current_dir(workspace.root().join(DIRECTORY));
    clients::without_aws_settings(&mut pytest)
        .env(clients::BINARY_VARIABLE, server)
        .env("MAINSTEM_AWS_CLI", aws)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    let (counts, is_ok) = command::run_counted(&mut pytest)?;
    Ok(Outcome::Ran { counts, is_ok })
}

/// A virtual environment that holds exactly the pinned packages; returns its interpreter.
pub(super) fn environment(workspace: &Workspace, python: &Path) -> Result<PathBuf> {
    let requirements = workspace.root().join(DIRECTORY).join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let environment = workspace.target().join("clients").join("python");
    let interpreter = environment.join("bin").join("python");
    // The requirements it was made from are kept inside, so that a change makes it anew.
    let record = environment.join("requirements.txt");
    if std::fs::read_to_string(&record).is_ok_and(|made_from| made_from == wanted) {
        return Ok(interpreter);
    }
    let mut venv = Command::new(python);
    command::run(venv.args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = Command::new(&interpreter);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]);
    command::run(pip.arg("--requirement").arg(&requirements))?;
    let mut pip = Command::new(&interpreter);
    command::run(pip.args(["-m", "pip", "check", "--disable-pip-version-check"]))?;
    std::fs::write(&record, wanted)
        .with_context(|| format!("cannot write {}", record.display()))?;
    Ok(interpreter)
}

const DIRECTORY: &str = "tests/clients/python";
