//! `mainstem log`: what is appended is read back, damage is named, and only `repair --yes` cuts.
#![expect(
    clippy::disallowed_methods,
    reason = "files are damaged behind the command's back"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn mainstem(data: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mainstem"))
        .args(["log"])
        .args(arguments)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses does not read its input.
    let _unread = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn segment(data: &Path) -> PathBuf {
    data.join("shards/default/00000000000000000000.seg")
}

#[test]
fn lines_become_records_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let appended = mainstem(&data, &["append", "--acks"], b"one\n\nthree \xff\nfour");
    assert!(appended.status.success(), "{}", text(&appended.stderr));
    assert_eq!(
        text(&appended.stdout),
        "acked 0\nacked 1\nacked 2\nacked 3\n"
    );
    let more = mainstem(&data, &["append", "--acks"], b"five\n");
    assert_eq!(text(&more.stdout), "acked 4\n");
    let read = mainstem(&data, &["read"], b"");
    assert_eq!(read.stdout, b"one\n\nthree \xff\nfour\nfive\n");
    let read = mainstem(&data, &["read", "--from", "3", "--limit", "1"], b"");
    assert_eq!(text(&read.stdout), "four\n");
    let verified = mainstem(&data, &["verify"], b"");
    assert!(verified.status.success());
    assert!(text(&verified.stdout).starts_with("default: whole, 5 records"));
    let inspected = mainstem(&data, &["inspect"], b"");
    assert!(
        text(&inspected.stdout).contains("active"),
        "{}",
        text(&inspected.stdout)
    );
}

#[test]
fn damage_is_named_and_cut_only_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for line in [&b"kept\n"[..], b"damaged\n", b"after\n"] {
        assert!(mainstem(&data, &["append"], line).status.success());
    }
    let mut bytes = std::fs::read(segment(&data)).unwrap();
    let at = bytes
        .windows(7)
        .position(|window| window == b"damaged")
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(segment(&data), &bytes).unwrap();
    let verified = mainstem(&data, &["verify"], b"");
    assert!(!verified.status.success());
    assert!(text(&verified.stdout).contains("00000000000000000000.seg"));
    let read = mainstem(&data, &["read"], b"");
    assert!(!read.status.success(), "what is missing must not go unsaid");
    assert_eq!(text(&read.stdout), "kept\n");
    let shown = mainstem(&data, &["repair"], b"");
    assert!(!shown.status.success());
    assert!(text(&shown.stdout).contains("nothing was cut"));
    assert_eq!(std::fs::read(segment(&data)).unwrap(), bytes);
    let repaired = mainstem(&data, &["repair", "--yes"], b"");
    assert!(repaired.status.success(), "{}", text(&repaired.stderr));
    let appended = mainstem(&data, &["append", "--acks"], b"new\n");
    let acked = text(&appended.stdout).trim_start_matches("acked ").trim();
    assert!(
        acked.parse::<u64>().unwrap() >= 3,
        "number {acked} was used before"
    );
    assert_eq!(text(&mainstem(&data, &["read"], b"").stdout), "kept\nnew\n");
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let read = mainstem(&data, &["read"], b"");
    assert!(!read.status.success());
    assert!(!data.exists(), "reading makes no directory");
    assert!(mainstem(&data, &["append"], b"x\n").status.success());
    let read = mainstem(&data, &["read", "--shard", "other"], b"");
    assert!(
        text(&read.stderr).contains("there are: default"),
        "{}",
        text(&read.stderr)
    );
    let stream = "stream.orders.0123456789abcdef.000000000000";
    assert!(mainstem_streams::is_log_of_a_stream(stream));
    let appended = mainstem(&data, &["append", "--shard", stream], b"x\n");
    assert!(text(&appended.stderr).contains("through the server"));
    assert!(!appended.status.success());
}
