//! Seals.
//!
//! The log below takes appends as long as it is open. A gate in front of it lets appends in until the
//! log is sealed; sealing waits for those inside.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Lets appends in until it is shut.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    empty: Condvar,
}

#[derive(Debug, Default)]
struct State {
    inside: usize,
    is_shut: bool,
}

/// Shows that an append is inside; dropping it lets it out.
#[derive(Debug)]
pub(super) struct Inside(Arc<Gate>);

impl Gate {
    /// Lets an append in, or returns `None` if the gate is shut.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Inside> {
        let mut state = self.state();
        if state.is_shut {
            return None;
        }
        state.inside = state.inside.saturating_add(1);
        Some(Inside(Arc::clone(self)))
    }

    /// Shuts the gate for good and waits until nobody is inside.
    pub(super) fn shut(&self) {
        let mut state = self.state();
        state.is_shut = true;
        while state.inside > 0 {
            let woken = self.empty.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.inside = state.inside.saturating_sub(1);
        if state.inside == 0 {
            self.0.empty.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::thread;

    use super::*;

    #[test]
    fn shutting_waits_for_those_inside() {
        let gate = Arc::new(Gate::default());
        let inside = gate.enter().unwrap();
        let (shut, is_shut) = sync_channel(1);
        let shutter = thread::spawn({
            let gate = Arc::clone(&gate);
            move || {
                gate.shut();
                shut.send(()).unwrap();
            }
        });
        while gate.enter().is_some() {
            thread::yield_now();
        }
        assert!(is_shut.try_recv().is_err(), "one is still inside");
        drop(inside);
        is_shut.recv().unwrap();
        shutter.join().unwrap();
        assert!(gate.enter().is_none());
    }
}
