//! Bytes that are whole and in the wrong place, which only salt, chain and numbers tell from the right
//! ones.

use std::path::PathBuf;
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_log::{Cursor, SeqNo, Shard, Start};

use super::kit::{Check, Tries, create, name, open, options, told};
use crate::sim::rng::payload;

/// See [`Check::about`].
pub(in crate::defects) static MISPLACED: Check = Check {
    name: "stale",
    about: "a group is overwritten by the one before it",
    run: misplaced,
};

/// See [`Check::about`].
pub(in crate::defects) static FOREIGN_GROUP: Check = Check {
    name: "stale",
    about: "a group is that of another shard",
    run: foreign_group,
};

/// See [`Check::about`].
pub(in crate::defects) static OTHER_LIFE: Check = Check {
    name: "stale",
    about: "a group is from a life of the shard that a crash undid",
    run: other_life,
};

/// A store, and what is in it.
#[derive(Debug)]
struct Store {
    sim: Sim,
    /// What is in shard `a`, in order.
    payloads: Vec<Vec<u8>>,
}

/// The first bytes of every group.
const GROUP: &[u8] = b"GRP1";

impl Store {
    /// Returns a store with two shards of the same shape, two segments of each sealed, and everything
    /// durable.
    fn of(closes: bool) -> Result<Self, String> {
        let sim = Sim::new(5);
        let (engine, shard) = create(&sim.env())?;
        let other = engine.create_shard(&name("b")?, options()).map_err(told)?;
        let mut payloads = Vec::new();
        for number in 0..12 {
            let bytes = payload(number, 850);
            shard.append_one(&bytes).map_err(told)?;
            payloads.push(bytes);
            other.append_one(&payload(!number, 850)).map_err(told)?;
        }
        drop((shard, other));
        if closes {
            engine.close().map_err(told)?;
        }
        let store = Self {
            sim: sim.snapshot(),
            payloads,
        };
        drop(engine);
        Ok(store)
    }

    fn closed() -> Result<Self, String> {
        Self::of(true)
    }

    fn killed() -> Result<Self, String> {
        Self::of(false)
    }

    fn files(&self, with: &str) -> Vec<PathBuf> {
        let mut files = self.sim.files();
        files.retain(|path| path.to_string_lossy().contains(with));
        files
    }

    /// Removes the indexes.
    fn forget_index(&self) -> Result<(), String> {
        for path in self.files(".idx") {
            let gone = self.sim.env().fs.unlink(&path);
            gone.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Returns the segments of a shard, the oldest first.
    fn segments(&self, shard: &str) -> Vec<PathBuf> {
        let mut files = self.files(&format!("/{shard}/"));
        files.retain(|path| path.extension().is_some_and(|it| it == "seg"));
        files
    }

    fn read(&self, path: &PathBuf) -> Result<Vec<u8>, String> {
        self.sim.read_file(path).map_err(|error| error.to_string())
    }

    /// Judges a copy of the store in which the file at `path` has these bytes.
    fn with(&self, path: &PathBuf, bytes: &[u8]) -> Result<(), String> {
        let sim = self.sim.snapshot();
        sim.write_raw(path, bytes)
            .map_err(|error| error.to_string())?;
        self.judge(&sim)
    }

    /// Checks that what is served of shard `a` on `sim` is what was appended, and that what is not
    /// served is said to be damaged.
    fn judge(&self, sim: &Sim) -> Result<(), String> {
        let opened = open(&sim.env());
        let opened = opened.and_then(|engine| {
            let name = mainstem_log::ShardName::new("a")?;
            Ok((engine.shard(&name, options())?, engine))
        });
        // Not to open is to tell.
        let Ok((shard, _engine)) = opened else {
            return Ok(());
        };
        let all = u64::try_from(self.payloads.len()).unwrap_or(u64::MAX);
        for start in std::iter::once(Start::Oldest).chain((0..all).map(|it| Start::At(SeqNo(it)))) {
            let first = match start {
                Start::At(seq) => seq.0,
                _ => 0,
            };
            let Ok(mut cursor) = shard.cursor(start) else {
                continue;
            };
            // All of them from the oldest on, and one each from the others.
            let end = if start == Start::Oldest {
                all
            } else {
                first.saturating_add(1)
            };
            self.read_on(&shard, &mut cursor, first..end)
                .map_err(|what| format!("from {start:?}: {what}"))?;
        }
        Ok(())
    }

    fn read_on(
        &self,
        shard: &Shard,
        cursor: &mut Cursor,
        seqs: std::ops::Range<u64>,
    ) -> Result<(), String> {
        for wanted in seqs {
            let record = match cursor.next() {
                Err(_) => return Ok(()),
                Ok(None) if shard.refusal().is_some() => return Ok(()),
                Ok(None) => return Err(format!("record {wanted} is missing, and nobody says so")),
                Ok(Some(record)) => record,
            };
            if record.seq().0 != wanted {
                return Err(format!("record {} is served for {wanted}", record.seq()));
            }
            let at = usize::try_from(wanted).unwrap_or(usize::MAX);
            if self.payloads.get(at).map(Vec::as_slice) != Some(record.payload()) {
                return Err(format!("record {wanted} is served and was not appended"));
            }
        }
        Ok(())
    }
}

/// Returns where groups begin in a segment's bytes.
fn groups(bytes: &[u8]) -> Vec<usize> {
    let found = bytes.windows(GROUP.len()).enumerate();
    let found = found.filter(|(at, word)| at % 8 == 0 && *word == GROUP);
    found.map(|(at, _)| at).collect()
}

/// Returns `bytes` with what `of` holds of `from..` in place of what was at `at`, `len` bytes.
fn patched(bytes: &[u8], at: usize, of: &[u8], from: usize, len: usize) -> Option<Vec<u8>> {
    let mut patched = bytes.to_vec();
    let source = of.get(from..from.checked_add(len)?)?;
    patched
        .get_mut(at..at.checked_add(len)?)?
        .copy_from_slice(source);
    Some(patched)
}

fn misplaced(tries: &Tries) -> Result<(), String> {
    for store in [Store::closed()?, Store::killed()?] {
        for path in store.segments("a") {
            let bytes = store.read(&path)?;
            for pair in groups(&bytes).windows(2) {
                let &[before, at] = pair else { continue };
                let patched = patched(&bytes, at, &bytes, before, at.saturating_sub(before));
                tries.add(1);
                store
                    .with(
                        &path,
                        &patched.ok_or("a group is shorter than the one before")?,
                    )
                    .map_err(|what| format!("byte {before} at {at}: {what}"))?;
            }
        }
    }
    Ok(())
}

fn foreign_group(tries: &Tries) -> Result<(), String> {
    for store in [Store::closed()?, Store::killed()?] {
        for (path, other) in store.segments("a").iter().zip(&store.segments("b")) {
            let (bytes, other) = (store.read(path)?, store.read(other)?);
            let groups = groups(&bytes);
            for pair in groups.windows(2) {
                let &[at, end] = pair else { continue };
                let patched = patched(&bytes, at, &other, at, end.saturating_sub(at));
                tries.add(1);
                store
                    .with(path, &patched.ok_or("the shards are not of one shape")?)
                    .map_err(|what| format!("another shard's byte {at}: {what}"))?;
            }
        }
    }
    Ok(())
}

fn other_life(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(5);
    let (engine, shard) = create(&sim.env())?;
    let payloads = vec![payload(0, 200)];
    for bytes in &payloads {
        shard.append_one(bytes).map_err(told)?;
    }
    let base = sim.snapshot();
    drop((engine, shard));
    let live = |from: u64| -> Result<Store, String> {
        let sim = base.snapshot();
        // A group header tells lives apart by times and sizes, not by what is in the records.
        sim.advance(Duration::from_secs(from));
        let engine = open(&sim.env()).map_err(told)?;
        let shard = engine.shard(&name("a")?, options()).map_err(told)?;
        let mut payloads = payloads.clone();
        for number in 1..4 {
            payloads.push(payload(from.wrapping_add(number), 200));
            shard
                .append_one(payloads.last().map_or(&[], Vec::as_slice))
                .map_err(told)?;
        }
        let sim = sim.snapshot();
        Ok(Store { sim, payloads })
    };
    let (undone, store) = (live(100)?, live(200)?);
    // Where the index lets reading begin, nothing is known of what came before.
    store.forget_index()?;
    let path = store.segments("a").pop().ok_or("no segment")?;
    let (bytes, old) = (store.read(&path)?, undone.read(&path)?);
    for pair in groups(&bytes).windows(2).skip(2) {
        let &[at, end] = pair else { continue };
        let patched = patched(&bytes, at, &old, at, end.saturating_sub(at));
        tries.add(1);
        store
            .with(&path, &patched.ok_or("the lives are not of one shape")?)
            .map_err(|what| format!("byte {at} of another life: {what}"))?;
    }
    Ok(())
}
