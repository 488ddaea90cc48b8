//! The state behind one simulated world: the disk now, how it got there, and who uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Component, Path};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::choices::{Choices, Strictness};
use super::clock::SimClock;
use super::faults::{Fault, Faults, OpKind};
use super::file_state::FileState;
use super::history::History;
use super::names::{Node, Place, ROOT};
use super::pages::page_start;
use super::rng::SimRandom;
use super::volume::{Op, Volume};

/// What one simulated world shares among its handles.
#[derive(Debug)]
pub(super) struct Shared {
    disk: Mutex<Disk>,
    pub(super) clock: SimClock,
    pub(super) random: SimRandom,
}

impl Shared {
    pub(super) fn new(disk: Disk, clock: SimClock, random: SimRandom) -> Arc<Self> {
        Arc::new(Self {
            disk: Mutex::new(disk),
            clock,
            random,
        })
    }

    pub(super) fn disk(&self) -> MutexGuard<'_, Disk> {
        // A check that fails panics; whoever asks afterwards still gets to see the disk.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the owner of a region has published, as the disk keeps track of it.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) end: AtomicU64,
    pub(super) path: Arc<str>,
}

/// Settings that a disk hands on to those made from it.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) capacity: u64,
    pub(super) open_files_max: usize,
    pub(super) must_be_synced: fn(&Path) -> bool,
    pub(super) records: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            capacity: CAPACITY_DEFAULT,
            open_files_max: usize::MAX,
            must_be_synced: is_segment,
            records: true,
        }
    }
}

/// Segments are the files whose readers must see only what is durable.
fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "seg")
}

#[derive(Debug)]
pub(super) struct Disk {
    volume: Volume,
    pub(super) history: History,
    next_id: u64,
    descriptors: usize,
    pins: BTreeMap<u64, usize>,
    locks: BTreeSet<u64>,
    published: BTreeMap<u64, Vec<Weak<Published>>>,
    pub(super) violations: Vec<String>,
    pub(super) faults: Faults,
    pub(super) settings: Settings,
}

impl Disk {
    pub(super) fn new(volume: Volume, next_id: u64, settings: Settings) -> Self {
        Self {
            history: History::new(&volume),
            volume,
            next_id,
            descriptors: 0,
            pins: BTreeMap::new(),
            locks: BTreeSet::new(),
            published: BTreeMap::new(),
            violations: Vec::new(),
            faults: Faults::default(),
            settings,
        }
    }

    /// Returns a disk with the same contents and history, that nobody uses.
    pub(super) fn without_users(&self) -> Self {
        Self {
            volume: self.volume.clone(),
            history: self.history.clone(),
            ..Self::new(Volume::new(), self.next_id, self.settings.clone())
        }
    }

    pub(super) fn volume(&self) -> &Volume {
        &self.volume
    }

    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Applies `op` and records it.
    pub(super) fn record(&mut self, kind: OpKind, path: &Arc<str>, op: Op) {
        let index = self.history.op_count();
        self.volume.apply(index, &op);
        if self.settings.records {
            self.history.record(kind, path, op, &self.volume);
        } else {
            self.history.skip();
            if index.is_multiple_of(COLLECT_EVERY) {
                self.collect();
            }
        }
    }

    /// Forgets the history: what is now is where it begins.
    pub(super) fn forget_history(&mut self) {
        self.collect();
        self.history.restart(&self.volume);
    }

    /// Forgets the files that nothing can show any more.
    fn collect(&mut self) {
        let pins = &self.pins;
        self.volume.collect(|id| pins.contains_key(&id));
    }

    /// Changes file `id` behind everybody's back, as a decaying medium does.
    pub(super) fn replace_file(&mut self, id: u64, file: FileState) {
        self.volume.replace_file(id, file);
        self.forget_history();
    }

    pub(super) fn after_power_loss(
        &mut self,
        at_op: u64,
        choices: &mut Choices,
        strictness: Strictness,
    ) -> Volume {
        self.history
            .after_power_loss(&self.volume, at_op, choices, strictness)
    }

    // --- names ---

    /// Splits a path into its directory and its last component.
    pub(super) fn place(&self, path: &Path) -> io::Result<Place> {
        let mut names = names_of(path)?;
        let Some(last) = names.pop() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let dir = self.walk(&names)?;
        if dir.is_dir {
            let name = Arc::from(last);
            return Ok(Place { dir: dir.id, name });
        }
        Err(io::ErrorKind::NotADirectory.into())
    }

    /// Returns what is at `path`.
    pub(super) fn node(&self, path: &Path) -> io::Result<Node> {
        self.walk(&names_of(path)?)
    }

    pub(super) fn dir(&self, path: &Path) -> io::Result<u64> {
        let node = self.node(path)?;
        if node.is_dir {
            return Ok(node.id);
        }
        Err(io::ErrorKind::NotADirectory.into())
    }

    fn walk(&self, names: &[&str]) -> io::Result<Node> {
        let mut node = Node {
            id: ROOT,
            is_dir: true,
        };
        for name in names {
            if !node.is_dir {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            let Some(next) = self.volume.names().find(node.id, name) else {
                return Err(io::ErrorKind::NotFound.into());
            };
            node = next;
        }
        Ok(node)
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id = self.next_id.saturating_add(1);
        self.next_id
    }

    // --- users ---

    /// Takes a descriptor, for file `id`.
    pub(super) fn open_file(&mut self, id: u64) -> io::Result<()> {
        if self.descriptors >= self.settings.open_files_max {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        self.descriptors = self.descriptors.saturating_add(1);
        self.pin(id);
        Ok(())
    }

    pub(super) fn close_file(&mut self, id: u64) {
        self.descriptors = self.descriptors.saturating_sub(1);
        self.unpin(id);
    }

    /// Keeps file `id` from going with its name, as a memory map does.
    pub(super) fn pin(&mut self, id: u64) {
        let pins = self.pins.entry(id).or_default();
        *pins = pins.saturating_add(1);
    }

    pub(super) fn unpin(&mut self, id: u64) {
        if let Some(pins) = self.pins.get_mut(&id) {
            *pins = pins.saturating_sub(1);
            if *pins == 0 {
                self.pins.remove(&id);
                self.published.remove(&id);
            }
        }
    }

    pub(super) fn open_count(&self) -> usize {
        self.descriptors
    }

    pub(super) fn is_locked(&self, id: u64) -> bool {
        self.locks.contains(&id)
    }

    pub(super) fn lock(&mut self, id: u64) {
        self.locks.insert(id);
    }

    pub(super) fn unlock(&mut self, id: u64) {
        self.locks.remove(&id);
    }

    // --- space ---

    /// Returns how many bytes are free.
    pub(super) fn free_space(&self) -> u64 {
        let named: BTreeSet<u64> = self.volume.names().files().collect();
        let pinned = self.pins.keys().filter(|id| !named.contains(id));
        let used: u64 = named
            .iter()
            .chain(pinned)
            .filter_map(|&id| self.volume.file(id))
            .map(FileState::block_count)
            .sum();
        self.settings.capacity.saturating_sub(page_start(used))
    }

    /// Returns whether bytes `range` of file `id` find room.
    pub(super) fn has_room(&self, id: u64, range: Range<u64>) -> bool {
        let missing = self.volume.blocks_missing(id, range);
        missing == 0 || page_start(missing) <= self.free_space()
    }

    // --- faults ---

    /// Counts a call; `Err` if a fault refuses it, and the error to return after all if a fault lets
    /// it take effect first.
    pub(super) fn gate(&mut self, op: OpKind, path: &str) -> io::Result<Option<io::Error>> {
        match self.faults.strike(op, path) {
            None => Ok(None),
            Some(fault) if fault.takes_effect => Ok(Some(fault.error.to_error())),
            Some(fault) => Err(fault.error.to_error()),
        }
    }

    /// As [`Disk::gate`], for calls that treat their faults themselves.
    pub(super) fn strike(&mut self, op: OpKind, path: &str) -> Option<Fault> {
        self.faults.strike(op, path)
    }

    // --- checks ---

    pub(super) fn watch(&mut self, id: u64, published: &Arc<Published>) {
        let watches = self.published.entry(id).or_default();
        watches.retain(|watch| watch.strong_count() > 0);
        watches.push(Arc::downgrade(published));
    }

    /// Returns a complaint if a change of file `id` from byte `from` on would reach published bytes.
    pub(super) fn check_unpublished(&mut self, id: u64, from: u64, what: &str) -> Option<String> {
        let published = self.published.get(&id)?;
        let (end, path) = published
            .iter()
            .filter_map(Weak::upgrade)
            // Partner of the maximum that publishing takes.
            .map(|watch| (watch.end.load(Ordering::Acquire), Arc::clone(&watch.path)))
            .max_by_key(|(end, _)| *end)?;
        if from >= end {
            return None;
        }
        let complaint = format!(
            "{what} of {path} touches byte {from}, but readers may see all bytes before {end}: \
             published bytes must never change"
        );
        self.violations.push(complaint.clone());
        Some(complaint)
    }

    /// Returns a complaint if bytes `range` of file `id` are to be published before they are durable.
    pub(super) fn check_durable(
        &mut self,
        id: u64,
        path: &str,
        range: Range<u64>,
    ) -> Option<String> {
        let is_durable = self
            .volume
            .file(id)
            .is_none_or(|file| file.is_durable(range.clone()));
        if is_durable || !(self.settings.must_be_synced)(Path::new(path)) {
            return None;
        }
        let complaint = format!(
            "bytes {}..{} of {path} are published but not durable: nothing may be readable before \
             it is synced",
            range.start, range.end
        );
        self.violations.push(complaint.clone());
        Some(complaint)
    }
}

/// Returns the components of `path`, counted from the root of the simulated disk.
fn names_of(path: &Path) -> io::Result<Vec<&str>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => {
                names.push(name.to_str().ok_or(io::ErrorKind::InvalidInput)?);
            }
            Component::ParentDir | Component::Prefix(_) => {
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
    }
    Ok(names)
}

/// How often removed files are forgotten while nothing is recorded, in operations.
const COLLECT_EVERY: u64 = 64;
/// 1 TiB.
const CAPACITY_DEFAULT: u64 = 1 << 40;
/// Linux's number for "too many open files".
const EMFILE: i32 = 24;
