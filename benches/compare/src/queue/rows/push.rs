//! Durable pushes, one message each, by a number of threads.

use mainstem_benches::producers;
use mainstem_benches::workplace::Workplace;

use crate::contest::Case;
use crate::options::Options;
use crate::peer::Peer;
use crate::queue::store::Queue;
use crate::report::{Better, Figure};
use crate::workload::{SIZES, payload};

pub(crate) fn cases<'a>(
    workplace: &'a Workplace,
    options: &'a Options,
) -> Vec<Case<'a, dyn Queue>> {
    let mut cases = Vec::new();
    for (bytes, size) in SIZES {
        for threads in [1, 16, 256] {
            let message = payload(bytes);
            let measure = move |peer: &Peer<dyn Queue>| {
                let corner = workplace.corner()?;
                let queue = (peer.open)(corner.path())?;
                let run = producers::run(threads, options.round, || queue.push(&[&message]))?;
                queue.close()?;
                Ok(vec![
                    Figure::new("messages/s", Better::More, run.rate()),
                    Figure::new("p50 µs", Better::Less, run.latency_us(500)),
                    Figure::new("p99 µs", Better::Less, run.latency_us(990)),
                ])
            };
            cases.push(Case {
                row: "push",
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
