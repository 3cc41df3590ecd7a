use crate::{CloseReason, Connection, Reply, Request, Service};

/// A service of a listener with a custom protocol, with the callbacks of a TarsCpp servant: `doRequest` and `doClose`.
///
/// Each shard has its own instance. Calls for one connection come in order, never two at the same time.
pub trait Servant: 'static {
    /// A peer has connected. TarsCpp has no such call. It lets a servant push before the first request.
    fn do_connect(&self, current: &Current) {
        let _ = current;
    }

    /// A packet as the parser found it, including its header. [`Reply::body`] is sent unchanged, unless it is empty.
    /// For work that takes long, use [`Reply::answer_with`].
    fn do_request(&self, current: &Current, packet: &[u8], reply: &mut Reply<'_>);

    /// The connection has ended. Called exactly once for each connection; no call for it follows.
    fn do_close(&self, current: &Current, why: CloseReason) {
        let _ = (current, why);
    }
}

/// The TarsCpp name of the connection that a servant gets: `peer()` is its address, `id()` its unique id, and
/// `receive_time()` the time when the packet came. `send()` pushes, and `close()` closes it. Clone it to keep it.
pub type Current = Connection;

/// A [`Service`] from a [`Servant`].
#[derive(Debug)]
pub struct FramedService<S>(pub S);

impl<S: Servant> Service for FramedService<S> {
    fn opened(&self, connection: &Connection) {
        self.0.do_connect(connection);
    }

    #[inline]
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        self.0.do_request(connection, request.body, reply);
    }

    fn request_in_place(&self, connection: &Connection, request: &Request<'_>, reply: &mut Reply<'_>) {
        self.0.do_request(connection, request.body, reply);
    }

    fn closed(&self, connection: &Connection, why: CloseReason) {
        self.0.do_close(connection, why);
    }
}
