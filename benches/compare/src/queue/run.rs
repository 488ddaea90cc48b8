//! Has all peers do the same, in rounds.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use mainstem_benches::machine;
use mainstem_benches::workplace::Workplace;

use super::peer::Peer;
use super::peers;
use super::rows::{self, Case};
use crate::disk;
use crate::options::Options;
use crate::report::{CaseReport, PeerReport, Report};

/// Measures what was asked for, and prints and keeps the table.
pub(crate) fn compare(options: &Options) -> Result<()> {
    std::fs::create_dir_all(&options.dir).context("cannot create the directory for the stores")?;
    let workplace = Workplace::new(&options.dir)?;
    let peers: Vec<&Peer> = peers::ALL_PEERS
        .iter()
        .filter(|peer| peer.name == peers::OURS || options.wants_peer(peer.name))
        .collect();
    let machine = machine::describe(workplace.path());
    let mut report = Report::new(
        &machine,
        &peers.iter().map(|it| about(it)).collect::<Vec<_>>(),
    );
    eprintln!("{machine}");

    let mut cases = Vec::new();
    cases.extend(rows::push::cases(&workplace, options));
    cases.extend(rows::round_trip::cases(&workplace, options));
    cases.extend(rows::drain::cases(&workplace, options));
    cases.extend(rows::reopen::cases(&workplace, options));
    cases.extend(rows::disk::cases(&workplace, options));
    cases.retain(|case| options.wants_row(case.row));
    for case in cases {
        disk::check(workplace.path(), case.bytes)?;
        eprintln!("{}, {} ...", case.row, case.what);
        report.cases.push(measure(case, &peers, &machine)?);
    }
    println!("{}", report.table());
    if options.wants_all_peers() {
        report.keep(&options.out)?;
        eprintln!("kept in {}", options.out.display());
    }
    Ok(())
}

fn about(peer: &Peer) -> PeerReport {
    PeerReport {
        name: peer.name.to_owned(),
        is_durable: peer.is_durable,
        how: peer.how.to_owned(),
    }
}

fn measure(mut case: Case<'_>, peers: &[&Peer], machine: &str) -> Result<CaseReport> {
    let mut report = CaseReport::new(case.row, &case.what, case.is_parallel, machine, date());
    report.load.push(load()?);
    for round in 0..case.rounds {
        for at in 0..peers.len() {
            // Somebody else begins every time.
            let Some(peer) = peers.get((round + at) % peers.len()) else {
                continue;
            };
            let figures = (case.measure)(peer);
            report.add(peer.name, figures.with_context(|| peer.name.to_owned())?);
        }
    }
    report.load.push(load()?);
    Ok(report)
}

/// The load average of the last minute. Busy threads of the measurement itself count.
fn load() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg").context("cannot read the load")?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}

/// Seconds since the Unix epoch.
fn date() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or(Duration::ZERO).as_secs()
}
