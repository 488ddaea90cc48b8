//! Disk that is used while messages come in waves, up to 10,000 waiting at a time, and when all are
//! gone.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mainstem_benches::workplace::Workplace;

use crate::contest::Case;
use crate::disk::bytes_used;
use crate::options::Options;
use crate::peer::Peer;
use crate::queue::store::Queue;
use crate::report::{Better, Figure, float};
use crate::workload::payload;

/// How long a queue may take to clear up after its last message.
const CLEARING_UP: Duration = Duration::from_secs(2);

pub(crate) fn cases<'a>(
    workplace: &'a Workplace,
    options: &'a Options,
) -> Vec<Case<'a, dyn Queue>> {
    let messages = options.messages(1_000_000);
    vec![Case {
        row: "disk",
        what: format!("{messages} × 1 KiB, 10,000 waiting"),
        is_parallel: false,
        rounds: 1,
        bytes: messages.saturating_mul(5000),
        measure: Box::new(move |peer: &Peer<dyn Queue>| measure(workplace, peer, messages)),
    }]
}

fn measure(workplace: &Workplace, peer: &Peer<dyn Queue>, messages: u64) -> Result<Vec<Figure>> {
    let dir = workplace.corner()?;
    let queue = (peer.open)(dir.path())?;
    let message = payload(1024);
    let batch = vec![message.as_slice(); 1000];
    let (mut pushed, mut peak) = (0, 0);
    let before = Instant::now();
    while pushed < messages {
        let mut waiting = 0;
        while waiting < 10_000 {
            queue.push(&batch)?;
            waiting += batch.len();
            peak = peak.max(bytes_used(dir.path())?);
        }
        pushed += u64::try_from(waiting)?;
        while waiting > 0 {
            let served = queue.serve(1000, Duration::ZERO, &mut |_| ())?;
            ensure!(served > 0, "{waiting} messages are missing");
            waiting -= served;
            peak = peak.max(bytes_used(dir.path())?);
        }
    }
    let took = before.elapsed();
    std::thread::sleep(CLEARING_UP);
    let end = bytes_used(dir.path())?;
    queue.close()?;
    let closed = bytes_used(dir.path())?;
    let mib = |bytes: u64| float(bytes) / f64::from(1 << 20);
    Ok(vec![
        Figure::new("MiB at the peak", Better::Less, mib(peak)),
        Figure::new("MiB at the end", Better::Less, mib(end)),
        Figure::new("MiB when closed", Better::Less, mib(closed)),
        Figure::new(
            "messages/s",
            Better::More,
            float(pushed) / took.as_secs_f64(),
        ),
    ])
}
