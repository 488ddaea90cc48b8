//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{log, queue};

pub(crate) const HELP: &str = "\
Measures Mainstem beside other embedded stores.

  log            durable logs, and the floors below them
  queue          durable queues
  all            both, which is what happens without any of these

    --rounds N     rounds of each measurement (default 5; of the long ones at most 3)
    --quick        2 short rounds of little data
    --only ROW     only rows whose name contains ROW; may be repeated. Logs have append, batch,
                   replay, point read and reopen; queues push, round trip, drain, reopen and disk
    --peer NAME    only this peer and ours; may be repeated; nothing is written to --out
    --megabytes N  logs: payload that is replayed, read from, and reopened
    --messages N   queues: messages that are drained, waiting at a reopening, or pushed for the disk row
    --dir DIR      where the stores go while they are measured (default: the target directory)
    --out DIR      where the tables, raw numbers and charts go (default docs/benchmarks of this
                   repository); rows that were not measured are kept from the files that are there
    --redraw       measure nothing; write tables and charts anew from the raw numbers that are there";

/// What to measure, and how.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    /// For how long the threads of one round run.
    pub(crate) round: Duration,
    pub(crate) is_quick: bool,
    pub(crate) dir: PathBuf,
    pub(crate) out: PathBuf,
    /// Whether nothing is to be measured.
    pub(crate) only_redraws: bool,
    messages: Option<u64>,
    megabytes: Option<u64>,
    only: Vec<String>,
    peers: Vec<String>,
}

impl Options {
    /// Whether the row called `name` was asked for.
    pub(crate) fn wants_row(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|text| name.contains(text.as_str()))
    }

    /// Whether the peer called `name` was asked for.
    pub(crate) fn wants_peer(&self, name: &str) -> bool {
        self.wants_all_peers() || self.peers.iter().any(|it| it == name)
    }

    pub(crate) fn wants_all_peers(&self) -> bool {
        self.peers.is_empty()
    }

    /// How many messages a row takes that by default takes `usual`.
    pub(crate) fn messages(&self, usual: u64) -> u64 {
        let quick = if self.is_quick { usual / 50 } else { usual };
        self.messages.unwrap_or(quick)
    }

    /// How many bytes of payload a row takes that by default takes `usual`.
    pub(crate) fn bytes(&self, usual: u64) -> u64 {
        let quick = if self.is_quick { usual / 16 } else { usual };
        self.megabytes.map_or(quick, |megabytes| megabytes << 20)
    }

    /// How many rounds a row takes whose rounds are long.
    pub(crate) fn long_rounds(&self) -> usize {
        self.rounds.min(3)
    }
}

/// What this process is to do.
#[derive(Debug)]
pub(crate) enum Task {
    Measure {
        kinds: &'static [&'static str],
        options: Options,
    },
    /// Open a store, put something there, say so, and wait to be killed.
    Hold {
        kind: String,
        peer: String,
        dir: PathBuf,
        count: u64,
    },
    /// Fill a log.
    Fill {
        peer: String,
        dir: PathBuf,
        records: u64,
        record_bytes: usize,
    },
    Help,
}

/// The subcommand by which this program starts itself as the process that is killed.
pub(crate) const HOLD: &str = "hold";
/// The one by which it starts itself to fill a log.
pub(crate) const FILL: &str = "fill";

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Task> {
    let mut arguments = arguments.peekable();
    let is_option = |it: &String| it.starts_with('-');
    if arguments.peek().is_none_or(is_option) {
        return parse_options(&[log::KIND, queue::KIND], arguments);
    }
    match arguments.next().as_deref() {
        Some("all") => parse_options(&[log::KIND, queue::KIND], arguments),
        Some(log::KIND) => parse_options(&[log::KIND], arguments),
        Some(queue::KIND) => parse_options(&[queue::KIND], arguments),
        Some(HOLD) => {
            let mut next = || arguments.next().context("hold KIND PEER DIR COUNT");
            Ok(Task::Hold {
                kind: next()?,
                peer: next()?,
                dir: PathBuf::from(next()?),
                count: next()?.parse().context("COUNT")?,
            })
        }
        Some(FILL) => {
            let mut next = || arguments.next().context("fill PEER DIR RECORDS BYTES");
            Ok(Task::Fill {
                peer: next()?,
                dir: PathBuf::from(next()?),
                records: next()?.parse().context("RECORDS")?,
                record_bytes: next()?.parse().context("BYTES")?,
            })
        }
        other => bail!("unexpected {other:?}\n\n{HELP}"),
    }
}

fn parse_options(
    kinds: &'static [&'static str],
    mut arguments: impl Iterator<Item = String>,
) -> Result<Task> {
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let mut options = Options {
        rounds: 5,
        round: Duration::from_millis(1500),
        is_quick: false,
        dir: target
            .unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target"))),
        out: PathBuf::from(repository).join("docs/benchmarks"),
        only_redraws: false,
        messages: None,
        megabytes: None,
        only: Vec::new(),
        peers: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next();
            value.with_context(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--quick" => {
                options.is_quick = true;
                options.rounds = 2;
                options.round = Duration::from_millis(300);
            }
            "--rounds" => options.rounds = value()?.parse().context("--rounds")?,
            "--only" => options.only.push(value()?),
            "--peer" => options.peers.push(value()?),
            "--messages" => options.messages = Some(value()?.parse().context("--messages")?),
            "--megabytes" => options.megabytes = Some(value()?.parse().context("--megabytes")?),
            "--dir" => options.dir = PathBuf::from(value()?),
            "--out" => options.out = PathBuf::from(value()?),
            "--redraw" => options.only_redraws = true,
            "--help" | "-h" => return Ok(Task::Help),
            other => bail!("unexpected argument `{other}`\n\n{HELP}"),
        }
    }
    let counts = [options.messages, options.megabytes];
    if options.rounds == 0 || counts.contains(&Some(0)) {
        bail!("--rounds, --messages and --megabytes must be at least 1");
    }
    Ok(Task::Measure { kinds, options })
}
