//! The file of the toy: opened, recovered, appended to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use mainstem_env::{Env, File, Fs, LockAttempt, LockHeld, OpenMode};

use super::defect::Defect;
use super::frame::{Found, Frame, HEADER_BYTES};

/// The log, open.
#[derive(Debug)]
pub(super) struct Log {
    env: Env,
    file: Arc<dyn File>,
    defect: Defect,
    /// Where the next frame goes.
    position: u64,
    /// The number of the next record.
    next: u64,
    /// Keeps others out while it is held.
    _lock: Option<Box<dyn LockHeld>>,
    /// A file that is there as long as somebody has the log open, by one that has no lock.
    mark: Option<PathBuf>,
    /// Frames that are not written yet, as they should be.
    buffer: Vec<Frame>,
}

/// How many appends one that buffers has in memory.
const BUFFERED: usize = 4;
/// How many records there are between two times that the next number is written down, by one that
/// does not find it out otherwise.
const NUMBERS: u64 = 16;

impl Log {
    /// Opens the log in `dir`, recovers it, and returns it with what it holds.
    ///
    /// # Errors
    /// When somebody else has it open, or a file cannot be used.
    pub(super) fn open(dir: &Path, defect: Defect) -> Result<(Self, Vec<Frame>)> {
        let env = Env::real();
        let fs = env.fs.as_ref();
        if fs.metadata(dir)?.is_none() {
            // Somebody else may have been quicker.
            let created = fs.create_dir(dir);
            created.or_else(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })?;
        }
        let mark = dir.join("in-use");
        let (lock, mark) = match defect {
            Defect::NoLock => (None, None),
            Defect::StaleLock => {
                let made = fs.open(&mark, OpenMode::CreateNew);
                made.context("somebody has the log open")?;
                (None, Some(mark))
            }
            _ => (Some(lock(fs, dir)?), None),
        };
        let file = fs.open(&dir.join("log"), OpenMode::ReadWriteOrCreate)?;
        let mut bytes = vec![0; usize::try_from(file.len()?)?];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        let mut log = Self {
            next: 0,
            position: 0,
            file,
            defect,
            _lock: lock,
            mark,
            buffer: Vec::new(),
            env,
        };
        let frames = log.recover(&bytes)?;
        log.env.fs.sync_dir(dir)?;
        Ok((log, frames))
    }

    fn recover(&mut self, bytes: &[u8]) -> Result<Vec<Frame>> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut position = 0usize;
        let torn = loop {
            match Frame::decode(bytes.get(position..).unwrap_or_default()) {
                Found::Whole(frame) => {
                    position = position.saturating_add(frame.byte_len());
                    frames.push(frame);
                }
                Found::Torn(torn) => break Some(torn),
                Found::End => break None,
            }
        };
        self.position = u64::try_from(position)?;
        self.next = frames.last().map_or(0, Frame::end);
        match (torn, self.defect) {
            (Some(_), Defect::RefuseTornTail) => bail!("damaged at byte {position}"),
            (Some(_), Defect::KeepTornTail) => self.position = u64::try_from(bytes.len())?,
            (Some(Some(torn)), Defect::ServeTornTail) => {
                self.position = u64::try_from(bytes.len())?;
                frames.push(torn);
            }
            (Some(_), _) => {
                self.file.truncate(self.position)?;
                self.file.sync_all()?;
            }
            // A writer that was killed may have written what it had no time to sync. What is served stays.
            (None, _) => self.sync()?,
        }
        match (self.defect, frames.last()) {
            (Defect::DuplicateOnReopen, Some(last)) => {
                let again = last.clone();
                self.write(&again)?;
                frames.push(again);
            }
            (Defect::ReuseAfterCrash, _) => self.next = self.next / NUMBERS * NUMBERS,
            _ => {}
        }
        Ok(frames)
    }

    /// Appends the records of a line, and returns the number of the first one.
    pub(super) fn append(&mut self, line: &str) -> Result<u64> {
        let frame = Frame {
            number: self.next,
            payload: line.as_bytes().to_vec(),
        };
        self.next = frame.end();
        let number = frame.number;
        match self.defect {
            Defect::Buffered => {
                self.buffer.push(frame);
                if self.buffer.len() >= BUFFERED {
                    self.flush()?;
                }
            }
            Defect::TornBatch => {
                let mut number = number;
                for record in frame.records() {
                    let payload = record.to_vec();
                    self.write(&Frame { number, payload })?;
                    number = number.saturating_add(1);
                }
            }
            _ => self.write(&frame)?,
        }
        Ok(number)
    }

    /// Writes and syncs one frame: first the header, then the payload, and each is synced, so that a
    /// process that is killed leaves torn ones behind often enough to try recovery on.
    fn write(&mut self, frame: &Frame) -> Result<()> {
        let bytes = frame.encode();
        // Half of the payload goes with the header.
        let half = HEADER_BYTES.saturating_add(frame.payload.len() / 2);
        let (begin, rest) = bytes.split_at(half.min(bytes.len()));
        for part in [begin, rest] {
            let written = self.file.write_all_at(part, self.position);
            if self.defect != Defect::IgnoreWriteErrors {
                written?;
            }
            self.sync()?;
            self.position = self.position.saturating_add(u64::try_from(part.len())?);
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let sync = || self.file.sync_data();
        match self.defect {
            Defect::NoSync => Ok(()),
            Defect::IgnoreFailedSync => sync().or(Ok(())),
            Defect::RetryFailedSync => Ok(sync().or_else(|_| sync())?),
            _ => Ok(sync()?),
        }
    }

    fn flush(&mut self) -> Result<()> {
        for frame in std::mem::take(&mut self.buffer) {
            self.write(&frame)?;
        }
        Ok(())
    }

    /// Closes the log in good order.
    pub(super) fn close(mut self) -> Result<()> {
        self.flush()?;
        if let Some(mark) = &self.mark {
            self.env.fs.unlink(mark).context("the mark of a writer")?;
        }
        Ok(())
    }
}

fn lock(fs: &dyn Fs, dir: &Path) -> Result<Box<dyn LockHeld>> {
    match fs.try_lock(&dir.join("lock"), &std::process::id().to_string())? {
        LockAttempt::Acquired(lock) => Ok(lock),
        LockAttempt::HeldBy(holder) => bail!("process {holder} has the log open"),
    }
}
