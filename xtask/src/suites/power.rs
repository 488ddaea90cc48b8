//! The suite that cuts power under real file systems, and shows that it would notice.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};

use super::crash;
use super::plan::Outcome;
use crate::command;
use crate::counts::Counts;
use crate::workspace::Workspace;

/// The file systems, each with the program that makes it and the Debian package of that.
const FILE_SYSTEMS: [(&str, &str, &str); 3] = [
    ("ext4", "mkfs.ext4", "e2fsprogs"),
    ("xfs", "mkfs.xfs", "xfsprogs"),
    ("btrfs", "mkfs.btrfs", "btrfs-progs"),
];

/// Mistakes of the toy, each with the options in which it has to be found, and on how many of the file
/// systems. A sync that is tried again hurts on ext4 at once, on XFS seldom; btrfs does not forget.
/// Source: measured on Linux 6.18.
const MISTAKES: [(&str, &[&str], usize); 4] = [
    ("no-sync", &["--states", "200"], 3),
    ("keep-torn-tail", &["--states", "400"], 3),
    ("ignore-failed-sync", &["--failing", "--states", "800"], 1),
    ("retry-failed-sync", &["--failing", "--states", "800"], 1),
];

/// How the command exits where it cannot run.
const CANNOT_RUN: i32 = 3;

/// Builds the crash tests and runs a short form of `mainstem-crashtest power`.
pub(super) fn tests(workspace: &Workspace) -> Result<Outcome> {
    for (_, program, package) in FILE_SYSTEMS {
        if command::on_path(program).is_empty() {
            command::install_by_apt(package)?;
        }
    }
    let binary = crash::build(workspace)?;
    let kept = workspace.target().join("power");
    if kept.exists() {
        std::fs::remove_dir_all(&kept)?;
    }
    std::fs::create_dir_all(&kept).with_context(|| format!("cannot create {}", kept.display()))?;

    // No states: it only looks whether it could.
    let probe = power(&binary, &kept, &["--states", "0"])?;
    if probe.status.code() == Some(CANNOT_RUN) {
        let missing = String::from_utf8_lossy(&probe.stderr);
        return Ok(Outcome::Skipped(missing.trim().replace('\n', "; ")));
    }

    let mut counts = Counts::default();
    let mut expect = |arguments: &[&str], is_wrong: bool| -> Result<()> {
        let output = power(&binary, &kept, arguments)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let is_as_expected = if is_wrong {
            output.status.code() == Some(1) && text.contains("VIOLATION (")
        } else {
            output.status.success()
        };
        println!("mainstem-crashtest power {}", arguments.join(" "));
        if is_as_expected && is_wrong {
            let line = text.lines().find(|line| line.starts_with("VIOLATION"));
            println!("  found, as it must be: {}", line.unwrap_or_default());
        } else {
            print!("{text}{}", String::from_utf8_lossy(&output.stderr));
        }
        if is_as_expected {
            counts.passed += 1;
        } else {
            println!("  FAILED: {}", output.status);
            counts.failed += 1;
        }
        Ok(())
    };
    expect(&["--states", "600", "--seed", "1"], false)?;
    expect(&["--failing", "--states", "96", "--seed", "2"], false)?;
    let journal = ["--write", "{self} write {dir} --journal --shards 3"];
    expect(
        &[&["--states", "150", "--seed", "3"], &journal[..]].concat(),
        false,
    )?;
    let toy = |defect| {
        ["write", "read"].map(|what| format!("{{self}} toy {what} {{dir}} --defect {defect}"))
    };
    let [write, read] = toy("none");
    let programs = ["--write", write.as_str(), "--read", read.as_str()];
    expect(&[&["--states", "150"], &programs[..]].concat(), false)?;
    for (defect, options, count) in MISTAKES {
        let [write, read] = toy(defect);
        let programs = ["--write", write.as_str(), "--read", read.as_str()];
        for (file_system, _, _) in FILE_SYSTEMS.into_iter().take(count) {
            let place = ["--fs", file_system];
            expect(&[&place[..], options, &programs].concat(), true)?;
        }
    }
    Ok(Outcome::Ran {
        counts,
        is_ok: counts.failed == 0,
    })
}

fn power(binary: &Path, kept: &Path, arguments: &[&str]) -> Result<Output> {
    let mut power = Command::new(binary);
    power.arg("power").args(arguments).arg("--keep").arg(kept);
    let output = power.output();
    output.with_context(|| format!("cannot start {}", binary.display()))
}
