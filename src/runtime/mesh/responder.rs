use shardcast_proto::RequestId;

use super::{Connection, RequestEnd, ServiceResponse};
use crate::{Failure, RespondError};

/// Sends the response to one request later, from any thread. If it is dropped unused, the request is answered with the
/// protocol's failure for that, if it has one. A server that drains waits for it, within its time.
///
/// # Examples
/// ```
/// use std::sync::mpsc::{Receiver, Sender};
///
/// use shardcast::{Connection, Failure, Reply, Request, RespondError, Responder, Service, ServiceResponse};
///
/// /// Leaves the work to another thread.
/// struct Queued(Sender<(Vec<u8>, Responder)>);
///
/// impl Service for Queued {
///     fn request(&self, _connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
///         // If that thread has ended, the responder is dropped, and the request is answered with a failure.
///         let _ = self.0.send((request.body.to_vec(), reply.later()));
///     }
/// }
///
/// fn work(queue: &Receiver<(Vec<u8>, Responder)>) {
///     for (body, responder) in queue {
///         if !responder.is_open() {
///             continue; // Its peer has disconnected.
///         }
///         match responder.answer(answer(&body)) {
///             Ok(()) => {}
///             Err(RespondError::Closed) => println!("the connection has ended"),
///             Err(error) => println!("{error}"),
///         }
///     }
/// }
///
/// fn answer(body: &[u8]) -> ServiceResponse {
///     match body {
///         b"" => Failure::new(1, "an empty request").into(),
///         body => ServiceResponse::result(body.to_ascii_uppercase()),
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use = "a responder that is dropped leaves its request without a response"]
pub struct Responder {
    /// Taken when the response was sent.
    connection: Option<Connection>,
    id: RequestId,
    expects_response: bool,
}

impl Responder {
    pub(crate) const fn new(connection: Connection, id: RequestId, expects_response: bool) -> Self {
        Self { connection: Some(connection), id, expects_response }
    }

    /// Whether the connection still exists.
    pub fn is_open(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_open)
    }

    /// Sends the response; responses may be sent in any order. There is always room for it, because the number of
    /// requests in progress is bounded
    /// ([`ServerLimits::requests_in_progress_max`](crate::ServerLimits::requests_in_progress_max)).
    ///
    /// # Errors
    /// The connection has ended, and the response is dropped.
    pub fn answer(mut self, response: impl Into<ServiceResponse>) -> Result<(), RespondError> {
        self.end(RequestEnd::Response(response.into()))
    }

    /// As [`answer`](Self::answer), with a result without a head.
    ///
    /// # Errors
    /// As for [`answer`](Self::answer).
    pub fn respond(self, body: impl Into<bytes::Bytes>) -> Result<(), RespondError> {
        self.answer(ServiceResponse::result(body))
    }

    /// As [`answer`](Self::answer), with a failure.
    ///
    /// # Errors
    /// As for [`answer`](Self::answer).
    pub fn fail(self, failure: Failure) -> Result<(), RespondError> {
        self.answer(failure)
    }

    /// As [`answer`](Self::answer), for a task that ends with it.
    pub(crate) fn end_with(&mut self, response: ServiceResponse) {
        // If the connection has ended, nothing waits for the response.
        let _ = self.end(RequestEnd::Response(response));
    }

    /// The code that was to answer has panicked.
    pub(crate) fn panicked(mut self) {
        let _ = self.end(RequestEnd::Panicked);
    }

    fn end(&mut self, end: RequestEnd) -> Result<(), RespondError> {
        let Some(connection) = self.connection.take() else { return Err(RespondError::Closed) };
        connection.respond(self.id, if self.expects_response { end } else { RequestEnd::Silently })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let panics = std::thread::panicking();
        // If the connection has ended, nothing waits for the response.
        let _ = self.end(if panics { RequestEnd::Panicked } else { RequestEnd::Never });
    }
}
