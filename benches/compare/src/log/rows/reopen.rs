//! Opening a log until a record of it was read: a log that puts its work off gains nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::replay::BYTES;
use super::stock::{Content, Stock};
use crate::contest::Case;
use crate::log::peers::ALL_PEERS;
use crate::log::store::{Log, Seen};
use crate::options::Options;
use crate::peer::{self, Peer};
use crate::report::{Better, Figure};
use crate::workload::{fill, payload};
use crate::{killed, log};

/// Records that the process appends before it may be killed.
const HELD: u64 = 1000;

pub(super) fn cases<'a>(stock: &'a Stock<'_>, options: &'a Options) -> Vec<Case<'a, dyn Log>> {
    let content = Content::new(options, BYTES, 1024);
    let measure = move |peer: &Peer<dyn Log>| {
        let dir = stock.get(peer, content)?;
        let orderly = open(peer, dir.path())?;
        killed::kill(log::KIND, peer.name, dir.path(), HELD)?;
        let killed = open(peer, dir.path())?;
        let ms = |took: Duration| took.as_secs_f64() * 1000.0;
        Ok(vec![
            Figure::new("ms after a close", Better::Less, ms(orderly)),
            Figure::new("ms after SIGKILL", Better::Less, ms(killed)),
        ])
    };
    vec![Case {
        row: "reopen",
        what: format!("{} MiB of 1 KiB", content.bytes() >> 20),
        is_parallel: false,
        rounds: options.long_rounds(),
        bytes: content.bytes().saturating_mul(26),
        measure: Box::new(measure),
    }]
}

fn open(peer: &Peer<dyn Log>, dir: &Path) -> Result<Duration> {
    let mut seen = Seen::default();
    let before = Instant::now();
    let log = (peer.open)(dir)?;
    log.read_any(&mut seen)?;
    let took = before.elapsed();
    ensure!(seen.bytes == 1024, "another record than expected");
    log.close()?;
    Ok(took)
}

/// The other process.
pub(crate) fn hold(peer: &str, dir: &Path, records: u64) -> Result<()> {
    let peer = peer::find(ALL_PEERS, peer).context("no such peer")?;
    let log = (peer.open)(dir)?;
    let record = payload(1024);
    fill(&record, records, 1, |one| log.append(one))?;
    killed::ready()?;
    loop {
        log.append(&[&record])?;
    }
}
