//! What was measured, row by row: printed, and kept in files if that is asked for.

mod kept;
mod page;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::kept::{Kept, KeptRow};
use crate::machine;
use crate::table::Row;

/// The rows of a run.
#[derive(Debug)]
pub struct Report {
    machine: String,
    measured: Vec<KeptRow>,
    files: Option<Files>,
}

/// Where rows are kept, and what was there before this run.
#[derive(Debug)]
struct Files {
    dir: PathBuf,
    before: Vec<KeptRow>,
}

impl Report {
    /// Prints where the run takes place, whose files lie in `workplace`, and the heading of the table.
    /// Rows are kept in the directory `write`, if there is one.
    ///
    /// # Errors
    /// When the rows that are there already cannot be read; those of the system.
    pub fn begin(workplace: &Path, write: Option<&Path>) -> Result<Self> {
        let machine = machine::describe(workplace);
        let files = write.map(Files::open).transpose()?;
        println!("{machine}\n{}", Row::heading());
        Ok(Self {
            machine,
            measured: Vec::new(),
            files,
        })
    }

    /// Prints a row, and keeps it at once: what was measured stays if a later row fails.
    ///
    /// # Errors
    /// The system's error.
    pub fn add(&mut self, row: Row) -> Result<()> {
        println!("{row}");
        self.measured.push(KeptRow {
            row,
            machine: self.machine.clone(),
            date_s: machine::date_s(),
        });
        match &self.files {
            Some(files) => files.keep(&self.measured),
            None => Ok(()),
        }
    }
}

impl Files {
    fn open(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).context("cannot create the directory for the table")?;
        Ok(Self {
            dir: dir.to_owned(),
            before: kept::read(dir)?.unwrap_or_default().rows,
        })
    }

    fn keep(&self, measured: &[KeptRow]) -> Result<()> {
        let rows = kept::merge(measured.to_vec(), self.before.clone());
        Kept { rows }.write(&self.dir)
    }
}
