//! One call on its way to its handler, and back.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
};

use shardcast_proto::{
    Time,
    seastar::{
        ResponseHead,
        rpc::{Outcome, undecodable},
        serialize::{DecodeOwned, from_slice},
    },
};

use super::{counts::Counting, gate::Permit};
use crate::{
    Connection, Context, Reply, Responder,
    reactor::{begin_in, begin_late, current},
    seastar::{
        CallHead,
        scope::{self, Scope},
    },
    task::Queue,
};

/// Decodes the arguments, runs the handler, and writes the response.
pub(super) trait Handler {
    fn call(&self, call: Incoming<'_, '_>);
}

/// A handler whose types are known where it was registered.
pub(super) struct Closure<F>(pub(super) F);

impl<F: Fn(Incoming<'_, '_>)> Handler for Closure<F> {
    fn call(&self, call: Incoming<'_, '_>) {
        (self.0)(call);
    }
}

/// A call whose handler is to begin.
pub(super) struct Incoming<'c, 'r> {
    pub(super) cx: Context<CallHead>,
    pub(super) arguments: &'c [u8],
    pub(super) way: Way<'c, 'r>,
    /// Where the handler runs.
    pub(super) queue: Option<Queue>,
    pub(super) running: Running,
}

/// How a call is answered.
pub(super) enum Way<'c, 'r> {
    /// It has just been received.
    Now(&'c mut Reply<'r>),
    /// It has waited.
    Later(Responder),
}

/// What ends with a handler.
pub(super) struct Running {
    pub(super) counting: Counting,
    pub(super) _permit: Option<Permit>,
    pub(super) _in_call: InCall,
}

/// A call whose arguments were taken.
pub(super) struct Opened<'c, 'r> {
    way: Way<'c, 'r>,
    connection: Connection,
    received: Time,
    deadline: Option<Time>,
    queue: Option<Queue>,
    running: Running,
}

impl<'c, 'r> Incoming<'c, 'r> {
    /// Decodes the arguments. If that fails, the call is answered with why.
    pub(super) fn open<A: DecodeOwned>(self) -> Option<(Context<CallHead>, A, Opened<'c, 'r>)> {
        let Self { cx, arguments, way, queue, mut running } = self;
        let scope = Scope::Accepted(Rc::clone(&cx.head().parent));
        match scope::within(scope, || from_slice(arguments)) {
            Ok(arguments) => {
                let (connection, received, deadline) =
                    (cx.connection().clone(), cx.received(), cx.deadline());
                let opened = Opened { way, connection, received, deadline, queue, running };
                Some((cx, arguments, opened))
            }
            Err(error) => {
                running.counting.end_undecodable();
                let text = undecodable(&error);
                match cx.expects_response() {
                    true => way.write(Outcome::Failure, text.as_bytes()),
                    false => way.write(Outcome::Nothing, &[]),
                }
                None
            }
        }
    }
}

impl Opened<'_, '_> {
    /// Runs the handler; `encode` appends what it returns.
    pub(super) fn run<F: Future + 'static>(
        self,
        handler: F,
        encode: impl FnOnce(F::Output, &mut Vec<u8>) -> Outcome + 'static,
    ) {
        let Self { mut way, connection, received, deadline, queue, mut running } = self;
        let mut body = match &mut way {
            Way::Now(reply) => reply.buffer(),
            Way::Later(_) => Vec::new(),
        };
        let response = async move {
            let began = now(received);
            let result = handler.await;
            let ended = now(began);
            body.extend_from_slice(&[0; Outcome::LEN]);
            let is_late = deadline.is_some_and(|deadline| deadline <= ended);
            let outcome = if is_late { Outcome::Nothing } else { encode(result, &mut body) };
            body[..Outcome::LEN].copy_from_slice(&outcome.encode(duration(began, ended)));
            running.counting.end(outcome, is_late);
            drop(running);
            body
        };
        match (way, queue) {
            (Way::Now(reply), None) => reply.answer_with(CALL, response),
            (Way::Now(reply), Some(queue)) => reply.answer_in(&queue, CALL, response),
            (Way::Later(responder), queue) => {
                current::with(|reactor| match queue {
                    None => begin_late(reactor, CALL, connection.id(), response, responder),
                    Some(queue) => {
                        begin_in(reactor, queue.id(), CALL, connection.id(), response, responder);
                    }
                });
            }
        }
    }
}

impl Way<'_, '_> {
    /// Answers without a handler.
    pub(super) fn write(self, outcome: Outcome, data: &[u8]) {
        match self {
            Self::Now(reply) => write(reply.body(), outcome, data),
            Self::Later(responder) => {
                let mut body = Vec::new();
                write(&mut body, outcome, data);
                // If the connection has ended, nothing waits for it.
                let _ = responder.answer(body);
            }
        }
    }
}

fn write(body: &mut Vec<u8>, outcome: Outcome, data: &[u8]) {
    body.extend_from_slice(&outcome.encode(ResponseHead::UNMEASURED));
    body.extend_from_slice(data);
}

/// When this turn of the shard began.
fn now(before: Time) -> Time {
    current::with(|reactor| reactor.now()).unwrap_or(before)
}

/// How long a handler took, in microseconds.
fn duration(began: Time, ended: Time) -> u32 {
    let took = ended.saturating_since(began).as_micros();
    u32::try_from(took).unwrap_or(ResponseHead::UNMEASURED)
}

/// The calls of one verb that wait or run.
#[derive(Clone, Default)]
pub(super) struct Calls(Rc<InProgress>);

#[derive(Default)]
struct InProgress {
    count: Cell<usize>,
    /// Wakers that wait until there is none.
    waiting: RefCell<Vec<Waker>>,
}

/// A call in progress, until it is dropped.
pub(super) struct InCall(Calls);

impl Calls {
    pub(super) fn begin(&self) -> InCall {
        self.0.count.set(self.0.count.get() + 1);
        InCall(self.clone())
    }

    /// Waits until there is none.
    pub(super) async fn ended(&self) {
        poll_fn(|cx| {
            if self.0.count.get() == 0 {
                return Poll::Ready(());
            }
            self.0.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for InCall {
    fn drop(&mut self) {
        let InProgress { count, waiting } = &*self.0.0;
        count.set(count.get() - 1);
        if count.get() == 0 {
            waiting.take().into_iter().for_each(Waker::wake);
        }
    }
}

/// The name of the tasks of handlers.
const CALL: &str = "seastar call";
