//! Step 5: waking exactly those whose records a sync made durable.

use std::task::{Context, Poll, Waker};

use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::sync::{Condvar, Mutex, wake_all};

/// The fate of one group, shared by everyone with a batch in it.
#[derive(Debug)]
pub(crate) struct Round {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    result: Option<Result<(), LogError>>,
    lead_offered: bool,
    /// Threads that block in [`Round::wait`]: to wake nobody is a system call all the same.
    blocked: u32,
    wakers: Vec<Option<Waker>>,
}

/// Why a blocking waiter came back.
#[derive(Debug)]
pub(crate) enum Woken {
    /// The group's fate is known.
    Done(Result<(), LogError>),
    /// The caller now leads and must commit the group.
    Lead,
}

impl Round {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        }
    }

    /// Blocks until the group's fate is known or the lead is offered; one waiter gets the offer.
    pub(crate) fn wait(&self) -> Woken {
        let mut state = self.state.lock();
        loop {
            if let Some(result) = &state.result {
                return Woken::Done(result.clone());
            }
            if state.lead_offered {
                state.lead_offered = false;
                return Woken::Lead;
            }
            state.blocked = state.blocked.saturating_add(1);
            state = self.changed.wait(state);
            state.blocked = state.blocked.saturating_sub(1);
        }
    }

    /// Offers the lead to one blocking waiter. The caller knows that there is one: a blocking waiter
    /// stays until the fate is known.
    pub(crate) fn offer_lead(&self) {
        let is_blocked = {
            let mut state = self.state.lock();
            state.lead_offered = true;
            state.blocked > 0
        };
        if is_blocked {
            self.changed.notify_one();
        }
    }

    /// Settles the group's fate and wakes all who wait for it.
    pub(crate) fn complete(&self, result: Result<(), LogError>) {
        let (is_blocked, wakers) = {
            let mut state = self.state.lock();
            let is_early =
                is_planted(Defect::AckBeforeCommit) || is_planted(Defect::NextGroupReleased);
            debug_assert!(state.result.is_none() || is_early, "a group has one fate");
            state.result = Some(result);
            (state.blocked > 0, std::mem::take(&mut state.wakers))
        };
        if is_planted(Defect::WaitersForgotten) {
            self.changed.notify_one();
        } else if is_blocked {
            self.changed.notify_all();
        }
        wake_all(wakers.into_iter().flatten());
    }

    /// Returns the fate if it is known; otherwise the task of `context` is woken when it is. `slot`
    /// is the waiter's place in the list, kept between calls.
    pub(crate) fn poll(
        &self,
        slot: &mut Option<usize>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), LogError>> {
        let mut state = self.state.lock();
        if let Some(result) = &state.result {
            return Poll::Ready(result.clone());
        }
        let mut waker = Some(context.waker().clone());
        match slot.and_then(|slot| state.wakers.get_mut(slot)) {
            Some(_) if is_planted(Defect::OldWakerKept) => {}
            Some(place) => std::mem::swap(place, &mut waker),
            None => {
                *slot = Some(state.wakers.len());
                state.wakers.push(waker.take());
            }
        }
        // Dropping a waker may drop a task with a future of ours in it: not under the lock.
        drop(state);
        drop(waker);
        Poll::Pending
    }

    /// Takes a waiter that has lost interest off the list.
    pub(crate) fn forget(&self, slot: usize) {
        let mut state = self.state.lock();
        let waker = state.wakers.get_mut(slot).and_then(Option::take);
        drop(state);
        drop(waker);
    }
}
