//! Holds a write, so that several appends become one group.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use mainstem_env::sim::OpKind;

/// Holds the next write to a segment until it is opened, so that more appends gather behind it.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum GateState {
    #[default]
    Open,
    /// The next write is held.
    Armed,
    /// A write is held.
    Holding,
}

impl Gate {
    pub(super) fn set(&self, state: GateState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.changed.notify_all();
    }

    pub(super) fn pass(&self, kind: OpKind, path: &Path) {
        let is_held = kind == OpKind::Write && path.extension().is_some_and(|it| it == "seg");
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if is_held && *state == GateState::Armed {
            *state = GateState::Holding;
            self.changed.notify_all();
            while *state != GateState::Open {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Waits until a write is held, or the gate is open.
    pub(super) fn wait_until_held(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while *state == GateState::Armed {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Opens a gate when it is dropped.
pub(super) struct OpensGate<'a>(pub(super) &'a Gate);

impl Drop for OpensGate<'_> {
    fn drop(&mut self) {
        self.0.set(GateState::Open);
    }
}
