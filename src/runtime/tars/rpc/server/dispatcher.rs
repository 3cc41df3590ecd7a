use super::IncomingCall;
use crate::{CloseReason, Connection, Failure};

/// One servant: it takes the calls of its object. Generated code implements it for every interface, and this crate for
/// a [`RawServant`](super::RawServant).
///
/// Each shard has its own instance.
pub trait Dispatcher: 'static {
    /// The functions of its interface. A call of another one fails with -3, and does not come here. Empty: all calls
    /// come here.
    fn functions(&self) -> &'static [&'static str];

    /// Takes a call: [answers](IncomingCall::answer) it, or returns why not. A call that is neither answered nor
    /// returned fails with -99.
    ///
    /// # Errors
    /// The failure is the response.
    fn dispatch(&self, call: &mut IncomingCall<'_, '_>) -> Result<(), Failure>;

    /// A connection to the adapter has been opened.
    fn connection_opened(&self, connection: &Connection) {
        let _ = connection;
    }

    /// A connection to the adapter has ended: `why` is its close type. Called once for each that was opened.
    fn connection_closed(&self, connection: &Connection, why: CloseReason) {
        let _ = (connection, why);
    }
}
