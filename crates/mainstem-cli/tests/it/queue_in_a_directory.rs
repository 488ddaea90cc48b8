//! `mainstem queue`: each command does what it says, and what it did is there for the next process.

use std::io::{BufRead, BufReader, Write};

use crate::queue_kit::{Kit, text};

#[test]
fn pushed_received_and_acknowledged_by_processes_of_their_own() {
    let kit = Kit::new();
    let ids = kit.ok("push", &["coffee", "tea"]);
    assert_eq!(ids.lines().count(), 2);
    let [receipt, id, attempts, payload] = &kit.receive(&[])[0];
    assert_eq!((attempts.as_str(), payload.as_str()), ("1", "coffee"));
    assert_eq!(Some(id.as_str()), ids.lines().next());
    let other = kit.receive(&["--max", "10"]);
    assert_eq!(other.len(), 1, "the first one is out: {other:?}");
    assert_eq!(other[0][3], "tea");
    assert_eq!(kit.stats()["in_flight"], 2);
    assert_eq!(kit.ok("ack", &[receipt]), "");
    assert_eq!(kit.stats()["depth"], 1);
    let again = kit.fails("ack", &[receipt, &other[0][0]]);
    assert!(
        again.contains(receipt) && again.contains("stale"),
        "{again}"
    );
    assert_eq!(kit.stats()["depth"], 0, "the other one was acknowledged");
    assert!(kit.receive(&["--max", "10"]).is_empty());
}

#[test]
fn given_back_extended_and_delivered_again() {
    let kit = Kit::new();
    kit.ok("push", &["one"]);
    let first = kit.receive(&["--visibility", "1ms"])[0].clone();
    let second = kit.receive(&["--wait", "10s"])[0].clone();
    assert_eq!(second[2], "2", "its time was over");
    let stale = kit.fails("nack", &[&first[0]]);
    assert!(stale.contains("delivered again"), "{stale}");
    kit.fails("extend", &[&first[0]]);
    kit.ok("extend", &[&second[0], "--visibility", "1h"]);
    assert!(kit.receive(&[]).is_empty());
    kit.ok("nack", &[&second[0], "--delay", "1d"]);
    assert!(kit.receive(&[]).is_empty());
    assert_eq!(kit.stats()["delayed"], 1);
}

#[test]
fn dead_messages_are_listed_redriven_and_discarded() {
    let kit = Kit::new();
    kit.ok("push", &["bad", "worse", "tired"]);
    for (payload, reason) in [("bad", "no\tgood"), ("worse", "hopeless")] {
        let [receipt, _, _, got] = &kit.receive(&[])[0];
        assert_eq!(got, payload);
        kit.ok("nack", &[receipt, "--dead", reason]);
    }
    let [receipt, _, _, _] = &kit.receive(&["--attempts-max", "1"])[0];
    kit.ok("nack", &[receipt]);
    assert!(kit.receive(&["--attempts-max", "1"]).is_empty());
    let dead = kit.ok("dead", &[]);
    let lines: Vec<Vec<&str>> = dead.lines().map(|it| it.split('\t').collect()).collect();
    assert_eq!(lines.len(), 3, "{dead}");
    assert_eq!(lines[0][1..], ["1", "no\\tgood", "bad"]);
    assert!(lines[2][2].contains("too often"), "{dead}");
    let json = kit.ok("dead", &["--format", "json", "--max", "1"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["reason"], &json["payload"]),
        (&"no\tgood".into(), &"bad".into())
    );
    assert_eq!(kit.ok("redrive", &["--id", lines[1][0]]), "redriven 1\n");
    let back = &kit.receive(&["--max", "10"]);
    assert_eq!(
        (back.len(), back[0][2].as_str(), back[0][3].as_str()),
        (1, "1", "worse")
    );
    assert_eq!(kit.ok("discard", &["--id", lines[0][0]]), "discarded 1\n");
    assert!(
        kit.fails("discard", &["--id", lines[0][0]])
            .contains("none of dead")
    );
    assert_eq!(kit.ok("redrive", &["--all"]), "redriven 1\n");
    assert_eq!(kit.ok("dead", &[]), "");
}

#[test]
fn keys_topics_consumers_delays_and_repeats() {
    let kit = Kit::new();
    kit.ok("push", &["a1", "a2", "--key", "a"]);
    kit.ok("push", &["b1", "--key", "b"]);
    kit.ok("push", &["later", "--delay", "1d"]);
    let got: Vec<String> = kit
        .receive(&["--max", "10"])
        .into_iter()
        .map(|it| it[3].clone())
        .collect();
    assert_eq!(got, ["a1", "b1"], "one of a key at a time");
    let ids = kit.ok("push", &["x", "--dedup", "order 7"]);
    assert_eq!(
        kit.ok("push", &["y", "--dedup", "order 7"]),
        format!("{} repeat\n", ids.trim())
    );
    kit.ok("push", &["spare", "--topic", "parts"]);
    kit.ok("consumer-add", &["--topic", "parts", "--consumer", "audit"]);
    for consumer in ["main", "audit"] {
        let got = kit.receive(&["--topic", "parts", "--consumer", consumer, "--max", "9"]);
        assert_eq!(got.len(), 1, "each consumer gets it");
        assert_eq!(got[0][3], "spare");
    }
    let stats = kit.ok("stats", &[]);
    assert!(
        stats.contains("audit") && stats.contains("OLDEST"),
        "{stats}"
    );
}

#[test]
fn the_same_lines_again_repeat_nothing() {
    let kit = Kit::new();
    let input = b"one\n\nthree\xff\nfour";
    for turn in 0..2 {
        let pushed = kit.feed("push", &["--dedup", "import"], input);
        assert!(pushed.status.success());
        let repeats = text(&pushed.stdout)
            .lines()
            .filter(|it| it.ends_with(" repeat"));
        assert_eq!(repeats.count(), if turn == 0 { 0 } else { 4 });
    }
    let got = kit.run("receive", &["--max", "10", "--format", "raw", "--ack"]);
    assert_eq!(got.stdout, b"one\n\nthree\xff\nfour\n");
    assert_eq!(kit.stats()["depth"], 0);
}

#[test]
fn bytes_in_each_format() {
    let kit = Kit::new();
    let file = kit.temporary.path().join("file");
    tempfile::NamedTempFile::new_in(kit.temporary.path())
        .and_then(|mut it| {
            it.write_all(b"a\nb\xff")?;
            it.persist(&file).map_err(|error| error.error)
        })
        .unwrap();
    kit.ok("push", &["--file", file.to_str().unwrap()]);
    let pushed = kit.feed("push", &["--file", "-", "--key", "k"], b"c\nd\n");
    assert!(pushed.status.success());
    let json = kit.ok("receive", &["--max", "2", "--format", "json"]);
    let json: Vec<serde_json::Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(json[0]["payload_base64"], "YQpi/w==");
    assert_eq!(
        (&json[1]["payload"], &json[1]["key"]),
        (&"c\nd\n".into(), &"k".into())
    );
    kit.ok("nack", &[json[0]["receipt"].as_str().unwrap()]);
    assert_eq!(kit.receive(&[])[0][3], "a\\nb\\xff");
}

#[test]
fn what_was_printed_survives_a_kill() {
    let kit = Kit::new();
    let mut pushing = kit.start("push", &[]);
    let mut input = pushing.stdin.take().unwrap();
    let mut ids = BufReader::new(pushing.stdout.take().unwrap()).lines();
    for n in 0..20 {
        writeln!(input, "line {n}").unwrap();
        input.flush().unwrap();
        ids.next().unwrap().unwrap();
    }
    pushing.kill().unwrap();
    pushing.wait().unwrap();
    let got = kit.receive(&["--max", "100", "--visibility", "1h"]);
    assert_eq!(got.len(), 20);
    // Killed while it waits, after others were received.
    let mut waiting = kit.start("receive", &["--wait", "1h"]);
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    assert_eq!(kit.stats()["in_flight"], 20, "leases go on");
    let receipts: Vec<&str> = got.iter().map(|it| it[0].as_str()).collect();
    let acked = kit.feed("ack", &["-"], receipts.join("\n").as_bytes());
    assert!(acked.status.success(), "{}", text(&acked.stderr));
    assert_eq!(kit.stats()["depth"], 0);
}

#[test]
fn a_measurement_leaves_nothing_behind() {
    let kit = Kit::new();
    let parent = kit.temporary.path();
    let few = ["--messages", "50", "--producers", "2", "--consumers", "3"];
    let output = crate::queue_kit::start("bench", parent, &few)
        .wait_with_output()
        .unwrap();
    let table = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for row in ["push  ", "receive, ack", "push, rcv, ack"] {
        let row = table.lines().find(|line| line.starts_with(row)).unwrap();
        assert!(row.contains(" 50 "), "{row}");
    }
    assert_eq!(parent.read_dir().unwrap().count(), 0);
}

#[test]
fn consumers_are_made_listed_and_removed() {
    let kit = Kit::new();
    kit.ok("push", &["a"]);
    let audit = ["--consumer", "audit"];
    kit.ok("consumer-add", &["--consumer", "late", "--newest"]);
    kit.ok("consumer-add", &audit);
    kit.ok("consumer-add", &audit);
    let list = kit.ok("consumers", &[]);
    assert_eq!(list, "main\taudit\nmain\tlate\nmain\tmain\n");
    assert!(kit.receive(&["--consumer", "late"]).is_empty());
    let [receipt, _, _, payload] = &kit.receive(&audit)[0];
    assert_eq!(payload, "a");
    let said = kit.fails("consumer-remove", &audit);
    assert!(
        said.contains("1 messages") && said.contains("--force"),
        "{said}"
    );
    kit.ok("consumer-remove", &["--consumer", "late"]);
    kit.ok("consumer-remove", &["--consumer", "main", "--force"]);
    // A receipt is answered for, whichever consumers are gone, and none is made by that.
    kit.ok("ack", &[receipt]);
    kit.ok("consumer-remove", &audit);
    assert_eq!(kit.ok("consumers", &[]), "");
    assert!(kit.fails("ack", &[receipt]).contains("no consumer"));
    assert!(kit.fails("consumer-remove", &audit).contains("none at all"));
}

#[test]
fn a_queue_that_another_process_has_is_waited_for() {
    let kit = Kit::new();
    let mut owner = kit.start("push", &[]);
    let mut input = owner.stdin.take().unwrap();
    writeln!(input, "first").unwrap();
    let mut ids = BufReader::new(owner.stdout.take().unwrap()).lines();
    ids.next().unwrap().unwrap();
    let said = kit.fails("receive", &["--wait-for-lock", "30ms"]);
    assert!(
        said.contains("one owner") && said.contains("--wait-for-lock"),
        "{said}"
    );
    let waiting = kit.start("receive", &["--wait-for-lock", "1h", "--ack"]);
    drop(input);
    assert!(owner.wait().unwrap().success());
    let output = waiting.wait_with_output().unwrap();
    assert!(text(&output.stdout).ends_with("\tfirst\n"));
}

#[test]
fn short_commands_give_space_back() {
    let kit = Kit::new();
    // Four files of 16 MiB.
    let big = vec![b'x'; 4_000_000];
    for _ in 0..17 {
        assert!(kit.feed("push", &["--file", "-"], &big).status.success());
        let got = kit.run("receive", &["--ack", "--format", "raw"]);
        assert_eq!(got.stdout.len(), big.len() + 1);
    }
    let stats: serde_json::Value = serde_json::from_str(&kit.ok("stats", &["--json"])).unwrap();
    assert!(stats["files"].as_u64().unwrap() <= 2, "{stats}");
}

/// Runs a line of shell in `dir`, which has to go well, and returns what it printed.
fn shell(dir: &std::path::Path, line: &str) -> String {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_mainstem"));
    let mut path = std::ffi::OsString::from(program.parent().unwrap());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = std::process::Command::new("sh")
        .args(["-c", line])
        .current_dir(dir)
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[test]
fn the_commands_of_the_guide_run_as_they_are_written() {
    let page = include_str!("../../../../docs/queue.md");
    let block = page.split("```sh\n").nth(1).unwrap();
    let lines: Vec<&str> = block.split("```").next().unwrap().lines().collect();
    let kit = Kit::new();
    let dir = kit.temporary.path();
    let [push, receive, ack, stats] = lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(shell(dir, push).lines().count(), 2);
    let received = shell(dir, receive);
    let fields: Vec<&str> = received.trim_end().split('\t').collect();
    let [receipt, _, "1", "one coffee"] = fields[..] else {
        panic!("not as the guide says: {received}");
    };
    assert!(ack.contains("RECEIPT"), "{ack}");
    assert_eq!(shell(dir, &ack.replace("RECEIPT", receipt)), "");
    assert!(shell(dir, stats).contains("main"));
    assert_eq!(kit.stats()["depth"], 1);
}
