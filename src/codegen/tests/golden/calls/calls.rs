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
    pub name: String,
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
    pub s: String,
    pub bytes: Vec<u8>,
    pub numbers: codegen::UnsignedBytes,
    pub color: Color,
    pub point: Point,
    pub points: Vec<Point>,
    pub named: codegen::BTreeMap<String, Vec<Point>>,
}

/// The result and the `out` parameters of `mixed`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EveryMixedReply {
    /// The result.
    pub ret: i32,
    pub a: i32,
    pub c: String,
}

/// The `out` parameters of `sized`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EverySizedReply {
    pub others: Vec<i32>,
    pub names: Vec<String>,
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
        s: String,
        bytes: Vec<u8>,
        numbers: codegen::UnsignedBytes,
        color: Color,
        point: Point,
        points: Vec<Point>,
        named: codegen::BTreeMap<String, Vec<Point>>,
    ) -> impl codegen::Future<Output = Result<bool, codegen::Failure>>;

    fn outputs(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<EveryOutputsReply, codegen::Failure>>;

    fn mixed(
        &self,
        cx: &codegen::CallContext,
        b: i32,
        d: String,
    ) -> impl codegen::Future<Output = Result<EveryMixedReply, codegen::Failure>>;

    fn sized(
        &self,
        cx: &codegen::CallContext,
        numbers: Vec<i32>,
        tag: Vec<u8>,
    ) -> impl codegen::Future<Output = Result<EverySizedReply, codegen::Failure>>;

    #[doc(alias = "getPoint")]
    fn get_point(
        &self,
        cx: &codegen::CallContext,
        user_name: String,
        id: i32,
    ) -> impl codegen::Future<Output = Result<Point, codegen::Failure>>;

    #[doc(alias = "setPoint")]
    fn set_point(
        &self,
        cx: &codegen::CallContext,
        user_name: String,
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
    ) -> impl codegen::Future<Output = Result<Vec<String>, codegen::Failure>>;

    fn weights(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<codegen::BTreeMap<String, Weight>, codegen::Failure>>;

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
        s: &str,
        bytes: &[u8],
        numbers: &codegen::UnsignedBytes,
        color: Color,
        point: &Point,
        points: &[Point],
        named: &codegen::BTreeMap<String, Vec<Point>>,
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
        s: &str,
        bytes: &[u8],
        numbers: &codegen::UnsignedBytes,
        color: Color,
        point: &Point,
        points: &[Point],
        named: &codegen::BTreeMap<String, Vec<Point>>,
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

    pub fn mixed(ret: i32, a: i32, b: i32, c: &str, d: &str) -> codegen::PushPacket {
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
        names: &[String],
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("sized", |w| {
            w.put(1, "numbers", numbers);
            w.put(2, "tag", tag);
            w.put(3, "others", others);
            w.put(4, "names", names);
        })
    }

    #[doc(alias = "getPoint")]
    pub fn get_point(ret: &Point, user_name: &str, id: i32) -> codegen::PushPacket {
        codegen::PushPacket::new("getPoint", |w| {
            w.put_result(ret);
            w.put(1, "userName", user_name);
            w.put(2, "id", &id);
        })
    }

    #[doc(alias = "setPoint")]
    pub fn set_point(user_name: &str, point: &Point, old: &Point) -> codegen::PushPacket {
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

    pub fn names(ret: &[String]) -> codegen::PushPacket {
        codegen::PushPacket::new("names", |w| w.put_result(ret))
    }

    pub fn weights(ret: &codegen::BTreeMap<String, Weight>) -> codegen::PushPacket {
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
        s: &str,
        bytes: &[u8],
        numbers: &codegen::UnsignedBytes,
        color: Color,
        point: &Point,
        points: &[Point],
        named: &codegen::BTreeMap<String, Vec<Point>>,
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

    pub fn mixed(&self, b: i32, d: &str) -> codegen::Call<EveryMixedReply> {
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
    pub fn get_point(&self, user_name: &str, id: i32) -> codegen::Call<Point> {
        let call = codegen::Proxy::call(
            &self.0,
            "getPoint",
            |w| {
                w.put(1, "userName", user_name);
                w.put(2, "id", &id);
            },
            |r| r.take_result(),
        );
        call.route_key(user_name)
    }

    #[doc(alias = "setPoint")]
    pub fn set_point(&self, user_name: &str, point: &Point) -> codegen::Call<EverySetPointReply> {
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
        call.route_key(user_name)
    }

    pub fn color(&self, new_color: Color) -> codegen::Call<Color> {
        codegen::Proxy::call(
            &self.0,
            "color",
            |w| w.put(1, "newColor", &new_color),
            |r| r.take_result(),
        )
    }

    pub fn names(&self) -> codegen::Call<Vec<String>> {
        codegen::Proxy::call(&self.0, "names", |_| {}, |r| r.take_result())
    }

    pub fn weights(&self) -> codegen::Call<codegen::BTreeMap<String, Weight>> {
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
        s: String,
        bytes: Vec<u8>,
        numbers: codegen::UnsignedBytes,
        color: Color,
        point: Point,
        points: Vec<Point>,
        named: codegen::BTreeMap<String, Vec<Point>>,
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
        s: String,
        bytes: Vec<u8>,
        numbers: codegen::UnsignedBytes,
        color: Color,
        point: Point,
        points: Vec<Point>,
        named: codegen::BTreeMap<String, Vec<Point>>,
    ) {
    }

    fn mixed(&self, ret: i32, a: i32, b: i32, c: String, d: String) {}

    fn sized(&self, numbers: Vec<i32>, tag: Vec<u8>, others: Vec<i32>, names: Vec<String>) {}

    #[doc(alias = "getPoint")]
    fn get_point(&self, ret: Point, user_name: String, id: i32) {}

    #[doc(alias = "setPoint")]
    fn set_point(&self, user_name: String, point: Point, old: Point) {}

    fn color(&self, ret: Color, new_color: Color) {}

    fn names(&self, ret: Vec<String>) {}

    fn weights(&self, ret: codegen::BTreeMap<String, Weight>) {}

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

/// Takes the results of calls of `Every`, given to a function `async_…`.
pub trait EveryCallback: Send + Sync + 'static {
    /// The result of `inputs`.
    fn callback_inputs(&self, ret: bool) {}

    /// `inputs` has failed with this code.
    fn callback_inputs_exception(&self, code: i32) {}

    /// The result of `outputs`.
    fn callback_outputs(
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
        s: String,
        bytes: Vec<u8>,
        numbers: codegen::UnsignedBytes,
        color: Color,
        point: Point,
        points: Vec<Point>,
        named: codegen::BTreeMap<String, Vec<Point>>,
    ) {
    }

    /// `outputs` has failed with this code.
    fn callback_outputs_exception(&self, code: i32) {}

    /// The result of `mixed`.
    fn callback_mixed(&self, ret: i32, a: i32, c: String) {}

    /// `mixed` has failed with this code.
    fn callback_mixed_exception(&self, code: i32) {}

    /// The result of `sized`.
    fn callback_sized(&self, others: Vec<i32>, names: Vec<String>) {}

    /// `sized` has failed with this code.
    fn callback_sized_exception(&self, code: i32) {}

    /// The result of `getPoint`.
    fn callback_get_point(&self, ret: Point) {}

    /// `getPoint` has failed with this code.
    fn callback_get_point_exception(&self, code: i32) {}

    /// The result of `setPoint`.
    fn callback_set_point(&self, old: Point) {}

    /// `setPoint` has failed with this code.
    fn callback_set_point_exception(&self, code: i32) {}

    /// The result of `color`.
    fn callback_color(&self, ret: Color) {}

    /// `color` has failed with this code.
    fn callback_color_exception(&self, code: i32) {}

    /// The result of `names`.
    fn callback_names(&self, ret: Vec<String>) {}

    /// `names` has failed with this code.
    fn callback_names_exception(&self, code: i32) {}

    /// The result of `weights`.
    fn callback_weights(&self, ret: codegen::BTreeMap<String, Weight>) {}

    /// `weights` has failed with this code.
    fn callback_weights_exception(&self, code: i32) {}

    /// The result of `nothing`.
    fn callback_nothing(&self) {}

    /// `nothing` has failed with this code.
    fn callback_nothing_exception(&self, code: i32) {}
}

impl EveryProxy {
    /// Calls `inputs` and waits for its result.
    pub fn inputs_sync(
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
        s: &str,
        bytes: &[u8],
        numbers: &codegen::UnsignedBytes,
        color: Color,
        point: &Point,
        points: &[Point],
        named: &codegen::BTreeMap<String, Vec<Point>>,
    ) -> Result<bool, codegen::RpcError> {
        let call = self.inputs(
            b, i8, u8, i16, u16, i32, u32, i64, f32, f64, s, bytes, numbers, color, point, points,
            named,
        );
        call.wait()
    }

    /// Calls `inputs` and gives its result to `callback`.
    pub fn async_inputs(
        &self,
        callback: codegen::Arc<dyn EveryCallback>,
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
        s: &str,
        bytes: &[u8],
        numbers: &codegen::UnsignedBytes,
        color: Color,
        point: &Point,
        points: &[Point],
        named: &codegen::BTreeMap<String, Vec<Point>>,
    ) {
        let call = self.inputs(
            b, i8, u8, i16, u16, i32, u32, i64, f32, f64, s, bytes, numbers, color, point, points,
            named,
        );
        call.then(move |result| match result {
            Ok(ret) => callback.callback_inputs(ret),
            Err(error) => callback.callback_inputs_exception(error.code()),
        });
    }

    /// Calls `inputs`; the future gives its result.
    pub fn promise_inputs(
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
        s: &str,
        bytes: &[u8],
        numbers: &codegen::UnsignedBytes,
        color: Color,
        point: &Point,
        points: &[Point],
        named: &codegen::BTreeMap<String, Vec<Point>>,
    ) -> codegen::CallFuture<bool> {
        let call = self.inputs(
            b, i8, u8, i16, u16, i32, u32, i64, f32, f64, s, bytes, numbers, color, point, points,
            named,
        );
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `outputs` and waits for its result.
    pub fn outputs_sync(&self) -> Result<EveryOutputsReply, codegen::RpcError> {
        let call = self.outputs();
        call.wait()
    }

    /// Calls `outputs` and gives its result to `callback`.
    pub fn async_outputs(&self, callback: codegen::Arc<dyn EveryCallback>) {
        let call = self.outputs();
        call.then(move |result| match result {
            Ok(reply) => callback.callback_outputs(
                reply.b,
                reply.i8,
                reply.u8,
                reply.i16,
                reply.u16,
                reply.i32,
                reply.u32,
                reply.i64,
                reply.f32,
                reply.f64,
                reply.s,
                reply.bytes,
                reply.numbers,
                reply.color,
                reply.point,
                reply.points,
                reply.named,
            ),
            Err(error) => callback.callback_outputs_exception(error.code()),
        });
    }

    /// Calls `outputs`; the future gives its result.
    pub fn promise_outputs(&self) -> codegen::CallFuture<EveryOutputsReply> {
        let call = self.outputs();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `mixed` and waits for its result.
    pub fn mixed_sync(&self, b: i32, d: &str) -> Result<EveryMixedReply, codegen::RpcError> {
        let call = self.mixed(b, d);
        call.wait()
    }

    /// Calls `mixed` and gives its result to `callback`.
    pub fn async_mixed(&self, callback: codegen::Arc<dyn EveryCallback>, b: i32, d: &str) {
        let call = self.mixed(b, d);
        call.then(move |result| match result {
            Ok(reply) => callback.callback_mixed(reply.ret, reply.a, reply.c),
            Err(error) => callback.callback_mixed_exception(error.code()),
        });
    }

    /// Calls `mixed`; the future gives its result.
    pub fn promise_mixed(&self, b: i32, d: &str) -> codegen::CallFuture<EveryMixedReply> {
        let call = self.mixed(b, d);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `sized` and waits for its result.
    pub fn sized_sync(
        &self,
        numbers: &[i32],
        tag: &[u8],
    ) -> Result<EverySizedReply, codegen::RpcError> {
        let call = self.sized(numbers, tag);
        call.wait()
    }

    /// Calls `sized` and gives its result to `callback`.
    pub fn async_sized(
        &self,
        callback: codegen::Arc<dyn EveryCallback>,
        numbers: &[i32],
        tag: &[u8],
    ) {
        let call = self.sized(numbers, tag);
        call.then(move |result| match result {
            Ok(reply) => callback.callback_sized(reply.others, reply.names),
            Err(error) => callback.callback_sized_exception(error.code()),
        });
    }

    /// Calls `sized`; the future gives its result.
    pub fn promise_sized(
        &self,
        numbers: &[i32],
        tag: &[u8],
    ) -> codegen::CallFuture<EverySizedReply> {
        let call = self.sized(numbers, tag);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `getPoint` and waits for its result.
    pub fn get_point_sync(&self, user_name: &str, id: i32) -> Result<Point, codegen::RpcError> {
        let call = self.get_point(user_name, id);
        call.wait()
    }

    /// Calls `getPoint` and gives its result to `callback`.
    pub fn async_get_point(
        &self,
        callback: codegen::Arc<dyn EveryCallback>,
        user_name: &str,
        id: i32,
    ) {
        let call = self.get_point(user_name, id);
        call.then(move |result| match result {
            Ok(ret) => callback.callback_get_point(ret),
            Err(error) => callback.callback_get_point_exception(error.code()),
        });
    }

    /// Calls `getPoint`; the future gives its result.
    pub fn promise_get_point(&self, user_name: &str, id: i32) -> codegen::CallFuture<Point> {
        let call = self.get_point(user_name, id);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `setPoint` and waits for its result.
    pub fn set_point_sync(
        &self,
        user_name: &str,
        point: &Point,
    ) -> Result<EverySetPointReply, codegen::RpcError> {
        let call = self.set_point(user_name, point);
        call.wait()
    }

    /// Calls `setPoint` and gives its result to `callback`.
    pub fn async_set_point(
        &self,
        callback: codegen::Arc<dyn EveryCallback>,
        user_name: &str,
        point: &Point,
    ) {
        let call = self.set_point(user_name, point);
        call.then(move |result| match result {
            Ok(reply) => callback.callback_set_point(reply.old),
            Err(error) => callback.callback_set_point_exception(error.code()),
        });
    }

    /// Calls `setPoint`; the future gives its result.
    pub fn promise_set_point(
        &self,
        user_name: &str,
        point: &Point,
    ) -> codegen::CallFuture<EverySetPointReply> {
        let call = self.set_point(user_name, point);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `color` and waits for its result.
    pub fn color_sync(&self, new_color: Color) -> Result<Color, codegen::RpcError> {
        let call = self.color(new_color);
        call.wait()
    }

    /// Calls `color` and gives its result to `callback`.
    pub fn async_color(&self, callback: codegen::Arc<dyn EveryCallback>, new_color: Color) {
        let call = self.color(new_color);
        call.then(move |result| match result {
            Ok(ret) => callback.callback_color(ret),
            Err(error) => callback.callback_color_exception(error.code()),
        });
    }

    /// Calls `color`; the future gives its result.
    pub fn promise_color(&self, new_color: Color) -> codegen::CallFuture<Color> {
        let call = self.color(new_color);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `names` and waits for its result.
    pub fn names_sync(&self) -> Result<Vec<String>, codegen::RpcError> {
        let call = self.names();
        call.wait()
    }

    /// Calls `names` and gives its result to `callback`.
    pub fn async_names(&self, callback: codegen::Arc<dyn EveryCallback>) {
        let call = self.names();
        call.then(move |result| match result {
            Ok(ret) => callback.callback_names(ret),
            Err(error) => callback.callback_names_exception(error.code()),
        });
    }

    /// Calls `names`; the future gives its result.
    pub fn promise_names(&self) -> codegen::CallFuture<Vec<String>> {
        let call = self.names();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `weights` and waits for its result.
    pub fn weights_sync(&self) -> Result<codegen::BTreeMap<String, Weight>, codegen::RpcError> {
        let call = self.weights();
        call.wait()
    }

    /// Calls `weights` and gives its result to `callback`.
    pub fn async_weights(&self, callback: codegen::Arc<dyn EveryCallback>) {
        let call = self.weights();
        call.then(move |result| match result {
            Ok(ret) => callback.callback_weights(ret),
            Err(error) => callback.callback_weights_exception(error.code()),
        });
    }

    /// Calls `weights`; the future gives its result.
    pub fn promise_weights(&self) -> codegen::CallFuture<codegen::BTreeMap<String, Weight>> {
        let call = self.weights();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `nothing` and waits for its result.
    pub fn nothing_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.nothing();
        call.wait()
    }

    /// Calls `nothing` and gives its result to `callback`.
    pub fn async_nothing(&self, callback: codegen::Arc<dyn EveryCallback>) {
        let call = self.nothing();
        call.then(move |result| match result {
            Ok(()) => callback.callback_nothing(),
            Err(error) => callback.callback_nothing_exception(error.code()),
        });
    }

    /// Calls `nothing`; the future gives its result.
    pub fn promise_nothing(&self) -> codegen::CallFuture<()> {
        let call = self.nothing();
        codegen::IntoFuture::into_future(call)
    }
}

/// Handles the calls of `Text`.
#[doc(alias = "Text")]
pub trait TextServant: 'static {
    fn again(
        &self,
        cx: &codegen::CallContext,
        s: String,
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
    pub fn again(ret: &str, s: &str) -> codegen::PushPacket {
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

    pub fn again(&self, s: &str) -> codegen::Call<String> {
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
    fn again(&self, ret: String, s: String) {}

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

/// Takes the results of calls of `Text`, given to a function `async_…`.
pub trait TextCallback: Send + Sync + 'static {
    /// The result of `again`.
    fn callback_again(&self, ret: String) {}

    /// `again` has failed with this code.
    fn callback_again_exception(&self, code: i32) {}
}

impl TextProxy {
    /// Calls `again` and waits for its result.
    pub fn again_sync(&self, s: &str) -> Result<String, codegen::RpcError> {
        let call = self.again(s);
        call.wait()
    }

    /// Calls `again` and gives its result to `callback`.
    pub fn async_again(&self, callback: codegen::Arc<dyn TextCallback>, s: &str) {
        let call = self.again(s);
        call.then(move |result| match result {
            Ok(ret) => callback.callback_again(ret),
            Err(error) => callback.callback_again_exception(error.code()),
        });
    }

    /// Calls `again`; the future gives its result.
    pub fn promise_again(&self, s: &str) -> codegen::CallFuture<String> {
        let call = self.again(s);
        codegen::IntoFuture::into_future(call)
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

/// Takes the results of calls of `Empty`, given to a function `async_…`.
pub trait EmptyCallback: Send + Sync + 'static {}
