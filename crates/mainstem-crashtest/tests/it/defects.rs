//! Deliberate defects: a build that was not made for them has none to plant.

use std::io;
use std::process::{Command, Output};

fn defects(arguments: &[&str]) -> io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_mainstem-crashtest"))
        .arg("defects")
        .args(arguments)
        .output()
}

#[cfg(not(feature = "defects"))]
#[test]
fn a_build_without_defects_says_how_to_get_them() {
    let output = defects(&[]).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--features defects"), "{said}");
}

#[cfg(feature = "defects")]
#[test]
fn a_defect_is_caught_and_an_unknown_one_refused() {
    let output = defects(&["--only", "expected-ignored"]).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = defects(&["--only", "quux"]).unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
