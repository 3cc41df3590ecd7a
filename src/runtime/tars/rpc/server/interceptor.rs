use super::CallContext;
use crate::Failure;

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

/// The interceptors of an adapter on one shard.
#[derive(Default)]
pub(super) struct Interceptors(pub(super) Vec<Box<dyn Interceptor>>);

impl Interceptors {
    /// Asks all of them, up to the first that refuses. Those before it are informed of that.
    #[inline]
    pub(super) fn before(&self, cx: &CallContext, arguments: &[u8]) -> Result<(), Failure> {
        for (index, one) in self.0.iter().enumerate() {
            if let Err(failure) = one.before(cx, arguments) {
                self.0[..index].iter().rev().for_each(|passed| passed.after(cx, Err(&failure)));
                return Err(failure);
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn after(&self, cx: &CallContext, outcome: Result<(), &Failure>) {
        self.0.iter().rev().for_each(|one| one.after(cx, outcome));
    }
}
