//! `mainstem bench disk`.

use std::process::Command;

#[test]
fn every_row_is_there_and_nothing_is_left_behind() {
    let parent = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mainstem"))
        .args(["bench", "disk", "--for", "20ms", "--bytes", "100"])
        .arg(parent.path())
        .output()
        .unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{:?}", output.stderr);
    for row in [
        "sync of 4 KiB, written before",
        "sync of 4 KiB, allocated",
        "append, 1 thread ",
        "append, 16 threads",
        "append, 256 threads",
    ] {
        let row = table.lines().find_map(|line| line.strip_prefix(row));
        let calls = row.unwrap().split_whitespace().next().unwrap();
        assert!(calls.parse::<u64>().unwrap() > 0, "{table}");
    }
    assert_eq!(parent.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_mainstem"))
        .args(["bench", "disk", "/no/such/directory"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("/no/such/directory"),
        "{said}"
    );
}
