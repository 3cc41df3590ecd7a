use crate::{CloseReason, Connection, Reply, Request, Service};

/// Who answers on a listener of a custom protocol: `doRequest` and `doClose` of a TarsCpp servant.
///
/// Each shard has its own. Calls for one connection come in order, and never two at once.
pub trait Servant: 'static {
    /// A peer has connected. TarsCpp has no such call; here a servant need not wait for the first request
    /// to know whom to push to.
    fn do_connect(&self, current: &Current) {
        let _ = current;
    }

    /// A packet, as the parser found it: header included. What is written to [`Reply::body`] is sent as it is; an
    /// empty one is not sent. What takes long is awaited: [`Reply::answer_with`].
    fn do_request(&self, current: &Current, packet: &[u8], reply: &mut Reply<'_>);

    /// The connection has ended. Called exactly once for each that was connected; nothing is called for it
    /// afterwards.
    fn do_close(&self, current: &Current, why: CloseReason) {
        let _ = (current, why);
    }
}

/// What TarsCpp calls a connection in the hands of a servant: `peer()` is its address, `id()` its unique
/// id, `receive_time()` when the packet came, `send()` the push, `close()` the end. Clone it to keep it.
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
