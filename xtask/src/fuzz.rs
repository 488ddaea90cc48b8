//! Fuzzing: libFuzzer on stable Rust, with coverage by flags that the compiler has anyway.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::counts::Counts;
use crate::suites::Outcome;
use crate::workspace::Workspace;

/// What `cargo xtask fuzz --help` says.
pub(crate) const ABOUT: &str = "Feeds the targets in fuzz/ with bytes until the time is up.\n\n\
    TARGET is a file in fuzz/fuzz_targets, without the ending; all of them without one.\n\n\
    --seconds N   for each target (default 60)\n\
    --input FILE  runs one input, to see a failure again\n\n\
    A failure names a file with the input that led to it. Inputs that reach something new are kept\n\
    below the target directory; those in fuzz/corpus are where every run begins. libFuzzer is C++:\n\
    g++ is needed.";

/// Lints the targets, which are a workspace of their own.
///
/// # Errors
/// When there is something to complain of, or g++ is missing.
pub(crate) fn clippy(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo(&["clippy", "--locked"]);
    cargo.arg("--manifest-path").arg("fuzz/Cargo.toml");
    // Beside the coverage build, whose flags differ.
    cargo.arg("--target-dir").arg(target_dir(workspace));
    cargo.args(["--", "-D", "warnings"]);
    command::run(&mut cargo)
}

/// Runs one target or all of them.
///
/// # Errors
/// When an argument is wrong, g++ is missing, or a target fails.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    match run(workspace, &options)? {
        Outcome::Ran { is_ok: true, .. } => Ok(()),
        Outcome::Ran { counts, .. } => bail!("{counts}"),
        Outcome::Skipped(reason) => bail!("{reason}"),
    }
}

/// The short run that is part of `cargo xtask test`.
pub(crate) fn suite(workspace: &Workspace) -> Result<Outcome> {
    let options = Options {
        seconds: SUITE_SECONDS,
        ..Options::default()
    };
    run(workspace, &options)
}

fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    if command::on_path("g++").is_empty() && !command::install_by_apt("g++")? {
        let reason = "g++ is not installed, and libFuzzer is C++ (Debian: apt-get install g++)";
        return Ok(Outcome::Skipped(String::from(reason)));
    }
    let targets = targets(workspace)?;
    if let Some(wanted) = &options.target
        && !targets.contains(wanted)
    {
        bail!("no target `{wanted}`; there are: {}", targets.join(", "));
    }
    let host = host()?;
    build(workspace, &host)?;
    let mut counts = Counts::default();
    for target in &targets {
        if options
            .target
            .as_ref()
            .is_some_and(|wanted| wanted != target)
        {
            continue;
        }
        match run_target(workspace, &host, target, options) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                eprintln!("fuzz target {target}: {error:#}");
                counts.failed += 1;
            }
        }
    }
    Ok(Outcome::Ran {
        counts,
        is_ok: counts.failed == 0,
    })
}

/// Builds all targets. The flags reach every crate, so the host is named as the platform: scripts and
/// macros, which run during the build, then go without them.
fn build(workspace: &Workspace, host: &str) -> Result<()> {
    let mut cargo = workspace.cargo(&["build", "--locked", "--release", "--bins"]);
    cargo.arg("--manifest-path").arg("fuzz/Cargo.toml");
    cargo.arg("--target-dir").arg(target_dir(workspace));
    cargo.args(["--target", host]);
    cargo.env("RUSTFLAGS", COVERAGE_FLAGS);
    command::run(&mut cargo)
}

fn run_target(workspace: &Workspace, host: &str, target: &str, options: &Options) -> Result<()> {
    let directory = target_dir(workspace);
    let mut program = Command::new(directory.join(host).join("release").join(target));
    program.current_dir(workspace.root());
    if let Some(input) = &options.input {
        return command::run(program.arg(input));
    }
    let found = directory.join("corpus").join(target);
    let failures = directory.join("failures").join(target);
    for needed in [&found, &failures] {
        std::fs::create_dir_all(needed)
            .with_context(|| format!("cannot create {}", needed.display()))?;
    }
    program.arg(format!("-max_total_time={}", options.seconds));
    program.args(LIBFUZZER_FLAGS);
    // With the separator at the end: it is a prefix of file names.
    program.arg(format!("-artifact_prefix={}/", failures.display()));
    // New inputs go into the first directory.
    program.arg(&found);
    let corpus = PathBuf::from("fuzz").join("corpus").join(target);
    // A new target has none.
    if workspace.root().join(&corpus).is_dir() {
        program.arg(corpus);
    }
    command::run(&mut program).with_context(|| {
        format!(
            "see it again with `cargo xtask fuzz {target} --input FILE`, FILE being the newest in {}",
            failures.display()
        )
    })
}

/// Below cargo's own directory: the flags would otherwise rebuild everything each time.
fn target_dir(workspace: &Workspace) -> PathBuf {
    workspace.target().join("fuzz")
}

/// The names of the targets, sorted.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let directory = workspace.root().join("fuzz").join("fuzz_targets");
    let entries = std::fs::read_dir(&directory)
        .with_context(|| format!("cannot list {}", directory.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The platform of this compiler.
fn host() -> Result<String> {
    let version = command::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc does not tell its host")
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    target: Option<String>,
    seconds: u64,
    input: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: None,
            seconds: 60,
            input: None,
        }
    }
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.with_context(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--seconds" => options.seconds = value()?.parse().context("--seconds")?,
                "--minutes" => {
                    let minutes: u64 = value()?.parse().context("--minutes")?;
                    options.seconds = minutes.saturating_mul(60);
                }
                "--input" => options.input = Some(PathBuf::from(value()?)),
                name if !name.starts_with('-') && options.target.is_none() => {
                    options.target = Some(name.to_owned());
                }
                other => bail!("unexpected argument `{other}`"),
            }
        }
        if options.input.is_some() && options.target.is_none() {
            bail!("--input needs the target that the input is for");
        }
        Ok(options)
    }
}

/// For how long each target runs as part of the tests, in seconds.
const SUITE_SECONDS: u64 = 7;

/// Coverage as libFuzzer wants it, and `cfg(fuzzing)`, as cargo-fuzz has it, but on stable Rust.
const COVERAGE_FLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    --cfg fuzzing";

/// No input is longer, none may take longer than 10 s or more than 1 GiB.
const LIBFUZZER_FLAGS: [&str; 4] = [
    "-max_len=4096",
    "-timeout=10",
    "-rss_limit_mb=1024",
    "-print_final_stats=1",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn arguments_are_read() {
        assert_eq!(parse("").expect("no arguments"), Options::default());
        let all = parse("segment --seconds 5 --input x").expect("all of them");
        let expected = Options {
            target: Some(String::from("segment")),
            seconds: 5,
            input: Some(PathBuf::from("x")),
        };
        assert_eq!(all, expected);
        assert_eq!(parse("--minutes 2").expect("minutes").seconds, 120);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for line in [
            "--seconds",
            "--seconds x",
            "a b",
            "--input x",
            "--minutes x",
        ] {
            parse(line).expect_err(line);
        }
    }
}
