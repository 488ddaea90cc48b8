//! Everything that a change has to pass, in the order of what fails fastest.

use anyhow::Result;

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{command, compare, deny, fuzz, instructions, no_arguments, suites, tidy};

/// Runs every check and then every test.
///
/// # Errors
/// Names the steps that failed, after all of them have run.
pub(crate) fn ci(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    no_arguments(arguments)?;
    let mut steps = Steps::default();
    steps.run("format", || {
        command::run(&mut workspace.cargo(&["fmt", "--all", "--", "--check"]))?;
        // The fuzz targets are a workspace of their own.
        let fuzz = ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--", "--check"];
        command::run(&mut workspace.cargo(&fuzz))?;
        compare::fmt(workspace)
    });
    steps.run("tidy", || tidy::tidy(workspace, &[]));
    steps.run("clippy", || {
        let arguments = [
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ];
        command::run(&mut workspace.cargo(&arguments))?;
        // What only a build with defects has.
        let arguments = [
            "clippy",
            "--locked",
            "--package",
            "mainstem-log",
            "--package",
            "mainstem-queue",
            "--package",
            "mainstem-crashtest",
            "--all-targets",
            "--features",
            "mainstem-crashtest/defects",
            "--",
            "-D",
            "warnings",
        ];
        command::run(&mut workspace.cargo(&arguments))?;
        fuzz::clippy(workspace)?;
        compare::clippy(workspace)
    });
    steps.run("documentation", || {
        let mut doc = workspace.cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
        command::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    steps.run("dependencies", || deny::check(workspace));
    steps.run("instructions", || {
        instructions::instructions(workspace, &[])
    });
    let counts = suites::run(workspace, suites::ALL, &mut steps);
    let result = steps.finish();
    println!("\n{counts}");
    result
}
