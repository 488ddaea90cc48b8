//! What is measured, a row of the table each.

mod disk;
mod drain;
mod push;
pub(crate) mod reopen;
mod round_trip;

use anyhow::Result;
use mainstem_benches::workplace::Workplace;

use super::page::PAGE;
use super::peers::ALL_PEERS;
use super::store::Queue;
use crate::contest;
use crate::options::Options;
use crate::workload;

/// Measures what was asked for, and prints and keeps the table.
pub(crate) fn compare(workplace: &Workplace, options: &Options) -> Result<()> {
    let mut cases = push::cases(workplace, options);
    cases.extend(round_trip::cases(workplace, options));
    cases.extend(drain::cases(workplace, options));
    cases.extend(reopen::cases(workplace, options));
    cases.extend(disk::cases(workplace, options));
    contest::run(&PAGE, ALL_PEERS, cases, workplace, options)
}

/// Pushes `messages` times `payload`, in batches of up to `batch`.
fn fill(queue: &dyn Queue, payload: &[u8], messages: u64, batch: usize) -> Result<()> {
    workload::fill(payload, messages, batch, |some| queue.push(some))
}
