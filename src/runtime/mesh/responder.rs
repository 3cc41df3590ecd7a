use shardcast_proto::RequestId;

use super::{Answer, Answered, Connection};
use crate::{AnswerError, Failure};

/// Sends the response to one request later, from any thread. If it is dropped unused, the request is answered with the
/// protocol's failure for that, if it has one. A server that drains waits for it, within its time.
#[derive(Debug)]
#[must_use = "a responder that is dropped leaves its request without an answer"]
pub struct Responder {
    /// Taken when the response was sent.
    connection: Option<Connection>,
    id: RequestId,
    expects_answer: bool,
}

impl Responder {
    pub(crate) const fn new(connection: Connection, id: RequestId, expects_answer: bool) -> Self {
        Self { connection: Some(connection), id, expects_answer }
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
    pub fn answer(mut self, answer: impl Into<Answer>) -> Result<(), AnswerError> {
        self.end(Answered::With(answer.into()))
    }

    /// As [`answer`](Self::answer), with a result without a head.
    ///
    /// # Errors
    /// As for [`answer`](Self::answer).
    pub fn respond(self, body: impl Into<bytes::Bytes>) -> Result<(), AnswerError> {
        self.answer(Answer::result(body))
    }

    /// As [`answer`](Self::answer), with a failure.
    ///
    /// # Errors
    /// As for [`answer`](Self::answer).
    pub fn fail(self, failure: Failure) -> Result<(), AnswerError> {
        self.answer(failure)
    }

    /// As [`answer`](Self::answer), for a task that ends with it.
    pub(crate) fn end_with(&mut self, answer: Answer) {
        // If the connection has ended, nothing waits for the response.
        let _ = self.end(Answered::With(answer));
    }

    /// The code that was to answer has panicked.
    pub(crate) fn panicked(mut self) {
        let _ = self.end(Answered::Panicked);
    }

    fn end(&mut self, answered: Answered) -> Result<(), AnswerError> {
        let Some(connection) = self.connection.take() else { return Err(AnswerError::Closed) };
        connection.respond(self.id, if self.expects_answer { answered } else { Answered::Silently })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let panics = std::thread::panicking();
        // If the connection has ended, nothing waits for the response.
        let _ = self.end(if panics { Answered::Panicked } else { Answered::Never });
    }
}
