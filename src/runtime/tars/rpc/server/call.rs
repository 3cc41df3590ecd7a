use std::{fmt, future::Future, pin::pin, rc::Rc};

use shardcast_proto::tars::{
    packet::ReturnCode,
    rpc::{ArgumentError, ArgumentReader, ArgumentWriter, EncodeError},
};

use super::{CallContext, gate::Permit, interceptor::Around};
use crate::{Failure, Reply, Responder, ServiceResponse, task};

/// A call on its way to the function of a servant.
pub struct IncomingCall<'c, 'r> {
    /// Taken by the handler.
    open: Option<Open<'c, 'r>>,
    body: &'c [u8],
}

struct Open<'c, 'r> {
    context: CallContext,
    way: Way<'c, 'r>,
    around: Rc<Around>,
    permit: Option<Permit>,
}

/// How a call is answered.
pub(super) enum Way<'c, 'r> {
    /// It has just been received.
    Now(&'c mut Reply<'r>),
    /// It has waited.
    Later(Responder),
}

impl<'c, 'r> IncomingCall<'c, 'r> {
    pub(super) fn new(
        context: CallContext,
        body: &'c [u8],
        way: Way<'c, 'r>,
        around: Rc<Around>,
        permit: Option<Permit>,
    ) -> Self {
        Self { open: Some(Open { context, way, around, permit }), body }
    }

    /// The function that is called; empty once the call is answered.
    pub fn function(&self) -> &str {
        self.open.as_ref().map_or("", |open| open.context.function())
    }

    /// What is known of the call besides its arguments; `None` once it is answered.
    pub fn context(&self) -> Option<&CallContext> {
        self.open.as_ref().map(|open| &open.context)
    }

    /// The arguments, as they are encoded.
    pub const fn body(&self) -> &'c [u8] {
        self.body
    }

    /// Reads the arguments.
    ///
    /// # Errors
    /// They are not in the encoding of the version.
    pub fn arguments(&self) -> Result<ArgumentReader<'c>, ArgumentError> {
        let version = self.context().map_or_else(Default::default, CallContext::version);
        ArgumentReader::new(version, self.body)
    }

    /// Answers with the output of `handler`, whose result `write` encodes. The handler is polled at once; if it waits, it
    /// becomes a task of the connection, and is dropped when that ends.
    ///
    /// A call that is answered twice keeps its first answer.
    pub fn answer<T: 'static, F>(
        &mut self,
        handler: impl FnOnce(CallContext) -> F,
        write: fn(&mut ArgumentWriter, &T),
    ) where
        F: Future<Output = (Result<T, Failure>, CallContext)> + 'static,
    {
        self.run(handler, move |cx, value, buffer| {
            let mut w = ArgumentWriter::new(cx.version(), buffer);
            write(&mut w, &value);
            Ok(w.finish()?)
        });
    }

    /// As [`answer`](Self::answer), with a result that is encoded already.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Failure, tars::rpc::{Dispatcher, IncomingCall}};
    ///
    /// /// Returns the arguments.
    /// struct Mirror;
    ///
    /// impl Dispatcher for Mirror {
    ///     fn functions(&self) -> &'static [&'static str] {
    ///         &[]
    ///     }
    ///
    ///     fn dispatch(&self, call: &mut IncomingCall<'_, '_>) -> Result<(), Failure> {
    ///         assert!(call.context().is_some());
    ///         let arguments = call.body().to_vec();
    ///         call.answer_encoded(|cx| async move { (Ok(arguments), cx) });
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn answer_encoded<F>(&mut self, handler: impl FnOnce(CallContext) -> F)
    where
        F: Future<Output = (Result<Vec<u8>, Failure>, CallContext)> + 'static,
    {
        self.run(handler, |_, value, _| Ok(value));
    }

    fn run<T: 'static, F>(
        &mut self,
        handler: impl FnOnce(CallContext) -> F,
        encode: impl FnOnce(&CallContext, T, Vec<u8>) -> Result<Vec<u8>, Failure> + 'static,
    ) where
        F: Future<Output = (Result<T, Failure>, CallContext)> + 'static,
    {
        let Some(Open { context, way, around, permit }) = self.open.take() else { return };
        let label = context.label();
        match way {
            Way::Now(reply) => {
                let buffer = reply.buffer();
                let handler = handler(context);
                reply.answer_with(label, async move {
                    let _permit = permit;
                    let (result, cx) = around.run(pin!(handler)).await;
                    response(result, &cx, |cx, value| encode(cx, value, buffer), &around)
                });
            }
            Way::Later(responder) => {
                let connection = context.connection().clone();
                let handler = handler(context);
                task::spawn_for(&connection, label, async move {
                    let (result, cx) = around.run(pin!(handler)).await;
                    let response = response(result, &cx, |cx, value| encode(cx, value, Vec::new()), &around);
                    // If the connection has ended, nothing waits for it.
                    let _ = responder.answer(response);
                    drop(permit);
                });
            }
        }
    }

    /// Answers with a failure.
    pub(super) fn fail(&mut self, failure: Failure) {
        let Some(Open { context, way, around, .. }) = self.open.take() else { return };
        around.counters.failed.add(1);
        around.after(&context, Err(&failure));
        match way {
            Way::Now(reply) => reply.fail(failure),
            Way::Later(responder) => {
                let _ = responder.fail(failure);
            }
        }
    }

    /// The failure of a call whose function the servant does not have.
    pub fn unknown_function(&self) -> Failure {
        failure(ReturnCode::NO_FUNCTION)
    }
}

fn response<T>(
    result: Result<T, Failure>,
    cx: &CallContext,
    encode: impl FnOnce(&CallContext, T) -> Result<Vec<u8>, Failure>,
    around: &Around,
) -> ServiceResponse {
    // A one-way call needs no encoded result.
    let encoded =
        result.and_then(|value| if cx.expects_response() { encode(cx, value) } else { Ok(Vec::new()) });
    around.after(cx, encoded.as_ref().map(|_| ()));
    let body = match encoded {
        Ok(body) => body,
        Err(failure) => {
            around.counters.failed.add(1);
            return failure.into();
        }
    };
    let head = cx.response_head();
    if head.is_empty() {
        body.into()
    } else {
        ServiceResponse::Result { head: head.into(), body: body.into() }
    }
}

/// A failure of the framework. As in TarsCpp, its code says everything.
pub(super) fn failure(code: ReturnCode) -> Failure {
    Failure::new(code.0, "")
}

impl From<ArgumentError> for Failure {
    fn from(error: ArgumentError) -> Self {
        Self::new(ReturnCode::SERVER_DECODE.0, error.to_string())
    }
}

impl From<EncodeError> for Failure {
    fn from(error: EncodeError) -> Self {
        Self::new(ReturnCode::SERVER_ENCODE.0, error.to_string())
    }
}

impl fmt::Debug for IncomingCall<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingCall").field("context", &self.context()).finish_non_exhaustive()
    }
}
