//! What single calls promise.

use mainstem_env::sim::Sim;
use mainstem_log::{AppendOptions, Batch, LogError, SeqNo};

use super::kit::{Check, Tries, name, open, options, told};

/// See [`Check::about`].
pub(in crate::defects) static EXPECTED: Check = Check {
    name: "expected",
    about: "an append that expects another sequence number than the next is refused",
    run: expected,
};

fn expected(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    let engine = open(&sim.env()).map_err(told)?;
    let shard = engine
        .create_shard(&name().map_err(told)?, options())
        .map_err(told)?;
    let mut batch = Batch::new();
    batch.push(b"once").map_err(told)?;
    let mut expecting = AppendOptions::default();
    expecting.expected = Some(SeqNo(0));
    shard.append(&batch, expecting).map_err(told)?;
    tries.add(1);
    match shard.append(&batch, expecting) {
        Err(LogError::UnexpectedPosition { .. }) => Ok(()),
        other => Err(format!(
            "a second append that expects number 0 came to {other:?}"
        )),
    }
}
