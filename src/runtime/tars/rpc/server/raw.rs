use std::{future::Future, rc::Rc};

use super::{CallContext, Dispatcher, IncomingCall};
use crate::{CloseReason, Connection, Failure};

/// A servant without an interface: it gets the arguments of all its functions as they are encoded, and returns the
/// encoded result.
///
/// # Examples
/// ```
/// use shardcast::{Failure, tars::rpc::{Adapter, CallContext, RawServant}};
///
/// struct Mirror;
///
/// impl RawServant for Mirror {
///     async fn do_request(&self, cx: &CallContext, arguments: Vec<u8>) -> Result<Vec<u8>, Failure> {
///         match cx.function() {
///             "mirror" => Ok(arguments),
///             _ => Err(Failure::new(-3, "")),
///         }
///     }
/// }
///
/// let adapter = Adapter::new("mirror", "tcp -h 127.0.0.1 -p 0")?.raw_servant("Demo.MirrorServer.MirrorObj", |_| Mirror);
/// # Ok::<(), shardcast::tars::rpc::AdapterError>(())
/// ```
pub trait RawServant: 'static {
    /// Handles a call. The result is in the encoding of [`CallContext::version`].
    fn do_request(
        &self,
        cx: &CallContext,
        arguments: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, Failure>>;

    /// A connection has ended: `why` is its close type.
    fn do_close(&self, connection: &Connection, why: CloseReason) {
        let _ = (connection, why);
    }
}

/// A [`Dispatcher`] from a [`RawServant`].
pub(super) struct Raw<S>(pub(super) Rc<S>);

impl<S: RawServant> Dispatcher for Raw<S> {
    fn functions(&self) -> &'static [&'static str] {
        &[]
    }

    fn dispatch(&self, call: &mut IncomingCall<'_, '_>) -> Result<(), Failure> {
        let (servant, arguments) = (Rc::clone(&self.0), call.body().to_vec());
        call.answer_encoded(move |cx| async move { (servant.do_request(&cx, arguments).await, cx) });
        Ok(())
    }

    fn connection_closed(&self, connection: &Connection, why: CloseReason) {
        self.0.do_close(connection, why);
    }
}
