use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::client::CallResult;

/// Where a thread waits for the response to its call, or until it is promoted to perform the client's I/O. If it waits
/// for something else, being promoted means to check again.
#[derive(Debug, Default)]
pub(in crate::client) struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    New,
    /// Its thread sleeps.
    Waiting,
    /// It is to lead.
    Promoted,
    Answered(CallResult),
    Taken,
}

impl Slot {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(in crate::client) fn answer(&self, result: CallResult) {
        let before = std::mem::replace(&mut *self.lock(), State::Answered(result));
        // That would be a system call each time.
        if matches!(before, State::Waiting) {
            self.changed.notify_one();
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        matches!(*self.lock(), State::Answered(_) | State::Taken)
    }

    /// The response, if it has arrived.
    pub(super) fn take(&self) -> Option<CallResult> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Answered(result) => Some(result),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Makes its thread the leader; false if that has its response already.
    pub(super) fn promote(&self) -> bool {
        let mut state = self.lock();
        match *state {
            State::New | State::Waiting => {
                *state = State::Promoted;
                self.changed.notify_one();
                true
            }
            State::Promoted | State::Answered(_) | State::Taken => false,
        }
    }

    /// Waits for the response, or to be promoted.
    pub(super) fn wait(&self) {
        let mut state = self.lock();
        if matches!(*state, State::New) {
            *state = State::Waiting;
        }
        while matches!(*state, State::Waiting) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if matches!(*state, State::Promoted) {
            *state = State::New;
        }
    }

    /// Waits to be promoted, no longer than this. There is no call that could be answered.
    pub(super) fn wait_for(&self, timeout: Duration) {
        let mut state = self.lock();
        if matches!(*state, State::New) {
            *state = State::Waiting;
            let is_waiting = |state: &mut State| matches!(state, State::Waiting);
            let waited = self.changed.wait_timeout_while(state, timeout, is_waiting);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *state = State::New;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
