//! The test suites under a sanitizer of the compiler, which takes a nightly one.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::workspace::Workspace;

/// What `cargo xtask sanitize --help` says.
pub(crate) const ABOUT: &str = "Runs the tests of the engine and of streams under a sanitizer.\n\n\
    address  finds reads and writes outside of what they are for, use after free, and leaks\n\
    thread   finds data races, other than those that xtask/sanitizers/thread.supp names\n\n\
    What follows -- goes to the tests, such as a filter: `cargo xtask sanitize thread -- cursor`.\n\
    Without it, concurrent histories of the crash tests run too.\n\n\
    It needs a nightly compiler: rustup toolchain install nightly --profile minimal; `thread` also needs\n\
    rustup component add rust-src --toolchain nightly. It is slow, and no part of continuous integration.";

/// The crates whose tests run, where they exist.
const PACKAGES: [&str; 4] = [
    "mainstem-env",
    "mainstem-log",
    "mainstem-queue",
    "mainstem-streams",
];

/// Runs the tests of [`PACKAGES`].
///
/// # Errors
/// When an argument is wrong, there is no nightly compiler, or something was found.
pub(crate) fn sanitize(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let (sanitizer, passed_on) = parse(arguments)?;
    let host = nightly_host()?;
    if sanitizer == Sanitizer::Thread && !has_library_source()? {
        // Every lock is one of the standard library. Where that comes built without the sanitizer, it
        // takes what locks guard for races; a list that silences these silences all others, too.
        bail!(
            "the thread sanitizer needs the standard library built with it, from its source: \
             rustup component add rust-src --toolchain nightly"
        );
    }
    let mut suites = cargo(workspace, sanitizer, &host);
    for package in PACKAGES {
        let manifest = workspace.root().join("crates").join(package);
        if manifest.join("Cargo.toml").is_file() {
            suites.args(["--package", package]);
        }
    }
    suites.args(["--lib", "--tests", "--no-fail-fast", "--"]);
    let of_suites = command::run(suites.args(passed_on));
    if !passed_on.is_empty() {
        return of_suites;
    }
    let mut histories = cargo(workspace, sanitizer, &host);
    histories.args(["--package", "mainstem-crashtest", "--test", "it", "--"]);
    let of_histories = command::run(histories.arg("history"));
    of_suites.and(of_histories)
}

/// One of the compiler's sanitizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sanitizer {
    Address,
    Thread,
}

impl Sanitizer {
    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
        }
    }

    fn flags(self) -> &'static str {
        match self {
            Self::Address => "-Zsanitizer=address",
            Self::Thread => "-Zsanitizer=thread",
        }
    }
}

fn parse(arguments: &[String]) -> Result<(Sanitizer, &[String])> {
    let Some((first, rest)) = arguments.split_first() else {
        bail!("which one: `address` or `thread`?");
    };
    let sanitizer = match first.as_str() {
        "address" => Sanitizer::Address,
        "thread" => Sanitizer::Thread,
        other => bail!("no sanitizer `{other}`: there are `address` and `thread`"),
    };
    match rest.split_first() {
        None => Ok((sanitizer, &[])),
        Some((separator, passed_on)) if separator == "--" => Ok((sanitizer, passed_on)),
        Some((other, _)) => {
            bail!("unexpected argument `{other}`; what is for the tests follows --")
        }
    }
}

/// The platform of the nightly compiler.
fn nightly_host() -> Result<String> {
    let version = command::output(Command::new("rustup").args(["run", "nightly", "rustc", "-vV"]))
        .context(
            "sanitizers take a nightly compiler: rustup toolchain install nightly --profile minimal",
        )?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc does not tell its host")
}

/// Whether the source of the nightly compiler's standard library is there.
fn has_library_source() -> Result<bool> {
    let arguments = ["run", "nightly", "rustc", "--print", "sysroot"];
    let sysroot = command::output(Command::new("rustup").args(arguments))?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    Ok(library.is_dir())
}

fn cargo(workspace: &Workspace, sanitizer: Sanitizer, host: &str) -> Command {
    // By rustup, as the variable CARGO names the stable one.
    let mut cargo = Command::new("rustup");
    cargo.args(["run", "nightly", "cargo", "test", "--locked"]);
    // Named as the platform, so that scripts and macros, which run during the build, go without.
    cargo.args(["--target", host]);
    if sanitizer == Sanitizer::Thread {
        cargo.arg("-Zbuild-std");
    }
    let directory = workspace.target().join("sanitize").join(sanitizer.name());
    cargo.arg("--target-dir").arg(directory);
    cargo.current_dir(workspace.root());
    cargo.env("RUSTFLAGS", sanitizer.flags());
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(variable);
    }
    let suppressions = workspace.root().join("xtask/sanitizers/thread.supp");
    let mut options = std::ffi::OsString::from("suppressions=");
    options.push(suppressions);
    cargo.env("TSAN_OPTIONS", options);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn arguments_are_read() {
        let parsed = |line: &str| {
            let words = words(line);
            parse(&words).map(|(sanitizer, rest)| (sanitizer, rest.to_vec()))
        };
        assert_eq!(parsed("address").unwrap(), (Sanitizer::Address, vec![]));
        let filtered = parsed("thread -- cursor --nocapture").unwrap();
        assert_eq!(filtered, (Sanitizer::Thread, words("cursor --nocapture")));
        for wrong in ["", "memory", "thread cursor"] {
            parsed(wrong).expect_err(wrong);
        }
    }
}
