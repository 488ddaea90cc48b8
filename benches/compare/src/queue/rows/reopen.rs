//! Opening a queue in which many messages wait, until the first of them was received and
//! acknowledged: a queue that puts its work off gains nothing.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mainstem_benches::workplace::Workplace;
use tempfile::TempDir;

use super::fill;
use crate::contest::Case;
use crate::options::Options;
use crate::peer::{self, Peer};
use crate::queue::peers::ALL_PEERS;
use crate::queue::store::Queue;
use crate::report::{Better, Figure};
use crate::workload::payload;
use crate::{killed, queue};

/// Messages that the process pushes that is killed.
const HELD: u64 = 10_000;

pub(crate) fn cases<'a>(
    workplace: &'a Workplace,
    options: &'a Options,
) -> Vec<Case<'a, dyn Queue>> {
    let messages = options.messages(10_000_000);
    let mut stores: HashMap<&'static str, TempDir> = HashMap::new();
    let measure = move |peer: &Peer<dyn Queue>| {
        let dir = match stores.remove(peer.name) {
            Some(dir) => dir,
            None => filled(workplace, peer, messages)?,
        };
        let orderly = open(peer, dir.path())?;
        killed::kill(queue::KIND, peer.name, dir.path(), HELD)?;
        let killed = open(peer, dir.path())?;
        stores.insert(peer.name, dir);
        let ms = |took: Duration| took.as_secs_f64() * 1000.0;
        Ok(vec![
            Figure::new("ms after a close", Better::Less, ms(orderly)),
            Figure::new("ms after SIGKILL", Better::Less, ms(killed)),
        ])
    };
    vec![Case {
        row: "reopen",
        what: format!("{messages} × 100 B waiting"),
        is_parallel: false,
        rounds: options.long_rounds(),
        bytes: messages.saturating_mul(1500),
        measure: Box::new(measure),
    }]
}

fn filled(workplace: &Workplace, peer: &Peer<dyn Queue>, messages: u64) -> Result<TempDir> {
    let dir = workplace.corner()?;
    let queue = (peer.open)(dir.path())?;
    fill(&*queue, &payload(100), messages, 10_000)?;
    queue.close()?;
    Ok(dir)
}

fn open(peer: &Peer<dyn Queue>, dir: &Path) -> Result<Duration> {
    let before = Instant::now();
    let queue = (peer.open)(dir)?;
    let served = queue.serve(1, Duration::ZERO, &mut |_| ())?;
    let took = before.elapsed();
    ensure!(served == 1, "{} has lost its messages", peer.name);
    queue.close()?;
    Ok(took)
}

/// The other process.
pub(crate) fn hold(peer: &str, dir: &Path, messages: u64) -> Result<()> {
    let peer = peer::find(ALL_PEERS, peer).context("no such peer")?;
    let queue = (peer.open)(dir)?;
    fill(&*queue, &payload(100), messages, 100)?;
    killed::ready()?;
    loop {
        std::thread::park();
    }
}
