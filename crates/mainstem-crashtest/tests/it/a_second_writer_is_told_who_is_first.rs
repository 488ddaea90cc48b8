//! A data directory belongs to one process, and whoever comes second learns which.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

fn ours(what: &str, dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainstem-crashtest"));
    command.arg(what).arg(dir).stdin(Stdio::null());
    command
}

#[test]
fn until_the_first_one_is_killed() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("data");
    let mut first = ours("write", &dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    first.stdin.as_mut().unwrap().write_all(b"0-0 x\n").unwrap();
    let mut ack = String::new();
    let mut acks = BufReader::new(first.stdout.take().unwrap());
    acks.read_line(&mut ack).unwrap();
    assert_eq!(ack, "0-0\n");
    for what in ["write", "read"] {
        let second = ours(what, &dir).output().unwrap();
        let said = String::from_utf8_lossy(&second.stderr);
        assert!(!second.status.success(), "{what}");
        assert!(said.contains(&first.id().to_string()), "{what}: {said}");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    // The lock went with the process.
    let read = ours("read", &dir).output().unwrap();
    assert!(read.status.success());
    assert_eq!(String::from_utf8_lossy(&read.stdout), "0-0 x\n");
}
