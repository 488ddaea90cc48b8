//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub(crate) const HELP: &str = concat!(
    "Measures the engine against the floor of the disk.\n\n",
    include_str!("options.txt")
);

/// What to measure, and for how long.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    /// For how long the producers of one round run.
    pub(crate) round: Duration,
    /// Bytes of payload that are replayed.
    pub(crate) replay_bytes: u64,
    /// Bytes of payload in the short and the long log that are reopened.
    pub(crate) reopen_bytes: [u64; 2],
    /// Segments of the log that is reopened after an orderly close.
    pub(crate) segments: usize,
    /// Bytes of payload in the server that is started.
    pub(crate) stored_bytes: u64,
    /// The program of that server, if not the one beside this program.
    pub(crate) server: Option<PathBuf>,
    /// Where the table is kept, if anywhere.
    pub(crate) write: Option<PathBuf>,
    /// Shards that are left alone.
    pub(crate) idle_shards: usize,
    only: Vec<String>,
}

impl Options {
    /// Whether the measurement called `name` was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|text| name.contains(text.as_str()))
    }
}

/// What this process is to do.
#[derive(Debug)]
pub(crate) enum Task {
    Measure(Options),
    /// Append to a log until killed.
    Fill(Fill),
    Help,
}

/// The work of the process that is killed.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) dir: PathBuf,
    /// Bytes of payload to append before saying so.
    pub(crate) bytes: u64,
    /// Shards to append to, one record under way in each.
    pub(crate) shards: usize,
}

/// The argument by which this program starts itself as the process that is killed.
pub(crate) const FILL: &str = "--fill";

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Task> {
    let mut options = Options {
        rounds: 7,
        round: Duration::from_secs(1),
        replay_bytes: 512 << 20,
        reopen_bytes: [100 << 20, 2048 << 20],
        segments: 10_000,
        stored_bytes: 1024 << 20,
        server: None,
        write: None,
        idle_shards: 10_000,
        only: Vec::new(),
    };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next();
            value.with_context(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            // Cargo passes this to every bench.
            "--bench" => {}
            "--quick" => {
                options.rounds = 3;
                options.round = Duration::from_millis(300);
                options.replay_bytes = 128 << 20;
                options.reopen_bytes = [20 << 20, 200 << 20];
                options.segments = 1000;
                options.idle_shards = 1000;
            }
            "--rounds" => options.rounds = value()?.parse().context("--rounds")?,
            "--only" => options.only.push(value()?),
            "--long" => {
                let megabytes: u64 = value()?.parse().context("--long")?;
                options.reopen_bytes[1] = megabytes << 20;
            }
            "--segments" => options.segments = value()?.parse().context("--segments")?,
            "--stored" => {
                let megabytes: u64 = value()?.parse().context("--stored")?;
                options.stored_bytes = megabytes << 20;
            }
            "--server" => options.server = Some(from_root(&value()?)),
            "--write" => options.write = Some(from_root(&value()?)),
            FILL => {
                let dir = PathBuf::from(value()?);
                let bytes = value()?.parse().context("bytes to fill")?;
                let shards = value()?.parse().context("shards to fill")?;
                return Ok(Task::Fill(Fill { dir, bytes, shards }));
            }
            "--help" | "-h" => return Ok(Task::Help),
            other => bail!("unexpected argument `{other}`\n\n{HELP}"),
        }
    }
    if options.rounds == 0 {
        bail!("--rounds must be at least 1");
    }
    Ok(Task::Measure(options))
}

/// Returns a path as it is meant: cargo starts a bench in the directory of its package.
fn from_root(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", path].iter().collect()
}
