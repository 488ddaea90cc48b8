//! The file systems under test: how each is made and mounted.

use std::ffi::CStr;
use std::fmt;

/// A file system of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum FileSystem {
    /// ext4.
    Ext4,
    /// XFS.
    Xfs,
    /// btrfs.
    Btrfs,
}

impl FileSystem {
    /// Every one.
    pub(super) const ALL: [Self; 3] = [Self::Ext4, Self::Xfs, Self::Btrfs];

    /// Its name, to the kernel and on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }

    /// The size of a disk for it, in bytes: little more than the least that its maker accepts.
    pub(super) fn disk_bytes(self) -> u64 {
        let mebibytes = match self {
            Self::Ext4 => 48,
            Self::Xfs => 320,
            Self::Btrfs => 256,
        };
        mebibytes << 20
    }

    /// The command that makes one, without the device.
    pub(super) fn maker(self) -> &'static [&'static str] {
        match self {
            Self::Ext4 => &[
                "mkfs.ext4",
                "-q",
                "-b",
                "4096",
                "-E",
                "nodiscard,lazy_itable_init=0",
            ],
            Self::Xfs => &["mkfs.xfs", "-q", "-f", "-K"],
            Self::Btrfs => &["mkfs.btrfs", "-q", "-f", "-K", "-m", "single"],
        }
    }

    /// The Debian package of the maker.
    pub(super) fn package(self) -> &'static str {
        match self {
            Self::Ext4 => "e2fsprogs",
            Self::Xfs => "xfsprogs",
            Self::Btrfs => "btrfs-progs",
        }
    }

    /// Its own mount options.
    pub(super) fn mount_data(self) -> Option<&'static CStr> {
        match self {
            Self::Ext4 | Self::Btrfs => None,
            // Several states of one file system, with one identity.
            Self::Xfs => Some(c"nouuid"),
        }
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
