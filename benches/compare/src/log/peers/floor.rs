//! No log, but the least that any has to do: a bare file under a group commit.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use mainstem_benches::floor::Floor;
use mainstem_benches::walk;
use mainstem_env::Region;

use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "floor",
    standing: Standing::Floor,
    how: "a bare file in fallocated space, each group of frames written and synced once, the first to \
          come leading; read back by walking a map of it and recomputing every checksum",
    lacks: &["point read", "reopen"],
    open: |dir| open(dir, Floor::create),
};

struct Bare {
    path: PathBuf,
    /// Unless the file was there before.
    floor: Option<Floor>,
    /// A reader who stays keeps its map.
    map: Mutex<Option<(Region, u64)>>,
}

/// Opens the floor in `dir`, whose file `create` makes.
pub(super) fn open(
    dir: &Path,
    create: fn(&Path) -> std::io::Result<Floor>,
) -> Result<Box<dyn Log>> {
    let path = dir.join("floor");
    let is_new = !path.exists();
    let floor = is_new.then(|| create(&path)).transpose()?;
    Ok(Box::new(Bare {
        path,
        floor,
        map: Mutex::default(),
    }))
}

/// Where the length is kept of the frames in a file whose space reaches further.
fn length_of(path: &Path) -> PathBuf {
    path.with_extension("length")
}

impl Log for Bare {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let floor = self.floor.as_ref().context("a floor is not reopened")?;
        if let [record] = records {
            floor.append(record)?;
        } else {
            floor.append_batch(records)?;
        }
        Ok(())
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if map.is_none() {
            let len = match &self.floor {
                Some(floor) => floor.durable_bytes(),
                None => std::fs::read_to_string(length_of(&self.path))?.parse()?,
            };
            *map = Some((walk::map(&self.path, len)?, len));
        }
        let (region, len) = map.as_ref().context("no map")?;
        walk::each(&region.view(0..*len)?, |payload| seen.see(payload))?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        if let Some(floor) = &self.floor {
            std::fs::write(length_of(&self.path), floor.durable_bytes().to_string())?;
        }
        Ok(())
    }
}
