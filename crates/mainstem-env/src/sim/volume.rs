//! The simulated disk as a value that recorded operations change.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::choices::{Choices, Strictness};
use super::file_state::FileState;
use super::names::{Change, Names};
use super::pages::{Page, to_u64, to_usize};
use super::survival::Rules;

/// An operation that changes the disk.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Name(Change),
    Write {
        file: u64,
        bytes: Arc<[u8]>,
        position: u64,
    },
    Truncate {
        file: u64,
        len: u64,
    },
    Allocate {
        file: u64,
        len: u64,
    },
    Sync {
        file: u64,
        succeeds: bool,
    },
    SyncDir {
        dir: u64,
        succeeds: bool,
    },
}

impl Op {
    pub(super) fn is_sync(&self) -> bool {
        matches!(self, Self::Sync { .. } | Self::SyncDir { .. })
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Name(change) => change.describe(),
            Self::Write {
                bytes, position, ..
            } => {
                // FNV-1a, so that two journals differ when the bytes do.
                let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                });
                format!("{} bytes at {position}, hash {hash:016x}", bytes.len())
            }
            Self::Truncate { len, .. } => format!("to {len}"),
            Self::Allocate { len, .. } => format!("up to {len}"),
            Self::Sync { succeeds, .. } | Self::SyncDir { succeeds, .. } => {
                if *succeeds { "ok" } else { "failed" }.to_owned()
            }
        }
    }
}

/// Files and names, with all that is undecided about them. Cheap to clone: contents are shared.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    files: BTreeMap<u64, Arc<FileState>>,
    names: Names,
    /// Changes of names before this operation are in the journal of an ext4-like disk.
    committed: u64,
}

impl Volume {
    pub(super) fn new() -> Self {
        Self {
            files: BTreeMap::new(),
            names: Names::new(),
            committed: 0,
        }
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn file(&self, id: u64) -> Option<&FileState> {
        self.files.get(&id).map(|file| &**file)
    }

    /// Applies the operation with number `index`.
    pub(super) fn apply(&mut self, index: u64, op: &Op) {
        match op {
            Op::Name(change) => self.apply_change(index, change),
            Op::Write {
                file,
                bytes,
                position,
            } => self.with(*file, |file| file.write(index, bytes, *position)),
            Op::Truncate { file, len } => self.with(*file, |file| file.truncate(index, *len)),
            Op::Allocate { file, len } => self.with(*file, |file| file.allocate(index, *len)),
            Op::Sync {
                file,
                succeeds: true,
            } => {
                let metadata_end = self.file(*file).map_or(0, FileState::metadata_end);
                self.committed = self.committed.max(metadata_end);
                self.with(*file, FileState::sync);
            }
            Op::Sync {
                file,
                succeeds: false,
            } => self.with(*file, FileState::sync_failed),
            Op::SyncDir {
                dir,
                succeeds: true,
            } => {
                self.committed = self.committed.max(self.names.dirty_end(*dir));
                self.names.sync(*dir);
            }
            Op::SyncDir {
                dir,
                succeeds: false,
            } => self.names.sync_failed(*dir),
        }
    }

    fn apply_change(&mut self, index: u64, change: &Change) {
        match change {
            Change::Link { node, .. } if !node.is_dir => {
                self.files
                    .insert(node.id, Arc::new(FileState::created(index)));
            }
            Change::Rename { node, .. } if !node.is_dir => {
                self.with(node.id, |file| file.touch_metadata(index));
            }
            _ => {}
        }
        self.names.apply(index, change.clone());
    }

    fn with(&mut self, id: u64, change: impl FnOnce(&mut FileState)) {
        if let Some(file) = self.files.get_mut(&id) {
            change(Arc::make_mut(file));
        }
    }

    /// Puts `file` in place of the one with number `id`, for good.
    pub(super) fn replace_file(&mut self, id: u64, file: FileState) {
        self.files.insert(id, Arc::new(file));
    }

    /// Forgets the files that `keeps` does not want and that no state can show any more.
    pub(super) fn collect(&mut self, keeps: impl Fn(u64) -> bool) {
        let names = &self.names;
        self.files.retain(|&id, _| keeps(id) || names.mentions(id));
    }

    /// Returns how many blocks file `id` needs in addition to hold bytes `range`.
    pub(super) fn blocks_missing(&self, id: u64, range: Range<u64>) -> u64 {
        self.file(id).map_or(0, |file| file.blocks_missing(range))
    }

    /// Returns the disk as it is after everything reached it.
    pub(super) fn flushed(&self) -> Self {
        let names = self.names.flushed();
        let files = names
            .files()
            .filter_map(|id| Some((id, self.files.get(&id)?.flushed())))
            .collect();
        Self {
            files,
            names,
            committed: 0,
        }
    }

    /// Returns one of the disks that can be found after power loss, when operations before `end`
    /// had begun.
    pub(super) fn after_power_loss(
        &self,
        end: u64,
        choices: &mut Choices,
        strictness: Strictness,
    ) -> Self {
        let (cut, sectors_at_cut) = match strictness {
            Strictness::StrictPosix => (0, 0),
            Strictness::Ext4Like => (self.choose_cut(end, choices), 0),
            Strictness::PrefixOnly => (
                self.choose_cut(end, choices),
                choices.up_to(SECTORS_AT_CUT_MAX),
            ),
        };
        let rules = Rules {
            strictness,
            cut,
            sectors_at_cut,
        };
        let names = self.names.after_power_loss(rules, self.committed, choices);
        let stale = |page, choices: &mut Choices| self.stale_page(page, choices);
        let files = names
            .files()
            .filter_map(|id| {
                let file = self.files.get(&id)?;
                Some((id, file.after_power_loss(rules, choices, &stale)))
            })
            .collect();
        Self {
            files,
            names,
            committed: 0,
        }
    }

    fn choose_cut(&self, end: u64, choices: &mut Choices) -> u64 {
        self.committed
            .saturating_add(choices.up_to(end.saturating_sub(self.committed)))
    }

    /// Returns what some file has, or had, at page `page`.
    fn stale_page(&self, page: u64, choices: &mut Choices) -> Option<Arc<Page>> {
        let donors: Vec<_> = self
            .files
            .values()
            .filter_map(|file| file.durable_page(page))
            .collect();
        let at = choices.noise().checked_rem(to_u64(donors.len()))?;
        donors.get(to_usize(at)).map(|page| Arc::clone(page))
    }
}

/// How many sectors of the first lost write are kept at most in [`Strictness::PrefixOnly`].
const SECTORS_AT_CUT_MAX: u64 = 16;
