//! The service of an adapter on one shard.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use shardcast_proto::{
    Request, Route,
    tars::{packet::ReturnCode, rpc::CallHead},
};

use super::{
    CallContext, CallInfo, Dispatcher, IncomingCall,
    call::{Way, failure},
    context::Function,
    gate::{Gate, Permit, WaitingCall},
    interceptor::Around,
};
use crate::{CloseReason, Connection, Context, Failure, Reply, Service};

/// The servants of an adapter, and what is around them.
pub(super) struct TarsService {
    /// In the order of their names.
    targets: Vec<Rc<Target>>,
    /// The bound on handlers, if there is one.
    gate: Option<Rc<Gate>>,
    queue_timeout: Duration,
    around: Rc<Around>,
}

/// A servant.
pub(super) struct Target {
    name: Rc<str>,
    dispatcher: Box<dyn Dispatcher>,
    /// Its place among the counters.
    number: usize,
    around: Rc<Around>,
}

impl TarsService {
    pub(super) fn new(
        mut dispatchers: Vec<(&str, Box<dyn Dispatcher>)>,
        around: Around,
        gate: Option<Gate>,
        queue_timeout: Duration,
    ) -> Self {
        let around = Rc::new(around);
        dispatchers.sort_by_key(|(name, _)| *name);
        let target = |(number, (name, dispatcher)): (usize, (&str, _))| {
            Rc::new(Target { name: name.into(), dispatcher, number, around: Rc::clone(&around) })
        };
        let targets = dispatchers.into_iter().enumerate().map(target).collect();
        Self { targets, gate: gate.map(Rc::new), queue_timeout, around }
    }

    fn target(&self, servant: &str) -> Option<&Rc<Target>> {
        let index = self.targets.binary_search_by(|target| (*target.name).cmp(servant)).ok()?;
        Some(&self.targets[index])
    }

    /// Takes a call, or returns its failure.
    #[inline]
    fn call(
        &self,
        connection: &Connection,
        request: &Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Failure> {
        let Route::Named(servant, function) = request.route else {
            return Err(self.unknown(ReturnCode::NO_FUNCTION));
        };
        let target = self.target(servant).ok_or_else(|| self.unknown(ReturnCode::NO_SERVANT))?;
        if function == PING {
            target.count();
            reply.body();
            return Ok(());
        }
        let function = target.function(function).ok_or_else(|| self.unknown(ReturnCode::NO_FUNCTION))?;
        target.count();
        let head = CallHead::decode(request.head).unwrap_or_default();
        let info = CallInfo::new(Rc::clone(&target.name), function, &head);
        let context: CallContext = Context::new(connection, request, info);
        let received = context.received();
        let deadline = u64::try_from(head.timeout_ms).ok().filter(|ms| *ms > 0);
        let deadline = deadline.map(|ms| received + Duration::from_millis(ms));
        let context = context.with_deadline(deadline);
        // Requests may have waited with their connection.
        if deadline.is_some_and(|deadline| deadline <= reply.now()) {
            self.around.counters.queue_timeouts.add(1);
            return Err(failure(ReturnCode::QUEUE_TIMEOUT));
        }
        let admitted = self.around.before(&context, request.body);
        admitted.inspect_err(|_| self.around.counters.failed.add(1))?;
        let permit = match &self.gate {
            None => None,
            Some(gate) => match gate.enter() {
                Some(permit) => Some(permit),
                None if gate.make_room(connection.id(), request.body.len()) => {
                    let until = received + self.queue_timeout;
                    let until = deadline.map_or(until, |deadline| until.min(deadline));
                    let (body, responder) = (Bytes::copy_from_slice(request.body), reply.later());
                    gate.wait(WaitingCall { target: Rc::clone(target), context, body, responder, until });
                    return Ok(());
                }
                None => {
                    self.around.counters.overloads.add(1);
                    let overload = failure(ReturnCode::OVERLOAD);
                    target.after(&context, &overload);
                    return Err(overload);
                }
            },
        };
        target.dispatch(context, request.body, Way::Now(reply), permit);
        Ok(())
    }

    #[cold]
    fn unknown(&self, code: ReturnCode) -> Failure {
        self.around.counters.unknown.add(1);
        failure(code)
    }
}

impl Target {
    /// The function of this name, if the servant may have it.
    #[inline]
    fn function(&self, name: &str) -> Option<Function> {
        match self.dispatcher.functions() {
            [] => Some(Function::Any(name.into())),
            known => known.iter().find(|it| **it == name).map(|it| Function::Known(it)),
        }
    }

    /// One more call.
    #[inline]
    fn count(&self) {
        self.around.counters.objects[self.number].1.add(1);
    }

    fn dispatch(&self, context: CallContext, body: &[u8], way: Way<'_, '_>, permit: Option<Permit>) {
        let mut call = IncomingCall::new(context, body, way, Rc::clone(&self.around), permit);
        if let Err(failure) = self.dispatcher.dispatch(&mut call) {
            call.fail(failure);
        }
    }

    /// A call has failed before its handler began.
    pub(super) fn after(&self, context: &CallContext, failure: &Failure) {
        self.around.after(context, Err(failure));
    }

    /// Begins a call that has waited.
    pub(super) fn take_up(call: WaitingCall, permit: Permit) {
        let WaitingCall { target, context, body, responder, .. } = call;
        target.dispatch(context, &body, Way::Later(responder), Some(permit));
    }
}

impl Service for TarsService {
    fn opened(&self, connection: &Connection) {
        self.targets.iter().for_each(|target| target.dispatcher.connection_opened(connection));
    }

    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        self.request_in_place(connection, &request, reply);
    }

    fn request_in_place(&self, connection: &Connection, request: &Request<'_>, reply: &mut Reply<'_>) {
        if let Err(failure) = self.call(connection, request, reply) {
            reply.fail(failure);
        }
    }

    fn closed(&self, connection: &Connection, why: CloseReason) {
        self.targets.iter().for_each(|target| target.dispatcher.connection_closed(connection, why));
    }
}

/// Every servant has this function: it does nothing.
const PING: &str = "tars_ping";
