//! Many messages wait, and one thread receives and acknowledges them in batches.

use std::time::{Duration, Instant};

use anyhow::ensure;
use mainstem_benches::workplace::Workplace;

use super::fill;
use crate::contest::Case;
use crate::options::Options;
use crate::peer::Peer;
use crate::queue::store::Queue;
use crate::report::{Better, Figure, float};
use crate::workload::payload;

/// How many messages are taken at a time.
const BATCH: usize = 10_000;

pub(crate) fn cases<'a>(
    workplace: &'a Workplace,
    options: &'a Options,
) -> Vec<Case<'a, dyn Queue>> {
    let messages = options.messages(1_000_000);
    let measure = move |peer: &Peer<dyn Queue>| {
        let corner = workplace.corner()?;
        let queue = (peer.open)(corner.path())?;
        fill(&*queue, &payload(100), messages, BATCH)?;
        let mut served = 0;
        let before = Instant::now();
        while served < messages {
            let mut bytes = 0;
            let some = queue.serve(BATCH, Duration::ZERO, &mut |message| {
                bytes += message.len();
            })?;
            ensure!(some > 0, "{served} of {messages} messages came");
            ensure!(bytes == some * 100, "{some} messages of {bytes} bytes came");
            served += u64::try_from(some)?;
        }
        let took = before.elapsed();
        queue.close()?;
        let rate = float(served) / took.as_secs_f64();
        Ok(vec![Figure::new("messages/s", Better::More, rate)])
    };
    vec![Case {
        row: "drain",
        what: format!("{messages} × 100 B"),
        is_parallel: false,
        rounds: options.long_rounds(),
        bytes: messages.saturating_mul(1000),
        measure: Box::new(measure),
    }]
}
