//! Real processes, killed at random: our log, the command line of `mainstem`, and SQLite, which shows
//! that the contract fits others too.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::clients;
use super::plan::Outcome;
use crate::command;
use crate::counts::Counts;
use crate::workspace::Workspace;

/// What is killed, for how many cycles, from which seed.
struct Target {
    name: &'static str,
    cycles: u64,
    /// The writer's command without its last word, which is the directory, and the reader's.
    commands: Option<[String; 2]>,
}

/// Kills each in turn; a run of the harness counts as a test.
pub(super) fn tests(workspace: &Workspace) -> Result<Outcome> {
    let packages = [
        "--package",
        "mainstem-crashtest",
        "--package",
        "mainstem-cli",
    ];
    let mut build = workspace.cargo(&["build", "--locked"]);
    command::run(build.args(packages))?;
    let programs = workspace.target().join("debug");
    let harness = programs.join("mainstem-crashtest");
    let mut counts = Counts::default();
    for target in targets(workspace, &programs)? {
        let Some(target) = target else {
            counts.skipped += 1;
            continue;
        };
        println!("{}, {} cycles", target.name, target.cycles);
        let mut kill = Command::new(&harness);
        kill.args(["kill", "--seed", "1"]);
        kill.args(["--cycles", &target.cycles.to_string()]);
        if let Some([write, read]) = &target.commands {
            kill.args(["--write", write, "--read", read]);
        }
        match command::run(&mut kill) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                eprintln!("{}: {error:#}", target.name);
                counts.failed += 1;
            }
        }
    }
    Ok(Outcome::Ran {
        counts,
        is_ok: counts.failed == 0,
    })
}

/// Returns what is killed; `None` for what cannot run here.
fn targets(workspace: &Workspace, programs: &Path) -> Result<[Option<Target>; 3]> {
    let quoted = |path: &Path| -> Result<String> {
        let path = path.to_str().context("a path that is not Unicode")?;
        Ok(format!("'{path}'"))
    };
    let program = quoted(&programs.join("mainstem"))?;
    let command_line = ["write", "read"]
        .map(|what| format!("{{self}} mainstem-log {what} {{dir}} --program {program}"));
    let script = workspace
        .root()
        .join("crates/mainstem-crashtest/adapters/sqlite.py");
    let script = quoted(&script)?;
    let sqlite = clients::first_that_runs(&["python3"])
        .map(|_| ["write", "read"].map(|what| format!("python3 {script} {what} {{dir}}")));
    let target = |name, cycles, commands| Target {
        name,
        cycles,
        commands,
    };
    Ok([
        Some(target("our log", 220, None)),
        Some(target("mainstem log", 50, Some(command_line))),
        sqlite.map(|commands| target("SQLite", 12, Some(commands))),
    ])
}
