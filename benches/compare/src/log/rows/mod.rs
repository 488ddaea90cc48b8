//! What is measured, a row of the table each.

mod append;
mod batch;
mod point_read;
pub(crate) mod reopen;
mod replay;
pub(crate) mod stock;

use anyhow::Result;
use mainstem_benches::workplace::Workplace;

use self::stock::Stock;
use super::page::PAGE;
use super::peers::ALL_PEERS;
use crate::contest;
use crate::options::Options;

/// Measures what was asked for, and prints and keeps the table.
pub(crate) fn compare(workplace: &Workplace, options: &Options) -> Result<()> {
    let stock = Stock::new(workplace);
    let mut cases = append::cases(workplace, options);
    cases.extend(batch::cases(workplace, options));
    cases.extend(replay::cases(&stock, options));
    cases.extend(point_read::cases(&stock, options));
    cases.extend(reopen::cases(&stock, options));
    contest::run(&PAGE, ALL_PEERS, cases, workplace, options)
}
