//! Single records, at random, all in memory.

use std::time::Instant;

use super::replay::BYTES;
use super::stock::{Content, Stock};
use crate::contest::Case;
use crate::log::store::{Log, Seen};
use crate::options::Options;
use crate::peer::Peer;
use crate::report::{Better, Figure, float};
use crate::workload::Noise;

const READS: u32 = 50_000;

pub(super) fn cases<'a>(stock: &'a Stock<'_>, options: &'a Options) -> Vec<Case<'a, dyn Log>> {
    let content = Content::new(options, BYTES, 1024);
    let reads = if options.is_quick { READS / 10 } else { READS };
    let measure = move |peer: &Peer<dyn Log>| {
        let dir = stock.get(peer, content)?;
        let log = (peer.open)(dir.path())?;
        log.replay(&mut Seen::default())?;
        let mut noise = Noise::default();
        let mut seen = Seen::default();
        let mut took_ns = Vec::new();
        for _ in 0..reads {
            let at = noise.next() % content.records;
            let before = Instant::now();
            log.read(at, &mut seen)?;
            took_ns.push(u64::try_from(before.elapsed().as_nanos())?);
        }
        let is_all = seen.bytes == u64::from(reads) * u64::try_from(content.record_bytes)?;
        anyhow::ensure!(is_all, "{seen:?} came of {reads} records");
        log.close()?;
        took_ns.sort_unstable();
        let at = |percent: usize| {
            let ns = took_ns.get(took_ns.len() * percent / 100);
            float(ns.copied().unwrap_or(0)) / 1000.0
        };
        Ok(vec![
            Figure::new("p50 µs", Better::Less, at(50)),
            Figure::new("p99 µs", Better::Less, at(99)),
        ])
    };
    vec![Case {
        row: "point read",
        what: format!("1 KiB of {} MiB", content.bytes() >> 20),
        is_parallel: false,
        rounds: options.rounds,
        bytes: content.bytes().saturating_mul(26),
        measure: Box::new(measure),
    }]
}
