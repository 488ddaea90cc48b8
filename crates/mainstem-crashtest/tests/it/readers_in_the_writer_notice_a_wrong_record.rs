//! The readers that follow our own writer end it when a record is not what was sent.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use mainstem_crashtest::contract::{Id, record};

/// Writes `lines`, with readers that expect the fillers of seed 7. With `is_endless` the input does not
/// end, so that the writer only ends when a reader makes it.
fn write(lines: &[String], is_endless: bool) -> Output {
    let temporary = tempfile::tempdir().unwrap();
    let mut writer = Command::new(env!("CARGO_BIN_EXE_mainstem-crashtest"))
        .arg("write")
        .arg(temporary.path().join("data"))
        .args(["--readers", "1", "--seed", "7", "--shards", "2"])
        .args(["--maintain", "--asynchronous", "--places"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = writer.stdin.take().unwrap();
    for line in lines {
        // One that was ended reads no more.
        let _ = writeln!(input, "{line}");
    }
    if !is_endless {
        drop(input);
        return writer.wait_with_output().unwrap();
    }
    let output = writer.wait_with_output().unwrap();
    drop(input);
    output
}

fn one(number: u64, seed: u64) -> String {
    record(Id { lane: 1, number }, 40, seed)
}

#[test]
fn and_nothing_else() {
    let lines: Vec<String> = (0..200).map(|number| one(number, 7)).collect();
    let right = write(&lines, false);
    let said = String::from_utf8_lossy(&right.stderr);
    assert_eq!(right.status.code(), Some(0), "{said}");
    assert!(right.stdout.starts_with(b"1-0 1-0\n1-1 1-1\n"), "{said}");
    let acks = String::from_utf8_lossy(&right.stdout);
    assert_eq!(acks.lines().count(), 200);

    let mut changed = lines.clone();
    changed[0] = one(0, 8);
    let mut twice = lines.clone();
    twice[1] = one(0, 7);
    for (wrong, why) in [
        (changed, "is not as it was sent"),
        (twice, "after a later one"),
    ] {
        let output = write(&wrong, true);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(why), "{said}");
    }
}
