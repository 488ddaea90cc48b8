//! Watches over the programs under test: none outlives its time, or the wish to stop.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mainstem_env::{Elapsed, Env};
use nix::sys::signal::{SigSet, Signal as NixSignal};
use rustix::process::{Pid, PidfdFlags, Signal};

/// How long a program may take for anything.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// How often the keeper looks.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
struct Watched {
    pid: Pid,
    process: OwnedFd,
    since: Elapsed,
    is_late: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Shared {
    env: Env,
    wants_stop: AtomicBool,
    watched: Mutex<BTreeMap<u32, Watched>>,
}

/// Watches over programs; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    shared: Arc<Shared>,
}

impl Keeper {
    /// Starts to watch, and takes over SIGINT, SIGTERM and SIGHUP from the whole process. Must be
    /// called before any other thread is started.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn start(env: &Env) -> Result<Self> {
        let keeper = Self {
            shared: Arc::new(Shared {
                env: env.clone(),
                wants_stop: AtomicBool::new(false),
                watched: Mutex::default(),
            }),
        };
        let mut signals = SigSet::empty();
        signals.add(NixSignal::SIGINT);
        signals.add(NixSignal::SIGTERM);
        signals.add(NixSignal::SIGHUP);
        // Blocked in every thread, so that the one which waits for them gets them.
        signals.thread_block().context("cannot block signals")?;
        let stopper = keeper.clone();
        std::thread::Builder::new()
            .name(String::from("signals"))
            .spawn(move || {
                while let Ok(signal) = signals.wait() {
                    eprintln!("{signal}: cleaning up");
                    stopper.stop();
                }
            })?;
        let watcher = keeper.clone();
        std::thread::Builder::new()
            .name(String::from("keeper"))
            .spawn(move || {
                loop {
                    watcher.shared.env.clock.sleep(PAUSE);
                    watcher.look();
                }
            })?;
        Ok(keeper)
    }

    /// Has everything end soon.
    pub(super) fn stop(&self) {
        // Read by the threads that explore, between two states; no data depends on the order.
        self.shared.wants_stop.store(true, Ordering::Relaxed);
        self.look();
    }

    /// Returns whether everything has to end.
    pub(super) fn wants_stop(&self) -> bool {
        self.shared.wants_stop.load(Ordering::Relaxed)
    }

    fn look(&self) {
        let now = self.shared.env.clock.elapsed();
        let watched = self.shared.watched.lock();
        for watched in watched.unwrap_or_else(PoisonError::into_inner).values() {
            let is_late = now.since(watched.since) > PATIENCE;
            if is_late {
                // Read after the end of the process, which this kill causes.
                watched.is_late.store(true, Ordering::Relaxed);
            }
            // Only who is still there has a group that is still its own.
            if (is_late || self.wants_stop())
                && rustix::process::pidfd_send_signal(&watched.process, Signal::KILL).is_ok()
            {
                let _ = rustix::process::kill_process_group(watched.pid, Signal::KILL);
            }
        }
    }

    /// Watches over `child` from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn watch(&self, child: Child) -> Result<Ward> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.context("a process without number")?;
        let process = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        let is_late = Arc::new(AtomicBool::new(false));
        let watched = Watched {
            pid,
            process,
            since: self.shared.env.clock.elapsed(),
            is_late: Arc::clone(&is_late),
        };
        let mut all = self.shared.watched.lock();
        let all = all.as_mut().unwrap_or_else(|error| error.get_mut());
        all.insert(child.id(), watched);
        Ok(Ward {
            keeper: self.clone(),
            child,
            pid,
            is_late,
            is_over: false,
        })
    }
}

/// A program that is watched; killed when it is dropped.
#[derive(Debug)]
pub(super) struct Ward {
    keeper: Keeper,
    /// The program, the leader of a process group of its own.
    pub(super) child: Child,
    pid: Pid,
    is_late: Arc<AtomicBool>,
    is_over: bool,
}

impl Ward {
    /// Kills the program and all it started.
    pub(super) fn kill(&self) {
        // It may just have ended.
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
    }

    /// Waits for its end, and returns `None` if it had to be killed because it took too long. Its pipes
    /// must have been taken, and read to their ends.
    ///
    /// # Errors
    /// [`Stopped`] when the user wants to stop.
    pub(super) fn wait(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.wait()?;
        self.is_over = true;
        let late = self.is_late.load(Ordering::Relaxed) && status.signal().is_some();
        if self.keeper.wants_stop() {
            bail!(Stopped);
        }
        Ok((!late).then_some(status))
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        if !self.is_over {
            self.kill();
            let _ = self.child.wait();
        }
        let mut all = self.keeper.shared.watched.lock();
        let all = all.as_mut().unwrap_or_else(|error| error.get_mut());
        all.remove(&self.child.id());
    }
}

/// The user wants to stop.
#[derive(Debug)]
pub(super) struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stopped {}
