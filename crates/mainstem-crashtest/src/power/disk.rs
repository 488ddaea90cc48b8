//! One disk as the machine sees it: the FUSE server, the loop device over its file, and the place
//! where the file system on that is mounted.

use std::ffi::CStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use fuser::{BackgroundSession, Config, MountOption};
use mainstem_env::Env;
use rustix::fs::{Mode, OFlags};
use rustix::mount::MountFlags;

use super::filesystem::FileSystem;
use super::host::{self, Workspace};
use super::image::Image;
use super::server::{Device, FILE, INODE};

/// A disk with a file system. Dropped, it gives all back in order.
#[derive(Debug)]
pub(super) struct Disk {
    env: Env,
    file_system: FileSystem,
    device: Device,
    /// Where the server is mounted.
    served_at: PathBuf,
    session: Option<BackgroundSession>,
    loop_device: Option<PathBuf>,
    mounted_at: PathBuf,
    is_mounted: bool,
    /// The file system as it was made, with an empty directory for the store.
    fresh: Image,
}

/// The directory of the store below the mount point.
const STORE: &str = "store";

impl Disk {
    /// Serves a disk named `name` in `workspace` and makes a file system on it.
    ///
    /// # Errors
    /// When the machine refuses.
    pub(super) fn new(
        env: &Env,
        workspace: &Workspace,
        name: &str,
        file_system: FileSystem,
    ) -> Result<Self> {
        let directory = |kind: &str| -> Result<PathBuf> {
            let path = workspace.path().join(format!("{name}-{kind}"));
            env.fs
                .create_dir(&path)
                .with_context(|| path.display().to_string())?;
            Ok(path)
        };
        let mut disk = Self {
            env: env.clone(),
            file_system,
            device: Device::new(file_system.disk_bytes()),
            served_at: directory("disk")?,
            session: None,
            loop_device: None,
            mounted_at: directory("mount")?,
            is_mounted: false,
            fresh: Image::default(),
        };
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName(String::from("mainstem-power")),
            MountOption::NoDev,
            MountOption::NoExec,
        ];
        let session = fuser::spawn_mount(disk.device.clone(), &disk.served_at, &config)
            .context("cannot mount the FUSE server")?;
        disk.session = Some(session);
        let loop_device = host::attach(&disk.served_at.join(FILE))?;
        disk.loop_device = Some(loop_device.clone());
        let maker = file_system.maker().split_first().context("no maker")?;
        host::run(Command::new(maker.0).args(maker.1).arg(&loop_device))?;
        disk.mount().context("cannot mount what was just made")?;
        env.fs.create_dir(&disk.store())?;
        disk.sync()?;
        disk.unmount()?;
        disk.fresh = disk.device.image();
        Ok(disk)
    }

    /// The disk below.
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// Replaces the contents of the disk, which must not be mounted.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn load(&self, image: Image) -> io::Result<()> {
        self.device.load(image);
        self.forget()
    }

    /// Has the kernel forget what it keeps of the disk, so that it reads again.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn forget(&self) -> io::Result<()> {
        match &self.session {
            // No length stands for all.
            Some(session) => session.notifier().inval_inode(INODE, 0, 0),
            None => Ok(()),
        }
    }

    /// The file system as it was made.
    pub(super) fn fresh(&self) -> Image {
        self.fresh.clone()
    }

    /// The directory of the store, while it is mounted.
    pub(super) fn store(&self) -> PathBuf {
        self.mounted_at.join(STORE)
    }

    /// Mounts the file system, which then recovers.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn mount(&mut self) -> io::Result<()> {
        let device = self.loop_device.as_deref().unwrap_or(Path::new(""));
        let data: Option<&CStr> = self.file_system.mount_data();
        let flags = MountFlags::NODEV | MountFlags::NOSUID;
        rustix::mount::mount(
            device,
            &self.mounted_at,
            self.file_system.name(),
            flags,
            data,
        )?;
        self.is_mounted = true;
        Ok(())
    }

    /// Unmounts it. All that it still had in memory is written.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn unmount(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_mounted) {
            host::unmount(&self.env, &self.mounted_at)?;
        }
        Ok(())
    }

    /// Has the file system write what it has in memory, as it does on its own from time to time.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn sync(&self) -> io::Result<()> {
        let directory = rustix::fs::open(
            &self.mounted_at,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        Ok(rustix::fs::syncfs(&directory)?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let report = |what: &str, done: Result<()>| {
            if let Err(error) = done {
                eprintln!("{what} {}: {error:#}", self.served_at.display());
            }
        };
        // A disk that still fails could not take what the file system writes at the end.
        self.device.set_fault(None);
        if self.is_mounted {
            let done = host::unmount(&self.env, &self.mounted_at);
            report(
                "cannot unmount the file system of",
                done.map_err(Into::into),
            );
        }
        if let Some(device) = self.loop_device.take() {
            report("cannot detach the loop device of", host::detach(&device));
        }
        if let Some(session) = self.session.take() {
            let done = host::unmount(&self.env, &self.served_at);
            report("cannot unmount", done.map_err(Into::into));
            // Its thread ends because nothing is mounted any more.
            report("the server failed of", session.join().map_err(Into::into));
        }
        for path in [&self.mounted_at, &self.served_at] {
            // What is left is the workspace's to remove, and to report.
            let _ = self.env.fs.remove_dir(path);
        }
    }
}
