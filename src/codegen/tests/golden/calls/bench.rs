// @generated from module Bench by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Item {
    pub id: i32,
    pub name: String,
    pub data: Vec<u8>,
}

impl codegen::TarsStruct for Item {
    const NAME: &'static str = "Bench.Item";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.id);
        w.optional(1, &self.name);
        w.optional(2, &self.data);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Item {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            id: r.require(0)?,
            name: r.optional(1)?,
            data: r.optional(2)?,
        })
    }
}

impl codegen::ToJson for Item {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Item", 3)?;
        object.field("id", &self.id)?;
        object.field("name", &self.name)?;
        object.field("data", &self.data)?;
        object.end()
    }
}

impl codegen::FromJson for Item {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            id: object.require("id")?,
            name: object.optional("name")?,
            data: object.optional("data")?,
        })
    }
}

/// The result and the `out` parameters of `echo`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EchoEchoReply {
    /// The result.
    pub ret: i32,
    pub r: String,
}

/// The result and the `out` parameters of `hello`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EchoHelloReply {
    /// The result.
    pub ret: i32,
    pub greeting: String,
    pub item: Item,
}

/// Handles the calls of `Echo`.
///
/// Calls of every form.
#[doc(alias = "Echo")]
pub trait EchoServant: 'static {
    /// Returns the length of \`s\`.
    fn echo(
        &self,
        cx: &codegen::CallContext,
        s: String,
    ) -> impl codegen::Future<Output = Result<EchoEchoReply, codegen::Failure>>;

    fn hello(
        &self,
        cx: &codegen::CallContext,
        name: String,
        m: codegen::BTreeMap<String, String>,
    ) -> impl codegen::Future<Output = Result<EchoHelloReply, codegen::Failure>>;

    fn tell(
        &self,
        cx: &codegen::CallContext,
        s: String,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn fail(
        &self,
        cx: &codegen::CallContext,
        mode: i32,
    ) -> impl codegen::Future<Output = Result<i32, codegen::Failure>>;

    fn slow(
        &self,
        cx: &codegen::CallContext,
        ms: i32,
    ) -> impl codegen::Future<Output = Result<i32, codegen::Failure>>;

    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `Echo` for a servant, and encodes its results.
#[derive(Debug)]
pub struct EchoDispatcher<S>(codegen::Rc<S>);

impl<S: EchoServant> EchoDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: EchoServant> codegen::Dispatcher for EchoDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &["echo", "hello", "tell", "fail", "slow"]
    }

    fn dispatch(&self, call: &mut codegen::IncomingCall<'_, '_>) -> Result<(), codegen::Failure> {
        let servant = codegen::Rc::clone(&self.0);
        match call.function() {
            "echo" => {
                let mut arguments = call.arguments()?;
                let s = arguments.take(1, "s")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::echo(&servant, &cx, s);
                        (answer.await, cx)
                    },
                    |w, reply| {
                        w.put_result(&reply.ret);
                        w.put(2, "r", &reply.r);
                    },
                );
            }
            "hello" => {
                let mut arguments = call.arguments()?;
                let name = arguments.take(1, "name")?;
                let m = arguments.take(2, "m")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::hello(&servant, &cx, name, m);
                        (answer.await, cx)
                    },
                    |w, reply| {
                        w.put_result(&reply.ret);
                        w.put(3, "greeting", &reply.greeting);
                        w.put(4, "item", &reply.item);
                    },
                );
            }
            "tell" => {
                let mut arguments = call.arguments()?;
                let s = arguments.take(1, "s")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::tell(&servant, &cx, s);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "fail" => {
                let mut arguments = call.arguments()?;
                let mode = arguments.take(1, "mode")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::fail(&servant, &cx, mode);
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "slow" => {
                let mut arguments = call.arguments()?;
                let ms = arguments.take(1, "ms")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::slow(&servant, &cx, ms);
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            _ => return Err(call.unknown_function()),
        }
        Ok(())
    }

    fn connection_opened(&self, connection: &codegen::Connection) {
        self.0.connection_opened(connection);
    }

    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        self.0.connection_closed(connection, why);
    }
}

/// Makes pushes for clients that receive `Echo`.
#[derive(Clone, Copy, Debug)]
pub struct EchoSender;

impl EchoSender {
    /// Returns the length of \`s\`.
    pub fn echo(ret: i32, s: &str, r: &str) -> codegen::PushPacket {
        codegen::PushPacket::new("echo", |w| {
            w.put_result(&ret);
            w.put(1, "s", s);
            w.put(2, "r", r);
        })
    }

    pub fn hello(
        ret: i32,
        name: &str,
        m: &codegen::BTreeMap<String, String>,
        greeting: &str,
        item: &Item,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("hello", |w| {
            w.put_result(&ret);
            w.put(1, "name", name);
            w.put(2, "m", m);
            w.put(3, "greeting", greeting);
            w.put(4, "item", item);
        })
    }

    pub fn tell(s: &str) -> codegen::PushPacket {
        codegen::PushPacket::new("tell", |w| w.put(1, "s", s))
    }

    pub fn fail(ret: i32, mode: i32) -> codegen::PushPacket {
        codegen::PushPacket::new("fail", |w| {
            w.put_result(&ret);
            w.put(1, "mode", &mode);
        })
    }

    pub fn slow(ret: i32, ms: i32) -> codegen::PushPacket {
        codegen::PushPacket::new("slow", |w| {
            w.put_result(&ret);
            w.put(1, "ms", &ms);
        })
    }
}

/// Calls the operations of `Echo`.
///
/// Calls of every form.
#[doc(alias = "Echo")]
#[derive(Clone, Debug)]
pub struct EchoProxy(codegen::Proxy);

impl EchoProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }

    /// Returns the length of \`s\`.
    pub fn echo(&self, s: &str) -> codegen::Call<EchoEchoReply> {
        codegen::Proxy::call(
            &self.0,
            "echo",
            |w| w.put(1, "s", s),
            |r| {
                Ok(EchoEchoReply {
                    ret: r.take_result()?,
                    r: r.take(2, "r")?,
                })
            },
        )
    }

    pub fn hello(
        &self,
        name: &str,
        m: &codegen::BTreeMap<String, String>,
    ) -> codegen::Call<EchoHelloReply> {
        codegen::Proxy::call(
            &self.0,
            "hello",
            |w| {
                w.put(1, "name", name);
                w.put(2, "m", m);
            },
            |r| {
                Ok(EchoHelloReply {
                    ret: r.take_result()?,
                    greeting: r.take(3, "greeting")?,
                    item: r.take(4, "item")?,
                })
            },
        )
    }

    pub fn tell(&self, s: &str) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "tell", |w| w.put(1, "s", s), |_| Ok(()))
    }

    pub fn fail(&self, mode: i32) -> codegen::Call<i32> {
        codegen::Proxy::call(
            &self.0,
            "fail",
            |w| w.put(1, "mode", &mode),
            |r| r.take_result(),
        )
    }

    pub fn slow(&self, ms: i32) -> codegen::Call<i32> {
        codegen::Proxy::call(
            &self.0,
            "slow",
            |w| w.put(1, "ms", &ms),
            |r| r.take_result(),
        )
    }
}

impl From<codegen::Proxy> for EchoProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `Echo`.
///
/// Calls of every form.
#[doc(alias = "Echo")]
pub trait EchoReceiver: Send + Sync + 'static {
    /// Returns the length of \`s\`.
    fn echo(&self, ret: i32, s: String, r: String) {}

    fn hello(
        &self,
        ret: i32,
        name: String,
        m: codegen::BTreeMap<String, String>,
        greeting: String,
        item: Item,
    ) {
    }

    fn tell(&self, s: String) {}

    fn fail(&self, ret: i32, mode: i32) {}

    fn slow(&self, ret: i32, ms: i32) {}

    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(move |push| {
            match push.function() {
                "echo" => {
                    let mut arguments = push.arguments()?;
                    Self::echo(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "s")?,
                        arguments.take(2, "r")?,
                    );
                }
                "hello" => {
                    let mut arguments = push.arguments()?;
                    Self::hello(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "name")?,
                        arguments.take(2, "m")?,
                        arguments.take(3, "greeting")?,
                        arguments.take(4, "item")?,
                    );
                }
                "tell" => {
                    let mut arguments = push.arguments()?;
                    Self::tell(&self, arguments.take(1, "s")?);
                }
                "fail" => {
                    let mut arguments = push.arguments()?;
                    Self::fail(&self, arguments.take_result()?, arguments.take(1, "mode")?);
                }
                "slow" => {
                    let mut arguments = push.arguments()?;
                    Self::slow(&self, arguments.take_result()?, arguments.take(1, "ms")?);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Takes the results of calls of `Echo`, given to a function `async_…`.
pub trait EchoCallback: Send + Sync + 'static {
    /// The result of `echo`.
    fn callback_echo(&self, ret: i32, r: String) {}

    /// `echo` has failed with this code.
    fn callback_echo_exception(&self, code: i32) {}

    /// The result of `hello`.
    fn callback_hello(&self, ret: i32, greeting: String, item: Item) {}

    /// `hello` has failed with this code.
    fn callback_hello_exception(&self, code: i32) {}

    /// The result of `tell`.
    fn callback_tell(&self) {}

    /// `tell` has failed with this code.
    fn callback_tell_exception(&self, code: i32) {}

    /// The result of `fail`.
    fn callback_fail(&self, ret: i32) {}

    /// `fail` has failed with this code.
    fn callback_fail_exception(&self, code: i32) {}

    /// The result of `slow`.
    fn callback_slow(&self, ret: i32) {}

    /// `slow` has failed with this code.
    fn callback_slow_exception(&self, code: i32) {}
}

impl EchoProxy {
    /// Calls `echo` and waits for its result.
    pub fn echo_sync(&self, s: &str) -> Result<EchoEchoReply, codegen::RpcError> {
        let call = self.echo(s);
        call.wait()
    }

    /// Calls `echo` and gives its result to `callback`.
    pub fn async_echo(&self, callback: codegen::Arc<dyn EchoCallback>, s: &str) {
        let call = self.echo(s);
        call.then(move |result| match result {
            Ok(reply) => callback.callback_echo(reply.ret, reply.r),
            Err(error) => callback.callback_echo_exception(error.code()),
        });
    }

    /// Calls `echo`; the future gives its result.
    pub fn promise_echo(&self, s: &str) -> codegen::CallFuture<EchoEchoReply> {
        let call = self.echo(s);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `hello` and waits for its result.
    pub fn hello_sync(
        &self,
        name: &str,
        m: &codegen::BTreeMap<String, String>,
    ) -> Result<EchoHelloReply, codegen::RpcError> {
        let call = self.hello(name, m);
        call.wait()
    }

    /// Calls `hello` and gives its result to `callback`.
    pub fn async_hello(
        &self,
        callback: codegen::Arc<dyn EchoCallback>,
        name: &str,
        m: &codegen::BTreeMap<String, String>,
    ) {
        let call = self.hello(name, m);
        call.then(move |result| match result {
            Ok(reply) => callback.callback_hello(reply.ret, reply.greeting, reply.item),
            Err(error) => callback.callback_hello_exception(error.code()),
        });
    }

    /// Calls `hello`; the future gives its result.
    pub fn promise_hello(
        &self,
        name: &str,
        m: &codegen::BTreeMap<String, String>,
    ) -> codegen::CallFuture<EchoHelloReply> {
        let call = self.hello(name, m);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `tell` and waits for its result.
    pub fn tell_sync(&self, s: &str) -> Result<(), codegen::RpcError> {
        let call = self.tell(s);
        call.wait()
    }

    /// Calls `tell` and gives its result to `callback`.
    pub fn async_tell(&self, callback: codegen::Arc<dyn EchoCallback>, s: &str) {
        let call = self.tell(s);
        call.then(move |result| match result {
            Ok(()) => callback.callback_tell(),
            Err(error) => callback.callback_tell_exception(error.code()),
        });
    }

    /// Calls `tell`; the future gives its result.
    pub fn promise_tell(&self, s: &str) -> codegen::CallFuture<()> {
        let call = self.tell(s);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `fail` and waits for its result.
    pub fn fail_sync(&self, mode: i32) -> Result<i32, codegen::RpcError> {
        let call = self.fail(mode);
        call.wait()
    }

    /// Calls `fail` and gives its result to `callback`.
    pub fn async_fail(&self, callback: codegen::Arc<dyn EchoCallback>, mode: i32) {
        let call = self.fail(mode);
        call.then(move |result| match result {
            Ok(ret) => callback.callback_fail(ret),
            Err(error) => callback.callback_fail_exception(error.code()),
        });
    }

    /// Calls `fail`; the future gives its result.
    pub fn promise_fail(&self, mode: i32) -> codegen::CallFuture<i32> {
        let call = self.fail(mode);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `slow` and waits for its result.
    pub fn slow_sync(&self, ms: i32) -> Result<i32, codegen::RpcError> {
        let call = self.slow(ms);
        call.wait()
    }

    /// Calls `slow` and gives its result to `callback`.
    pub fn async_slow(&self, callback: codegen::Arc<dyn EchoCallback>, ms: i32) {
        let call = self.slow(ms);
        call.then(move |result| match result {
            Ok(ret) => callback.callback_slow(ret),
            Err(error) => callback.callback_slow_exception(error.code()),
        });
    }

    /// Calls `slow`; the future gives its result.
    pub fn promise_slow(&self, ms: i32) -> codegen::CallFuture<i32> {
        let call = self.slow(ms);
        codegen::IntoFuture::into_future(call)
    }
}
