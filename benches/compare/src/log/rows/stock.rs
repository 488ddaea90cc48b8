//! Logs that are filled once and read by several rows.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use mainstem_benches::workplace::Workplace;
use tempfile::TempDir;

use crate::log::peers::{self, ALL_PEERS};
use crate::log::store::{Log, Seen};
use crate::options::{FILL, Options};
use crate::peer::{self, Peer, Standing};
use crate::workload::{fill, payload};

/// How many records a log is filled with, and how large they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Content {
    pub(super) records: u64,
    pub(super) record_bytes: usize,
}

impl Content {
    /// Returns the content of so many bytes of payload by default, in records of `record_bytes`.
    pub(super) fn new(options: &Options, usual: u64, record_bytes: usize) -> Self {
        let bytes = options.bytes(usual);
        let each = u64::try_from(record_bytes).unwrap_or(u64::MAX);
        Self {
            records: (bytes / each).max(1),
            record_bytes,
        }
    }

    /// Returns the bytes of payload.
    pub(super) fn bytes(self) -> u64 {
        let each = u64::try_from(self.record_bytes).unwrap_or(u64::MAX);
        self.records.saturating_mul(each)
    }

    /// Returns the bytes of payload in MiB.
    pub(super) fn mib(self) -> f64 {
        crate::report::float(self.bytes()) / f64::from(1 << 20)
    }

    /// Checks that a reader saw all of this, and perhaps what was appended since.
    pub(super) fn check(self, seen: &Seen, peer: &Peer<dyn Log>) -> Result<()> {
        // What is no store knows nothing of records.
        let is_short = seen.records < self.records && peer.standing != Standing::Floor;
        ensure!(
            !is_short && seen.bytes >= self.bytes(),
            "{} records of {} bytes came instead of {self:?}",
            seen.records,
            seen.bytes
        );
        Ok(())
    }
}

/// The filled logs, by peer and content. All are closed.
#[derive(Debug)]
pub(super) struct Stock<'a> {
    workplace: &'a Workplace,
    logs: RefCell<HashMap<(&'static str, Content), Rc<TempDir>>>,
}

impl<'a> Stock<'a> {
    pub(super) fn new(workplace: &'a Workplace) -> Self {
        Self {
            workplace,
            logs: RefCell::default(),
        }
    }

    /// Returns where a log of `peer` lies that was filled with `content` and closed.
    pub(super) fn get(&self, peer: &Peer<dyn Log>, content: Content) -> Result<Rc<TempDir>> {
        let key = (peer.name, content);
        if let Some(dir) = self.logs.borrow().get(&key) {
            return Ok(Rc::clone(dir));
        }
        let dir = Rc::new(self.workplace.corner()?);
        let mut command = Command::new(std::env::current_exe()?);
        command.args([FILL, peer.name]).arg(dir.path());
        command.arg(content.records.to_string());
        command.arg(content.record_bytes.to_string());
        let status = command.status()?;
        ensure!(status.success(), "cannot fill {}: {status}", peer.name);
        self.logs.borrow_mut().insert(key, Rc::clone(&dir));
        Ok(dir)
    }
}

/// The process that fills a log, in batches of some 64 KiB. It is another one, so that the one that
/// measures has nothing of that in its memory, and so that a peer which syncs each record of a batch
/// by itself can do without: nobody measures this.
pub(crate) fn fill_log(peer: &str, dir: &Path, records: u64, record_bytes: usize) -> Result<()> {
    peers::do_without_sync();
    let peer = peer::find(ALL_PEERS, peer).context("no such peer")?;
    let log = (peer.open)(dir)?;
    let record = payload(record_bytes);
    let batch = ((64 << 10) / record_bytes).max(1);
    fill(&record, records, batch, |some| log.append(some))?;
    log.close()
}
