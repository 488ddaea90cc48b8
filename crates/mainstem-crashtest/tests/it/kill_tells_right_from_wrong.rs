//! The kill loop finds nothing in our log and in the toy as it should be, and finds each mistake that the
//! toy can be told to make.

use std::process::{Command, Output};

use clap::ValueEnum;
use mainstem_crashtest::toy::Defect;

/// Every mistake is found within so many cycles; most of them in the first.
const CYCLES: &str = "60";

fn kill(arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_mainstem-crashtest"))
        .args(["kill", "--seed", "7", "--dir"])
        .arg(dir.path())
        .args(arguments)
        .output()
        .unwrap()
}

fn toy(defect: Defect, cycles: &str) -> Output {
    let name = defect.to_possible_value().unwrap();
    let command = |what| format!("{{self}} toy {what} {{dir}} --defect {}", name.get_name());
    let (write, read) = (command("write"), command("read"));
    kill(&["--cycles", cycles, "--write", &write, "--read", &read])
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

#[test]
fn our_log_passes() {
    let output = kill(&["--cycles", "10"]);
    assert!(output.status.success(), "{}", text(&output));
}

/// Otherwise it would say nothing that none of them is deleted early.
#[test]
fn retention_deletes_records_of_our_log() {
    let output = kill(&["--cycles", "12", "--retention"]);
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    let deleted = text
        .lines()
        .find_map(|line| line.strip_prefix("records deleted by retention"))
        .and_then(|count| count.trim().parse::<u64>().ok());
    assert!(deleted.is_some_and(|deleted| deleted > 0), "{text}");
}

#[test]
fn the_toy_as_it_should_be_passes() {
    let output = toy(Defect::None, "30");
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn every_mistake_that_a_kill_can_show_is_found() {
    for defect in Defect::value_variants() {
        // The others need a call of the system to fail, which `cargo xtask test kill` has, or the power.
        if matches!(defect, Defect::None | Defect::IgnoreWriteErrors) || defect.needs_power_cut() {
            continue;
        }
        let output = toy(*defect, CYCLES);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(1), "{defect:?}: {text}");
        assert!(text.contains("VIOLATION in cycle"), "{defect:?}: {text}");
        assert!(text.contains("--seed 7 --store"), "{defect:?}: {text}");
    }
}

#[test]
fn wrong_usage_is_said_to_be_that() {
    for arguments in [
        &["--write", "cat {dir}"][..],
        &["--write", "cat {dir}", "--read", "cat"],
        &["--cycles", "some"],
    ] {
        let output = kill(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    }
}
