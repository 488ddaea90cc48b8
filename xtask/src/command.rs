//! Runs other programs, and says which.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use crate::counts::Counts;

/// Runs `command` with its output going where ours goes.
///
/// # Errors
/// When the program cannot be started or ends with anything but success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", program(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", program(command));
    }
    Ok(())
}

/// Runs `command` and returns what it wrote to standard output.
///
/// # Errors
/// When the program cannot be started, ends with anything but success, or writes no UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", program(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} ended with {}: {}",
            program(command),
            output.status,
            said.trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} wrote something that is not UTF-8", program(command)))
}

/// Runs a test runner, shows what it writes, and counts its tests by its closing lines.
///
/// Returns the counts and whether the program ended with success.
///
/// # Errors
/// When the program cannot be started or its output cannot be read.
pub(crate) fn run_counted(command: &mut Command) -> Result<(Counts, bool)> {
    announce(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program(command)))?;
    let stdout = child.stdout.take().context("no pipe for standard output")?;
    let stderr = child.stderr.take().context("no pipe for standard error")?;
    // Nextest closes on standard error, the others on standard output.
    let errors = thread::spawn(move || copy_and_count(stderr, std::io::stderr()));
    let mut counts = copy_and_count(stdout, std::io::stdout())?;
    counts += errors
        .join()
        .map_err(|_| anyhow!("the reader of standard error panicked"))??;
    let status = child.wait().context("cannot wait for the test runner")?;
    Ok((counts, status.success()))
}

fn copy_and_count(from: impl Read, mut to: impl Write) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Ok(counts);
        }
        to.write_all(&line)?;
        to.flush()?;
        counts += Counts::of_line(&String::from_utf8_lossy(&line));
    }
}

/// Installs Debian's `package` where there is apt and we may use it; returns whether it did.
///
/// # Errors
/// When the installation was tried and failed.
pub(crate) fn install_by_apt(package: &str) -> Result<bool> {
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || on_path("apt-get").is_empty() {
        return Ok(false);
    }
    for arguments in [
        &["update"][..],
        &["install", "--yes", "--no-install-recommends", package][..],
    ] {
        let mut apt_get = Command::new("apt-get");
        let apt_get = apt_get.arg("-q").args(arguments);
        run(apt_get.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok(true)
}

/// Finds `name` in the directories of `PATH`, all of its occurrences in order.
pub(crate) fn on_path(name: &str) -> Vec<PathBuf> {
    let Some(path) = std::env::var_os("PATH") else {
        return Vec::new();
    };
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .filter(|candidate| candidate.is_file())
        .collect()
}

/// What `program --version` writes, or nothing when it does not run.
pub(crate) fn version_of(program: &Path) -> Option<String> {
    output(Command::new(program).arg("--version"))
        .ok()
        .map(|text| text.trim().to_owned())
}

fn announce(command: &Command) {
    let mut line = program(command);
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    eprintln!("$ {line}");
}

fn program(command: &Command) -> String {
    let path = Path::new(command.get_program());
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
