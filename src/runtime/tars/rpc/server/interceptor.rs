use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
};

use super::CallContext;
use crate::{Failure, counters::calls::CallCounters};

/// Code around all calls of an adapter: traces, authentication, metrics.
///
/// Each shard has its own instance. Several run in the order in which they were added, and in reverse after the call.
///
/// # Examples
/// ```
/// use std::{cell::Cell, time::Duration};
///
/// use shardcast::{Failure, tars::rpc::{CallContext, Interceptor}};
///
/// /// Admits only callers that know a word, and counts failures.
/// #[derive(Default)]
/// struct Guard {
///     failures: Cell<u64>,
/// }
///
/// impl Interceptor for Guard {
///     fn before(&self, cx: &CallContext, _arguments: &[u8]) -> Result<(), Failure> {
///         match cx.context_value("word").as_deref() {
///             Some("sesame") => Ok(()),
///             _ => Err(Failure::new(401, "say the word")),
///         }
///     }
///
///     fn after(&self, _cx: &CallContext, outcome: Result<(), &Failure>) {
///         self.failures.set(self.failures.get() + u64::from(outcome.is_err()));
///     }
/// }
/// ```
pub trait Interceptor: 'static {
    /// A call has come for an existing servant and function; `arguments` are as they are encoded.
    ///
    /// # Errors
    /// The failure is the response, and the servant does not get the call.
    fn before(&self, cx: &CallContext, arguments: &[u8]) -> Result<(), Failure> {
        let _ = (cx, arguments);
        Ok(())
    }

    /// The call that passed `before` has a response. Not called if its handler has panicked, or its connection ended
    /// meanwhile.
    fn after(&self, cx: &CallContext, outcome: Result<(), &Failure>) {
        let _ = (cx, outcome);
    }
}

/// What is around all calls of an adapter on one shard.
pub(super) struct Around {
    pub(super) interceptors: Vec<Box<dyn Interceptor>>,
    pub(super) counters: Arc<CallCounters>,
}

/// A handler that was not ready at once.
struct InProgress<'a>(&'a CallCounters);

impl Around {
    /// Asks all of them, up to the first that refuses. Those before it are informed of that.
    #[inline]
    pub(super) fn before(&self, cx: &CallContext, arguments: &[u8]) -> Result<(), Failure> {
        for (index, one) in self.interceptors.iter().enumerate() {
            if let Err(failure) = one.before(cx, arguments) {
                self.interceptors[..index].iter().rev().for_each(|passed| passed.after(cx, Err(&failure)));
                return Err(failure);
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn after(&self, cx: &CallContext, outcome: Result<(), &Failure>) {
        self.interceptors.iter().rev().for_each(|one| one.after(cx, outcome));
    }

    /// Runs a handler. It counts as in progress from when it has to wait.
    #[inline]
    pub(super) async fn run<F: Future>(&self, mut handler: Pin<&mut F>) -> F::Output {
        let mut in_progress = None;
        poll_fn(|cx| {
            let polled = handler.as_mut().poll(cx);
            if polled.is_pending() && in_progress.is_none() {
                in_progress = Some(InProgress::new(&self.counters));
            }
            polled
        })
        .await
    }
}

impl<'a> InProgress<'a> {
    fn new(counters: &'a CallCounters) -> Self {
        counters.in_progress.add(1);
        Self(counters)
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.in_progress.sub(1);
    }
}
