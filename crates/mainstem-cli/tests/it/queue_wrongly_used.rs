//! `mainstem queue`: what cannot be meant, or cannot be done, is refused with a sentence.

use std::io::{BufRead, BufReader, Write};

use crate::queue_kit::{Kit, start, text};

#[test]
fn only_a_push_makes_a_queue() {
    let kit = Kit::new();
    let receipt = "0-1-00c0ffee00c0ffee";
    for (action, arguments) in [
        ("receive", &[][..]),
        ("ack", &[receipt]),
        ("nack", &[receipt]),
        ("extend", &[receipt]),
        ("stats", &[]),
        ("dead", &[]),
        ("redrive", &["--all"]),
        ("discard", &["--all"]),
        ("consumers", &[]),
        ("consumer-add", &["--consumer", "audit"]),
        ("consumer-remove", &["--consumer", "audit"]),
    ] {
        let said = kit.fails(action, arguments);
        assert!(
            said.contains("there is no queue in") && said.contains("queue push"),
            "{said}"
        );
        assert!(!kit.dir().exists(), "{action} made a directory");
    }
}

#[test]
fn the_directory_of_something_else_is_left_alone() {
    let kit = Kit::new();
    let mut log = std::process::Command::new(env!("CARGO_BIN_EXE_mainstem"));
    let status = log
        .args(["log", "append", "--data"])
        .arg(kit.dir())
        .stdin(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let said = kit.fails("push", &["x"]);
    assert!(
        said.contains("is no queue") && said.contains("default"),
        "{said}"
    );
    assert!(!kit.dir().join("shards/messages").exists());
}

#[test]
fn usage_that_means_nothing() {
    let kit = Kit::new();
    kit.ok("push", &["x"]);
    for (action, arguments) in [
        ("receive", &["--max", "0"][..]),
        ("receive", &["--wait", "soon"]),
        ("receive", &["--format", "xml"]),
        ("push", &["x", "--file", "-"]),
        ("push", &["x", "--lines"]),
        ("ack", &[]),
        ("nack", &["r", "--delay", "1s", "--dead", "why"]),
        ("redrive", &[]),
        ("redrive", &["--all", "--id", "1"]),
        ("discard", &[]),
        ("bench", &["--bytes", "0"]),
    ] {
        let output = kit.run(action, arguments);
        assert_eq!(output.status.code(), Some(2), "{action} {arguments:?}");
    }
    assert!(kit.fails("ack", &["no-receipt"]).contains("a receipt is"));
    assert!(
        kit.fails("receive", &["--visibility", "13h"])
            .contains("12 h")
    );
    for (action, arguments) in [
        ("receive", &["--consumer", "nobody"][..]),
        ("receive", &["--topic", "nothing"]),
        ("dead", &["--consumer", "nobody"]),
        ("redrive", &["--consumer", "nobody", "--all"]),
        ("discard", &["--consumer", "nobody", "--all"]),
        ("consumer-remove", &["--consumer", "nobody"]),
    ] {
        let unknown = kit.fails(action, arguments);
        assert!(
            unknown.contains("--topic main --consumer main") && unknown.contains("consumer-add"),
            "{unknown}"
        );
    }
    assert_eq!(kit.ok("consumers", &[]), "main\tmain\n", "none was made");
    assert!(
        kit.fails("push", &["x", "--key", &"k".repeat(129)])
            .contains("128")
    );
}

#[test]
fn a_queue_that_is_open_already_says_so() {
    let kit = Kit::new();
    let mut owner = kit.start("push", &[]);
    let mut input = owner.stdin.take().unwrap();
    writeln!(input, "first").unwrap();
    let mut ids = BufReader::new(owner.stdout.take().unwrap()).lines();
    ids.next().unwrap().unwrap();
    for action in ["push", "receive", "stats"] {
        let said = kit.fails(action, if action == "push" { &["x"] } else { &[] });
        assert!(
            said.contains("open already") && said.contains("one owner"),
            "{said}"
        );
    }
    drop(input);
    assert!(owner.wait().unwrap().success());
    assert_eq!(kit.stats()["depth"], 1);
}

#[test]
fn a_line_that_is_too_long_is_named_and_nothing_goes_unsaid() {
    let kit = Kit::new();
    let mut input = b"one\ntwo\n".to_vec();
    input.extend(std::iter::repeat_n(b'x', 5 << 20));
    input.extend(b"\nfour\n");
    let output = kit.feed("push", &[], &input);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("line 3") && said.contains("no line from 3 on"),
        "{said}"
    );
    assert_eq!(text(&output.stdout).lines().count(), 2, "{said}");
    assert_eq!(kit.stats()["depth"], 2);
    // The longest that is taken is taken.
    let limit: usize = said
        .split_once("more than ")
        .and_then(|(_, rest)| rest.split_once(' '))
        .map(|(limit, _)| limit.parse().unwrap())
        .unwrap();
    let longest = vec![b'y'; limit];
    let key = "k".repeat(128);
    let arguments = ["--key", &key, "--dedup", "d", "--delay", "1d"];
    let output = kit.feed("push", &arguments, &longest);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        kit.feed("push", &["--file", "-"], &longest)
            .status
            .success()
    );
    let too_long = kit.feed("push", &["--file", "-"], &vec![b'y'; limit + 1]);
    assert!(
        text(&too_long.stderr).contains("at most"),
        "{}",
        text(&too_long.stderr)
    );
}

#[test]
fn where_nothing_can_be_measured() {
    let kit = Kit::new();
    let output = start("bench", &kit.dir(), &[]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot make a directory in"));
}
