//! The tasks of the workspace: `cargo xtask COMMAND`.
//!
//! Every check that a change must pass is a command here, and continuous integration runs
//! `cargo xtask ci` and nothing else, so that whatever CI finds can be found at home first.
#![expect(
    clippy::disallowed_methods,
    reason = "xtask is a tool around the product: it reads the source tree and times its steps"
)]

mod ci;
mod command;
mod compare;
mod counts;
mod deny;
mod fuzz;
mod gen_wire;
mod instructions;
mod sanitize;
mod steps;
mod suites;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// One task: its name, how it is called, what it is for, and the function that does it.
struct Task {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&Workspace, &[String]) -> Result<()>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        bail!("a command is needed");
    };
    if matches!(name.as_str(), "help" | "-h" | "--help") {
        print!("{}", help());
        return Ok(());
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        bail!("no command `{name}`; `cargo xtask --help` lists them");
    };
    if rest
        .iter()
        .any(|argument| argument == "-h" || argument == "--help")
    {
        println!(
            "cargo xtask {} {}\n\n{}",
            task.name, task.arguments, task.about
        );
        return Ok(());
    }
    (task.run)(&Workspace::find()?, rest)
}

fn help() -> String {
    let mut text = String::from("The tasks of the workspace.\n\nusage: cargo xtask COMMAND\n\n");
    for task in TASKS {
        let call = format!("{} {}", task.name, task.arguments);
        let about = task.about.lines().next().unwrap_or_default();
        text.extend([format!("  {:<50}{about}\n", call.trim_end())]);
    }
    text.push_str("\n`cargo xtask COMMAND --help` says more about one of them.\n");
    text
}

/// Refuses arguments where a task takes none.
fn no_arguments(arguments: &[String]) -> Result<()> {
    match arguments.first() {
        None => Ok(()),
        Some(argument) => bail!("unexpected argument `{argument}`"),
    }
}

fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let (wants_ratios, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == "--ratios" => (true, rest),
        _ => (false, arguments),
    };
    let benches: &[&str] = if wants_ratios {
        &["--bench", "ratios"]
    } else {
        &[
            "--bench", "codec", "--bench", "append", "--bench", "replay", "--bench", "read",
            "--bench", "reopen",
        ]
    };
    let mut cargo = workspace.cargo(&["bench", "--locked", "--package", "mainstem-benches"]);
    cargo.args(benches);
    if !arguments.is_empty() {
        cargo.arg("--").args(arguments);
    }
    command::run(&mut cargo)
}

const TASKS: &[Task] = &[
    Task {
        name: "test",
        arguments: "[SUITE]...",
        about: suites::ABOUT,
        run: suites::test,
    },
    Task {
        name: "ci",
        arguments: "",
        about: "Formatting, lints, documentation, dependencies, tidy, then every test.\n\n\
                This is what continuous integration runs. A suite that cannot run here because \
                a tool is\nmissing counts as a failure when the variable CI is `true`.",
        run: ci::ci,
    },
    Task {
        name: "tidy",
        arguments: "",
        about: "Checks what the compiler does not: crate arrows, documents, paths.\n\n\
                Fails on a dependency between crates that the layering does not have, a term \
                missing from\nthe glossary, a list of unsafe files that is not the truth, a \
                relative link that leads nowhere,\na document without exactly one title, and a \
                path of somebody's machine in a tracked file.\nReports long files without \
                failing.",
        run: tidy::tidy,
    },
    Task {
        name: "loom",
        arguments: "",
        about: "Runs the models of the commit core under every interleaving.",
        run: suites::loom,
    },
    Task {
        name: "crash",
        arguments: "[ARGUMENT]...",
        about: suites::CRASH_ABOUT,
        run: suites::crash,
    },
    Task {
        name: "soak",
        arguments: "[--megabytes N] [--kills N] [--seed N]",
        about: suites::SOAK_ABOUT,
        run: suites::soak,
    },
    Task {
        name: "fuzz",
        arguments: "[TARGET] [--minutes N] [--input FILE]",
        about: fuzz::ABOUT,
        run: fuzz::fuzz,
    },
    Task {
        name: "sanitize",
        arguments: "address|thread [-- ARGUMENT...]",
        about: sanitize::ABOUT,
        run: sanitize::sanitize,
    },
    Task {
        name: "gen-wire",
        arguments: "--model FILE [--check]",
        about: gen_wire::ABOUT,
        run: |workspace, arguments| gen_wire::run(workspace.root(), arguments),
    },
    Task {
        name: "instructions",
        arguments: "[--bless]",
        about: instructions::ABOUT,
        run: instructions::instructions,
    },
    Task {
        name: "bench",
        arguments: "[FILTER]... | --ratios [OPTION]...",
        about: concat!(
            "Runs the benches of the hot paths.\n\n",
            "With --ratios, the engine against the floor of the disk, side by side:\n",
            include_str!("../../benches/benches/ratios/options.txt"),
            "\n\nTimes are printed and never judged. Benches beside other stores: see benches/compare."
        ),
        run: bench,
    },
];
