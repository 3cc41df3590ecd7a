// @generated from module Shardcast by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

/// Where a message is in its topic. The epoch grows when the history of a topic begins again, as in a new run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    pub epoch: i64,
    pub offset: i64,
}

impl codegen::TarsStruct for Position {
    const NAME: &'static str = "Shardcast.Position";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.epoch);
        w.field(1, &self.offset);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Position {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            epoch: r.require(0)?,
            offset: r.require(1)?,
        })
    }
}

impl codegen::ToJson for Position {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Position", 2)?;
        object.field("epoch", &self.epoch)?;
        object.field("offset", &self.offset)?;
        object.end()
    }
}

impl codegen::FromJson for Position {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            epoch: object.require("epoch")?,
            offset: object.require("offset")?,
        })
    }
}

/// What is known of the messages after \`since\`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recovery(pub i32);

impl Recovery {
    /// They were not requested.
    pub const NOT_REQUESTED: Self = Self(0);
    /// All of them follow.
    pub const RECOVERED: Self = Self(1);
    /// Those from gapFrom to gapTo are lost; later ones follow.
    pub const GAP: Self = Self(2);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl Default for Recovery {
    fn default() -> Self {
        Self::NOT_REQUESTED
    }
}

impl codegen::TarsEnum for Recovery {
    const NAME: &'static str = "Shardcast.Recovery";
    const MEMBERS: &'static [(&'static str, i32)] = &[
        ("NOT_REQUESTED", Self::NOT_REQUESTED.0),
        ("RECOVERED", Self::RECOVERED.0),
        ("GAP", Self::GAP.0),
    ];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for Recovery {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for Recovery {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for Recovery {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for Recovery {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Subscribed {
    /// The newest message of the topic; 0 and 0 for a prefix. Messages after it follow.
    pub head: Position,
    pub recovery: Recovery,
    #[doc(alias = "gapFrom")]
    pub gap_from: i64,
    #[doc(alias = "gapTo")]
    pub gap_to: i64,
}

impl codegen::TarsStruct for Subscribed {
    const NAME: &'static str = "Shardcast.Subscribed";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.head);
        w.field(1, &self.recovery);
        w.optional(2, &self.gap_from);
        w.optional(3, &self.gap_to);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Subscribed {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            head: r.require(0)?,
            recovery: r.require(1)?,
            gap_from: r.optional(2)?,
            gap_to: r.optional(3)?,
        })
    }
}

impl codegen::ToJson for Subscribed {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Subscribed", 4)?;
        object.field("head", &self.head)?;
        object.field("recovery", &self.recovery)?;
        object.field("gapFrom", &self.gap_from)?;
        object.field("gapTo", &self.gap_to)?;
        object.end()
    }
}

impl codegen::FromJson for Subscribed {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            head: object.require("head")?,
            recovery: object.require("recovery")?,
            gap_from: object.optional("gapFrom")?,
            gap_to: object.optional("gapTo")?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishOptions {
    /// Publish the message after so many milliseconds.
    #[doc(alias = "delayMs")]
    pub delay_ms: i64,
    /// Do not deliver it later than so many milliseconds after it was published; 0: without limit.
    #[doc(alias = "ttlMs")]
    pub ttl_ms: i64,
    /// From 0, the most urgent, to 3; -1: as urgent as its topic.
    pub priority: i32,
    /// Whether the message has a key: it replaces one with the same key that waits for a slow subscriber.
    #[doc(alias = "hasKey")]
    pub has_key: bool,
    #[doc(alias = "conflateKey")]
    pub conflate_key: i64,
}

impl Default for PublishOptions {
    fn default() -> Self {
        Self {
            delay_ms: 0,
            ttl_ms: 0,
            priority: -1,
            has_key: false,
            conflate_key: 0,
        }
    }
}

impl codegen::TarsStruct for PublishOptions {
    const NAME: &'static str = "Shardcast.PublishOptions";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.optional(0, &self.delay_ms);
        w.optional(1, &self.ttl_ms);
        w.optional_or(2, &self.priority, &-1);
        w.optional(3, &self.has_key);
        w.optional(4, &self.conflate_key);
    }
}

impl<'de> codegen::DecodeStruct<'de> for PublishOptions {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            delay_ms: r.optional(0)?,
            ttl_ms: r.optional(1)?,
            priority: r.optional_or(2, -1)?,
            has_key: r.optional(3)?,
            conflate_key: r.optional(4)?,
        })
    }
}

impl codegen::ToJson for PublishOptions {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "PublishOptions", 5)?;
        object.field("delayMs", &self.delay_ms)?;
        object.field("ttlMs", &self.ttl_ms)?;
        object.field("priority", &self.priority)?;
        object.field("hasKey", &self.has_key)?;
        object.field("conflateKey", &self.conflate_key)?;
        object.end()
    }
}

impl codegen::FromJson for PublishOptions {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            delay_ms: object.optional("delayMs")?,
            ttl_ms: object.optional("ttlMs")?,
            priority: object.optional_or("priority", -1)?,
            has_key: object.optional("hasKey")?,
            conflate_key: object.optional("conflateKey")?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Receipt {
    pub position: Position,
    /// Subscriptions that the message was sent to.
    pub receivers: i32,
}

impl codegen::TarsStruct for Receipt {
    const NAME: &'static str = "Shardcast.Receipt";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.position);
        w.field(1, &self.receivers);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Receipt {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            position: r.require(0)?,
            receivers: r.require(1)?,
        })
    }
}

impl codegen::ToJson for Receipt {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Receipt", 2)?;
        object.field("position", &self.position)?;
        object.field("receivers", &self.receivers)?;
        object.end()
    }
}

impl codegen::FromJson for Receipt {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            position: object.require("position")?,
            receivers: object.require("receivers")?,
        })
    }
}

/// A message that a topic has kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Message {
    pub position: Position,
    pub message: Vec<u8>,
}

impl codegen::TarsStruct for Message {
    const NAME: &'static str = "Shardcast.Message";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.position);
        w.field(1, &self.message);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Message {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            position: r.require(0)?,
            message: r.require(1)?,
        })
    }
}

impl codegen::ToJson for Message {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Message", 2)?;
        object.field("position", &self.position)?;
        object.field("message", &self.message)?;
        object.end()
    }
}

impl codegen::FromJson for Message {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            position: object.require("position")?,
            message: object.require("message")?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Messages {
    /// The newest message of the topic; 0 and 0 if it has none.
    pub head: Position,
    pub recovery: Recovery,
    #[doc(alias = "gapFrom")]
    pub gap_from: i64,
    #[doc(alias = "gapTo")]
    pub gap_to: i64,
    /// The oldest ones that were requested and are kept. There are more if the last one is not the head.
    pub messages: Vec<Message>,
}

impl codegen::TarsStruct for Messages {
    const NAME: &'static str = "Shardcast.Messages";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.head);
        w.field(1, &self.recovery);
        w.optional(2, &self.gap_from);
        w.optional(3, &self.gap_to);
        w.optional(4, &self.messages);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Messages {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            head: r.require(0)?,
            recovery: r.require(1)?,
            gap_from: r.optional(2)?,
            gap_to: r.optional(3)?,
            messages: r.optional(4)?,
        })
    }
}

impl codegen::ToJson for Messages {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Messages", 5)?;
        object.field("head", &self.head)?;
        object.field("recovery", &self.recovery)?;
        object.field("gapFrom", &self.gap_from)?;
        object.field("gapTo", &self.gap_to)?;
        object.field("messages", &self.messages)?;
        object.end()
    }
}

impl codegen::FromJson for Messages {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            head: object.require("head")?,
            recovery: object.require("recovery")?,
            gap_from: object.optional("gapFrom")?,
            gap_to: object.optional("gapTo")?,
            messages: object.optional("messages")?,
        })
    }
}

/// Handles the calls of `Push`.
#[doc(alias = "Push")]
pub trait PushServant: 'static {
    /// Subscribes this connection to a topic, or to all topics whose names begin with a prefix. Messages come as pushes
    /// of Subscriber.onMessage. Those after \`since\` come first, if its epoch is not 0; a prefix has no position.
    fn subscribe(
        &self,
        cx: &codegen::CallContext,
        topic: String,
        prefix: bool,
        since: Position,
    ) -> impl codegen::Future<Output = Result<Subscribed, codegen::Failure>>;

    /// Ends a subscription.
    fn unsubscribe(
        &self,
        cx: &codegen::CallContext,
        topic: String,
        prefix: bool,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    /// Publishes a message.
    fn publish(
        &self,
        cx: &codegen::CallContext,
        topic: String,
        message: Vec<u8>,
        options: PublishOptions,
    ) -> impl codegen::Future<Output = Result<Receipt, codegen::Failure>>;

    /// The number of subscribers of a topic.
    fn presence(
        &self,
        cx: &codegen::CallContext,
        topic: String,
    ) -> impl codegen::Future<Output = Result<i32, codegen::Failure>>;

    /// Messages that a topic has kept: those after \`since\`, or from the oldest if its epoch is 0; at most \`max\`, 1000, or
    /// 1 MiB, or what fits into a packet. It needs no subscription.
    fn history(
        &self,
        cx: &codegen::CallContext,
        topic: String,
        since: Position,
        max: i32,
    ) -> impl codegen::Future<Output = Result<Messages, codegen::Failure>>;

    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `Push` for a servant, and encodes its results.
#[derive(Debug)]
pub struct PushDispatcher<S>(codegen::Rc<S>);

impl<S: PushServant> PushDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: PushServant> codegen::Dispatcher for PushDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &["subscribe", "unsubscribe", "publish", "presence", "history"]
    }

    fn dispatch(&self, call: &mut codegen::IncomingCall<'_, '_>) -> Result<(), codegen::Failure> {
        let servant = codegen::Rc::clone(&self.0);
        match call.function() {
            "subscribe" => {
                let mut arguments = call.arguments()?;
                let topic = arguments.take(1, "topic")?;
                let prefix = arguments.take(2, "prefix")?;
                let since = arguments.take(3, "since")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::subscribe(&servant, &cx, topic, prefix, since);
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "unsubscribe" => {
                let mut arguments = call.arguments()?;
                let topic = arguments.take(1, "topic")?;
                let prefix = arguments.take(2, "prefix")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::unsubscribe(&servant, &cx, topic, prefix);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "publish" => {
                let mut arguments = call.arguments()?;
                let topic = arguments.take(1, "topic")?;
                let message = arguments.take(2, "message")?;
                let options = arguments.take(3, "options")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::publish(&servant, &cx, topic, message, options);
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "presence" => {
                let mut arguments = call.arguments()?;
                let topic = arguments.take(1, "topic")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::presence(&servant, &cx, topic);
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "history" => {
                let mut arguments = call.arguments()?;
                let topic = arguments.take(1, "topic")?;
                let since = arguments.take(2, "since")?;
                let max = arguments.take(3, "max")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::history(&servant, &cx, topic, since, max);
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

/// Makes pushes for clients that receive `Push`.
#[derive(Clone, Copy, Debug)]
pub struct PushSender;

impl PushSender {
    /// Subscribes this connection to a topic, or to all topics whose names begin with a prefix. Messages come as pushes
    /// of Subscriber.onMessage. Those after \`since\` come first, if its epoch is not 0; a prefix has no position.
    pub fn subscribe(
        ret: &Subscribed,
        topic: &str,
        prefix: bool,
        since: &Position,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("subscribe", |w| {
            w.put_result(ret);
            w.put(1, "topic", topic);
            w.put(2, "prefix", &prefix);
            w.put(3, "since", since);
        })
    }

    /// Ends a subscription.
    pub fn unsubscribe(topic: &str, prefix: bool) -> codegen::PushPacket {
        codegen::PushPacket::new("unsubscribe", |w| {
            w.put(1, "topic", topic);
            w.put(2, "prefix", &prefix);
        })
    }

    /// Publishes a message.
    pub fn publish(
        ret: &Receipt,
        topic: &str,
        message: &[u8],
        options: &PublishOptions,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("publish", |w| {
            w.put_result(ret);
            w.put(1, "topic", topic);
            w.put(2, "message", message);
            w.put(3, "options", options);
        })
    }

    /// The number of subscribers of a topic.
    pub fn presence(ret: i32, topic: &str) -> codegen::PushPacket {
        codegen::PushPacket::new("presence", |w| {
            w.put_result(&ret);
            w.put(1, "topic", topic);
        })
    }

    /// Messages that a topic has kept: those after \`since\`, or from the oldest if its epoch is 0; at most \`max\`, 1000, or
    /// 1 MiB, or what fits into a packet. It needs no subscription.
    pub fn history(ret: &Messages, topic: &str, since: &Position, max: i32) -> codegen::PushPacket {
        codegen::PushPacket::new("history", |w| {
            w.put_result(ret);
            w.put(1, "topic", topic);
            w.put(2, "since", since);
            w.put(3, "max", &max);
        })
    }
}

/// Calls the operations of `Push`.
#[doc(alias = "Push")]
#[derive(Clone, Debug)]
pub struct PushProxy(codegen::Proxy);

impl PushProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }

    /// Subscribes this connection to a topic, or to all topics whose names begin with a prefix. Messages come as pushes
    /// of Subscriber.onMessage. Those after \`since\` come first, if its epoch is not 0; a prefix has no position.
    pub fn subscribe(
        &self,
        topic: &str,
        prefix: bool,
        since: &Position,
    ) -> codegen::Call<Subscribed> {
        codegen::Proxy::call(
            &self.0,
            "subscribe",
            |w| {
                w.put(1, "topic", topic);
                w.put(2, "prefix", &prefix);
                w.put(3, "since", since);
            },
            |r| r.take_result(),
        )
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, topic: &str, prefix: bool) -> codegen::Call<()> {
        codegen::Proxy::call(
            &self.0,
            "unsubscribe",
            |w| {
                w.put(1, "topic", topic);
                w.put(2, "prefix", &prefix);
            },
            |_| Ok(()),
        )
    }

    /// Publishes a message.
    pub fn publish(
        &self,
        topic: &str,
        message: &[u8],
        options: &PublishOptions,
    ) -> codegen::Call<Receipt> {
        codegen::Proxy::call(
            &self.0,
            "publish",
            |w| {
                w.put(1, "topic", topic);
                w.put(2, "message", message);
                w.put(3, "options", options);
            },
            |r| r.take_result(),
        )
    }

    /// The number of subscribers of a topic.
    pub fn presence(&self, topic: &str) -> codegen::Call<i32> {
        codegen::Proxy::call(
            &self.0,
            "presence",
            |w| w.put(1, "topic", topic),
            |r| r.take_result(),
        )
    }

    /// Messages that a topic has kept: those after \`since\`, or from the oldest if its epoch is 0; at most \`max\`, 1000, or
    /// 1 MiB, or what fits into a packet. It needs no subscription.
    pub fn history(&self, topic: &str, since: &Position, max: i32) -> codegen::Call<Messages> {
        codegen::Proxy::call(
            &self.0,
            "history",
            |w| {
                w.put(1, "topic", topic);
                w.put(2, "since", since);
                w.put(3, "max", &max);
            },
            |r| r.take_result(),
        )
    }
}

impl From<codegen::Proxy> for PushProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `Push`.
#[doc(alias = "Push")]
pub trait PushReceiver: Send + Sync + 'static {
    /// Subscribes this connection to a topic, or to all topics whose names begin with a prefix. Messages come as pushes
    /// of Subscriber.onMessage. Those after \`since\` come first, if its epoch is not 0; a prefix has no position.
    fn subscribe(&self, ret: Subscribed, topic: String, prefix: bool, since: Position) {}

    /// Ends a subscription.
    fn unsubscribe(&self, topic: String, prefix: bool) {}

    /// Publishes a message.
    fn publish(&self, ret: Receipt, topic: String, message: Vec<u8>, options: PublishOptions) {}

    /// The number of subscribers of a topic.
    fn presence(&self, ret: i32, topic: String) {}

    /// Messages that a topic has kept: those after \`since\`, or from the oldest if its epoch is 0; at most \`max\`, 1000, or
    /// 1 MiB, or what fits into a packet. It needs no subscription.
    fn history(&self, ret: Messages, topic: String, since: Position, max: i32) {}

    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(move |push| {
            match push.function() {
                "subscribe" => {
                    let mut arguments = push.arguments()?;
                    Self::subscribe(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "topic")?,
                        arguments.take(2, "prefix")?,
                        arguments.take(3, "since")?,
                    );
                }
                "unsubscribe" => {
                    let mut arguments = push.arguments()?;
                    Self::unsubscribe(
                        &self,
                        arguments.take(1, "topic")?,
                        arguments.take(2, "prefix")?,
                    );
                }
                "publish" => {
                    let mut arguments = push.arguments()?;
                    Self::publish(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "topic")?,
                        arguments.take(2, "message")?,
                        arguments.take(3, "options")?,
                    );
                }
                "presence" => {
                    let mut arguments = push.arguments()?;
                    Self::presence(&self, arguments.take_result()?, arguments.take(1, "topic")?);
                }
                "history" => {
                    let mut arguments = push.arguments()?;
                    Self::history(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "topic")?,
                        arguments.take(2, "since")?,
                        arguments.take(3, "max")?,
                    );
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// The `out` parameters of `onMessage`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SubscriberOnMessageReply {
    pub topic: String,
    pub position: Position,
    pub message: Vec<u8>,
}

/// Handles the calls of `Subscriber`.
///
/// Pushes to subscribers.
#[doc(alias = "Subscriber")]
pub trait SubscriberServant: 'static {
    #[doc(alias = "onMessage")]
    fn on_message(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<SubscriberOnMessageReply, codegen::Failure>>;

    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `Subscriber` for a servant, and encodes its results.
#[derive(Debug)]
pub struct SubscriberDispatcher<S>(codegen::Rc<S>);

impl<S: SubscriberServant> SubscriberDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: SubscriberServant> codegen::Dispatcher for SubscriberDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &["onMessage"]
    }

    fn dispatch(&self, call: &mut codegen::IncomingCall<'_, '_>) -> Result<(), codegen::Failure> {
        let servant = codegen::Rc::clone(&self.0);
        match call.function() {
            "onMessage" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::on_message(&servant, &cx);
                        (answer.await, cx)
                    },
                    |w, reply| {
                        w.put(1, "topic", &reply.topic);
                        w.put(2, "position", &reply.position);
                        w.put(3, "message", &reply.message);
                    },
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

/// Makes pushes for clients that receive `Subscriber`.
#[derive(Clone, Copy, Debug)]
pub struct SubscriberSender;

impl SubscriberSender {
    #[doc(alias = "onMessage")]
    pub fn on_message(topic: &str, position: &Position, message: &[u8]) -> codegen::PushPacket {
        codegen::PushPacket::new("onMessage", |w| {
            w.put(1, "topic", topic);
            w.put(2, "position", position);
            w.put(3, "message", message);
        })
    }
}

/// Calls the operations of `Subscriber`.
///
/// Pushes to subscribers.
#[doc(alias = "Subscriber")]
#[derive(Clone, Debug)]
pub struct SubscriberProxy(codegen::Proxy);

impl SubscriberProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }

    #[doc(alias = "onMessage")]
    pub fn on_message(&self) -> codegen::Call<SubscriberOnMessageReply> {
        codegen::Proxy::call(
            &self.0,
            "onMessage",
            |_| {},
            |r| {
                Ok(SubscriberOnMessageReply {
                    topic: r.take(1, "topic")?,
                    position: r.take(2, "position")?,
                    message: r.take(3, "message")?,
                })
            },
        )
    }
}

impl From<codegen::Proxy> for SubscriberProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `Subscriber`.
///
/// Pushes to subscribers.
#[doc(alias = "Subscriber")]
pub trait SubscriberReceiver: Send + Sync + 'static {
    #[doc(alias = "onMessage")]
    fn on_message(&self, topic: String, position: Position, message: Vec<u8>) {}

    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(move |push| {
            match push.function() {
                "onMessage" => {
                    let mut arguments = push.arguments()?;
                    Self::on_message(
                        &self,
                        arguments.take(1, "topic")?,
                        arguments.take(2, "position")?,
                        arguments.take(3, "message")?,
                    );
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}
