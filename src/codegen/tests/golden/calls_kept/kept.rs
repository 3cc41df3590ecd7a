// @generated from module Kept by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct color(pub i32);

impl color {
    pub const red: Self = Self(0);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl Default for color {
    fn default() -> Self {
        Self::red
    }
}

impl codegen::TarsEnum for color {
    const NAME: &'static str = "Kept.color";
    const MEMBERS: &'static [(&'static str, i32)] = &[("red", Self::red.0)];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for color {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for color {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for color {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for color {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

pub const no: i32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct r#type {
    #[doc(alias = "Self")]
    pub Self_: color,
}

impl codegen::TarsStruct for r#type {
    const NAME: &'static str = "Kept.type";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.Self_);
    }
}

impl<'de> codegen::DecodeStruct<'de> for r#type {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        r.lossy(|r| {
            Ok(Self {
                Self_: r.require(0)?,
            })
        })
    }
}

impl codegen::ToJson for r#type {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "type", 1)?;
        object.field("Self", &self.Self_)?;
        object.end()
    }
}

impl codegen::FromJson for r#type {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            Self_: object.require("Self")?,
        })
    }
}

/// The result and the `out` parameters of `find`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct serviceFindReply {
    /// The result.
    pub ret: color,
    pub Some: i32,
    pub r#type: r#type,
}

/// Handles the calls of `service`.
#[doc(alias = "service")]
pub trait serviceServant: 'static {
    fn find(
        &self,
        cx: &codegen::CallContext,
        color_: color,
        no_: i32,
        None_: i32,
        Ok_: Vec<i32>,
    ) -> impl codegen::Future<Output = Result<serviceFindReply, codegen::Failure>>;

    fn r#type(
        &self,
        cx: &codegen::CallContext,
        serviceSender_: i32,
        serviceProxy_: String,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    #[doc(alias = "Self")]
    fn Self_(
        &self,
        cx: &codegen::CallContext,
        self_: String,
    ) -> impl codegen::Future<Output = Result<String, codegen::Failure>>;

    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `service` for a servant, and encodes its results.
#[derive(Debug)]
pub struct serviceDispatcher<S>(codegen::Rc<S>);

impl<S: serviceServant> serviceDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: serviceServant> codegen::Dispatcher for serviceDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &["find", "type", "Self"]
    }

    fn dispatch(&self, call: &mut codegen::IncomingCall<'_, '_>) -> Result<(), codegen::Failure> {
        let servant = codegen::Rc::clone(&self.0);
        match call.function() {
            "find" => {
                let mut arguments = call.arguments()?.lossy();
                let color_ = arguments.take(1, "color")?;
                let no_ = arguments.take(2, "no")?;
                let None_ = arguments.take(3, "None")?;
                let Ok_ = arguments.take(4, "Ok")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::find(&servant, &cx, color_, no_, None_, Ok_);
                        (answer.await, cx)
                    },
                    |w, reply| {
                        w.put_result(&reply.ret);
                        w.put(5, "Some", &reply.Some);
                        w.put(6, "type", &reply.r#type);
                    },
                );
            }
            "type" => {
                let mut arguments = call.arguments()?.lossy();
                let serviceSender_ = arguments.take(1, "serviceSender")?;
                let serviceProxy_ = arguments.take(2, "serviceProxy")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::r#type(&servant, &cx, serviceSender_, serviceProxy_);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "Self" => {
                let mut arguments = call.arguments()?.lossy();
                let self_ = arguments.take(1, "self")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::Self_(&servant, &cx, self_);
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

/// Makes pushes for clients that receive `service`.
#[derive(Clone, Copy, Debug)]
pub struct serviceSender;

impl serviceSender {
    pub fn find(
        ret: color,
        color_: color,
        no_: i32,
        None_: i32,
        Ok_: &[i32],
        Some_: i32,
        r#type: &r#type,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("find", |w| {
            w.put_result(&ret);
            w.put(1, "color", &color_);
            w.put(2, "no", &no_);
            w.put(3, "None", &None_);
            w.put(4, "Ok", Ok_);
            w.put(5, "Some", &Some_);
            w.put(6, "type", r#type);
        })
    }

    pub fn r#type(serviceSender_: i32, serviceProxy_: &str) -> codegen::PushPacket {
        codegen::PushPacket::new("type", |w| {
            w.put(1, "serviceSender", &serviceSender_);
            w.put(2, "serviceProxy", serviceProxy_);
        })
    }

    #[doc(alias = "Self")]
    pub fn Self_(ret: &str, self_: &str) -> codegen::PushPacket {
        codegen::PushPacket::new("Self", |w| {
            w.put_result(ret);
            w.put(1, "self", self_);
        })
    }
}

/// Calls the operations of `service`.
#[doc(alias = "service")]
#[derive(Clone, Debug)]
pub struct serviceProxy(codegen::Proxy);

impl serviceProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy.with_lossy_strings())
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }

    pub fn find(
        &self,
        color_: color,
        no_: i32,
        None_: i32,
        Ok_: &[i32],
    ) -> codegen::Call<serviceFindReply> {
        codegen::Proxy::call(
            &self.0,
            "find",
            |w| {
                w.put(1, "color", &color_);
                w.put(2, "no", &no_);
                w.put(3, "None", &None_);
                w.put(4, "Ok", Ok_);
            },
            |r| {
                Ok(serviceFindReply {
                    ret: r.take_result()?,
                    Some: r.take(5, "Some")?,
                    r#type: r.take(6, "type")?,
                })
            },
        )
    }

    pub fn r#type(&self, serviceSender_: i32, serviceProxy_: &str) -> codegen::Call<()> {
        codegen::Proxy::call(
            &self.0,
            "type",
            |w| {
                w.put(1, "serviceSender", &serviceSender_);
                w.put(2, "serviceProxy", serviceProxy_);
            },
            |_| Ok(()),
        )
    }

    #[doc(alias = "Self")]
    pub fn Self_(&self, self_: &str) -> codegen::Call<String> {
        codegen::Proxy::call(
            &self.0,
            "Self",
            |w| w.put(1, "self", self_),
            |r| r.take_result(),
        )
    }
}

impl From<codegen::Proxy> for serviceProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `service`.
#[doc(alias = "service")]
pub trait serviceReceiver: Send + Sync + 'static {
    fn find(
        &self,
        ret: color,
        color_: color,
        no_: i32,
        None_: i32,
        Ok_: Vec<i32>,
        Some_: i32,
        r#type: r#type,
    ) {
    }

    fn r#type(&self, serviceSender_: i32, serviceProxy_: String) {}

    #[doc(alias = "Self")]
    fn Self_(&self, ret: String, self_: String) {}

    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(move |push| {
            match push.function() {
                "find" => {
                    let mut arguments = push.arguments()?.lossy();
                    Self::find(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "color")?,
                        arguments.take(2, "no")?,
                        arguments.take(3, "None")?,
                        arguments.take(4, "Ok")?,
                        arguments.take(5, "Some")?,
                        arguments.take(6, "type")?,
                    );
                }
                "type" => {
                    let mut arguments = push.arguments()?.lossy();
                    Self::r#type(
                        &self,
                        arguments.take(1, "serviceSender")?,
                        arguments.take(2, "serviceProxy")?,
                    );
                }
                "Self" => {
                    let mut arguments = push.arguments()?.lossy();
                    Self::Self_(&self, arguments.take_result()?, arguments.take(1, "self")?);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Takes the results of calls of `service`, given to a function `async_…`.
pub trait serviceCallback: Send + Sync + 'static {
    /// The result of `find`.
    fn callback_find(&self, ret: color, Some_: i32, r#type: r#type) {}

    /// `find` has failed with this code.
    fn callback_find_exception(&self, code: i32) {}

    /// The result of `type`.
    fn callback_type(&self) {}

    /// `type` has failed with this code.
    fn callback_type_exception(&self, code: i32) {}

    /// The result of `Self`.
    fn callback_Self_(&self, ret: String) {}

    /// `Self` has failed with this code.
    fn callback_Self__exception(&self, code: i32) {}
}

impl serviceProxy {
    /// Calls `find` and waits for its result.
    pub fn find_sync(
        &self,
        color_: color,
        no_: i32,
        None_: i32,
        Ok_: &[i32],
    ) -> Result<serviceFindReply, codegen::RpcError> {
        let call = self.find(color_, no_, None_, Ok_);
        call.wait()
    }

    /// Calls `find` and gives its result to `callback`.
    pub fn async_find(
        &self,
        callback: codegen::Arc<dyn serviceCallback>,
        color_: color,
        no_: i32,
        None_: i32,
        Ok_: &[i32],
    ) {
        let call = self.find(color_, no_, None_, Ok_);
        call.then(move |result| match result {
            Ok(reply) => callback.callback_find(reply.ret, reply.Some, reply.r#type),
            Err(error) => callback.callback_find_exception(error.code()),
        });
    }

    /// Calls `find`; the future gives its result.
    pub fn promise_find(
        &self,
        color_: color,
        no_: i32,
        None_: i32,
        Ok_: &[i32],
    ) -> codegen::CallFuture<serviceFindReply> {
        let call = self.find(color_, no_, None_, Ok_);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `type` and waits for its result.
    pub fn type_sync(
        &self,
        serviceSender_: i32,
        serviceProxy_: &str,
    ) -> Result<(), codegen::RpcError> {
        let call = self.r#type(serviceSender_, serviceProxy_);
        call.wait()
    }

    /// Calls `type` and gives its result to `callback`.
    pub fn async_type(
        &self,
        callback: codegen::Arc<dyn serviceCallback>,
        serviceSender_: i32,
        serviceProxy_: &str,
    ) {
        let call = self.r#type(serviceSender_, serviceProxy_);
        call.then(move |result| match result {
            Ok(()) => callback.callback_type(),
            Err(error) => callback.callback_type_exception(error.code()),
        });
    }

    /// Calls `type`; the future gives its result.
    pub fn promise_type(
        &self,
        serviceSender_: i32,
        serviceProxy_: &str,
    ) -> codegen::CallFuture<()> {
        let call = self.r#type(serviceSender_, serviceProxy_);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `Self` and waits for its result.
    pub fn Self__sync(&self, self_: &str) -> Result<String, codegen::RpcError> {
        let call = self.Self_(self_);
        call.wait()
    }

    /// Calls `Self` and gives its result to `callback`.
    pub fn async_Self_(&self, callback: codegen::Arc<dyn serviceCallback>, self_: &str) {
        let call = self.Self_(self_);
        call.then(move |result| match result {
            Ok(ret) => callback.callback_Self_(ret),
            Err(error) => callback.callback_Self__exception(error.code()),
        });
    }

    /// Calls `Self`; the future gives its result.
    pub fn promise_Self_(&self, self_: &str) -> codegen::CallFuture<String> {
        let call = self.Self_(self_);
        codegen::IntoFuture::into_future(call)
    }
}
