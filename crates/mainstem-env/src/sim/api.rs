//! The handle that tests hold.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::choices::{Choices, Strictness};
use super::clock::SimClock;
use super::disk::{Disk, Settings, Shared};
use super::faults::{Fault, OpKind};
use super::file_state::FileState;
use super::history::JournalEntry;
use super::names::{Change, Node};
use super::rng::SimRandom;
use super::volume::{Op, Volume};
use super::world::World;
use crate::Env;
use crate::clock::{Clock, TimestampMs};

/// A simulated world; clones share it.
///
/// Paths are absolute, or relative to the root, which is the only directory of a new disk.
#[derive(Clone, Debug)]
pub struct Sim {
    shared: Arc<Shared>,
}

impl Sim {
    /// Returns a world with an empty disk, and randomness that `seed` decides.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let disk = Disk::new(Volume::new(), 0, Settings::default());
        Self {
            shared: Shared::new(disk, SimClock::new(), SimRandom::new(seed)),
        }
    }

    /// Returns this world for the code under test.
    #[must_use]
    pub fn env(&self) -> Env {
        let world = Arc::new(World(Arc::clone(&self.shared)));
        Env {
            fs: Arc::<World>::clone(&world),
            clock: Arc::<World>::clone(&world),
            random: world,
        }
    }

    // --- clock ---

    /// Sets the wall clock.
    pub fn set_now(&self, now: TimestampMs) {
        self.shared.clock.set_now(now);
    }

    /// Returns what the wall clock shows.
    pub fn now(&self) -> TimestampMs {
        self.shared.clock.now()
    }

    /// Lets `by` pass, on the wall clock and in elapsed time. Sleeping does the same.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Moves the wall clock alone, by `ms` milliseconds in either direction.
    pub fn jump_wall(&self, ms: i64) {
        self.shared.clock.jump_wall(ms);
    }

    // --- power ---

    /// Returns how many operations changed the disk so far.
    pub fn op_count(&self) -> u64 {
        self.shared.disk().history.op_count()
    }

    /// Returns the number of the first operation that is recorded: 0, unless history was forgotten.
    pub fn first_op(&self) -> u64 {
        self.shared.disk().history.first_op()
    }

    /// Returns the recorded operations, oldest first.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.shared.disk().history.entries()
    }

    /// Returns a world with one of the disks that can be found if power fails when `at_op`
    /// operations are done and the next one, if there is one, is under way.
    ///
    /// What is on that disk is durable there, locks are free, faults are none, and nothing is
    /// recorded yet. Clock and settings are the same; the randomness is new. This world stays as it
    /// is.
    ///
    /// # Panics
    /// If `at_op` is not between [`Sim::first_op`] and [`Sim::op_count`].
    #[must_use]
    pub fn power_loss(&self, at_op: u64, choices: &mut Choices, strictness: Strictness) -> Self {
        let mut disk = self.shared.disk();
        let volume = disk.after_power_loss(at_op, choices, strictness);
        let settings = disk.settings.clone();
        let disk = Disk::new(volume, disk.next_id(), settings);
        // Salts of one life must not come again in the next one, whatever was chosen before each.
        let before = self.shared.random.generator().next();
        self.successor(disk, SimRandom::new(before ^ choices.noise()))
    }

    /// Returns the world after power failed now, with nothing on the disk that was not synced.
    #[must_use]
    pub fn power_loss_now(&self) -> Self {
        let at = self.op_count();
        self.power_loss(at, &mut Choices::drop_all(), Strictness::StrictPosix)
    }

    /// Returns the world after the process ended without a word, and the machine went on: the disk
    /// looks the same, what was not synced still is not, the recorded history goes on, and nobody
    /// holds locks or files. This world stays as it is.
    #[must_use]
    pub fn process_crash(&self) -> Self {
        let disk = self.shared.disk().without_users();
        self.successor(disk, self.shared.random.generator().into())
    }

    /// Returns the world after the process and then the machine stopped in good order: as
    /// [`Sim::process_crash`], with everything on the disk durable and nothing recorded yet.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let disk = self.shared.disk();
        let settings = disk.settings.clone();
        let disk = Disk::new(disk.volume().flushed(), disk.next_id(), settings);
        self.successor(disk, self.shared.random.generator().into())
    }

    fn successor(&self, disk: Disk, random: SimRandom) -> Self {
        Self {
            shared: Shared::new(disk, self.shared.clock.times().into(), random),
        }
    }

    /// Switches recording on (as it is at first) or off. While it is off, power can only be lost
    /// after the newest operation, and memory stays bounded in long runs.
    pub fn set_recording(&self, is_on: bool) {
        let mut disk = self.shared.disk();
        disk.settings.records = is_on;
        disk.forget_history();
    }

    // --- faults ---

    /// Orders a fault. Faults are counted down independently; if several strike at one call, the
    /// first ordered wins.
    pub fn fail(&self, fault: Fault) {
        self.shared.disk().faults.add(fault);
    }

    /// Cancels all faults.
    pub fn clear_faults(&self) {
        self.shared.disk().faults.clear();
    }

    /// Returns how many calls of this kind were made so far, failed ones included.
    pub fn calls(&self, op: OpKind) -> u64 {
        self.shared.disk().faults.calls(op)
    }

    // --- limits and checks ---

    /// Sets the size of the disk in bytes. It is 1 TiB at first.
    pub fn set_capacity(&self, bytes: u64) {
        self.shared.disk().settings.capacity = bytes;
    }

    /// Returns how many bytes are free.
    pub fn available_space(&self) -> u64 {
        self.shared.disk().free_space()
    }

    /// Sets how many files may be open at a time, regions not counted; opening more fails with
    /// EMFILE.
    pub fn set_open_files_max(&self, files: usize) {
        self.shared.disk().settings.open_files_max = files;
    }

    /// Returns how many files are open, regions not counted.
    pub fn open_files(&self) -> usize {
        self.shared.disk().open_count()
    }

    /// Selects the files (by the path under which they were opened) of which an end may be published
    /// only when everything before it is durable. At first these are the files named `*.seg`.
    pub fn set_published_check(&self, must_be_synced: fn(&Path) -> bool) {
        self.shared.disk().settings.must_be_synced = must_be_synced;
    }

    /// Returns the text of the first broken rule, if any. The call that broke it has panicked, but
    /// the code under test may have caught that.
    pub fn violation(&self) -> Option<String> {
        self.shared.disk().violations.first().cloned()
    }

    // --- the medium ---

    /// Returns the paths of all files, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        self.shared.disk().volume().names().file_paths()
    }

    /// Returns the bytes of the file at `path`, as readers see them.
    ///
    /// # Errors
    /// As opening the file.
    pub fn read_file(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let disk = self.shared.disk();
        let id = disk.node(path.as_ref())?.id;
        let file = disk.volume().file(id).ok_or(io::ErrorKind::IsADirectory)?;
        let len = usize::try_from(file.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; len];
        file.read(&mut bytes, 0);
        Ok(bytes)
    }

    /// Puts `bytes` in place of the contents of the file at `path`, creating it if needed: durable,
    /// unrecorded, uncounted and unchecked. The recorded history is forgotten, and so is what was
    /// not durable in that file.
    ///
    /// # Errors
    /// As creating the file.
    pub fn write_raw(&self, path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
        let path = path.as_ref();
        let mut disk = self.shared.disk();
        let at = disk.place(path)?;
        let id = match disk.volume().names().find(at.dir, &at.name) {
            Some(node) if node.is_dir => return Err(io::ErrorKind::IsADirectory.into()),
            Some(node) => node.id,
            None => {
                let node = Node {
                    id: disk.new_id(),
                    is_dir: false,
                };
                let (dir, link) = (at.dir, Op::Name(Change::Link { at, node }));
                let text = Arc::from(path.to_str().unwrap_or_default());
                disk.record(OpKind::Create, &text, link);
                let succeeds = true;
                disk.record(OpKind::SyncDir, &text, Op::SyncDir { dir, succeeds });
                node.id
            }
        };
        disk.replace_file(id, FileState::durable(bytes));
        Ok(())
    }

    /// Flips bit `bit` (0 is the lowest of the first byte) of the file at `path`, as
    /// [`Sim::write_raw`] does.
    ///
    /// # Errors
    /// `InvalidInput` if the file has no such bit; otherwise as opening the file.
    pub fn flip_bit(&self, path: impl AsRef<Path>, bit: u64) -> io::Result<()> {
        let path = path.as_ref();
        let mut bytes = self.read_file(path)?;
        let byte = usize::try_from(bit / 8)
            .ok()
            .and_then(|at| bytes.get_mut(at))
            .ok_or(io::ErrorKind::InvalidInput)?;
        *byte ^= 1 << (bit % 8);
        self.write_raw(path, &bytes)
    }

    /// Cuts the file at `path` to `len` bytes or fills it up with zeros, as [`Sim::write_raw`] does.
    ///
    /// # Errors
    /// As opening the file.
    pub fn set_len_raw(&self, path: impl AsRef<Path>, len: u64) -> io::Result<()> {
        let path = path.as_ref();
        let mut bytes = self.read_file(path)?;
        bytes.resize(
            usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?,
            0,
        );
        self.write_raw(path, &bytes)
    }
}
