//! The structs of `docs/push.tars`.

use std::time::Duration;

use serde::Serializer;

use crate::{
    Message, Position, PublishHeader, Recovery,
    tars::{
        codec::{DecodeError, DecodeStruct, TarsReader, TarsStruct, TarsWriter},
        json::{FromJson, JsonError, JsonObject, JsonObjectWriter, JsonValue, ToJson},
    },
};

/// `struct Position`
#[derive(Debug)]
pub(super) struct WirePosition(pub(super) Position);

/// `struct PublishOptions`
#[derive(Debug)]
pub(super) struct PublishOptions(pub(super) PublishHeader);

/// `struct Subscribed`
#[derive(Debug)]
pub(in super::super) struct Subscribed {
    pub(in super::super) head: Position,
    pub(in super::super) recovery: Recovery,
}

/// `struct Receipt`
#[derive(Debug)]
pub(in super::super) struct Receipt {
    pub(in super::super) position: Position,
    pub(in super::super) receivers: u32,
}

/// `struct Messages`
#[derive(Debug)]
pub(in super::super) struct History<'a> {
    pub(in super::super) head: Position,
    pub(in super::super) recovery: Recovery,
    pub(in super::super) messages: Vec<Kept<'a>>,
}

/// `struct Message`
#[derive(Debug)]
pub(in super::super) struct Kept<'a> {
    pub(super) position: Position,
    pub(super) message: &'a [u8],
}

impl<'a> History<'a> {
    pub(in super::super) fn new(head: Position, recovery: Recovery, messages: &'a [Message<'a>]) -> Self {
        let kept = |message: &'a Message<'a>| Kept { position: message.position, message: message.body };
        Self { head, recovery, messages: messages.iter().map(kept).collect() }
    }
}

impl WirePosition {
    fn new(epoch: i64, offset: i64) -> Self {
        Self(Position { epoch: epoch.cast_unsigned(), offset: offset.cast_unsigned() })
    }
}

impl TarsStruct for WirePosition {
    const NAME: &'static str = "Shardcast.Position";

    fn write_fields(&self, w: &mut TarsWriter) {
        w.field(0, &self.0.epoch.cast_signed());
        w.field(1, &self.0.offset.cast_signed());
    }
}

impl<'de> DecodeStruct<'de> for WirePosition {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        Ok(Self::new(r.require(0)?, r.require(1)?))
    }
}

impl ToJson for WirePosition {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = JsonObjectWriter::begin(serializer, "Position", 2)?;
        object.field("epoch", &self.0.epoch.cast_signed())?;
        object.field("offset", &self.0.offset.cast_signed())?;
        object.end()
    }
}

impl FromJson for WirePosition {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        let mut object = JsonObject::new(value)?;
        Ok(Self::new(object.require("epoch")?, object.require("offset")?))
    }
}

impl PublishOptions {
    /// Zero and negative times count as not given; an impossible priority is refused by the hub.
    fn new(delay_ms: i64, ttl_ms: i64, priority: i32, key: Option<i64>) -> Self {
        let time = |ms: i64| u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis);
        let priority = (priority != NO_PRIORITY).then(|| u8::try_from(priority).unwrap_or(u8::MAX));
        Self(PublishHeader {
            key: key.map(i64::cast_unsigned),
            delay: time(delay_ms),
            ttl: time(ttl_ms),
            priority,
        })
    }

    fn fields(&self) -> (i64, i64, i32, Option<i64>) {
        let PublishHeader { key, delay, ttl, priority } = self.0;
        let ms = |time: Option<Duration>| {
            time.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
        };
        let priority = priority.map_or(NO_PRIORITY, i32::from);
        (ms(delay), ms(ttl), priority, key.map(u64::cast_signed))
    }
}

impl TarsStruct for PublishOptions {
    const NAME: &'static str = "Shardcast.PublishOptions";

    fn write_fields(&self, w: &mut TarsWriter) {
        let (delay_ms, ttl_ms, priority, key) = self.fields();
        w.optional(0, &delay_ms);
        w.optional(1, &ttl_ms);
        w.optional_or(2, &priority, &NO_PRIORITY);
        w.field(3, &key.is_some());
        w.optional(4, &key.unwrap_or_default());
    }
}

impl<'de> DecodeStruct<'de> for PublishOptions {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        let (delay_ms, ttl_ms) = (r.optional(0)?, r.optional(1)?);
        let priority = r.optional_or(2, NO_PRIORITY)?;
        let (has_key, key): (bool, i64) = (r.optional(3)?, r.optional(4)?);
        Ok(Self::new(delay_ms, ttl_ms, priority, has_key.then_some(key)))
    }
}

impl ToJson for PublishOptions {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (delay_ms, ttl_ms, priority, key) = self.fields();
        let mut object = JsonObjectWriter::begin(serializer, "PublishOptions", 5)?;
        object.field("delayMs", &delay_ms)?;
        object.field("ttlMs", &ttl_ms)?;
        object.field("priority", &priority)?;
        object.field("hasKey", &key.is_some())?;
        object.field("conflateKey", &key.unwrap_or_default())?;
        object.end()
    }
}

impl FromJson for PublishOptions {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        let mut object = JsonObject::new(value)?;
        let (delay_ms, ttl_ms) = (object.optional("delayMs")?, object.optional("ttlMs")?);
        let priority = object.optional_or("priority", NO_PRIORITY)?;
        let (has_key, key): (bool, i64) = (object.optional("hasKey")?, object.optional("conflateKey")?);
        Ok(Self::new(delay_ms, ttl_ms, priority, has_key.then_some(key)))
    }
}

/// The number of `enum Recovery`, and the lost messages.
const fn numbers(recovery: Recovery) -> (i32, i64, i64) {
    match recovery {
        Recovery::NotRequested => (0, 0, 0),
        Recovery::Recovered => (1, 0, 0),
        Recovery::Gap { from, to } => (2, from.cast_signed(), to.cast_signed()),
    }
}

/// What these numbers mean.
const fn recovery(number: i32, from: i64, to: i64) -> Recovery {
    match number {
        0 => Recovery::NotRequested,
        1 => Recovery::Recovered,
        _ => Recovery::Gap { from: from.cast_unsigned(), to: to.cast_unsigned() },
    }
}

impl TarsStruct for Subscribed {
    const NAME: &'static str = "Shardcast.Subscribed";

    fn write_fields(&self, w: &mut TarsWriter) {
        let (recovery, from, to) = numbers(self.recovery);
        w.field(0, &WirePosition(self.head));
        w.field(1, &recovery);
        w.optional(2, &from);
        w.optional(3, &to);
    }
}

impl<'de> DecodeStruct<'de> for Subscribed {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        let WirePosition(head) = r.require(0)?;
        Ok(Self { head, recovery: recovery(r.require(1)?, r.optional(2)?, r.optional(3)?) })
    }
}

impl ToJson for Subscribed {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (recovery, from, to) = numbers(self.recovery);
        let mut object = JsonObjectWriter::begin(serializer, "Subscribed", 4)?;
        object.field("head", &WirePosition(self.head))?;
        object.field("recovery", &recovery)?;
        object.field("gapFrom", &from)?;
        object.field("gapTo", &to)?;
        object.end()
    }
}

impl TarsStruct for History<'_> {
    const NAME: &'static str = "Shardcast.Messages";

    fn write_fields(&self, w: &mut TarsWriter) {
        let (recovery, from, to) = numbers(self.recovery);
        w.field(0, &WirePosition(self.head));
        w.field(1, &recovery);
        w.optional(2, &from);
        w.optional(3, &to);
        w.begin_list(4, self.messages.len());
        for kept in &self.messages {
            w.begin_struct(0);
            kept.write_fields(w);
            w.end_struct();
        }
    }
}

impl<'de> DecodeStruct<'de> for History<'de> {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        let WirePosition(head) = r.require(0)?;
        let recovery = recovery(r.require(1)?, r.optional(2)?, r.optional(3)?);
        Ok(Self { head, recovery, messages: r.optional(4)? })
    }
}

impl TarsStruct for Kept<'_> {
    const NAME: &'static str = "Shardcast.Message";

    fn write_fields(&self, w: &mut TarsWriter) {
        w.field(0, &WirePosition(self.position));
        w.write_bytes(1, self.message);
    }
}

impl<'de> DecodeStruct<'de> for Kept<'de> {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        let WirePosition(position) = r.require(0)?;
        Ok(Self { position, message: r.require(1)? })
    }
}

impl ToJson for History<'_> {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (recovery, from, to) = numbers(self.recovery);
        let mut object = JsonObjectWriter::begin(serializer, "Messages", 5)?;
        object.field("head", &WirePosition(self.head))?;
        object.field("recovery", &recovery)?;
        object.field("gapFrom", &from)?;
        object.field("gapTo", &to)?;
        object.field("messages", &self.messages)?;
        object.end()
    }
}

impl ToJson for Kept<'_> {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = JsonObjectWriter::begin(serializer, "Message", 2)?;
        object.field("position", &WirePosition(self.position))?;
        object.field("message", self.message)?;
        object.end()
    }
}

impl TarsStruct for Receipt {
    const NAME: &'static str = "Shardcast.Receipt";

    fn write_fields(&self, w: &mut TarsWriter) {
        w.field(0, &WirePosition(self.position));
        w.field(1, &self.receivers.cast_signed());
    }
}

impl<'de> DecodeStruct<'de> for Receipt {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        let (WirePosition(position), receivers): (_, i32) = (r.require(0)?, r.require(1)?);
        Ok(Self { position, receivers: receivers.cast_unsigned() })
    }
}

impl ToJson for Receipt {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = JsonObjectWriter::begin(serializer, "Receipt", 2)?;
        object.field("position", &WirePosition(self.position))?;
        object.field("receivers", &self.receivers.cast_signed())?;
        object.end()
    }
}

/// As urgent as the topic.
const NO_PRIORITY: i32 = -1;
