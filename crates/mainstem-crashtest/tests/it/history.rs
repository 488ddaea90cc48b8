//! Concurrent histories.

use mainstem_crashtest::history::recorder::{Setting, record};

/// With many calls and threads, so that readers often meet a group that is just being committed: a
/// reader that ran ahead of the durable mark showed in one of six such histories.
#[test]
fn histories_are_linearizable() {
    let mut calls = 0;
    for seed in 0..60 {
        let setting = Setting {
            seed,
            calls: 2000,
            writers: 8,
            readers: 4,
        };
        calls += record(setting).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    assert!(calls > 100_000, "{calls}");
}
