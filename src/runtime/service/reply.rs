use std::{fmt, future::Future, task::Poll};

use shardcast_proto::{Request, RequestId};

use super::{Answer, Failure};
use crate::{
    Connection, Sent,
    mesh::Answered,
    shard::{Handling, Shard, begun::Begun},
};

/// Where the answer to one request goes.
///
/// It is not `Send`: it is answered, or turned into a [`Responder`], where the handler runs.
pub struct Reply<'a> {
    shard: &'a Shard,
    connection: &'a Connection,
    id: RequestId,
    expects_answer: bool,
    scratch: &'a mut Scratch,
}

/// What the handler of a request leaves behind; kept by its shard, to be used again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) written: Written,
}

/// What became of a request in its handler.
#[derive(Debug, Default)]
pub(crate) enum Written {
    #[default]
    Nothing,
    Result,
    Failure(Failure),
    /// So many answers come later.
    Later(u32),
}

impl Scratch {
    pub(crate) fn clear(&mut self) {
        self.head.clear();
        self.body.clear();
        self.written = Written::Nothing;
    }
}

impl<'a> Reply<'a> {
    pub(crate) fn new(
        shard: &'a Shard,
        connection: &'a Connection,
        request: &Request<'_>,
        scratch: &'a mut Scratch,
    ) -> Self {
        scratch.clear();
        Self { shard, connection, id: request.id, expects_answer: request.expects_answer, scratch }
    }

    /// The encoded result: append to it. Once this was called, the request is answered with what is there when the
    /// handler returns, even if that is nothing.
    pub fn body(&mut self) -> &mut Vec<u8> {
        self.scratch.written = Written::Result;
        &mut self.scratch.body
    }

    /// What the protocol carries beside the result, encoded: append to it.
    pub const fn head(&mut self) -> &mut Vec<u8> {
        &mut self.scratch.head
    }

    /// An empty buffer for a result that is made later, as by [`answer_with`](Self::answer_with): one that this shard has
    /// used before, if there is any.
    pub fn buffer(&mut self) -> Vec<u8> {
        self.shard.spares.take()
    }

    /// Answers with a failure; what was written so far is forgotten.
    pub fn fail(&mut self, failure: Failure) {
        self.scratch.clear();
        self.scratch.written = Written::Failure(failure);
    }

    /// Answers later, from any thread, instead of now; what was written so far is forgotten.
    pub fn later(&mut self) -> Responder {
        let others = match self.scratch.written {
            Written::Later(others) => others,
            _ => 0,
        };
        self.scratch.clear();
        self.scratch.written = Written::Later(others + 1);
        let counted = self.shard.handling.get().map(|it| Handling { responders: others + 1, ..it });
        self.shard.handling.set(counted);
        Responder {
            connection: Some(self.connection.clone()),
            id: self.id,
            expects_answer: self.expects_answer,
        }
    }

    /// Answers with what `future` gives. It is polled at once: if it is ready then, that costs next to nothing more than
    /// an answer that is written here. Otherwise it goes on as a task of this connection, called `name`, which is dropped
    /// when the connection ends.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Connection, Reply, Request, Service};
    ///
    /// struct Slow;
    ///
    /// impl Service for Slow {
    ///     fn request(&self, _connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
    ///         let mut body = reply.buffer();
    ///         body.extend_from_slice(request.body);
    ///         reply.answer_with("slow", async move {
    ///             shardcast::task::sleep(std::time::Duration::from_millis(10)).await;
    ///             body
    ///         });
    ///     }
    /// }
    /// ```
    pub fn answer_with<F>(&mut self, name: &'static str, future: F)
    where
        F: Future<Output: Into<Answer>> + 'static,
    {
        let mut begun = Begun::new(self.shard, future);
        if let Poll::Ready(answer) = begun.poll() {
            begun.end();
            return self.write(answer.into());
        }
        let responder = self.later();
        begun.answer(name, self.connection.id(), responder);
    }

    #[inline]
    fn write(&mut self, answer: Answer) {
        match answer {
            Answer::Result { head, body } => {
                self.scratch.clear();
                self.scratch.head.extend_from_slice(&head);
                self.body().extend_from_slice(&body);
            }
            Answer::Buffer(mut body) => {
                self.scratch.clear();
                std::mem::swap(self.body(), &mut body);
                self.shard.spares.keep(body);
            }
            Answer::Failure(failure) => self.fail(failure),
        }
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("connection", &self.connection.id())
            .field("id", &self.id)
            .field("expects_answer", &self.expects_answer)
            .finish_non_exhaustive()
    }
}

/// Answers one request later, from any thread. Dropped unused, the request is answered with the protocol's failure for
/// that, or with nothing where it has none. A server that drains waits for it, within its time.
#[derive(Debug)]
#[must_use = "a responder that is dropped leaves its request without an answer"]
pub struct Responder {
    /// Taken when the answer was given.
    connection: Option<Connection>,
    id: RequestId,
    expects_answer: bool,
}

impl Responder {
    /// Whether the connection still exists.
    pub fn is_open(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_open)
    }

    /// Sends the answer, in whatever order. It finds room always: what bounds answers is the number of requests in
    /// progress ([`Limits::requests_in_progress_max`](crate::Limits::requests_in_progress_max)).
    pub fn answer(mut self, answer: impl Into<Answer>) -> Sent {
        self.end(Answered::With(answer.into()))
    }

    /// As [`answer`](Self::answer), with a result without a head.
    pub fn respond(self, body: impl Into<bytes::Bytes>) -> Sent {
        self.answer(Answer::result(body))
    }

    /// As [`answer`](Self::answer), with a failure.
    pub fn fail(self, failure: Failure) -> Sent {
        self.answer(failure)
    }

    /// As [`answer`](Self::answer), for a task that is over with it.
    pub(crate) fn end_with(&mut self, answer: Answer) {
        // Gone: then nothing waits for it any more.
        let _ = self.end(Answered::With(answer));
    }

    /// Who was to answer has panicked.
    pub(crate) fn panicked(mut self) {
        let _ = self.end(Answered::Panicked);
    }

    fn end(&mut self, answered: Answered) -> Sent {
        let Some(connection) = self.connection.take() else { return Sent::Gone };
        connection.respond(self.id, if self.expects_answer { answered } else { Answered::Silently })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let panics = std::thread::panicking();
        // Gone: then nothing waits for it any more.
        let _ = self.end(if panics { Answered::Panicked } else { Answered::Never });
    }
}
