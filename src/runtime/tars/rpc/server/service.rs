//! The service of an adapter on one shard.

use std::{rc::Rc, sync::Arc, time::Duration};

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
    interceptor::Interceptors,
    stats::Counters,
};
use crate::{CloseReason, Connection, Context, Failure, Reply, Service};

/// The servants of an adapter, and what is around them.
pub(super) struct TarsService {
    /// In the order of their names.
    targets: Vec<Rc<Target>>,
    /// The bound on handlers, if there is one.
    gate: Option<Rc<Gate>>,
    queue_timeout: Duration,
    counters: Arc<Counters>,
}

/// A servant.
pub(super) struct Target {
    name: Rc<str>,
    dispatcher: Box<dyn Dispatcher>,
    interceptors: Rc<Interceptors>,
}

impl TarsService {
    pub(super) fn new(
        dispatchers: Vec<(&str, Box<dyn Dispatcher>)>,
        interceptors: Interceptors,
        gate: Option<Gate>,
        queue_timeout: Duration,
        counters: Arc<Counters>,
    ) -> Self {
        let interceptors = Rc::new(interceptors);
        let target = |(name, dispatcher): (&str, _)| {
            Rc::new(Target { name: name.into(), dispatcher, interceptors: Rc::clone(&interceptors) })
        };
        let mut targets: Vec<_> = dispatchers.into_iter().map(target).collect();
        targets.sort_by(|a, b| a.name.cmp(&b.name));
        Self { targets, gate: gate.map(Rc::new), queue_timeout, counters }
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
            self.counters.calls.add();
            reply.body();
            return Ok(());
        }
        let function = target.function(function).ok_or_else(|| self.unknown(ReturnCode::NO_FUNCTION))?;
        self.counters.calls.add();
        let head = CallHead::decode(request.head).unwrap_or_default();
        let info = CallInfo::new(Rc::clone(&target.name), function, &head);
        let context: CallContext = Context::new(connection, request, info);
        let received = context.received();
        let deadline = u64::try_from(head.timeout_ms).ok().filter(|ms| *ms > 0);
        let deadline = deadline.map(|ms| received + Duration::from_millis(ms));
        let context = context.with_deadline(deadline);
        // Requests may have waited with their connection.
        if deadline.is_some_and(|deadline| deadline <= reply.now()) {
            self.counters.queue_timeouts.add();
            return Err(failure(ReturnCode::QUEUE_TIMEOUT));
        }
        target.interceptors.before(&context, request.body)?;
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
                    self.counters.overloads.add();
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
        self.counters.unknown.add();
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

    fn dispatch(&self, context: CallContext, body: &[u8], way: Way<'_, '_>, permit: Option<Permit>) {
        let mut call = IncomingCall::new(context, body, way, Rc::clone(&self.interceptors), permit);
        if let Err(failure) = self.dispatcher.dispatch(&mut call) {
            call.fail(failure);
        }
    }

    /// A call has failed before its handler began.
    pub(super) fn after(&self, context: &CallContext, failure: &Failure) {
        self.interceptors.after(context, Err(failure));
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
