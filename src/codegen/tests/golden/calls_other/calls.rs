// @generated from module Calls by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Color(pub i32);

impl Color {
    pub const RED: Self = Self(0);
    pub const GREEN: Self = Self(5);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl Default for Color {
    fn default() -> Self {
        Self::RED
    }
}

impl codegen::TarsEnum for Color {
    const NAME: &'static str = "Calls.Color";
    const MEMBERS: &'static [(&'static str, i32)] =
        &[("RED", Self::RED.0), ("GREEN", Self::GREEN.0)];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for Color {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for Color {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for Color {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for Color {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Point {
    pub x: i32,
    pub name: codegen::ByteString,
}

impl codegen::TarsStruct for Point {
    const NAME: &'static str = "Calls.Point";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.x);
        w.optional(1, &self.name);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Point {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            x: r.require(0)?,
            name: r.optional(1)?,
        })
    }
}

impl codegen::ToJson for Point {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Point", 2)?;
        object.field("x", &self.x)?;
        object.field("name", &self.name)?;
        object.end()
    }
}

impl codegen::FromJson for Point {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            x: object.require("x")?,
            name: object.optional("name")?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct Weight {
    pub kilograms: f64,
}

impl codegen::TarsStruct for Weight {
    const NAME: &'static str = "Calls.Weight";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.kilograms);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Weight {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            kilograms: r.require(0)?,
        })
    }
}

impl codegen::ToJson for Weight {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Weight", 1)?;
        object.field("kilograms", &self.kilograms)?;
        object.end()
    }
}

impl codegen::FromJson for Weight {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            kilograms: object.require("kilograms")?,
        })
    }
}

/// The `out` parameters of `outputs`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct EveryOutputsReply {
    pub b: bool,
    pub i8: i8,
    pub u8: u8,
    pub i16: i16,
    pub u16: u16,
    pub i32: i32,
    pub u32: u32,
    pub i64: i64,
    pub f32: f32,
    pub f64: f64,
    pub s: codegen::ByteString,
    pub bytes: codegen::Bytes,
    pub numbers: codegen::UnsignedBytes,
    pub color: Color,
    pub point: Point,
    pub points: Vec<Point>,
    pub named: codegen::HashMap<codegen::ByteString, Vec<Point>>,
}

/// The result and the `out` parameters of `mixed`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EveryMixedReply {
    /// The result.
    pub ret: i32,
    pub a: i32,
    pub c: codegen::ByteString,
}

/// The `out` parameters of `sized`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EverySizedReply {
    pub others: Vec<i32>,
    pub names: Vec<codegen::ByteString>,
}

/// The `out` parameters of `setPoint`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EverySetPointReply {
    pub old: Point,
}

/// Handles the calls of `Every`.
///
/// Has every type, in every direction.
#[doc(alias = "Every")]
pub trait EveryServant: 'static {
    /// Takes one of each.
    fn inputs(
        &self,
        cx: &codegen::CallContext,
        b: bool,
        i8: i8,
        u8: u8,
        i16: i16,
        u16: u16,
        i32: i32,
        u32: u32,
        i64: i64,
        f32: f32,
        f64: f64,
        s: codegen::ByteString,
        bytes: codegen::Bytes,
        numbers: codegen::UnsignedBytes,
        color: Color,
        point: Point,
        points: Vec<Point>,
        named: codegen::HashMap<codegen::ByteString, Vec<Point>>,
    ) -> impl codegen::Future<Output = Result<bool, codegen::Failure>>;

    fn outputs(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<EveryOutputsReply, codegen::Failure>>;

    fn mixed(
        &self,
        cx: &codegen::CallContext,
        b: i32,
        d: codegen::ByteString,
    ) -> impl codegen::Future<Output = Result<EveryMixedReply, codegen::Failure>>;

    fn sized(
        &self,
        cx: &codegen::CallContext,
        numbers: Vec<i32>,
        tag: codegen::Bytes,
    ) -> impl codegen::Future<Output = Result<EverySizedReply, codegen::Failure>>;

    #[doc(alias = "getPoint")]
    fn get_point(
        &self,
        cx: &codegen::CallContext,
        user_name: codegen::ByteString,
        id: i32,
    ) -> impl codegen::Future<Output = Result<Point, codegen::Failure>>;

    #[doc(alias = "setPoint")]
    fn set_point(
        &self,
        cx: &codegen::CallContext,
        user_name: codegen::ByteString,
        point: Point,
    ) -> impl codegen::Future<Output = Result<EverySetPointReply, codegen::Failure>>;

    fn color(
        &self,
        cx: &codegen::CallContext,
        new_color: Color,
    ) -> impl codegen::Future<Output = Result<Color, codegen::Failure>>;

    fn names(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<Vec<codegen::ByteString>, codegen::Failure>>;

    fn weights(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<
        Output = Result<codegen::HashMap<codegen::ByteString, Weight>, codegen::Failure>,
    >;

    fn nothing(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `Every` for a servant, and encodes its results.
#[derive(Debug)]
pub struct EveryDispatcher<S>(codegen::Rc<S>);

impl<S: EveryServant> EveryDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: EveryServant> codegen::Dispatcher for EveryDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &[
            "inputs", "outputs", "mixed", "sized", "getPoint", "setPoint", "color", "names",
            "weights", "nothing",
        ]
    }

    fn dispatch(&self, call: &mut codegen::IncomingCall<'_, '_>) -> Result<(), codegen::Failure> {
        let servant = codegen::Rc::clone(&self.0);
        match call.function() {
            "inputs" => {
                let mut arguments = call.arguments()?;
                let b = arguments.take(1, "b")?;
                let i8 = arguments.take(2, "i8")?;
                let u8 = arguments.take(3, "u8")?;
                let i16 = arguments.take(4, "i16")?;
                let u16 = arguments.take(5, "u16")?;
                let i32 = arguments.take(6, "i32")?;
                let u32 = arguments.take(7, "u32")?;
                let i64 = arguments.take(8, "i64")?;
                let f32 = arguments.take(9, "f32")?;
                let f64 = arguments.take(10, "f64")?;
                let s = arguments.take(11, "s")?;
                let bytes = arguments.take(12, "bytes")?;
                let numbers = arguments.take(13, "numbers")?;
                let color = arguments.take(14, "color")?;
                let point = arguments.take(15, "point")?;
                let points = arguments.take(16, "points")?;
                let named = arguments.take(17, "named")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::inputs(
                            &servant, &cx, b, i8, u8, i16, u16, i32, u32, i64, f32, f64, s, bytes,
                            numbers, color, point, points, named,
                        );
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "outputs" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::outputs(&servant, &cx);
                        (answer.await, cx)
                    },
                    |w, reply| {
                        w.put(1, "b", &reply.b);
                        w.put(2, "i8", &reply.i8);
                        w.put(3, "u8", &reply.u8);
                        w.put(4, "i16", &reply.i16);
                        w.put(5, "u16", &reply.u16);
                        w.put(6, "i32", &reply.i32);
                        w.put(7, "u32", &reply.u32);
                        w.put(8, "i64", &reply.i64);
                        w.put(9, "f32", &reply.f32);
                        w.put(10, "f64", &reply.f64);
                        w.put(11, "s", &reply.s);
                        w.put(12, "bytes", &reply.bytes);
                        w.put(13, "numbers", &reply.numbers);
                        w.put(14, "color", &reply.color);
                        w.put(15, "point", &reply.point);
                        w.put(16, "points", &reply.points);
                        w.put(17, "named", &reply.named);
                    },
                );
            }
            "mixed" => {
                let mut arguments = call.arguments()?;
                let b = arguments.take(2, "b")?;
                let d = arguments.take(4, "d")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::mixed(&servant, &cx, b, d);
                        (answer.await, cx)
                    },
                    |w, reply| {
                        w.put_result(&reply.ret);
                        w.put(1, "a", &reply.a);
                        w.put(3, "c", &reply.c);
                    },
                );
            }
            "sized" => {
                let mut arguments = call.arguments()?;
                let numbers = arguments.take_at_most(1, "numbers", 4)?;
                let tag = arguments.take_at_most(2, "tag", 8)?;
                call.answer(
                    move |cx| async move {
                        let answer = S::sized(&servant, &cx, numbers, tag);
                        (answer.await, cx)
                    },
                    |w, reply| {
                        w.put(3, "others", &reply.others);
                        w.put(4, "names", &reply.names);
                    },
                );
            }
            "getPoint" => {
                let mut arguments = call.arguments()?;
                let user_name = arguments.take(1, "userName")?;
                let id = arguments.take(2, "id")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::get_point(&servant, &cx, user_name, id);
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "setPoint" => {
                let mut arguments = call.arguments()?;
                let user_name = arguments.take(1, "userName")?;
                let point = arguments.take(2, "point")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::set_point(&servant, &cx, user_name, point);
                        (answer.await, cx)
                    },
                    |w, reply| w.put(3, "old", &reply.old),
                );
            }
            "color" => {
                let mut arguments = call.arguments()?;
                let new_color = arguments.take(1, "newColor")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::color(&servant, &cx, new_color);
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "names" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::names(&servant, &cx);
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "weights" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::weights(&servant, &cx);
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "nothing" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::nothing(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
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

/// Makes pushes for clients that receive `Every`.
#[derive(Clone, Copy, Debug)]
pub struct EverySender;

impl EverySender {
    /// Takes one of each.
    pub fn inputs(
        ret: bool,
        b: bool,
        i8: i8,
        u8: u8,
        i16: i16,
        u16: u16,
        i32: i32,
        u32: u32,
        i64: i64,
        f32: f32,
        f64: f64,
        s: &codegen::ByteString,
        bytes: &[u8],
        numbers: &codegen::UnsignedBytes,
        color: Color,
        point: &Point,
        points: &[Point],
        named: &codegen::HashMap<codegen::ByteString, Vec<Point>>,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("inputs", |w| {
            w.put_result(&ret);
            w.put(1, "b", &b);
            w.put(2, "i8", &i8);
            w.put(3, "u8", &u8);
            w.put(4, "i16", &i16);
            w.put(5, "u16", &u16);
            w.put(6, "i32", &i32);
            w.put(7, "u32", &u32);
            w.put(8, "i64", &i64);
            w.put(9, "f32", &f32);
            w.put(10, "f64", &f64);
            w.put(11, "s", s);
            w.put(12, "bytes", bytes);
            w.put(13, "numbers", numbers);
            w.put(14, "color", &color);
            w.put(15, "point", point);
            w.put(16, "points", points);
            w.put(17, "named", named);
        })
    }

    pub fn outputs(
        b: bool,
        i8: i8,
        u8: u8,
        i16: i16,
        u16: u16,
        i32: i32,
        u32: u32,
        i64: i64,
        f32: f32,
        f64: f64,
        s: &codegen::ByteString,
        bytes: &[u8],
        numbers: &codegen::UnsignedBytes,
        color: Color,
        point: &Point,
        points: &[Point],
        named: &codegen::HashMap<codegen::ByteString, Vec<Point>>,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("outputs", |w| {
            w.put(1, "b", &b);
            w.put(2, "i8", &i8);
            w.put(3, "u8", &u8);
            w.put(4, "i16", &i16);
            w.put(5, "u16", &u16);
            w.put(6, "i32", &i32);
            w.put(7, "u32", &u32);
            w.put(8, "i64", &i64);
            w.put(9, "f32", &f32);
            w.put(10, "f64", &f64);
            w.put(11, "s", s);
            w.put(12, "bytes", bytes);
            w.put(13, "numbers", numbers);
            w.put(14, "color", &color);
            w.put(15, "point", point);
            w.put(16, "points", points);
            w.put(17, "named", named);
        })
    }

    pub fn mixed(
        ret: i32,
        a: i32,
        b: i32,
        c: &codegen::ByteString,
        d: &codegen::ByteString,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("mixed", |w| {
            w.put_result(&ret);
            w.put(1, "a", &a);
            w.put(2, "b", &b);
            w.put(3, "c", c);
            w.put(4, "d", d);
        })
    }

    pub fn sized(
        numbers: &[i32],
        tag: &[u8],
        others: &[i32],
        names: &[codegen::ByteString],
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("sized", |w| {
            w.put(1, "numbers", numbers);
            w.put(2, "tag", tag);
            w.put(3, "others", others);
            w.put(4, "names", names);
        })
    }

    #[doc(alias = "getPoint")]
    pub fn get_point(ret: &Point, user_name: &codegen::ByteString, id: i32) -> codegen::PushPacket {
        codegen::PushPacket::new("getPoint", |w| {
            w.put_result(ret);
            w.put(1, "userName", user_name);
            w.put(2, "id", &id);
        })
    }

    #[doc(alias = "setPoint")]
    pub fn set_point(
        user_name: &codegen::ByteString,
        point: &Point,
        old: &Point,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("setPoint", |w| {
            w.put(1, "userName", user_name);
            w.put(2, "point", point);
            w.put(3, "old", old);
        })
    }

    pub fn color(ret: Color, new_color: Color) -> codegen::PushPacket {
        codegen::PushPacket::new("color", |w| {
            w.put_result(&ret);
            w.put(1, "newColor", &new_color);
        })
    }

    pub fn names(ret: &[codegen::ByteString]) -> codegen::PushPacket {
        codegen::PushPacket::new("names", |w| w.put_result(ret))
    }

    pub fn weights(ret: &codegen::HashMap<codegen::ByteString, Weight>) -> codegen::PushPacket {
        codegen::PushPacket::new("weights", |w| w.put_result(ret))
    }

    pub fn nothing() -> codegen::PushPacket {
        codegen::PushPacket::new("nothing", |_| {})
    }
}

/// Calls the operations of `Every`.
///
/// Has every type, in every direction.
#[doc(alias = "Every")]
#[derive(Clone, Debug)]
pub struct EveryProxy(codegen::Proxy);

impl EveryProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }

    /// Takes one of each.
    pub fn inputs(
        &self,
        b: bool,
        i8: i8,
        u8: u8,
        i16: i16,
        u16: u16,
        i32: i32,
        u32: u32,
        i64: i64,
        f32: f32,
        f64: f64,
        s: &codegen::ByteString,
        bytes: &[u8],
        numbers: &codegen::UnsignedBytes,
        color: Color,
        point: &Point,
        points: &[Point],
        named: &codegen::HashMap<codegen::ByteString, Vec<Point>>,
    ) -> codegen::Call<bool> {
        codegen::Proxy::call(
            &self.0,
            "inputs",
            |w| {
                w.put(1, "b", &b);
                w.put(2, "i8", &i8);
                w.put(3, "u8", &u8);
                w.put(4, "i16", &i16);
                w.put(5, "u16", &u16);
                w.put(6, "i32", &i32);
                w.put(7, "u32", &u32);
                w.put(8, "i64", &i64);
                w.put(9, "f32", &f32);
                w.put(10, "f64", &f64);
                w.put(11, "s", s);
                w.put(12, "bytes", bytes);
                w.put(13, "numbers", numbers);
                w.put(14, "color", &color);
                w.put(15, "point", point);
                w.put(16, "points", points);
                w.put(17, "named", named);
            },
            |r| r.take_result(),
        )
    }

    pub fn outputs(&self) -> codegen::Call<EveryOutputsReply> {
        codegen::Proxy::call(
            &self.0,
            "outputs",
            |_| {},
            |r| {
                Ok(EveryOutputsReply {
                    b: r.take(1, "b")?,
                    i8: r.take(2, "i8")?,
                    u8: r.take(3, "u8")?,
                    i16: r.take(4, "i16")?,
                    u16: r.take(5, "u16")?,
                    i32: r.take(6, "i32")?,
                    u32: r.take(7, "u32")?,
                    i64: r.take(8, "i64")?,
                    f32: r.take(9, "f32")?,
                    f64: r.take(10, "f64")?,
                    s: r.take(11, "s")?,
                    bytes: r.take(12, "bytes")?,
                    numbers: r.take(13, "numbers")?,
                    color: r.take(14, "color")?,
                    point: r.take(15, "point")?,
                    points: r.take(16, "points")?,
                    named: r.take(17, "named")?,
                })
            },
        )
    }

    pub fn mixed(&self, b: i32, d: &codegen::ByteString) -> codegen::Call<EveryMixedReply> {
        codegen::Proxy::call(
            &self.0,
            "mixed",
            |w| {
                w.put(2, "b", &b);
                w.put(4, "d", d);
            },
            |r| {
                Ok(EveryMixedReply {
                    ret: r.take_result()?,
                    a: r.take(1, "a")?,
                    c: r.take(3, "c")?,
                })
            },
        )
    }

    pub fn sized(&self, numbers: &[i32], tag: &[u8]) -> codegen::Call<EverySizedReply> {
        codegen::Proxy::call(
            &self.0,
            "sized",
            |w| {
                w.put(1, "numbers", numbers);
                w.put(2, "tag", tag);
            },
            |r| {
                Ok(EverySizedReply {
                    others: r.take_at_most(3, "others", 2)?,
                    names: r.take_at_most(4, "names", 3)?,
                })
            },
        )
    }

    #[doc(alias = "getPoint")]
    pub fn get_point(&self, user_name: &codegen::ByteString, id: i32) -> codegen::Call<Point> {
        let call = codegen::Proxy::call(
            &self.0,
            "getPoint",
            |w| {
                w.put(1, "userName", user_name);
                w.put(2, "id", &id);
            },
            |r| r.take_result(),
        );
        call.route_key(&codegen::std::string::ToString::to_string(user_name))
    }

    #[doc(alias = "setPoint")]
    pub fn set_point(
        &self,
        user_name: &codegen::ByteString,
        point: &Point,
    ) -> codegen::Call<EverySetPointReply> {
        let call = codegen::Proxy::call(
            &self.0,
            "setPoint",
            |w| {
                w.put(1, "userName", user_name);
                w.put(2, "point", point);
            },
            |r| {
                Ok(EverySetPointReply {
                    old: r.take(3, "old")?,
                })
            },
        );
        call.route_key(&codegen::std::string::ToString::to_string(user_name))
    }

    pub fn color(&self, new_color: Color) -> codegen::Call<Color> {
        codegen::Proxy::call(
            &self.0,
            "color",
            |w| w.put(1, "newColor", &new_color),
            |r| r.take_result(),
        )
    }

    pub fn names(&self) -> codegen::Call<Vec<codegen::ByteString>> {
        codegen::Proxy::call(&self.0, "names", |_| {}, |r| r.take_result())
    }

    pub fn weights(&self) -> codegen::Call<codegen::HashMap<codegen::ByteString, Weight>> {
        codegen::Proxy::call(&self.0, "weights", |_| {}, |r| r.take_result())
    }

    pub fn nothing(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "nothing", |_| {}, |_| Ok(()))
    }
}

impl From<codegen::Proxy> for EveryProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `Every`.
///
/// Has every type, in every direction.
#[doc(alias = "Every")]
pub trait EveryReceiver: Send + Sync + 'static {
    /// Takes one of each.
    fn inputs(
        &self,
        ret: bool,
        b: bool,
        i8: i8,
        u8: u8,
        i16: i16,
        u16: u16,
        i32: i32,
        u32: u32,
        i64: i64,
        f32: f32,
        f64: f64,
        s: codegen::ByteString,
        bytes: codegen::Bytes,
        numbers: codegen::UnsignedBytes,
        color: Color,
        point: Point,
        points: Vec<Point>,
        named: codegen::HashMap<codegen::ByteString, Vec<Point>>,
    ) {
    }

    fn outputs(
        &self,
        b: bool,
        i8: i8,
        u8: u8,
        i16: i16,
        u16: u16,
        i32: i32,
        u32: u32,
        i64: i64,
        f32: f32,
        f64: f64,
        s: codegen::ByteString,
        bytes: codegen::Bytes,
        numbers: codegen::UnsignedBytes,
        color: Color,
        point: Point,
        points: Vec<Point>,
        named: codegen::HashMap<codegen::ByteString, Vec<Point>>,
    ) {
    }

    fn mixed(&self, ret: i32, a: i32, b: i32, c: codegen::ByteString, d: codegen::ByteString) {}

    fn sized(
        &self,
        numbers: Vec<i32>,
        tag: codegen::Bytes,
        others: Vec<i32>,
        names: Vec<codegen::ByteString>,
    ) {
    }

    #[doc(alias = "getPoint")]
    fn get_point(&self, ret: Point, user_name: codegen::ByteString, id: i32) {}

    #[doc(alias = "setPoint")]
    fn set_point(&self, user_name: codegen::ByteString, point: Point, old: Point) {}

    fn color(&self, ret: Color, new_color: Color) {}

    fn names(&self, ret: Vec<codegen::ByteString>) {}

    fn weights(&self, ret: codegen::HashMap<codegen::ByteString, Weight>) {}

    fn nothing(&self) {}

    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(move |push| {
            match push.function() {
                "inputs" => {
                    let mut arguments = push.arguments()?;
                    Self::inputs(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "b")?,
                        arguments.take(2, "i8")?,
                        arguments.take(3, "u8")?,
                        arguments.take(4, "i16")?,
                        arguments.take(5, "u16")?,
                        arguments.take(6, "i32")?,
                        arguments.take(7, "u32")?,
                        arguments.take(8, "i64")?,
                        arguments.take(9, "f32")?,
                        arguments.take(10, "f64")?,
                        arguments.take(11, "s")?,
                        arguments.take(12, "bytes")?,
                        arguments.take(13, "numbers")?,
                        arguments.take(14, "color")?,
                        arguments.take(15, "point")?,
                        arguments.take(16, "points")?,
                        arguments.take(17, "named")?,
                    );
                }
                "outputs" => {
                    let mut arguments = push.arguments()?;
                    Self::outputs(
                        &self,
                        arguments.take(1, "b")?,
                        arguments.take(2, "i8")?,
                        arguments.take(3, "u8")?,
                        arguments.take(4, "i16")?,
                        arguments.take(5, "u16")?,
                        arguments.take(6, "i32")?,
                        arguments.take(7, "u32")?,
                        arguments.take(8, "i64")?,
                        arguments.take(9, "f32")?,
                        arguments.take(10, "f64")?,
                        arguments.take(11, "s")?,
                        arguments.take(12, "bytes")?,
                        arguments.take(13, "numbers")?,
                        arguments.take(14, "color")?,
                        arguments.take(15, "point")?,
                        arguments.take(16, "points")?,
                        arguments.take(17, "named")?,
                    );
                }
                "mixed" => {
                    let mut arguments = push.arguments()?;
                    Self::mixed(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "a")?,
                        arguments.take(2, "b")?,
                        arguments.take(3, "c")?,
                        arguments.take(4, "d")?,
                    );
                }
                "sized" => {
                    let mut arguments = push.arguments()?;
                    Self::sized(
                        &self,
                        arguments.take_at_most(1, "numbers", 4)?,
                        arguments.take_at_most(2, "tag", 8)?,
                        arguments.take_at_most(3, "others", 2)?,
                        arguments.take_at_most(4, "names", 3)?,
                    );
                }
                "getPoint" => {
                    let mut arguments = push.arguments()?;
                    Self::get_point(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "userName")?,
                        arguments.take(2, "id")?,
                    );
                }
                "setPoint" => {
                    let mut arguments = push.arguments()?;
                    Self::set_point(
                        &self,
                        arguments.take(1, "userName")?,
                        arguments.take(2, "point")?,
                        arguments.take(3, "old")?,
                    );
                }
                "color" => {
                    let mut arguments = push.arguments()?;
                    Self::color(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "newColor")?,
                    );
                }
                "names" => {
                    let mut arguments = push.arguments()?;
                    Self::names(&self, arguments.take_result()?);
                }
                "weights" => {
                    let mut arguments = push.arguments()?;
                    Self::weights(&self, arguments.take_result()?);
                }
                "nothing" => Self::nothing(&self),
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Handles the calls of `Text`.
#[doc(alias = "Text")]
pub trait TextServant: 'static {
    fn again(
        &self,
        cx: &codegen::CallContext,
        s: codegen::ByteString,
    ) -> impl codegen::Future<Output = Result<codegen::ByteString, codegen::Failure>>;

    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `Text` for a servant, and encodes its results.
#[derive(Debug)]
pub struct TextDispatcher<S>(codegen::Rc<S>);

impl<S: TextServant> TextDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: TextServant> codegen::Dispatcher for TextDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &["again"]
    }

    fn dispatch(&self, call: &mut codegen::IncomingCall<'_, '_>) -> Result<(), codegen::Failure> {
        let servant = codegen::Rc::clone(&self.0);
        match call.function() {
            "again" => {
                let mut arguments = call.arguments()?;
                let s = arguments.take(1, "s")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::again(&servant, &cx, s);
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

/// Makes pushes for clients that receive `Text`.
#[derive(Clone, Copy, Debug)]
pub struct TextSender;

impl TextSender {
    pub fn again(ret: &codegen::ByteString, s: &codegen::ByteString) -> codegen::PushPacket {
        codegen::PushPacket::new("again", |w| {
            w.put_result(ret);
            w.put(1, "s", s);
        })
    }
}

/// Calls the operations of `Text`.
#[doc(alias = "Text")]
#[derive(Clone, Debug)]
pub struct TextProxy(codegen::Proxy);

impl TextProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }

    pub fn again(&self, s: &codegen::ByteString) -> codegen::Call<codegen::ByteString> {
        codegen::Proxy::call(&self.0, "again", |w| w.put(1, "s", s), |r| r.take_result())
    }
}

impl From<codegen::Proxy> for TextProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `Text`.
#[doc(alias = "Text")]
pub trait TextReceiver: Send + Sync + 'static {
    fn again(&self, ret: codegen::ByteString, s: codegen::ByteString) {}

    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(move |push| {
            match push.function() {
                "again" => {
                    let mut arguments = push.arguments()?;
                    Self::again(&self, arguments.take_result()?, arguments.take(1, "s")?);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Handles the calls of `Empty`.
#[doc(alias = "Empty")]
pub trait EmptyServant: 'static {
    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `Empty` for a servant, and encodes its results.
#[derive(Debug)]
pub struct EmptyDispatcher<S>(codegen::Rc<S>);

impl<S: EmptyServant> EmptyDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: EmptyServant> codegen::Dispatcher for EmptyDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &[]
    }

    fn dispatch(&self, call: &mut codegen::IncomingCall<'_, '_>) -> Result<(), codegen::Failure> {
        Err(call.unknown_function())
    }

    fn connection_opened(&self, connection: &codegen::Connection) {
        self.0.connection_opened(connection);
    }

    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        self.0.connection_closed(connection, why);
    }
}

/// Makes pushes for clients that receive `Empty`.
#[derive(Clone, Copy, Debug)]
pub struct EmptySender;

/// Calls the operations of `Empty`.
#[doc(alias = "Empty")]
#[derive(Clone, Debug)]
pub struct EmptyProxy(codegen::Proxy);

impl EmptyProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }
}

impl From<codegen::Proxy> for EmptyProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `Empty`.
#[doc(alias = "Empty")]
pub trait EmptyReceiver: Send + Sync + 'static {
    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(|_| Ok(false))
    }
}
