//! Where a store lies that runs out of space: below a limit on the size of files, or on a small file
//! system.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use mainstem_env::{Env, OpenMode};
use rustix::mount::MountFlags;

use super::bench::Bench;
use super::dirs::remove_all;
use super::process::Process;
use crate::power::host::{self, Workspace};

/// What runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Kind {
    /// The size that files of a process may have. A write across it is short, the next one fails.
    FileSize,
    /// The space of a file system in memory.
    Tmpfs,
    /// The space of an ext4 of 16 MiB, which puts blocks in their places later than it takes them.
    Ext4,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Medium {
    pub(super) kind: Kind,
    env: Env,
    /// Where the store and what fills the space are.
    dir: PathBuf,
}

/// The size of the ext4, in bytes.
const EXT4_BYTES: u64 = 16 << 20;
/// How much of it is given to stores, in bytes, so that filling it does not take long.
const SPACE_BYTES: u64 = 4 << 20;
/// How much is written at a time to fill the space, in bytes: first fast, then to the end.
const CHUNKS: [usize; 2] = [64 << 10, 4 << 10];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::FileSize => "file-size",
            Self::Tmpfs => "tmpfs",
            Self::Ext4 => "ext4",
        })
    }
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::FileSize, Self::Tmpfs, Self::Ext4];

    /// Says whether a file system is mounted for it.
    pub(super) fn is_mounted(self) -> bool {
        self != Self::FileSize
    }

    /// Says what is missing on this machine, if something is.
    pub(super) fn missing(self, env: &Env) -> Option<&'static str> {
        let is_there = |path: &str| matches!(env.fs.metadata(Path::new(path)), Ok(Some(_)));
        match self {
            Self::FileSize => None,
            _ if !rustix::process::geteuid().is_root() => Some("root, who alone may mount"),
            Self::Ext4 if !is_there("/dev/loop-control") => Some("loop devices"),
            Self::Ext4 if !host::is_on_path(env, "mkfs.ext4") => Some("mkfs.ext4, of e2fsprogs"),
            Self::Tmpfs | Self::Ext4 => None,
        }
    }
}

impl Medium {
    /// Prepares one; what is mounted for it is `workspace`'s to give back.
    ///
    /// # Errors
    /// When the machine refuses.
    pub(super) fn new(bench: &Bench, workspace: Option<&Workspace>, kind: Kind) -> Result<Self> {
        let env = &bench.env;
        let dir = match (kind, workspace) {
            (Kind::FileSize, _) => bench.base.clone(),
            (_, Some(workspace)) => workspace.path().join(kind.to_string()),
            (_, None) => bail!("nowhere to mount {kind}"),
        };
        let medium = Self {
            kind,
            env: env.clone(),
            dir,
        };
        if kind == Kind::FileSize {
            return Ok(medium);
        }
        env.fs.create_dir(&medium.dir)?;
        if kind == Kind::Tmpfs {
            let flags = MountFlags::NODEV | MountFlags::NOSUID;
            rustix::mount::mount("tmpfs", &medium.dir, "tmpfs", flags, c"size=4m")?;
            return Ok(medium);
        }
        let image = bench.base.join("ext4.img");
        env.fs
            .open(&image, OpenMode::CreateNew)?
            .truncate(EXT4_BYTES)?;
        host::run(
            Command::new("mkfs.ext4")
                .args(["-q", "-m", "0"])
                .arg(&image),
        )?;
        let mut mount = Command::new("mount");
        host::run(mount.args(["-o", "loop"]).arg(&image).arg(&medium.dir))?;
        // What is mounted keeps it until it is unmounted, by whomever.
        env.fs.unlink(&image)?;
        medium.fill_up("ballast", SPACE_BYTES)?;
        Ok(medium)
    }

    /// Where the store is.
    pub(super) fn store_dir(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// Returns `command` so that a limit on the size of files makes its calls fail, and does not kill it.
    pub(super) fn command(&self, command: Command) -> Command {
        if self.kind != Kind::FileSize {
            return command;
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
        shell.arg(command.get_program()).args(command.get_args());
        shell
    }

    /// Leaves `process`, or everybody, room for about `room` bytes more.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn fill(&self, process: Option<&Process>, room: u64) -> Result<()> {
        match (self.kind, process) {
            (Kind::FileSize, Some(process)) => process.limit_file_bytes(room),
            (Kind::FileSize, None) => Ok(()),
            _ => self.fill_up("filler", room),
        }
    }

    /// Takes all the space but for `room` bytes into a file called `name`.
    fn fill_up(&self, name: &str, room: u64) -> Result<()> {
        let path = self.dir.join(name);
        let file = self.env.fs.open(&path, OpenMode::ReadWriteOrCreate)?;
        let mut len = file.len()?;
        for chunk in CHUNKS {
            let bytes = vec![b'f'; chunk];
            loop {
                match file.write_all_at(&bytes, len) {
                    Ok(()) => len = len.saturating_add(u64::try_from(chunk)?),
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).context("filling the space"),
                }
                if len > EXT4_BYTES {
                    bail!("there is no end to the space of {}", self.dir.display());
                }
            }
        }
        Ok(file.truncate(len.saturating_sub(room))?)
    }

    /// Gives the space back that was taken.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn free(&self) -> Result<()> {
        let path = self.dir.join("filler");
        if self.env.fs.metadata(&path)?.is_some() {
            self.env.fs.unlink(&path)?;
        }
        Ok(())
    }

    /// Removes the store, and what fills the space.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn clear(&self) -> Result<()> {
        self.free()?;
        remove_all(&self.env, &self.store_dir())
    }
}
