//! Has all peers do the same, by turns, in rounds.

use anyhow::{Context, Result};
use mainstem_benches::machine;
use mainstem_benches::workplace::Workplace;

use crate::disk;
use crate::options::Options;
use crate::peer::{Peer, Standing};
use crate::report::{CaseReport, Figure, Page, PeerReport, Report};

/// Measures a peer once.
pub(crate) type Measure<'a, Store> = Box<dyn FnMut(&Peer<Store>) -> Result<Vec<Figure>> + 'a>;

/// One thing that is measured of every peer.
pub(crate) struct Case<'a, Store: ?Sized> {
    pub(crate) row: &'static str,
    pub(crate) what: String,
    /// Whether more than one thread is at work.
    pub(crate) is_parallel: bool,
    pub(crate) rounds: usize,
    /// Bytes that all peers together may need on the disk at a time.
    pub(crate) bytes: u64,
    pub(crate) measure: Measure<'a, Store>,
}

/// Measures what was asked for, and prints and keeps the table, row by row: what was measured stays if a later
/// row fails.
pub(crate) fn run<Store: ?Sized>(
    page: &'static Page,
    peers: &[Peer<Store>],
    cases: Vec<Case<'_, Store>>,
    workplace: &Workplace,
    options: &Options,
) -> Result<()> {
    let peers: Vec<&Peer<Store>> = peers
        .iter()
        .filter(|it| it.standing == Standing::Ours || options.wants_peer(it.name))
        .collect();
    let machine = machine::describe(workplace.path()) + &features(page);
    let about: Vec<_> = peers.iter().map(|it| about(it)).collect();
    eprintln!("{machine}");
    let mut cases = cases;
    cases.retain(|case| options.wants_row(case.row));
    // What ends a measurement of an hour should do so before it.
    let bytes_max = cases.iter().map(|case| case.bytes).max();
    disk::check(workplace.path(), bytes_max.unwrap_or(0))?;
    for case in cases {
        eprintln!("{}, {} ...", case.row, case.what);
        let mut report = Report::new(page, &machine, &about);
        report.push(measure(case, &peers, &machine)?);
        println!("{}", report.table());
        if options.wants_all_peers() {
            report.keep(&options.out)?;
            eprintln!("kept in {}", options.out.display());
        }
    }
    Ok(())
}

/// Says with which of the optional peers this program was built, below what is said of the machine.
fn features(page: &Page) -> String {
    let built = page.optional.iter().filter(|it| it.is_built);
    let built: Vec<&str> = built.map(|it| it.name).collect();
    if built.is_empty() {
        String::new()
    } else {
        format!("features  {}\n", built.join(","))
    }
}

fn about<Store: ?Sized>(peer: &Peer<Store>) -> PeerReport {
    PeerReport {
        name: peer.name.to_owned(),
        is_durable: peer.standing != Standing::NotDurable,
        is_floor: peer.standing == Standing::Floor,
        how: peer.how.to_owned(),
    }
}

fn measure<Store: ?Sized>(
    mut case: Case<'_, Store>,
    peers: &[&Peer<Store>],
    machine: &str,
) -> Result<CaseReport> {
    let mut report = CaseReport::new(
        case.row,
        &case.what,
        case.is_parallel,
        machine,
        machine::date_s(),
    );
    report.load.push(load()?);
    for round in 0..case.rounds {
        for at in 0..peers.len() {
            // Somebody else begins every time.
            let Some(peer) = peers.get((round + at) % peers.len()) else {
                continue;
            };
            if peer.lacks.contains(&case.row) {
                continue;
            }
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
