//! Holds the threads that fill space with zeros ahead of a busy shard, so that their calls come where
//! the plan has them and the same plan does the same calls in the same order.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainstem_env::sim::OpKind;
use mainstem_log::Shard;

thread_local! {
    /// The file that this thread fills.
    static FILLED: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// How often somebody who has no way of being told looks again.
const LOOK_EVERY: Duration = Duration::from_micros(50);

/// Holds each write and each sync of zeros until the plan lets it go, or a commit waits for it.
#[derive(Debug, Default)]
pub(super) struct Zeros {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By the names of shards.
    held: BTreeMap<String, Held>,
    /// Shards that are being appended to, so that a commit of theirs may wait for zeros.
    watched: Vec<Shard>,
    is_free: bool,
}

/// Calls that came, and how many of them were let go.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    arrived: u64,
    released: u64,
}

impl Zeros {
    /// Lets a call pass, when it is time, and returns whether it is one that fills space.
    pub(super) fn pass(&self, kind: OpKind, path: &Path) -> bool {
        if kind == OpKind::ZeroByDevice {
            FILLED.set(Some(path.to_path_buf()));
            return true;
        }
        let fills = FILLED.with_borrow(|filled| filled.as_deref() == Some(path));
        if !fills {
            return false;
        }
        match kind {
            OpKind::Write => self.hold(path),
            OpKind::SyncData => {
                // Its last call.
                FILLED.set(None);
                self.hold(path);
            }
            _ => {}
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, path: &Path) {
        let name = path.parent().and_then(Path::file_name);
        let name = name.unwrap_or_default().to_string_lossy().into_owned();
        let mut state = self.lock();
        let held = state.held.entry(name.clone()).or_default();
        held.arrived = held.arrived.saturating_add(1);
        let number = held.arrived;
        self.changed.notify_all();
        loop {
            let released = state.held.get(&name).map_or(0, |held| held.released);
            if state.is_free || released >= number {
                return;
            }
            let watched = state.watched.iter().find(|it| it.name().as_str() == name);
            let Some(shard) = watched.cloned() else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let is_waited_for = shard.metrics().prewrite_waits > 0;
            state = self.lock();
            if is_waited_for {
                state.held.entry(name).or_default().released = number;
                return;
            }
            state = self.wait_a_little(state);
        }
    }

    fn wait_a_little<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let woken = self.changed.wait_timeout(state, LOOK_EVERY);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until a call is held that fills space of `shard`; returns whether there is one.
    fn wait_until_held(&self, shard: &Shard) -> bool {
        let name = shard.name().as_str();
        let mut state = self.lock();
        loop {
            let held = state.held.get(name).copied().unwrap_or_default();
            if held.arrived > held.released {
                return true;
            }
            if shard.metrics().prewrites == 0 {
                return false;
            }
            state = self.wait_a_little(state);
        }
    }

    /// Lets the next call go that fills space of `shard`, and waits until it is done. Returns whether
    /// there was one.
    pub(super) fn let_go(&self, shard: &Shard) -> bool {
        if !self.wait_until_held(shard) {
            return false;
        }
        {
            let mut state = self.lock();
            if let Some(held) = state.held.get_mut(shard.name().as_str()) {
                held.released = held.arrived;
            }
            self.changed.notify_all();
        }
        // It has done its call when it comes with the next one, or has come to its end.
        self.wait_until_held(shard);
        true
    }
}

/// Lets zeros go once a commit of certain shards waits for them, until it is dropped.
#[derive(Debug)]
pub(super) struct Watch(Arc<Zeros>);

impl Watch {
    pub(super) fn over<'a>(
        zeros: &Arc<Zeros>,
        shards: impl IntoIterator<Item = &'a Shard>,
    ) -> Self {
        zeros.lock().watched = shards.into_iter().cloned().collect();
        zeros.changed.notify_all();
        Self(Arc::clone(zeros))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let shards = std::mem::take(&mut self.0.lock().watched);
        drop(shards);
    }
}

/// The zeros of a process, of which none are held any more once it is over.
#[derive(Debug, Default)]
pub(super) struct OfProcess(pub(super) Arc<Zeros>);

impl Drop for OfProcess {
    fn drop(&mut self) {
        self.0.lock().is_free = true;
        self.0.changed.notify_all();
    }
}
