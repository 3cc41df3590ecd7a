use std::{cell::Cell, fmt, future::Future, task::Poll};

use shardcast_proto::{Request, RequestId, Time, connection::Spares};

use crate::{
    Connection, Failure, Responder, ServiceResponse,
    reactor::{Reactor, begin, begin_in},
    task::Queue,
};

/// The response to one request, to be written or sent.
///
/// It is not `Send`: use it, or turn it into a [`Responder`], where the handler runs.
pub struct Reply<'a> {
    reactor: &'a Reactor,
    connection: &'a Connection,
    id: RequestId,
    expects_response: bool,
    scratch: &'a mut Scratch,
    spares: &'a Spares,
    handling: &'a Cell<Option<Handling>>,
}

/// A request while its handler runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handling {
    pub(crate) id: RequestId,
    pub(crate) expects_response: bool,
    /// Number of responders that were made. Each ends the request it was made for, also when the handler panics.
    pub(crate) responders: u32,
}

/// The outcome of a handler, and its buffers; kept by its shard, to be used again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) written: Written,
}

/// How a handler has answered its request.
#[derive(Debug, Default)]
pub(crate) enum Written {
    #[default]
    Nothing,
    Result,
    Failure(Failure),
    /// This number of responses come later.
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
    /// For the handler of `request`. Buffers come from `spares`; `handling` remains if the handler panics.
    pub(crate) fn new(
        reactor: &'a Reactor,
        connection: &'a Connection,
        request: &Request<'_>,
        scratch: &'a mut Scratch,
        spares: &'a Spares,
        handling: &'a Cell<Option<Handling>>,
    ) -> Self {
        scratch.clear();
        let (id, expects_response) = (request.id, request.expects_response);
        handling.set(Some(Handling { id, expects_response, responders: 0 }));
        Self { reactor, connection, id, expects_response, scratch, spares, handling }
    }

    /// The encoded result, to append to. Once this was called, the request is answered with its content when the
    /// handler returns, even if that is empty.
    pub fn body(&mut self) -> &mut Vec<u8> {
        self.scratch.written = Written::Result;
        &mut self.scratch.body
    }

    /// What the protocol carries in addition to the result, encoded, to append to.
    pub const fn head(&mut self) -> &mut Vec<u8> {
        &mut self.scratch.head
    }

    /// An empty buffer for a result that is made later, for example by [`answer_with`](Self::answer_with). It reuses a
    /// buffer of this shard, if there is any.
    pub fn buffer(&mut self) -> Vec<u8> {
        self.spares.take()
    }

    /// Only the application knows that the request is one-way: nothing is sent whatever becomes of its handler, and what
    /// its response is now counts for nothing.
    pub(crate) fn expect_none(&mut self) {
        self.expects_response = false;
        let known = self.handling.get().map(|it| Handling { expects_response: false, ..it });
        self.handling.set(known);
    }

    /// When this turn of the shard began.
    pub(crate) fn now(&self) -> Time {
        self.reactor.now()
    }

    /// Answers with a failure; what was written so far is discarded.
    pub fn fail(&mut self, failure: Failure) {
        self.scratch.clear();
        self.scratch.written = Written::Failure(failure);
    }

    /// Returns a [`Responder`], which answers later, from any thread; what was written so far is discarded.
    pub fn later(&mut self) -> Responder {
        let others = match self.scratch.written {
            Written::Later(others) => others,
            _ => 0,
        };
        self.scratch.clear();
        self.scratch.written = Written::Later(others + 1);
        let counted = self.handling.get().map(|it| Handling { responders: others + 1, ..it });
        self.handling.set(counted);
        Responder::new(self.connection.clone(), self.id, self.expects_response)
    }

    /// Answers with the output of `future`. It is polled at once: if it is ready then, that costs hardly more than a
    /// response that the handler writes itself. Otherwise it becomes a task of this connection, named `name`, which is
    /// dropped when the connection ends.
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
        F: Future<Output: Into<ServiceResponse>> + 'static,
    {
        begin(self.reactor, future, |mut begun| {
            if let Poll::Ready(response) = begun.poll() {
                begun.end();
                return self.write(response.into());
            }
            let responder = self.later();
            begun.answer(name, self.connection.id(), responder);
        });
    }

    /// As [`answer_with`](Self::answer_with), in a task queue: `future` is not polled here, but when the queue runs, and it
    /// is always a task.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Connection, Reply, Request, Service, task::{self, Queue}};
    ///
    /// /// Its requests run beside those of other services, by shares.
    /// struct Reports(Queue);
    ///
    /// impl Reports {
    ///     /// On a shard.
    ///     fn new() -> Self {
    ///         Self(task::queue("reports", 100).expect("there are few queues"))
    ///     }
    /// }
    ///
    /// impl Service for Reports {
    ///     fn request(&self, _connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
    ///         let lines = request.body.to_vec();
    ///         reply.answer_in(&self.0, "report", async move {
    ///             let mut sum = 0;
    ///             for line in lines.split(|byte| *byte == b'\n') {
    ///                 sum += line.len();
    ///                 task::yield_now().await;
    ///             }
    ///             sum.to_string()
    ///         });
    ///     }
    /// }
    /// ```
    pub fn answer_in<F>(&mut self, queue: &Queue, name: &'static str, future: F)
    where
        F: Future<Output: Into<ServiceResponse>> + 'static,
    {
        let responder = self.later();
        begin_in(self.reactor, queue.id(), name, self.connection.id(), future, responder);
    }

    // Always inlined, so that the usual response remains a pointer and two lengths.
    #[inline(always)]
    fn write(&mut self, response: ServiceResponse) {
        match response {
            ServiceResponse::Buffer(mut body) => {
                self.scratch.clear();
                std::mem::swap(self.body(), &mut body);
                self.spares.keep(body);
            }
            ServiceResponse::Result { head, body } => {
                self.scratch.clear();
                self.scratch.head.extend_from_slice(&head);
                self.body().extend_from_slice(&body);
            }
            ServiceResponse::Failure(failure) => self.fail(failure),
        }
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("connection", &self.connection.id())
            .field("id", &self.id)
            .field("expects_response", &self.expects_response)
            .finish_non_exhaustive()
    }
}
