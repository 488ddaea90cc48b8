//! Reading a log from its oldest record to its newest.

use std::time::Instant;

use mainstem_benches::workplace::cool_down;

use super::stock::{Content, Stock};
use crate::contest::Case;
use crate::log::store::{Log, Seen};
use crate::options::Options;
use crate::peer::Peer;
use crate::report::{Better, Figure};
use crate::workload::SIZES;

/// How much a replay reads by default, in bytes of payload.
pub(super) const BYTES: u64 = 512 << 20;

pub(super) fn cases<'a>(stock: &'a Stock<'_>, options: &'a Options) -> Vec<Case<'a, dyn Log>> {
    let mut cases: Vec<_> = SIZES
        .iter()
        .map(|(bytes, size)| {
            // As much work for the smaller ones, whose records are what takes the time.
            let usual = if *bytes < 1024 { BYTES / 4 } else { BYTES };
            warm(stock, options, Content::new(options, usual, *bytes), size)
        })
        .collect();
    cases.push(cold(stock, options));
    cases
}

fn warm<'a>(
    stock: &'a Stock<'_>,
    options: &'a Options,
    content: Content,
    size: &str,
) -> Case<'a, dyn Log> {
    let measure = move |peer: &Peer<dyn Log>| {
        let dir = stock.get(peer, content)?;
        let log = (peer.open)(dir.path())?;
        let mut seen = Seen::default();
        log.replay(&mut seen)?;
        let mut again = Seen::default();
        let before = Instant::now();
        log.replay(&mut again)?;
        let took = before.elapsed();
        content.check(&again, peer)?;
        anyhow::ensure!(again == seen, "the same log is read differently");
        log.close()?;
        let rate = content.mib() / took.as_secs_f64();
        Ok(vec![Figure::new("MiB/s", Better::More, rate)])
    };
    Case {
        row: "replay warm",
        what: format!("{} MiB of {size}", content.bytes() >> 20),
        is_parallel: false,
        rounds: options.rounds,
        bytes: content.bytes().saturating_mul(26),
        measure: Box::new(measure),
    }
}

fn cold<'a>(stock: &'a Stock<'_>, options: &'a Options) -> Case<'a, dyn Log> {
    let content = Content::new(options, BYTES, 1024);
    let measure = move |peer: &Peer<dyn Log>| {
        let dir = stock.get(peer, content)?;
        cool_down(dir.path())?;
        let mut seen = Seen::default();
        let before = Instant::now();
        let log = (peer.open)(dir.path())?;
        log.replay(&mut seen)?;
        let took = before.elapsed();
        content.check(&seen, peer)?;
        log.close()?;
        let rate = content.mib() / took.as_secs_f64();
        Ok(vec![Figure::new("MiB/s", Better::More, rate)])
    };
    Case {
        row: "replay cold",
        what: format!("{} MiB of 1 KiB", content.bytes() >> 20),
        is_parallel: false,
        rounds: options.rounds,
        bytes: content.bytes().saturating_mul(26),
        measure: Box::new(measure),
    }
}
