//! The explorations of crash states, of failing calls and of damage: the parts of the crash-test crate
//! that need nothing but a processor.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::plan::Outcome;
use crate::command;
use crate::counts::Counts;
use crate::workspace::Workspace;

/// What is run, with fixed seeds, each of which counts as a test.
const RUNS: [&[&str]; 11] = [
    &["sim", "--seeds", "0..160"],
    &["sim", "--exhaustive", "3", "--cap", "100"],
    &["faults", "--plans", "4"],
    &["rot", "--kinds", "flip", "--endings", "closed"],
    &["rot", "--bytes", "16384"],
    &["history", "--histories", "2000"],
    &["streams", "--seeds", "0..16"],
    &["streams", "--exhaustive", "2", "--cap", "2"],
    &["streams", "--faults", "1"],
    &["queue", "--seeds", "0..16"],
    &["queue", "--faults", "1"],
];

/// Runs each in turn.
pub(super) fn tests(workspace: &Workspace) -> Result<Outcome> {
    let harness = build(workspace)?;
    let mut counts = Counts::default();
    for arguments in RUNS {
        match command::run(Command::new(&harness).args(arguments)) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                eprintln!("{error:#}");
                counts.failed += 1;
            }
        }
    }
    Ok(Outcome::Ran {
        counts,
        is_ok: counts.failed == 0,
    })
}

/// Builds the harness for speed, and returns its path.
///
/// # Errors
/// When it does not build.
pub(super) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let arguments = [
        "build",
        "--locked",
        "--release",
        "--package",
        "mainstem-crashtest",
    ];
    command::run(&mut workspace.cargo(&arguments))?;
    Ok(workspace
        .target()
        .join("release")
        .join("mainstem-crashtest"))
}

/// What `cargo xtask crash --help` says.
pub(crate) const ABOUT: &str = "Runs the crash-test command, built for speed, for as long as you like.\n\n\
    Without arguments, an hour of random crash states. `cargo xtask crash -- --help` lists what\n\
    there is; `cargo xtask crash sim --minutes 600`, for example, explores for ten hours.";

/// Runs the command with the given arguments.
///
/// # Errors
/// When it does not build, or finds something.
pub(crate) fn crash(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let harness = build(workspace)?;
    let mut run = Command::new(harness);
    match arguments {
        [] => run.args(["sim", "--minutes", "60"]),
        [dashes, rest @ ..] if dashes == "--" => run.args(rest),
        arguments => run.args(arguments),
    };
    command::run(&mut run)
}
