//! Errors on order, and counts of calls.

use std::collections::BTreeMap;
use std::io;

/// A kind of call that the simulated world counts and can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OpKind {
    /// [`Fs::open`](crate::Fs::open) of an existing file.
    Open,
    /// [`Fs::open`](crate::Fs::open) in a mode that may create, whether or not it does.
    Create,
    /// [`Fs::metadata`](crate::Fs::metadata).
    Metadata,
    /// [`Fs::list`](crate::Fs::list).
    List,
    /// [`Fs::create_dir`](crate::Fs::create_dir).
    CreateDir,
    /// [`Fs::rename`](crate::Fs::rename); a path filter looks at both paths.
    Rename,
    /// [`Fs::unlink`](crate::Fs::unlink).
    Unlink,
    /// [`Fs::remove_dir`](crate::Fs::remove_dir).
    RemoveDir,
    /// [`Fs::sync_dir`](crate::Fs::sync_dir).
    SyncDir,
    /// [`Fs::available_space`](crate::Fs::available_space).
    AvailableSpace,
    /// [`Fs::try_lock`](crate::Fs::try_lock).
    TryLock,
    /// [`File::write_all_at`](crate::File::write_all_at).
    Write,
    /// A call that [`File::read_at`](crate::File::read_at) or a [`Region::view`](crate::Region::view)
    /// makes of the system: one, and more after one that was short or interrupted, or where the file ends.
    Read,
    /// [`File::sync_data`](crate::File::sync_data).
    SyncData,
    /// [`File::sync_all`](crate::File::sync_all).
    SyncAll,
    /// [`File::len`](crate::File::len).
    Len,
    /// [`File::allocate`](crate::File::allocate).
    Allocate,
    /// [`File::truncate`](crate::File::truncate).
    Truncate,
    /// [`File::region`](crate::File::region).
    Region,
    /// [`File::zero_by_device`](crate::File::zero_by_device), which no simulated device can do.
    ZeroByDevice,
    /// [`Random::fill`](crate::Random::fill).
    Random,
}

impl OpKind {
    /// Returns whether a call of this kind can change the disk, or what is durable of it.
    pub fn changes_disk(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::CreateDir
                | Self::Rename
                | Self::Unlink
                | Self::RemoveDir
                | Self::SyncDir
                | Self::TryLock
                | Self::Write
                | Self::SyncData
                | Self::SyncAll
                | Self::Allocate
                | Self::Truncate
        )
    }

    /// All kinds.
    pub const ALL: [Self; 21] = [
        Self::Open,
        Self::Create,
        Self::Metadata,
        Self::List,
        Self::CreateDir,
        Self::Rename,
        Self::Unlink,
        Self::RemoveDir,
        Self::SyncDir,
        Self::AvailableSpace,
        Self::TryLock,
        Self::Write,
        Self::Read,
        Self::SyncData,
        Self::SyncAll,
        Self::Len,
        Self::Allocate,
        Self::Truncate,
        Self::Region,
        Self::ZeroByDevice,
        Self::Random,
    ];
}

/// An error to inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an error has a kind or a number")]
pub enum FaultError {
    /// An error of this kind.
    Kind(io::ErrorKind),
    /// The system's error with this number.
    Raw(i32),
}

impl FaultError {
    pub(super) fn to_error(self) -> io::Error {
        match self {
            Self::Kind(kind) => kind.into(),
            Self::Raw(number) => io::Error::from_raw_os_error(number),
        }
    }
}

impl From<io::ErrorKind> for FaultError {
    fn from(kind: io::ErrorKind) -> Self {
        Self::Kind(kind)
    }
}

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum FaultMode {
    /// At the call that it counts down to.
    Once,
    /// At that call and at all later ones.
    ForEver,
}

/// A fault to inject with [`Sim::fail`](super::Sim::fail).
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests write it out")]
pub struct Fault {
    /// The calls that it counts and fails.
    pub op: OpKind,
    /// Which of them fails: 1 is the next one.
    pub nth: u64,
    /// What the call returns.
    pub error: FaultError,
    /// Whether later calls fail too.
    pub mode: FaultMode,
    /// Count and fail only calls on paths that contain this text.
    pub path_contains: Option<String>,
    /// For writes: how many bytes are written before the error. For reads: how many bytes the call of
    /// the system returns at most, which is then no error; 0 counts as 1, so that reading gets on.
    pub partial: Option<usize>,
    /// Whether the call takes its full effect before it reports the error.
    pub takes_effect: bool,
}

impl Fault {
    /// Returns a fault that strikes once, at call `nth` from now, anywhere.
    pub fn once(op: OpKind, nth: u64, error: impl Into<FaultError>) -> Self {
        Self {
            op,
            nth,
            error: error.into(),
            mode: FaultMode::Once,
            path_contains: None,
            partial: None,
            takes_effect: false,
        }
    }

    /// Returns a fault that strikes at call `nth` from now and at all later ones, anywhere.
    pub fn for_ever(op: OpKind, nth: u64, error: impl Into<FaultError>) -> Self {
        Self {
            mode: FaultMode::ForEver,
            ..Self::once(op, nth, error)
        }
    }

    /// Limits it to paths that contain `text`.
    #[must_use]
    pub fn on_path(mut self, text: &str) -> Self {
        self.path_contains = Some(text.to_owned());
        self
    }

    /// Lets a write put down its first `bytes` bytes before it fails, and a read succeed with so many.
    #[must_use]
    pub fn after_bytes(mut self, bytes: usize) -> Self {
        self.partial = Some(bytes);
        self
    }

    /// Lets the call take its full effect before it reports the error.
    #[must_use]
    pub fn after_effect(mut self) -> Self {
        self.takes_effect = true;
        self
    }
}

/// The faults that wait, and how often each kind of call was made.
#[derive(Debug, Default)]
pub(super) struct Faults {
    waiting: Vec<Fault>,
    calls: BTreeMap<OpKind, u64>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.waiting.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(super) fn calls(&self, op: OpKind) -> u64 {
        self.calls.get(&op).copied().unwrap_or(0)
    }

    /// Counts a call, and returns the fault that strikes it.
    pub(super) fn strike(&mut self, op: OpKind, path: &str) -> Option<Fault> {
        let calls = self.calls.entry(op).or_default();
        *calls = calls.saturating_add(1);
        let mut struck = None;
        self.waiting.retain_mut(|fault| {
            let concerns = fault.op == op
                && fault
                    .path_contains
                    .as_ref()
                    .is_none_or(|text| path.contains(text));
            if !concerns {
                return true;
            }
            fault.nth = fault.nth.saturating_sub(1);
            if fault.nth > 0 || struck.is_some() {
                return true;
            }
            struck = Some(fault.clone());
            fault.mode == FaultMode::ForEver
        });
        struck
    }
}
