use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use shardcast_proto::rpc::CallError;

use super::CallResult;

/// Where a future gets the response to its call.
#[derive(Debug, Default)]
pub(super) struct Awaited(Mutex<State>);

#[derive(Debug)]
enum State {
    /// With whom to wake, if the future was polled.
    Waiting(Option<Waker>),
    Answered(CallResult),
    /// The future has it.
    Taken,
    /// The future was dropped before.
    Unwanted,
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(None)
    }
}

/// Gives the response, once. If it is dropped before, the client has ended.
#[derive(Debug)]
pub(super) struct Promise(Option<Arc<Awaited>>);

// Wakers may run any code when they are cloned, woken or dropped, so none of that happens under the lock.
impl Awaited {
    /// Both ends.
    pub(super) fn pair() -> (Promise, Arc<Self>) {
        let awaited = Arc::<Self>::default();
        (Promise(Some(Arc::clone(&awaited))), awaited)
    }

    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<CallResult> {
        let mut state = self.lock();
        if let State::Waiting(Some(known)) = &*state
            && known.will_wake(cx.waker())
        {
            return Poll::Pending;
        }
        if let State::Waiting(_) = &*state {
            drop(state);
            let waker = cx.waker().clone();
            state = self.lock();
            if let State::Waiting(place) = &mut *state {
                let before = place.replace(waker);
                drop(state);
                drop(before);
                return Poll::Pending;
            }
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::Answered(result) => Poll::Ready(result),
            // Polled after its end.
            _ => Poll::Ready(Err(CallError::Closed)),
        }
    }

    /// The future is dropped; true if it had no response yet.
    pub(super) fn give_up(&self) -> bool {
        let mut state = self.lock();
        if !matches!(&*state, State::Waiting(_)) {
            return false;
        }
        let before = std::mem::replace(&mut *state, State::Unwanted);
        drop(state);
        drop(before);
        true
    }

    /// Replaces a response that no future has seen.
    pub(super) fn replace(&self, result: CallResult) {
        self.set(result, |_| true);
    }

    fn is_wanted(&self) -> bool {
        !matches!(&*self.lock(), State::Unwanted)
    }

    fn set(&self, result: CallResult, is_open: impl FnOnce(&State) -> bool) {
        let mut state = self.lock();
        if !is_open(&state) {
            return;
        }
        let before = std::mem::replace(&mut *state, State::Answered(result));
        drop(state);
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Promise {
    /// Whether the future still waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.0.as_ref().is_some_and(|awaited| awaited.is_wanted())
    }

    pub(super) fn answer(mut self, result: CallResult) {
        self.give(result);
    }

    fn give(&mut self, result: CallResult) {
        if let Some(awaited) = self.0.take() {
            awaited.set(result, |state| matches!(state, State::Waiting(_)));
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.give(Err(CallError::Closed));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(awaited: &Awaited, count: &Arc<Count>) -> Poll<CallResult> {
        awaited.poll(&Context::from_waker(&Waker::from(Arc::clone(count))))
    }

    #[test]
    fn the_last_waker_is_woken_once_and_gets_the_response() {
        let (promise, awaited) = Awaited::pair();
        let [first, second] = [Arc::<Count>::default(), Arc::default()];
        assert!(poll(&awaited, &first).is_pending() && poll(&awaited, &second).is_pending());
        promise.answer(Err(CallError::TimedOut));
        assert_eq!([&first, &second].map(|it| it.0.load(Ordering::Relaxed)), [0, 1]);
        assert_eq!(poll(&awaited, &second), Poll::Ready(Err(CallError::TimedOut)));
        assert!(!awaited.give_up());
    }

    #[test]
    fn what_is_dropped_answers_that_the_client_has_ended() {
        let (promise, awaited) = Awaited::pair();
        drop(promise);
        assert_eq!(poll(&awaited, &Arc::default()), Poll::Ready(Err(CallError::Closed)));
    }

    #[test]
    fn a_response_that_was_not_seen_is_replaced() {
        let (promise, awaited) = Awaited::pair();
        drop(promise);
        awaited.replace(Err(CallError::QueueFull));
        assert_eq!(poll(&awaited, &Arc::default()), Poll::Ready(Err(CallError::QueueFull)));
    }

    #[test]
    fn a_future_that_was_dropped_wants_no_response() {
        let (promise, awaited) = Awaited::pair();
        assert!(promise.is_wanted() && awaited.give_up() && !promise.is_wanted());
        promise.answer(Err(CallError::TimedOut));
        assert!(!awaited.give_up());
    }
}
