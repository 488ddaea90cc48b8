//! Durable appends of many records at once.

use mainstem_benches::producers;
use mainstem_benches::workplace::Workplace;

use crate::contest::Case;
use crate::log::store::Log;
use crate::options::Options;
use crate::peer::Peer;
use crate::report::{Better, Figure};
use crate::workload::payload;

const RECORDS: u32 = 500;
const RECORD_BYTES: u32 = 1024;

pub(super) fn cases<'a>(workplace: &'a Workplace, options: &'a Options) -> Vec<Case<'a, dyn Log>> {
    let measure = move |peer: &Peer<dyn Log>| {
        let record = payload(usize::try_from(RECORD_BYTES)?);
        let batch = vec![record.as_slice(); usize::try_from(RECORDS)?];
        let corner = workplace.corner()?;
        let log = (peer.open)(corner.path())?;
        producers::run(1, options.round / 8, || log.append(&batch))?;
        let run = producers::run(1, options.round, || log.append(&batch))?;
        log.close()?;
        let batch_mib = f64::from(RECORDS * RECORD_BYTES) / f64::from(1 << 20);
        Ok(vec![
            Figure::new("MiB/s", Better::More, run.rate() * batch_mib),
            Figure::new("p50 µs", Better::Less, run.latency_us(500)),
            Figure::new("p99 µs", Better::Less, run.latency_us(990)),
        ])
    };
    vec![Case {
        row: "batch",
        what: format!("{RECORDS} × 1 KiB"),
        is_parallel: false,
        rounds: options.rounds,
        bytes: 8 << 30,
        measure: Box::new(measure),
    }]
}
