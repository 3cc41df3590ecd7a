//! The handlers of a server, and the service that calls them.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    future::{Future, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
};

use shardcast_proto::{
    Route, Time,
    connection::CloseReason,
    seastar::{
        ResponseHead,
        rpc::{Outcome, SeastarShard},
        serialize::{DecodeOwned, Encode, from_slice},
    },
};

use super::{
    CallHead, OneWay, Verb,
    scope::{self, Scope},
};
use crate::{Connection, Context, Reply, Request, Service, conns::Conns, reactor::current};

/// The handlers of a server on one shard, by the numbers of their verbs. Cheap to clone; handlers may be added and removed
/// while it serves.
///
/// # Examples
/// ```
/// use shardcast::{Context, seastar::{AlreadyRegistered, CallHead, OneWay, Registry, Verb}};
///
/// const ECHO: Verb<String, String> = Verb::new(1);
/// const PING: OneWay<i32> = OneWay::new(6);
///
/// async fn echo(_cx: Context<CallHead>, text: String) -> Result<String, std::io::Error> {
///     Ok(text)
/// }
///
/// let registry = Registry::default();
/// registry.on(ECHO, echo);
/// registry.on_one_way(PING, async |_cx, _number| {});
/// assert!(registry.has(1) && registry.has(6) && !registry.has(7));
/// assert_eq!(registry.try_on(ECHO, echo), Err(AlreadyRegistered(1)));
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    verbs: Rc<RefCell<HashMap<u64, Rc<Entry>>>>,
}

/// A verb has a handler already.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("verb {0} has a handler")]
pub struct AlreadyRegistered(pub u64);

struct Entry {
    handler: Box<dyn Handler>,
    calls: Calls,
}

/// The calls of one verb that are in progress.
#[derive(Clone, Default)]
struct Calls(Rc<InProgress>);

#[derive(Default)]
struct InProgress {
    count: Cell<usize>,
    /// Wakers that wait until there is none.
    waiting: RefCell<Vec<Waker>>,
}

/// A call in progress, until it is dropped.
struct InCall(Calls);

/// Decodes the arguments, runs the handler, and writes the response.
trait Handler {
    fn call(&self, cx: Context<CallHead>, arguments: &[u8], in_call: InCall, reply: &mut Reply<'_>);
}

impl Registry {
    /// Sets the handler of a verb. It runs on the shard of the connection, and may wait.
    ///
    /// # Panics
    /// The verb has a handler; see [`try_on`](Self::try_on).
    pub fn on<A, R, E, F>(&self, verb: Verb<A, R>, handler: impl Fn(Context<CallHead>, A) -> F + 'static)
    where
        A: DecodeOwned + 'static,
        R: Encode + 'static,
        E: fmt::Display + 'static,
        F: Future<Output = Result<R, E>> + 'static,
    {
        self.try_on(verb, handler).expect("a verb has one handler");
    }

    /// As [`on`](Self::on).
    ///
    /// # Errors
    /// The verb has a handler.
    pub fn try_on<A, R, E, F>(
        &self,
        verb: Verb<A, R>,
        handler: impl Fn(Context<CallHead>, A) -> F + 'static,
    ) -> Result<(), AlreadyRegistered>
    where
        A: DecodeOwned + 'static,
        R: Encode + 'static,
        E: fmt::Display + 'static,
        F: Future<Output = Result<R, E>> + 'static,
    {
        let call = move |cx: Context<CallHead>, arguments: &[u8], in_call: InCall, reply: &mut Reply<'_>| {
            let arguments = match decode(&cx, arguments) {
                Ok(arguments) => arguments,
                Err(why) => return write(reply, Outcome::Failure, why.as_bytes()),
            };
            let (began, deadline) = (reply.now(), cx.deadline());
            let (future, mut body) = (handler(cx, arguments), reply.buffer());
            reply.answer_with(CALL, async move {
                let result = future.await;
                drop(in_call);
                let ended = current::with(|reactor| reactor.now()).unwrap_or(began);
                let is_late = deadline.is_some_and(|deadline| deadline <= ended);
                let outcome = match &result {
                    _ if is_late => Outcome::Nothing,
                    Ok(_) => Outcome::Result,
                    Err(_) => Outcome::Failure,
                };
                body.extend_from_slice(&outcome.encode(duration(began, ended)));
                match result {
                    Ok(result) => result.encode(&mut body),
                    Err(error) => body.extend_from_slice(error.to_string().as_bytes()),
                }
                body
            });
        };
        self.add(verb.number(), Closure(call))
    }

    /// Sets the handler of a verb without a response.
    ///
    /// # Panics
    /// The verb has a handler.
    pub fn on_one_way<A, F>(&self, verb: OneWay<A>, handler: impl Fn(Context<CallHead>, A) -> F + 'static)
    where
        A: DecodeOwned + 'static,
        F: Future<Output = ()> + 'static,
    {
        let call = move |cx: Context<CallHead>, arguments: &[u8], in_call: InCall, reply: &mut Reply<'_>| {
            let Ok(arguments) = decode(&cx, arguments) else { return write(reply, Outcome::Nothing, &[]) };
            let (future, mut body) = (handler(cx, arguments), reply.buffer());
            reply.answer_with(CALL, async move {
                future.await;
                drop(in_call);
                body.extend_from_slice(&Outcome::Nothing.encode(ResponseHead::UNMEASURED));
                body
            });
        };
        self.add(verb.number(), Closure(call)).expect("a verb has one handler");
    }

    fn add(&self, verb: u64, handler: impl Handler + 'static) -> Result<(), AlreadyRegistered> {
        let mut verbs = self.verbs.borrow_mut();
        if verbs.contains_key(&verb) {
            return Err(AlreadyRegistered(verb));
        }
        verbs.insert(verb, Rc::new(Entry { handler: Box::new(handler), calls: Calls::default() }));
        Ok(())
    }

    /// Whether the verb with this number has a handler.
    pub fn has(&self, verb: u64) -> bool {
        self.verbs.borrow().contains_key(&verb)
    }

    /// Removes the handler of the verb with this number: later calls get "unknown verb". The future waits until the calls
    /// in progress have ended; if there is no such handler, it is ready.
    ///
    /// # Examples
    /// ```
    /// use shardcast::seastar::{Registry, Verb};
    ///
    /// let registry = Registry::default();
    /// registry.on(Verb::<(), ()>::new(1), async |_cx, ()| Ok::<_, std::fmt::Error>(()));
    /// smol::block_on(registry.remove(1));
    /// assert!(!registry.has(1));
    /// ```
    pub fn remove(&self, verb: u64) -> impl Future<Output = ()> + use<> {
        let removed = self.verbs.borrow_mut().remove(&verb);
        let calls = removed.map(|entry| entry.calls.clone());
        async move {
            if let Some(Calls(calls)) = calls {
                poll_fn(|cx| {
                    if calls.count.get() == 0 {
                        return Poll::Ready(());
                    }
                    calls.waiting.borrow_mut().push(cx.waker().clone());
                    Poll::Pending
                })
                .await;
            }
        }
    }

    /// The service of a listener, with these handlers.
    pub fn service(&self) -> RpcService {
        RpcService { registry: self.clone() }
    }
}

/// The service of a listener whose protocol is [`Protocol`](super::Protocol): it calls the handlers of a [`Registry`].
///
/// # Examples
/// ```
/// use shardcast::{Listener, seastar::{Protocol, Registry, RpcService}};
///
/// fn service() -> RpcService {
///     Registry::default().service()
/// }
///
/// let listener = Listener::new("rpc", "127.0.0.1:10000").protocol(Protocol::default(), |_| service());
/// ```
#[derive(Clone, Debug)]
pub struct RpcService {
    registry: Registry,
}

impl Service for RpcService {
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        let Route::Numbered(verb) = request.route else { return };
        let entry = self.registry.verbs.borrow().get(&verb).cloned();
        let Some(entry) = entry else { return write(reply, Outcome::UnknownVerb, &verb.to_le_bytes()) };
        let parent = shard_state().and_then(|shard| shard.parent_of(connection.id()));
        // A stream has no requests.
        let Some(parent) = parent else { return };
        let cx = Context::new(connection, &request, CallHead { verb, parent });
        entry.handler.call(cx, request.body, entry.calls.begin(), reply);
    }

    fn closed(&self, connection: &Connection, _why: CloseReason) {
        let Some(shard) = shard_state() else { return };
        let streams = shard.forget(connection.id());
        current::with_part(|conns: &Rc<Conns>| {
            for stream in streams {
                conns.cut(stream, CloseReason::Closed);
            }
        });
    }
}

/// What the connections of the listener share on this shard.
fn shard_state() -> Option<Rc<SeastarShard>> {
    current::with_part(|conns: &Rc<Conns>| conns.protocol_state()).flatten()
}

fn decode<A: DecodeOwned>(cx: &Context<CallHead>, arguments: &[u8]) -> Result<A, String> {
    let scope = Scope::Accepted(Rc::clone(&cx.head().parent));
    scope::within(scope, || from_slice(arguments))
        .map_err(|error| format!("the arguments cannot be decoded: {error}"))
}

fn write(reply: &mut Reply<'_>, outcome: Outcome, data: &[u8]) {
    let body = reply.body();
    body.extend_from_slice(&outcome.encode(ResponseHead::UNMEASURED));
    body.extend_from_slice(data);
}

/// How long a handler took, in microseconds.
fn duration(began: Time, ended: Time) -> u32 {
    let took = ended.saturating_since(began).as_micros();
    u32::try_from(took).unwrap_or(ResponseHead::UNMEASURED)
}

impl Calls {
    fn begin(&self) -> InCall {
        self.0.count.set(self.0.count.get() + 1);
        InCall(self.clone())
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

/// A handler whose types are known where it was registered.
struct Closure<F>(F);

impl<F: Fn(Context<CallHead>, &[u8], InCall, &mut Reply<'_>)> Handler for Closure<F> {
    fn call(&self, cx: Context<CallHead>, arguments: &[u8], in_call: InCall, reply: &mut Reply<'_>) {
        (self.0)(cx, arguments, in_call, reply);
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.verbs.borrow().keys()).finish()
    }
}

/// The name of the tasks of handlers.
const CALL: &str = "seastar call";
