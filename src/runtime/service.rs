use bytes::Bytes;
use shardcast_proto::{RequestId, Route};

use crate::{CloseReason, Connection, Sent};

/// What an application does with the connections of a listener.
///
/// Each shard has an instance of its own, made by the listener's factory on that shard's thread: it needs
/// no locks, and may keep its state in cells. Its methods run between two looks at the network, so they
/// must not block; what takes long goes into a [task](crate::task::spawn), and answers through a
/// [`Responder`]. A panic costs the connection that it served, and nothing else.
pub trait Service: 'static {
    /// A connection identified itself as this service's.
    fn opened(&self, connection: &Connection) {
        let _ = connection;
    }

    /// The peer asks. What is in `reply` afterwards is the answer; an empty one is not sent.
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>);

    /// The connection has ended. Called exactly once for each `opened`; nothing for that connection is
    /// called afterwards.
    fn closed(&self, connection: &Connection, why: CloseReason) {
        let _ = (connection, why);
    }
}

/// One request of a peer; borrows the bytes as they were received.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The protocol's name for it, needed to answer later.
    pub id: RequestId,
    /// Which handler the peer means.
    pub route: Route<'a>,
    /// Encoded arguments.
    pub body: &'a [u8],
}

/// Where the answer to one request is written.
#[derive(Debug)]
pub struct Reply<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) id: RequestId,
    pub(crate) body: &'a mut Vec<u8>,
    /// How many answers come later.
    pub(crate) later: u32,
}

impl Reply<'_> {
    /// The encoded answer: append to it.
    pub const fn body(&mut self) -> &mut Vec<u8> {
        self.body
    }

    /// Answers later, from any thread, instead of now; what was written so far is forgotten.
    pub fn later(&mut self) -> Responder {
        self.later += 1;
        self.body.clear();
        Responder { connection: Some(self.connection.clone()), id: self.id }
    }
}

/// Answers one request later. Dropped unused, the request stays unanswered. A server that drains waits for
/// it, within its time.
#[derive(Debug)]
pub struct Responder {
    /// Taken when the answer was given.
    connection: Option<Connection>,
    id: RequestId,
}

impl Responder {
    /// Whether there is still somebody to answer to.
    pub fn is_open(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_open)
    }

    /// Sends the answer, in whatever order. It finds room always: what bounds answers is the number of requests in
    /// progress ([`Limits::requests_in_progress_max`](crate::Limits::requests_in_progress_max)).
    pub fn respond(mut self, body: impl Into<Bytes>) -> Sent {
        let Some(connection) = self.connection.take() else { return Sent::Gone };
        connection.respond(self.id, body.into())
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.leave_unanswered();
        }
    }
}
