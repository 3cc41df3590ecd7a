use std::{fmt, rc::Rc, time::Duration};

use shardcast_proto::{
    connection::CloseReason,
    rpc::{CallError, ConnectFailure},
    seastar::{
        ConnectionId,
        rpc::{Parent, failure_code},
        serialize::DecodeError,
    },
};

use crate::{ConnId, Context, client::Failed, conns::Conns, reactor::current};

/// What a call carries besides its arguments: see [`Context`](crate::Context).
///
/// # Examples
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// use shardcast::{Context, seastar::{CallHead, ConnectionId}};
///
/// /// Counts the calls of each connection.
/// fn count(cx: &Context<CallHead>) -> u32 {
///     let count: Rc<Cell<u32>> = cx.extension(|| Cell::new(0));
///     count.set(count.get() + 1);
///     let (_id, _verb): (ConnectionId, u64) = (cx.head().connection_id(), cx.head().verb());
///     count.get()
/// }
/// ```
#[derive(Clone)]
pub struct CallHead {
    pub(super) verb: u64,
    pub(super) parent: Rc<Parent>,
}

impl CallHead {
    /// The number of the function.
    pub const fn verb(&self) -> u64 {
        self.verb
    }

    /// The id of the connection in the protocol.
    pub fn connection_id(&self) -> ConnectionId {
        self.parent.id()
    }
}

impl Context<CallHead> {
    /// What the application keeps for the connection: one value of each type, made by the first call for it.
    pub fn extension<T: 'static>(&self, make: impl FnOnce() -> T) -> Rc<T> {
        match self.connection().local() {
            Some(local) => local.state(make),
            // The connection has ended, and nothing else will ask.
            None => Rc::new(make()),
        }
    }

    /// Waits until the connection has ended: its result is of no use.
    pub async fn cancelled(&self) -> CloseReason {
        match self.connection().local() {
            Some(local) => local.closed().await,
            None => CloseReason::PeerClosed,
        }
    }

    /// Ends the connection without a response to this call and to the others in progress, after those that are queued
    /// were sent. What its client has sent after this call is not read. Its streams are aborted.
    pub fn abort(&self) {
        abort(&self.head().parent, self.connection_id());
    }
}

/// Ends a connection for calls of this shard.
pub(super) fn abort(parent: &Parent, id: ConnId) {
    parent.abort();
    // Not here: the connection may be in use.
    current::with(|reactor| {
        reactor.defer(move || {
            current::with_part(|conns: &Rc<Conns>| conns.close(id, CloseReason::Closed));
        });
    });
}

impl fmt::Debug for CallHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallHead")
            .field("verb", &self.verb)
            .field("connection", &self.connection_id())
            .finish()
    }
}

/// Options of a call.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::seastar::CallOptions;
///
/// let options = CallOptions::default().with(|it| it.timeout = Some(Duration::from_secs(1)));
/// assert!(options.timeout.is_some());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CallOptions {
    /// Its time-out, from now on. `None`: that of the client.
    pub timeout: Option<Duration>,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::seastar::CallOptions;
    ///
    /// let options = CallOptions::default().with(|it| it.timeout = None);
    /// ```
    impl CallOptions
}

/// Why a call has no result.
///
/// # Examples
/// ```
/// use shardcast::seastar::RpcError;
///
/// fn is_worth_another_try(error: &RpcError) -> bool {
///     matches!(error, RpcError::Call(_))
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// There was no response: the connection was lost or not made, the time is over, or a bound was reached.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is no connection, for this reason.
    #[error("no connection: {0}")]
    Connect(ConnectFailure),
    /// The handler has failed. The text is for people.
    #[error("the handler has failed: {0}")]
    Failed(String),
    /// The server has no handler for this verb.
    #[error("unknown verb {0}")]
    UnknownVerb(u64),
    /// The server has failed in a way that is not known here.
    #[error("unknown exception")]
    UnknownException,
    /// The result is not of the type of the verb.
    #[error("the result is not of the type of the verb: {0}")]
    Decode(#[from] DecodeError),
}

impl RpcError {
    pub(super) fn of(failed: &Failed) -> Self {
        match failed.code {
            failure_code::FAILED => Self::Failed(failed.text.clone()),
            failure_code::UNKNOWN_VERB => Self::UnknownVerb(failed.text.parse().unwrap_or_default()),
            _ => Self::UnknownException,
        }
    }
}
