use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use shardcast_os::clock;
use shardcast_proto::{Request, Time};

use crate::{CloseError, ConnId, Connection};

/// What a handler knows of its request, whatever the protocol. `H` is what the protocol carries besides.
///
/// It lives on the shard of its connection, and may be kept as long as the handler needs it, also while it waits.
///
/// # Examples
/// ```
/// use std::{net::SocketAddr, time::Duration};
///
/// use shardcast::{CloseError, ConnId, Context, proto::Time};
///
/// /// A line for a log.
/// fn line<H>(cx: &Context<H>) -> String {
///     let (id, peer): (ConnId, SocketAddr) = (cx.connection_id(), cx.peer());
///     let left: Option<Duration> = cx.time_left();
///     let wait = left.map_or("as long as it takes".into(), |left| format!("for {left:?}"));
///     format!("{id} of {peer} waits {wait}")
/// }
///
/// /// Handles a request that a peer may make only once, and as a request with a response.
/// async fn quit<H>(cx: &Context<H>) -> Result<(), CloseError> {
///     let received: Time = cx.received();
///     assert!(cx.deadline().is_none_or(|deadline| deadline > received));
///     if cx.expects_response() { cx.close() } else { Ok(()) }
/// }
/// ```
pub struct Context<H = ()> {
    connection: Connection,
    received: Time,
    deadline: Option<Time>,
    expects_response: bool,
    head: H,
}

impl<H> Context<H> {
    /// The context of a request that has just been received.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Connection, Context, Reply, Request, Service};
    ///
    /// /// Answers with the length of what the protocol carries besides the arguments.
    /// struct Heads;
    ///
    /// impl Service for Heads {
    ///     fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
    ///         let cx = Context::new(connection, &request, request.head.to_vec());
    ///         reply.answer_with("head", async move { format!("{}", cx.head().len()) });
    ///     }
    /// }
    /// ```
    pub fn new(connection: &Connection, request: &Request<'_>, head: H) -> Self {
        Self {
            connection: connection.clone(),
            received: connection.received_at(),
            deadline: request.deadline,
            expects_response: request.expects_response,
            head,
        }
    }

    /// The connection: a handle that may be sent to other threads.
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The id of the connection, unique while the server runs.
    pub fn connection_id(&self) -> ConnId {
        self.connection.id()
    }

    /// Address of the peer.
    pub fn peer(&self) -> SocketAddr {
        self.connection.peer()
    }

    /// When the last bytes of the request came, on the monotonic clock.
    pub const fn received(&self) -> Time {
        self.received
    }

    /// The same, on the wall clock.
    pub fn receive_time(&self) -> SystemTime {
        let age = Time::from_nanos(clock::now_nanos()).saturating_since(self.received);
        SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// When the peer stops waiting, if it has said that.
    pub const fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// How long the peer still waits, if it has said that; zero if it does not wait any more.
    pub fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_since(Time::from_nanos(clock::now_nanos())))
    }

    /// Whether the peer waits for a response.
    pub const fn expects_response(&self) -> bool {
        self.expects_response
    }

    /// What the protocol carries besides the arguments.
    pub const fn head(&self) -> &H {
        &self.head
    }

    /// Closes the connection once what is queued has been sent: the response to this request only if it comes at once.
    ///
    /// # Errors
    /// As for [`Connection::close`].
    pub fn close(&self) -> Result<(), CloseError> {
        self.connection.close()
    }

    pub(crate) fn with_deadline(mut self, deadline: Option<Time>) -> Self {
        self.deadline = deadline;
        self
    }
}

impl<H> fmt::Debug for Context<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("connection", &self.connection)
            .field("deadline", &self.deadline)
            .field("expects_response", &self.expects_response)
            .finish_non_exhaustive()
    }
}
