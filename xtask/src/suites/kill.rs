//! Real processes, killed at random, calls of the system that fail under them, and space that runs out: our
//! log, the command line of `mainstem`, and the toy, which shows that the harness can fail.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::plan::Outcome;
use crate::command;
use crate::counts::Counts;
use crate::workspace::Workspace;

/// One run of the harness, which counts as a test.
struct Run {
    name: &'static str,
    arguments: Vec<String>,
    needs_strace: bool,
    /// Whether the harness has to find something.
    is_wrong: bool,
}

/// Carries out each run.
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
    for run in runs(workspace, &programs)? {
        if let Some(missing) = run.missing()? {
            println!("{}: SKIPPED: {missing}", run.name);
            counts.skipped += 1;
            continue;
        }
        println!("{}", run.name);
        match run.carry_out(&harness) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                eprintln!("{}: {error:#}", run.name);
                counts.failed += 1;
            }
        }
    }
    Ok(Outcome::Ran {
        counts,
        is_ok: counts.failed == 0,
    })
}

impl Run {
    fn carry_out(&self, harness: &Path) -> Result<()> {
        let mut command = Command::new(harness);
        command.args(&self.arguments);
        if !self.is_wrong {
            return command::run(&mut command);
        }
        let output = command.output().context("cannot start the harness")?;
        let said = String::from_utf8_lossy(&output.stderr);
        print!("{said}");
        if output.status.code() != Some(1) || !said.starts_with("VIOLATION") {
            bail!("ended with {}, and not with a violation", output.status);
        }
        Ok(())
    }

    /// Says what is missing to carry it out, after trying to install it.
    fn missing(&self) -> Result<Option<&'static str>> {
        if !self.needs_strace || !command::on_path("strace").is_empty() {
            return Ok(None);
        }
        let is_installed = command::install_by_apt("strace")?;
        Ok((!is_installed).then_some("strace is not installed"))
    }
}

fn runs(workspace: &Workspace, programs: &Path) -> Result<Vec<Run>> {
    let quoted = |path: &Path| -> Result<String> {
        let path = path.to_str().context("a path that is not Unicode")?;
        Ok(format!("'{path}'"))
    };
    let program = quoted(&programs.join("mainstem"))?;
    let command_line =
        |what: &str| format!("{{self}} mainstem-log {what} {{dir}} --program {program}");
    let toy = |what: &str| format!("{{self}} toy {what} {{dir}} --defect ignore-write-errors");
    let full = "full --seed 1 --cases";
    let run = |name, line: &str, commands: Option<[String; 2]>| {
        let mut arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if let Some([write, read]) = commands {
            arguments.extend(["--write".to_owned(), write, "--read".to_owned(), read]);
        }
        Run {
            name,
            arguments,
            needs_strace: false,
            is_wrong: false,
        }
    };
    let both = |command: &dyn Fn(&str) -> String| Some([command("write"), command("read")]);
    let with_faults = |run| Run {
        needs_strace: true,
        ..run
    };
    let kill = "kill --seed 1 --cycles";
    let faults = "syscalls --seed 1 --cases";
    // In a directory of its own, because what was wrong is kept.
    let kept = workspace.target().join("crashtest-toy");
    let kept = kept.to_str().context("a path that is not Unicode")?;
    let wrong = |name, line: &str| {
        let line = format!("{line} --dir");
        let mut run = run(name, &line, both(&toy));
        let place = line.split(' ').count();
        run.arguments.insert(place, kept.to_owned());
        run.is_wrong = true;
        run
    };
    Ok(vec![
        run("our log, killed", &format!("{kill} 220"), None),
        run(
            "mainstem log, killed",
            &format!("{kill} 50"),
            both(&command_line),
        ),
        with_faults(run("our log, with faults", &format!("{faults} 150"), None)),
        with_faults(run(
            "our log and its commit journal, with faults",
            "syscalls --seed 2 --cases 90 --journal",
            None,
        )),
        with_faults(wrong("the toy, with faults", &format!("{faults} 150"))),
        run("our queue, killed", "kill-queue --seed 1 --cycles 30", None),
        // On the small file systems only where they can be mounted.
        run("our log, out of space", &format!("{full} 8"), None),
        wrong("the toy, out of space", &format!("{full} 8 --on file-size")),
    ])
}
