//! No log, but the least that reading one takes: the bytes of our own files, one after the other.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::ours;
use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "sequential read",
    standing: Standing::Floor,
    how: "the segment files of a log of Mainstem, read from the first byte to the last by read(2), 1 MiB \
          at a time; what is in them is not looked at",
    lacks: &["append", "batch", "replay warm", "point read", "reopen"],
    open,
};

/// A log that is appended to and not read.
enum Sequential {
    Filling(Box<dyn Log>),
    Files(Vec<PathBuf>),
}

fn open(dir: &Path) -> Result<Box<dyn Log>> {
    let mut files = Vec::new();
    segments(dir, &mut files)?;
    files.sort();
    let opened = if files.is_empty() {
        Sequential::Filling((ours::PEER.open)(dir)?)
    } else {
        Sequential::Files(files)
    };
    Ok(Box::new(opened))
}

fn segments(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            segments(&path, found)?;
        } else if path.extension().is_some_and(|it| it == "seg") {
            found.push(path);
        }
    }
    Ok(())
}

impl Log for Sequential {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        match self {
            Self::Filling(log) => log.append(records),
            Self::Files(_) => anyhow::bail!("it only reads"),
        }
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let Self::Files(files) = self else {
            anyhow::bail!("it is still being filled");
        };
        let mut buffer = vec![0; 1 << 20];
        for path in files {
            let mut file = File::open(path)?;
            loop {
                let len = file.read(&mut buffer)?;
                let Some(some) = buffer.get(..len).filter(|it| !it.is_empty()) else {
                    break;
                };
                seen.see(some);
            }
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        match *self {
            Self::Filling(log) => log.close(),
            Self::Files(_) => Ok(()),
        }
    }
}
