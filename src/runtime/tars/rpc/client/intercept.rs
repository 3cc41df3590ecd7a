use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use shardcast_proto::{Time, tars::packet::StringMap};

use super::{RpcError, object::Object, peer::now};

/// Code around all calls of the proxies of a communicator: traces, authentication, metrics.
///
/// Several run in the order in which they were added, and in reverse after the call.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use shardcast::tars::rpc::{CallInterceptor, Communicator, OutgoingCall, RpcError};
///
/// /// Sends a word that servers demand, and counts failures.
/// #[derive(Default)]
/// struct Guard {
///     failures: AtomicU64,
/// }
///
/// impl CallInterceptor for Guard {
///     fn before(&self, call: &mut OutgoingCall) -> Result<(), RpcError> {
///         if call.function() == "forbidden" {
///             return Err(RpcError::Refused("not from here".into()));
///         }
///         call.context.insert("word".into(), "sesame".into());
///         Ok(())
///     }
///
///     fn after(&self, call: &OutgoingCall, outcome: Result<(), &RpcError>) {
///         if let Err(error) = outcome {
///             self.failures.fetch_add(1, Ordering::Relaxed);
///             println!("{}.{}: {error} after {:?}", call.object(), call.function(), call.elapsed());
///         }
///     }
/// }
///
/// let communicator = Communicator::builder().interceptor(Guard::default()).build();
/// let proxy = communicator.proxy("Demo.HelloServer.HelloObj@tcp -h 10.0.0.1 -p 10100")?;
/// let forbidden = proxy.call("forbidden", |_| {}, |r| r.take_result::<i32>());
/// assert_eq!(forbidden.wait(), Err(RpcError::Refused("not from here".into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CallInterceptor: Send + Sync {
    /// A call begins, and nothing is sent yet.
    ///
    /// # Errors
    /// The call fails with this error, and is not sent.
    fn before(&self, call: &mut OutgoingCall) -> Result<(), RpcError> {
        let _ = call;
        Ok(())
    }

    /// The call that passed `before` has ended; a one-way call is queued. Not called for a call whose future was
    /// dropped. It runs where the result is used, and must not block.
    fn after(&self, call: &OutgoingCall, outcome: Result<(), &RpcError>) {
        let _ = (call, outcome);
    }
}

/// A call of a proxy, as interceptors see it.
#[derive(Debug)]
pub struct OutgoingCall {
    /// Headers of the application.
    pub context: StringMap,
    /// Headers of the framework: see [`status_key`](shardcast_proto::tars::packet::status_key).
    pub status: StringMap,
    /// The bits of `iMessageType`: see [`message_type`](shardcast_proto::tars::packet::message_type).
    pub message_type: i32,
    pub(super) object: Arc<Object>,
    pub(super) function: Cow<'static, str>,
    pub(super) began: Time,
}

impl OutgoingCall {
    /// `App.Server.Object`.
    pub fn object(&self) -> &str {
        &self.object.shared.servant
    }

    /// The function.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// The time since the call began.
    pub fn elapsed(&self) -> Duration {
        now() - self.began
    }

    /// Asks all interceptors, up to the first that refuses. Those before it are informed of that.
    pub(super) fn before(&mut self) -> Result<(), RpcError> {
        let object = Arc::clone(&self.object);
        let all = &object.shared.interceptors.0;
        for (index, one) in all.iter().enumerate() {
            if let Err(error) = one.before(self) {
                all[..index].iter().rev().for_each(|passed| passed.after(self, Err(&error)));
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn after(&self, outcome: Result<(), &RpcError>) {
        self.object.shared.interceptors.0.iter().rev().for_each(|one| one.after(self, outcome));
    }
}

/// The interceptors of a communicator.
#[derive(Clone, Default)]
pub(super) struct Interceptors(pub(super) Vec<Arc<dyn CallInterceptor>>);

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interceptors").field(&self.0.len()).finish()
    }
}
