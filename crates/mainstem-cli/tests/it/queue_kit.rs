//! `mainstem queue`, as a test calls it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A directory for a queue, and the commands on it.
pub(crate) struct Kit {
    pub(crate) temporary: tempfile::TempDir,
}

impl Kit {
    pub(crate) fn new() -> Self {
        Self {
            temporary: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.temporary.path().join("work")
    }

    /// Starts `mainstem queue ACTION DIR ARGUMENTS`.
    pub(crate) fn start(&self, action: &str, arguments: &[&str]) -> Child {
        start(action, &self.dir(), arguments)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, action: &str, arguments: &[&str]) -> Output {
        self.feed(action, arguments, b"")
    }

    pub(crate) fn feed(&self, action: &str, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.start(action, arguments);
        // A command that refuses does not read its input.
        let _unread = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// Runs it, which has to go well, and returns what it printed.
    pub(crate) fn ok(&self, action: &str, arguments: &[&str]) -> String {
        let output = self.run(action, arguments);
        assert!(
            output.status.success(),
            "{action}: {}",
            text(&output.stderr)
        );
        text(&output.stdout).to_owned()
    }

    /// Runs it, which has to fail with exit code 1, and returns what it said.
    pub(crate) fn fails(&self, action: &str, arguments: &[&str]) -> String {
        let output = self.run(action, arguments);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{action}: {}",
            text(&output.stderr)
        );
        text(&output.stderr).to_owned()
    }

    /// Receives messages and returns receipt, id, attempts and payload of each.
    pub(crate) fn receive(&self, arguments: &[&str]) -> Vec<[String; 4]> {
        let lines = self.ok("receive", arguments);
        let fields = |line: &str| {
            let fields: Vec<String> = line.splitn(4, '\t').map(str::to_owned).collect();
            fields.try_into().unwrap()
        };
        lines.lines().map(fields).collect()
    }

    /// Returns the statistics of the main consumer.
    pub(crate) fn stats(&self) -> serde_json::Value {
        let json: serde_json::Value = serde_json::from_str(&self.ok("stats", &["--json"])).unwrap();
        json["consumers"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["topic"] == "main" && it["consumer"] == "main")
            .unwrap()
            .clone()
    }
}

pub(crate) fn start(action: &str, dir: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_mainstem"))
        .args(["queue", action])
        .arg(dir)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
