//! Deliberate defects: a build that was not made for them has none to plant. Those that were are put to
//! work by `cargo xtask test defects`.
#![cfg(not(feature = "defects"))]

use std::process::Command;

#[test]
fn a_build_without_defects_says_how_to_get_them() {
    let harness = env!("CARGO_BIN_EXE_mainstem-crashtest");
    let output = Command::new(harness).arg("defects").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--features defects"), "{said}");
}
