//! The suite of the JavaScript client, which speaks HTTP/2.

use std::process::Command;

use anyhow::{Context, Result};

use super::clients;
use super::plan::Outcome;
use crate::command;
use crate::workspace::Workspace;

/// Installs the pinned client and runs the suite.
pub(super) fn tests(workspace: &Workspace) -> Result<Outcome> {
    let server = clients::build_server(workspace)?;
    let Some((node, version)) = clients::first_that_runs(&["node", "nodejs"]) else {
        return Ok(Outcome::Skipped(String::from("node is not installed")));
    };
    if major(&version).is_none_or(|major| major < NODE_MAJOR_MIN) {
        let reason = format!("node {NODE_MAJOR_MIN} or newer is needed, here is {version}");
        return Ok(Outcome::Skipped(reason));
    }
    let Some((npm, _)) = clients::first_that_runs(&["npm"]) else {
        return Ok(Outcome::Skipped(String::from("npm is not installed")));
    };

    // The packages go below the target directory, and the suite is copied beside them: node
    // looks for packages from where a file lies.
    let source = workspace.root().join("tests/clients/javascript");
    let installed = workspace.target().join("clients").join("javascript");
    std::fs::create_dir_all(&installed)
        .with_context(|| format!("cannot create {}", installed.display()))?;
    let entries =
        std::fs::read_dir(&source).with_context(|| format!("cannot list {}", source.display()))?;
    let mut suites = Vec::new();
    for entry in entries {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            continue;
        }
        std::fs::copy(entry.path(), installed.join(entry.file_name()))?;
        if entry.file_name().to_string_lossy().ends_with(".test.mjs") {
            suites.push(entry.file_name());
        }
    }
    suites.sort();
    let mut install = Command::new(npm);
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    command::run(install.current_dir(&installed))?;

    let mut tests = Command::new(node);
    tests
        .args(["--test", "--test-reporter=tap"])
        .args(suites)
        .current_dir(&installed);
    clients::without_aws_settings(&mut tests).env(clients::BINARY_VARIABLE, server);
    let (counts, is_ok) = command::run_counted(&mut tests)?;
    Ok(Outcome::Ran { counts, is_ok })
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

const NODE_MAJOR_MIN: u32 = 20;

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("20"), None);
        assert_eq!(major("vx.1"), None);
    }
}
