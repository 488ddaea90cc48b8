//! Holds the dependencies to `deny.toml`: what is banned, which licences, which sources.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::workspace::Workspace;

/// Runs cargo-deny, after building it if this machine has none of the pinned version.
///
/// # Errors
/// When the tool cannot be built, or finds something.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let deny = find_or_install(workspace)?;
    // Advisories are left out: they need a database from outside the package registry.
    let mut check = Command::new(deny);
    check.args([
        "--workspace",
        "--locked",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    command::run(check.current_dir(workspace.root()))
}

fn find_or_install(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.target().join("tools");
    let installed = tools.join("bin").join("cargo-deny");
    let mut candidates = vec![installed.clone()];
    candidates.extend(command::on_path("cargo-deny"));
    for candidate in candidates {
        let is_pinned = command::version_of(&candidate)
            .is_some_and(|version| version.split(' ').nth(1) == Some(DENY_VERSION));
        if is_pinned {
            return Ok(candidate);
        }
    }
    eprintln!(
        "cargo-deny {DENY_VERSION} is not here; building it into {}",
        tools.display()
    );
    std::fs::create_dir_all(&tools)
        .with_context(|| format!("cannot create {}", tools.display()))?;
    // Unoptimised and without debug information: it runs for a second and is built from
    // nothing on a new machine.
    let mut install = workspace.cargo(&["install", "--locked", "--debug", "--no-default-features"]);
    install
        .args(["--version", DENY_VERSION, "--root"])
        .arg(&tools)
        .arg("--target-dir")
        .arg(workspace.target().join("tools-build"))
        .arg("cargo-deny")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0");
    command::run(&mut install)?;
    Ok(installed)
}

const DENY_VERSION: &str = "0.20.2";
