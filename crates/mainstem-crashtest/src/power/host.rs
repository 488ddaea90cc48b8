//! What is borrowed from the machine: a working directory, loop devices and mounts. All of it is
//! named so that a later run finds what an earlier one, killed outright, could not give back.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mainstem_env::{Env, LockAttempt, LockHeld, OpenMode};
use rustix::mount::UnmountFlags;

use super::filesystem::FileSystem;

/// Below it, each process that runs has a directory of its own.
const ROOT: &str = "/run/mainstem-power";

/// The file in it that is locked while its process lives.
const LOCK: &str = "lock";

/// Returns what the machine lacks, each with the way to get it; empty if nothing.
pub(super) fn missing(env: &Env, file_systems: &[FileSystem]) -> Vec<String> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push(String::from(
            "root, who alone may mount: run it with sudo, or in a container with --privileged",
        ));
    }
    for (path, hint) in [
        (
            "/dev/fuse",
            "`modprobe fuse`; in a container, `--device /dev/fuse --privileged`",
        ),
        (
            "/dev/loop-control",
            "`modprobe loop`; in a container, `--privileged`",
        ),
    ] {
        if !matches!(env.fs.metadata(Path::new(path)), Ok(Some(_))) {
            missing.push(format!("{path}: {hint}"));
        }
    }
    if !is_on_path(env, "losetup") {
        missing.push(String::from("losetup: `apt-get install util-linux`"));
    }
    let known = read_text(env, Path::new("/proc/filesystems")).unwrap_or_default();
    for file_system in file_systems {
        let name = file_system.name();
        let program = file_system.maker().first().copied().unwrap_or_default();
        if !is_on_path(env, program) {
            let package = file_system.package();
            missing.push(format!("{program}: `apt-get install {package}`"));
        }
        // A module is loaded by the first mount, where modules may be.
        let is_known = known.split_whitespace().any(|word| word == name);
        if !is_known && !is_on_path(env, "modprobe") {
            missing.push(format!("{name} in the kernel: `modprobe {name}`"));
        }
    }
    missing
}

/// Says whether there is a program of this name.
pub(crate) fn is_on_path(env: &Env, program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .any(|directory| matches!(env.fs.metadata(&directory.join(program)), Ok(Some(_))))
}

/// The working directory of this process, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Workspace {
    env: Env,
    path: PathBuf,
    /// Held until the end; its release tells that the process is gone.
    lock: Option<Box<dyn LockHeld>>,
}

impl Workspace {
    /// Gives back what earlier runs left, and makes a directory.
    ///
    /// # Errors
    /// When the machine refuses.
    pub(crate) fn new(env: &Env) -> Result<Self> {
        let root = Path::new(ROOT);
        if let Err(error) = env.fs.create_dir(root)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error).context(ROOT);
        }
        for entry in env.fs.list(root).context(ROOT)? {
            let path = root.join(&entry.name);
            if !entry.is_dir {
                continue;
            }
            match env.fs.try_lock(&path.join(LOCK), "") {
                // Somebody is at work there.
                Ok(LockAttempt::HeldBy(process)) if !is_dead(env, &process) => continue,
                Ok(_) => {}
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            }
            give_back(env, &path)?;
            eprintln!("cleaned up after an earlier run: {}", path.display());
        }
        let process = std::process::id();
        let path = root.join(process.to_string());
        env.fs
            .create_dir(&path)
            .with_context(|| path.display().to_string())?;
        let attempt = env.fs.try_lock(&path.join(LOCK), &process.to_string())?;
        let LockAttempt::Acquired(lock) = attempt else {
            bail!("somebody else holds the lock of {}", path.display());
        };
        Ok(Self {
            env: env.clone(),
            path,
            lock: Some(lock),
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = give_back(&self.env, &self.path) {
            eprintln!("cannot clean up {}: {error:#}", self.path.display());
        }
        self.lock = None;
    }
}

/// Returns whether `process` is gone, or is about to be: one that was killed in the middle of a call to
/// its own disk keeps its locks until that is taken from it.
fn is_dead(env: &Env, process: &str) -> bool {
    let status = Path::new("/proc").join(process.trim()).join("stat");
    let Ok(status) = read_text(env, &status) else {
        return true;
    };
    // The state follows the name, which stands in parentheses and may hold anything.
    let state = status.rsplit_once(") ").map_or("", |(_, state)| state);
    state.starts_with(['Z', 'X'])
}

/// Unmounts, detaches and removes all that is at `path`: file systems first, then their loop
/// devices, then the disks below them.
fn give_back(env: &Env, path: &Path) -> Result<()> {
    let mounts = mounts_below(env, path)?;
    let (disks, file_systems): (Vec<_>, Vec<_>) =
        mounts.into_iter().partition(|mount| mount.is_fuse);
    for disk in &disks {
        // It may have no server any more, or one that waits for its own answers. Forced, the kernel
        // fails all that is asked of the disk; the mount itself is still in use.
        let _ = rustix::mount::unmount(&disk.at, UnmountFlags::FORCE);
    }
    for mount in file_systems {
        unmount(env, &mount.at)?;
    }
    for device in loop_devices_below(env, path)? {
        detach(&device)?;
    }
    for mount in mounts_below(env, path)? {
        unmount(env, &mount.at)?;
    }
    for entry in env.fs.list(path)? {
        if entry.is_dir {
            env.fs.remove_dir(&path.join(&entry.name))?;
        }
    }
    env.fs.unlink(&path.join(LOCK))?;
    env.fs.remove_dir(path)?;
    Ok(())
}

#[derive(Debug)]
struct MountPoint {
    at: PathBuf,
    is_fuse: bool,
}

/// Returns what is mounted below `path`, the newest first.
fn mounts_below(env: &Env, path: &Path) -> Result<Vec<MountPoint>> {
    let table = read_text(env, Path::new("/proc/self/mounts"))?;
    let mounts = table.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (_, at, kind) = (words.next()?, words.next()?, words.next()?);
        Path::new(at).starts_with(path).then(|| MountPoint {
            at: PathBuf::from(at),
            is_fuse: kind.starts_with("fuse"),
        })
    });
    let mut mounts: Vec<MountPoint> = mounts.collect();
    mounts.reverse();
    Ok(mounts)
}

fn loop_devices_below(env: &Env, path: &Path) -> Result<Vec<PathBuf>> {
    let mut devices = Vec::new();
    for entry in env.fs.list(Path::new("/sys/block"))? {
        if !entry.name.starts_with("loop") {
            continue;
        }
        let file = format!("/sys/block/{}/loop/backing_file", entry.name);
        if let Ok(file) = read_text(env, Path::new(&file))
            && Path::new(file.trim()).starts_with(path)
        {
            devices.push(Path::new("/dev").join(&entry.name));
        }
    }
    Ok(devices)
}

/// Unmounts what is at `path`; at the last, in spite of who uses it.
///
/// # Errors
/// The system's error.
pub(super) fn unmount(env: &Env, path: &Path) -> io::Result<()> {
    // A process that was killed may be about to let go of its files.
    for _ in 0..BUSY_TRIES {
        match rustix::mount::unmount(path, UnmountFlags::empty()) {
            Err(rustix::io::Errno::BUSY) => env.clock.sleep(BUSY_PAUSE),
            done => return Ok(done?),
        }
    }
    rustix::mount::unmount(path, UnmountFlags::DETACH)?;
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        format!("{} was still in use, and was detached", path.display()),
    ))
}

const BUSY_TRIES: u32 = 500;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Attaches `file` to a free loop device and returns that.
///
/// # Errors
/// When `losetup` fails.
pub(super) fn attach(file: &Path) -> Result<PathBuf> {
    let mut command = Command::new("losetup");
    let output = command
        .args(["--find", "--show"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .context("cannot start losetup")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("losetup: {}", said.trim());
    }
    let device = String::from_utf8_lossy(&output.stdout);
    Ok(PathBuf::from(device.trim()))
}

/// Detaches the loop device `device`.
///
/// # Errors
/// When `losetup` fails.
pub(super) fn detach(device: &Path) -> Result<()> {
    run(Command::new("losetup").arg("--detach").arg(device))
}

/// Runs a tool that says nothing unless it fails.
///
/// # Errors
/// When it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name}: {}: {}", output.status, said.trim());
    }
    Ok(())
}

/// Reads a text file, also of the kernel's, whose lengths are not known beforehand.
///
/// # Errors
/// The system's error.
pub(super) fn read_text(env: &Env, path: &Path) -> Result<String> {
    let file: Arc<dyn mainstem_env::File> = env
        .fs
        .open(path, OpenMode::Read)
        .with_context(|| path.display().to_string())?;
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let position = u64::try_from(bytes.len())?;
        let count = file.read_at(&mut buffer, position)?;
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if count == 0 {
            return String::from_utf8(bytes).with_context(|| path.display().to_string());
        }
    }
}
