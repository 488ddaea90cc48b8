//! Durable appends, one record each, by a number of threads.

use mainstem_benches::producers;
use mainstem_benches::workplace::Workplace;

use crate::contest::Case;
use crate::log::store::Log;
use crate::options::Options;
use crate::peer::Peer;
use crate::report::{Better, Figure};
use crate::workload::{SIZES, payload};

pub(super) fn cases<'a>(workplace: &'a Workplace, options: &'a Options) -> Vec<Case<'a, dyn Log>> {
    let mut cases = Vec::new();
    for (bytes, size) in SIZES {
        for threads in [1, 16, 256] {
            let record = payload(bytes);
            let measure = move |peer: &Peer<dyn Log>| {
                let corner = workplace.corner()?;
                let log = (peer.open)(corner.path())?;
                // Past its first allocations, as a log is for most of its life.
                producers::run(threads, options.round / 8, || log.append(&[&record]))?;
                let run = producers::run(threads, options.round, || log.append(&[&record]))?;
                log.close()?;
                Ok(vec![
                    Figure::new("records/s", Better::More, run.rate()),
                    Figure::new("p50 µs", Better::Less, run.latency_us(500)),
                    Figure::new("p99 µs", Better::Less, run.latency_us(990)),
                ])
            };
            cases.push(Case {
                row: "append",
                what: format!("{threads} × {size}"),
                is_parallel: threads > 1,
                rounds: options.rounds,
                bytes: 2 << 30,
                measure: Box::new(measure),
            });
        }
    }
    cases
}
