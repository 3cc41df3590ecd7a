// @generated from module Hygiene by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Result(pub i32);

impl Result {
    #[doc(alias = "Ok")]
    pub const OK: Self = Self(0);
    #[doc(alias = "Err")]
    pub const ERR: Self = Self(1);
    #[doc(alias = "self")]
    pub const SELF: Self = Self(2);
    #[doc(alias = "name")]
    pub const NAME: Self = Self(3);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> codegen::std::option::Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> codegen::std::option::Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl codegen::std::default::Default for Result {
    fn default() -> Self {
        Self::OK
    }
}

impl codegen::TarsEnum for Result {
    const NAME: &'static str = "Hygiene.Result";
    const MEMBERS: &'static [(&'static str, i32)] = &[
        ("Ok", Self::OK.0),
        ("Err", Self::ERR.0),
        ("self", Self::SELF.0),
        ("name", Self::NAME.0),
    ];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for Result {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut codegen::std::string::String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for Result {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> codegen::std::result::Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for Result {
    fn to_json<S: codegen::serde::Serializer>(
        &self,
        serializer: S,
    ) -> codegen::std::result::Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for Result {
    fn from_json(
        value: codegen::JsonValue,
    ) -> codegen::std::result::Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Option(pub i32);

impl Option {
    #[doc(alias = "None")]
    pub const NONE: Self = Self(0);
    #[doc(alias = "Some")]
    pub const SOME: Self = Self(1);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> codegen::std::option::Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> codegen::std::option::Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl codegen::std::default::Default for Option {
    fn default() -> Self {
        Self::NONE
    }
}

impl codegen::TarsEnum for Option {
    const NAME: &'static str = "Hygiene.Option";
    const MEMBERS: &'static [(&'static str, i32)] =
        &[("None", Self::NONE.0), ("Some", Self::SOME.0)];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for Option {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut codegen::std::string::String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for Option {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> codegen::std::result::Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for Option {
    fn to_json<S: codegen::serde::Serializer>(
        &self,
        serializer: S,
    ) -> codegen::std::result::Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for Option {
    fn from_json(
        value: codegen::JsonValue,
    ) -> codegen::std::result::Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct String {
    #[doc(alias = "String")]
    pub string: codegen::std::string::String,
}

impl codegen::std::default::Default for String {
    fn default() -> Self {
        Self {
            string: "String".into(),
        }
    }
}

impl codegen::TarsStruct for String {
    const NAME: &'static str = "Hygiene.String";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.optional_or(0, &self.string, "String");
    }
}

impl<'de> codegen::DecodeStruct<'de> for String {
    #[inline]
    fn read_fields(
        r: &mut codegen::TarsReader<'de>,
    ) -> codegen::std::result::Result<Self, codegen::DecodeError> {
        Ok(Self {
            string: r.optional_or_else(0, || "String".into())?,
        })
    }
}

impl codegen::ToJson for String {
    fn to_json<S: codegen::serde::Serializer>(
        &self,
        serializer: S,
    ) -> codegen::std::result::Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "String", 1)?;
        object.field("String", &self.string)?;
        object.end()
    }
}

impl codegen::FromJson for String {
    fn from_json(
        value: codegen::JsonValue,
    ) -> codegen::std::result::Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            string: object.optional_or_else("String", || "String".into())?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Vec {
    #[doc(alias = "Vec")]
    pub vec: codegen::std::vec::Vec<u8>,
    pub list: codegen::std::vec::Vec<i32>,
}

impl codegen::TarsStruct for Vec {
    const NAME: &'static str = "Hygiene.Vec";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.optional(0, &self.vec);
        w.optional(1, &self.list);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Vec {
    #[inline]
    fn read_fields(
        r: &mut codegen::TarsReader<'de>,
    ) -> codegen::std::result::Result<Self, codegen::DecodeError> {
        Ok(Self {
            vec: r.optional(0)?,
            list: r.optional(1)?,
        })
    }
}

impl codegen::ToJson for Vec {
    fn to_json<S: codegen::serde::Serializer>(
        &self,
        serializer: S,
    ) -> codegen::std::result::Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Vec", 2)?;
        object.field("Vec", &self.vec)?;
        object.field("list", &self.list)?;
        object.end()
    }
}

impl codegen::FromJson for Vec {
    fn from_json(
        value: codegen::JsonValue,
    ) -> codegen::std::result::Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            vec: object.optional("Vec")?,
            list: object.optional("list")?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Default {
    #[doc(alias = "Default")]
    pub default: i32,
    pub result: Result,
}

impl codegen::std::default::Default for Default {
    fn default() -> Self {
        Self {
            default: 1,
            result: Result::ERR,
        }
    }
}

impl codegen::TarsStruct for Default {
    const NAME: &'static str = "Hygiene.Default";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.optional_or(0, &self.default, &1);
        w.field(1, &self.result);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Default {
    #[inline]
    fn read_fields(
        r: &mut codegen::TarsReader<'de>,
    ) -> codegen::std::result::Result<Self, codegen::DecodeError> {
        Ok(Self {
            default: r.optional_or(0, 1)?,
            result: r.optional_or(1, Result::ERR)?,
        })
    }
}

impl codegen::ToJson for Default {
    fn to_json<S: codegen::serde::Serializer>(
        &self,
        serializer: S,
    ) -> codegen::std::result::Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Default", 2)?;
        object.field("Default", &self.default)?;
        object.field("result", &self.result)?;
        object.end()
    }
}

impl codegen::FromJson for Default {
    fn from_json(
        value: codegen::JsonValue,
    ) -> codegen::std::result::Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            default: object.optional_or("Default", 1)?,
            result: object.optional_or("result", Result::ERR)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Words {
    #[doc(alias = "self")]
    pub self_: i32,
    pub r#type: i32,
    pub value: i32,
    pub w: i32,
    pub r: i32,
    pub tag: i32,
    pub object: i32,
    pub head: i32,
    #[doc(alias = "crate")]
    pub crate_: i32,
    pub codegen: i32,
    pub p: i32,
    #[doc(alias = "_")]
    pub unnamed: i32,
    pub text: String,
    pub options: codegen::std::vec::Vec<Option>,
    pub result: Result,
}

impl codegen::std::default::Default for Words {
    fn default() -> Self {
        Self {
            self_: 0,
            r#type: 0,
            value: 1,
            w: 2,
            r: 3,
            tag: 0,
            object: 0,
            head: 0,
            crate_: 0,
            codegen: 0,
            p: 0,
            unnamed: 0,
            text: codegen::std::default::Default::default(),
            options: codegen::std::default::Default::default(),
            result: codegen::std::default::Default::default(),
        }
    }
}

impl codegen::TarsStruct for Words {
    const NAME: &'static str = "Hygiene.Words";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.self_);
        w.field(1, &self.r#type);
        w.optional_or(2, &self.value, &1);
        w.optional_or(3, &self.w, &2);
        w.optional_or(4, &self.r, &3);
        w.optional(5, &self.tag);
        w.optional(6, &self.object);
        w.optional(7, &self.head);
        w.optional(8, &self.crate_);
        w.optional(9, &self.codegen);
        w.optional(10, &self.p);
        w.optional(11, &self.unnamed);
        w.optional(12, &self.text);
        w.optional(13, &self.options);
        w.optional(14, &self.result);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Words {
    #[inline]
    fn read_fields(
        r: &mut codegen::TarsReader<'de>,
    ) -> codegen::std::result::Result<Self, codegen::DecodeError> {
        Ok(Self {
            self_: r.require(0)?,
            r#type: r.require(1)?,
            value: r.optional_or(2, 1)?,
            w: r.optional_or(3, 2)?,
            r: r.optional_or(4, 3)?,
            tag: r.optional(5)?,
            object: r.optional(6)?,
            head: r.optional(7)?,
            crate_: r.optional(8)?,
            codegen: r.optional(9)?,
            p: r.optional(10)?,
            unnamed: r.optional(11)?,
            text: r.optional(12)?,
            options: r.optional(13)?,
            result: r.optional(14)?,
        })
    }
}

impl codegen::ToJson for Words {
    fn to_json<S: codegen::serde::Serializer>(
        &self,
        serializer: S,
    ) -> codegen::std::result::Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Words", 15)?;
        object.field("self", &self.self_)?;
        object.field("type", &self.r#type)?;
        object.field("value", &self.value)?;
        object.field("w", &self.w)?;
        object.field("r", &self.r)?;
        object.field("tag", &self.tag)?;
        object.field("object", &self.object)?;
        object.field("head", &self.head)?;
        object.field("crate", &self.crate_)?;
        object.field("codegen", &self.codegen)?;
        object.field("p", &self.p)?;
        object.field("_", &self.unnamed)?;
        object.field("text", &self.text)?;
        object.field("options", &self.options)?;
        object.field("result", &self.result)?;
        object.end()
    }
}

impl codegen::FromJson for Words {
    fn from_json(
        value: codegen::JsonValue,
    ) -> codegen::std::result::Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            self_: object.require("self")?,
            r#type: object.require("type")?,
            value: object.optional_or("value", 1)?,
            w: object.optional_or("w", 2)?,
            r: object.optional_or("r", 3)?,
            tag: object.optional("tag")?,
            object: object.optional("object")?,
            head: object.optional("head")?,
            crate_: object.optional("crate")?,
            codegen: object.optional("codegen")?,
            p: object.optional("p")?,
            unnamed: object.optional("_")?,
            text: object.optional("text")?,
            options: object.optional("options")?,
            result: object.optional("result")?,
        })
    }
}

#[doc(alias = "Default")]
pub const DEFAULT: &str = "a const and a type may share a name";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Send(pub i32);

impl Send {
    #[doc(alias = "Err")]
    pub const ERR: Self = Self(0);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> codegen::std::option::Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> codegen::std::option::Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl codegen::std::default::Default for Send {
    fn default() -> Self {
        Self::ERR
    }
}

impl codegen::TarsEnum for Send {
    const NAME: &'static str = "Hygiene.Send";
    const MEMBERS: &'static [(&'static str, i32)] = &[("Err", Self::ERR.0)];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for Send {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut codegen::std::string::String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for Send {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> codegen::std::result::Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for Send {
    fn to_json<S: codegen::serde::Serializer>(
        &self,
        serializer: S,
    ) -> codegen::std::result::Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for Send {
    fn from_json(
        value: codegen::JsonValue,
    ) -> codegen::std::result::Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct From {
    #[doc(alias = "Sync")]
    pub sync: i32,
}

impl codegen::TarsStruct for From {
    const NAME: &'static str = "Hygiene.From";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.sync);
    }
}

impl<'de> codegen::DecodeStruct<'de> for From {
    #[inline]
    fn read_fields(
        r: &mut codegen::TarsReader<'de>,
    ) -> codegen::std::result::Result<Self, codegen::DecodeError> {
        Ok(Self {
            sync: r.require(0)?,
        })
    }
}

impl codegen::ToJson for From {
    fn to_json<S: codegen::serde::Serializer>(
        &self,
        serializer: S,
    ) -> codegen::std::result::Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "From", 1)?;
        object.field("Sync", &self.sync)?;
        object.end()
    }
}

impl codegen::FromJson for From {
    fn from_json(
        value: codegen::JsonValue,
    ) -> codegen::std::result::Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            sync: object.require("Sync")?,
        })
    }
}

/// The result and the `out` parameters of `results`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SResultsReply {
    /// The result.
    pub ret_: i32,
    pub ret: i32,
    pub result: i32,
    pub reply: i32,
    pub from: From,
}

/// The `out` parameters of `connection_opened`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SConnectionOpenedReply {
    pub connection: i32,
}

/// Handles the calls of `S`.
///
/// Parameters and operations with names that the code around them needs.
#[doc(alias = "S")]
pub trait SServant: 'static {
    fn names(
        &self,
        cx_: &codegen::CallContext,
        servant: i32,
        arguments: i32,
        call: i32,
        cx: i32,
        answer: i32,
        w: i32,
        r: i32,
        self_: i32,
    ) -> impl codegen::Future<Output = codegen::std::result::Result<Result, codegen::Failure>>;

    fn results(
        &self,
        cx: &codegen::CallContext,
        error: i32,
        code: i32,
    ) -> impl codegen::Future<Output = codegen::std::result::Result<SResultsReply, codegen::Failure>>;

    #[doc(alias = "connectionClosed")]
    fn connection_closed_(
        &self,
        cx: &codegen::CallContext,
        call: codegen::std::string::String,
        connection: codegen::std::string::String,
        why: codegen::std::string::String,
    ) -> impl codegen::Future<Output = codegen::std::result::Result<(), codegen::Failure>>;

    #[doc(alias = "connection_opened")]
    fn connection_opened_(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<
        Output = codegen::std::result::Result<SConnectionOpenedReply, codegen::Failure>,
    >;

    #[doc(alias = "into_push_handler")]
    fn into_push_handler_(
        &self,
        cx: &codegen::CallContext,
        push: i32,
        callback: i32,
    ) -> impl codegen::Future<Output = codegen::std::result::Result<i32, codegen::Failure>>;

    #[doc(alias = "new")]
    fn new_(
        &self,
        cx_: &codegen::CallContext,
        cx: i32,
        proxy: codegen::std::vec::Vec<String>,
    ) -> impl codegen::Future<Output = codegen::std::result::Result<String, codegen::Failure>>;

    #[doc(alias = "proxy")]
    fn proxy_(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = codegen::std::result::Result<(), codegen::Failure>>;

    fn r#type(
        &self,
        cx: &codegen::CallContext,
        string: codegen::std::string::String,
        vec: codegen::std::vec::Vec<u8>,
        option: Option,
        send: Send,
    ) -> impl codegen::Future<Output = codegen::std::result::Result<(), codegen::Failure>>;

    fn clone(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = codegen::std::result::Result<i32, codegen::Failure>>;

    fn from(
        &self,
        cx: &codegen::CallContext,
        from: From,
    ) -> impl codegen::Future<Output = codegen::std::result::Result<(), codegen::Failure>>;

    fn r#match(
        &self,
        cx: &codegen::CallContext,
        ret: i32,
    ) -> impl codegen::Future<Output = codegen::std::result::Result<bool, codegen::Failure>>;

    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `S` for a servant, and encodes its results.
#[derive(Debug)]
pub struct SDispatcher<S>(codegen::Rc<S>);

impl<S: SServant> SDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: SServant> codegen::Dispatcher for SDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &[
            "names",
            "results",
            "connectionClosed",
            "connection_opened",
            "into_push_handler",
            "new",
            "proxy",
            "type",
            "clone",
            "from",
            "match",
        ]
    }

    fn dispatch(
        &self,
        call_: &mut codegen::IncomingCall<'_, '_>,
    ) -> codegen::std::result::Result<(), codegen::Failure> {
        let servant_ = codegen::Rc::clone(&self.0);
        match call_.function() {
            "names" => {
                let mut arguments_ = call_.arguments()?;
                let servant = arguments_.take(1, "servant")?;
                let arguments = arguments_.take(2, "arguments")?;
                let call = arguments_.take(3, "call")?;
                let cx = arguments_.take(4, "cx")?;
                let answer = arguments_.take(5, "answer")?;
                let w = arguments_.take(6, "w")?;
                let r = arguments_.take(7, "r")?;
                let self_ = arguments_.take(8, "self")?;
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::names(
                            &servant_, &cx_, servant, arguments, call, cx, answer, w, r, self_,
                        );
                        (answer_.await, cx_)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "results" => {
                let mut arguments_ = call_.arguments()?;
                let error = arguments_.take(5, "error")?;
                let code = arguments_.take(6, "code")?;
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::results(&servant_, &cx_, error, code);
                        (answer_.await, cx_)
                    },
                    |w, reply| {
                        w.put_result(&reply.ret_);
                        w.put(1, "ret", &reply.ret);
                        w.put(2, "result", &reply.result);
                        w.put(3, "reply", &reply.reply);
                        w.put(4, "from", &reply.from);
                    },
                );
            }
            "connectionClosed" => {
                let mut arguments_ = call_.arguments()?;
                let call = arguments_.take(1, "call")?;
                let connection = arguments_.take(2, "connection")?;
                let why = arguments_.take(3, "why")?;
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::connection_closed_(&servant_, &cx_, call, connection, why);
                        (answer_.await, cx_)
                    },
                    |_, ()| {},
                );
            }
            "connection_opened" => {
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::connection_opened_(&servant_, &cx_);
                        (answer_.await, cx_)
                    },
                    |w, reply| w.put(1, "connection", &reply.connection),
                );
            }
            "into_push_handler" => {
                let mut arguments_ = call_.arguments()?;
                let push = arguments_.take(1, "push")?;
                let callback = arguments_.take(2, "callback")?;
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::into_push_handler_(&servant_, &cx_, push, callback);
                        (answer_.await, cx_)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "new" => {
                let mut arguments_ = call_.arguments()?;
                let cx = arguments_.take(1, "cx")?;
                let proxy = arguments_.take(2, "proxy")?;
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::new_(&servant_, &cx_, cx, proxy);
                        (answer_.await, cx_)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "proxy" => {
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::proxy_(&servant_, &cx_);
                        (answer_.await, cx_)
                    },
                    |_, ()| {},
                );
            }
            "type" => {
                let mut arguments_ = call_.arguments()?;
                let string = arguments_.take(1, "String")?;
                let vec = arguments_.take(2, "Vec")?;
                let option = arguments_.take(3, "Option")?;
                let send = arguments_.take(4, "Send")?;
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::r#type(&servant_, &cx_, string, vec, option, send);
                        (answer_.await, cx_)
                    },
                    |_, ()| {},
                );
            }
            "clone" => {
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::clone(&servant_, &cx_);
                        (answer_.await, cx_)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "from" => {
                let mut arguments_ = call_.arguments()?;
                let from = arguments_.take(1, "From")?;
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::from(&servant_, &cx_, from);
                        (answer_.await, cx_)
                    },
                    |_, ()| {},
                );
            }
            "match" => {
                let mut arguments_ = call_.arguments()?;
                let ret = arguments_.take(1, "ret")?;
                call_.answer(
                    move |cx_| async move {
                        let answer_ = S::r#match(&servant_, &cx_, ret);
                        (answer_.await, cx_)
                    },
                    |w, result| w.put_result(result),
                );
            }
            _ => return Err(call_.unknown_function()),
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

/// Makes pushes for clients that receive `S`.
#[derive(Clone, Copy, Debug)]
pub struct SSender;

impl SSender {
    pub fn names(
        ret: Result,
        servant: i32,
        arguments: i32,
        call: i32,
        cx: i32,
        answer: i32,
        w: i32,
        r: i32,
        self_: i32,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("names", |w_| {
            w_.put_result(&ret);
            w_.put(1, "servant", &servant);
            w_.put(2, "arguments", &arguments);
            w_.put(3, "call", &call);
            w_.put(4, "cx", &cx);
            w_.put(5, "answer", &answer);
            w_.put(6, "w", &w);
            w_.put(7, "r", &r);
            w_.put(8, "self", &self_);
        })
    }

    pub fn results(
        ret_: i32,
        ret: i32,
        result: i32,
        reply: i32,
        from: &From,
        error: i32,
        code: i32,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("results", |w| {
            w.put_result(&ret_);
            w.put(1, "ret", &ret);
            w.put(2, "result", &result);
            w.put(3, "reply", &reply);
            w.put(4, "from", from);
            w.put(5, "error", &error);
            w.put(6, "code", &code);
        })
    }

    #[doc(alias = "connectionClosed")]
    pub fn connection_closed_(call: &str, connection: &str, why: &str) -> codegen::PushPacket {
        codegen::PushPacket::new("connectionClosed", |w| {
            w.put(1, "call", call);
            w.put(2, "connection", connection);
            w.put(3, "why", why);
        })
    }

    #[doc(alias = "connection_opened")]
    pub fn connection_opened_(connection: i32) -> codegen::PushPacket {
        codegen::PushPacket::new("connection_opened", |w| w.put(1, "connection", &connection))
    }

    #[doc(alias = "into_push_handler")]
    pub fn into_push_handler_(ret: i32, push: i32, callback: i32) -> codegen::PushPacket {
        codegen::PushPacket::new("into_push_handler", |w| {
            w.put_result(&ret);
            w.put(1, "push", &push);
            w.put(2, "callback", &callback);
        })
    }

    #[doc(alias = "new")]
    pub fn new_(ret: &String, cx: i32, proxy: &[String]) -> codegen::PushPacket {
        codegen::PushPacket::new("new", |w| {
            w.put_result(ret);
            w.put(1, "cx", &cx);
            w.put(2, "proxy", proxy);
        })
    }

    #[doc(alias = "proxy")]
    pub fn proxy_() -> codegen::PushPacket {
        codegen::PushPacket::new("proxy", |_| {})
    }

    pub fn r#type(string: &str, vec: &[u8], option: Option, send: Send) -> codegen::PushPacket {
        codegen::PushPacket::new("type", |w| {
            w.put(1, "String", string);
            w.put(2, "Vec", vec);
            w.put(3, "Option", &option);
            w.put(4, "Send", &send);
        })
    }

    pub fn clone(ret: i32) -> codegen::PushPacket {
        codegen::PushPacket::new("clone", |w| w.put_result(&ret))
    }

    pub fn from(from: &From) -> codegen::PushPacket {
        codegen::PushPacket::new("from", |w| w.put(1, "From", from))
    }

    pub fn r#match(ret_: bool, ret: i32) -> codegen::PushPacket {
        codegen::PushPacket::new("match", |w| {
            w.put_result(&ret_);
            w.put(1, "ret", &ret);
        })
    }
}

/// Calls the operations of `S`.
///
/// Parameters and operations with names that the code around them needs.
#[doc(alias = "S")]
#[derive(Clone, Debug)]
pub struct SProxy(codegen::Proxy);

impl SProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }

    pub fn names(
        &self,
        servant: i32,
        arguments: i32,
        call: i32,
        cx: i32,
        answer: i32,
        w: i32,
        r: i32,
        self_: i32,
    ) -> codegen::Call<Result> {
        codegen::Proxy::call(
            &self.0,
            "names",
            |w_| {
                w_.put(1, "servant", &servant);
                w_.put(2, "arguments", &arguments);
                w_.put(3, "call", &call);
                w_.put(4, "cx", &cx);
                w_.put(5, "answer", &answer);
                w_.put(6, "w", &w);
                w_.put(7, "r", &r);
                w_.put(8, "self", &self_);
            },
            |r| r.take_result(),
        )
    }

    pub fn results(&self, error: i32, code: i32) -> codegen::Call<SResultsReply> {
        codegen::Proxy::call(
            &self.0,
            "results",
            |w| {
                w.put(5, "error", &error);
                w.put(6, "code", &code);
            },
            |r| {
                Ok(SResultsReply {
                    ret_: r.take_result()?,
                    ret: r.take(1, "ret")?,
                    result: r.take(2, "result")?,
                    reply: r.take(3, "reply")?,
                    from: r.take(4, "from")?,
                })
            },
        )
    }

    #[doc(alias = "connectionClosed")]
    pub fn connection_closed_(&self, call: &str, connection: &str, why: &str) -> codegen::Call<()> {
        let call_ = codegen::Proxy::call(
            &self.0,
            "connectionClosed",
            |w| {
                w.put(1, "call", call);
                w.put(2, "connection", connection);
                w.put(3, "why", why);
            },
            |_| Ok(()),
        );
        call_.route_key(call)
    }

    #[doc(alias = "connection_opened")]
    pub fn connection_opened_(&self) -> codegen::Call<SConnectionOpenedReply> {
        codegen::Proxy::call(
            &self.0,
            "connection_opened",
            |_| {},
            |r| {
                Ok(SConnectionOpenedReply {
                    connection: r.take(1, "connection")?,
                })
            },
        )
    }

    #[doc(alias = "into_push_handler")]
    pub fn into_push_handler_(&self, push: i32, callback: i32) -> codegen::Call<i32> {
        codegen::Proxy::call(
            &self.0,
            "into_push_handler",
            |w| {
                w.put(1, "push", &push);
                w.put(2, "callback", &callback);
            },
            |r| r.take_result(),
        )
    }

    #[doc(alias = "new")]
    pub fn new_(&self, cx: i32, proxy: &[String]) -> codegen::Call<String> {
        codegen::Proxy::call(
            &self.0,
            "new",
            |w| {
                w.put(1, "cx", &cx);
                w.put(2, "proxy", proxy);
            },
            |r| r.take_result(),
        )
    }

    #[doc(alias = "proxy")]
    pub fn proxy_(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "proxy", |_| {}, |_| Ok(()))
    }

    pub fn r#type(
        &self,
        string: &str,
        vec: &[u8],
        option: Option,
        send: Send,
    ) -> codegen::Call<()> {
        codegen::Proxy::call(
            &self.0,
            "type",
            |w| {
                w.put(1, "String", string);
                w.put(2, "Vec", vec);
                w.put(3, "Option", &option);
                w.put(4, "Send", &send);
            },
            |_| Ok(()),
        )
    }

    pub fn clone(&self) -> codegen::Call<i32> {
        codegen::Proxy::call(&self.0, "clone", |_| {}, |r| r.take_result())
    }

    pub fn from(&self, from: &From) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "from", |w| w.put(1, "From", from), |_| Ok(()))
    }

    pub fn r#match(&self, ret: i32) -> codegen::Call<bool> {
        codegen::Proxy::call(
            &self.0,
            "match",
            |w| w.put(1, "ret", &ret),
            |r| r.take_result(),
        )
    }
}

impl codegen::std::convert::From<codegen::Proxy> for SProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `S`.
///
/// Parameters and operations with names that the code around them needs.
#[doc(alias = "S")]
pub trait SReceiver: codegen::std::marker::Send + Sync + 'static {
    fn names(
        &self,
        ret: Result,
        servant: i32,
        arguments: i32,
        call: i32,
        cx: i32,
        answer: i32,
        w: i32,
        r: i32,
        self_: i32,
    ) {
    }

    fn results(
        &self,
        ret_: i32,
        ret: i32,
        result: i32,
        reply: i32,
        from: From,
        error: i32,
        code: i32,
    ) {
    }

    #[doc(alias = "connectionClosed")]
    fn connection_closed_(
        &self,
        call: codegen::std::string::String,
        connection: codegen::std::string::String,
        why: codegen::std::string::String,
    ) {
    }

    #[doc(alias = "connection_opened")]
    fn connection_opened_(&self, connection: i32) {}

    #[doc(alias = "into_push_handler")]
    fn into_push_handler_(&self, ret: i32, push: i32, callback: i32) {}

    #[doc(alias = "new")]
    fn new_(&self, ret: String, cx: i32, proxy: codegen::std::vec::Vec<String>) {}

    #[doc(alias = "proxy")]
    fn proxy_(&self) {}

    fn r#type(
        &self,
        string: codegen::std::string::String,
        vec: codegen::std::vec::Vec<u8>,
        option: Option,
        send: Send,
    ) {
    }

    fn clone(&self, ret: i32) {}

    fn from(&self, from: From) {}

    fn r#match(&self, ret_: bool, ret: i32) {}

    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(move |push| {
            match push.function() {
                "names" => {
                    let mut arguments = push.arguments()?;
                    Self::names(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "servant")?,
                        arguments.take(2, "arguments")?,
                        arguments.take(3, "call")?,
                        arguments.take(4, "cx")?,
                        arguments.take(5, "answer")?,
                        arguments.take(6, "w")?,
                        arguments.take(7, "r")?,
                        arguments.take(8, "self")?,
                    );
                }
                "results" => {
                    let mut arguments = push.arguments()?;
                    Self::results(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "ret")?,
                        arguments.take(2, "result")?,
                        arguments.take(3, "reply")?,
                        arguments.take(4, "from")?,
                        arguments.take(5, "error")?,
                        arguments.take(6, "code")?,
                    );
                }
                "connectionClosed" => {
                    let mut arguments = push.arguments()?;
                    Self::connection_closed_(
                        &self,
                        arguments.take(1, "call")?,
                        arguments.take(2, "connection")?,
                        arguments.take(3, "why")?,
                    );
                }
                "connection_opened" => {
                    let mut arguments = push.arguments()?;
                    Self::connection_opened_(&self, arguments.take(1, "connection")?);
                }
                "into_push_handler" => {
                    let mut arguments = push.arguments()?;
                    Self::into_push_handler_(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "push")?,
                        arguments.take(2, "callback")?,
                    );
                }
                "new" => {
                    let mut arguments = push.arguments()?;
                    Self::new_(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "cx")?,
                        arguments.take(2, "proxy")?,
                    );
                }
                "proxy" => Self::proxy_(&self),
                "type" => {
                    let mut arguments = push.arguments()?;
                    Self::r#type(
                        &self,
                        arguments.take(1, "String")?,
                        arguments.take(2, "Vec")?,
                        arguments.take(3, "Option")?,
                        arguments.take(4, "Send")?,
                    );
                }
                "clone" => {
                    let mut arguments = push.arguments()?;
                    Self::clone(&self, arguments.take_result()?);
                }
                "from" => {
                    let mut arguments = push.arguments()?;
                    Self::from(&self, arguments.take(1, "From")?);
                }
                "match" => {
                    let mut arguments = push.arguments()?;
                    Self::r#match(&self, arguments.take_result()?, arguments.take(1, "ret")?);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Takes the results of calls of `S`, given to a function `async_…`.
pub trait SCallback: codegen::std::marker::Send + Sync + 'static {
    /// The result of `names`.
    fn callback_names(&self, ret: Result) {}

    /// `names` has failed with this code.
    fn callback_names_exception(&self, code: i32) {}

    /// The result of `results`.
    fn callback_results(&self, ret_: i32, ret: i32, result: i32, reply: i32, from: From) {}

    /// `results` has failed with this code.
    fn callback_results_exception(&self, code: i32) {}

    /// The result of `connectionClosed`.
    fn callback_connection_closed_(&self) {}

    /// `connectionClosed` has failed with this code.
    fn callback_connection_closed__exception(&self, code: i32) {}

    /// The result of `connection_opened`.
    fn callback_connection_opened_(&self, connection: i32) {}

    /// `connection_opened` has failed with this code.
    fn callback_connection_opened__exception(&self, code: i32) {}

    /// The result of `into_push_handler`.
    fn callback_into_push_handler_(&self, ret: i32) {}

    /// `into_push_handler` has failed with this code.
    fn callback_into_push_handler__exception(&self, code: i32) {}

    /// The result of `new`.
    fn callback_new_(&self, ret: String) {}

    /// `new` has failed with this code.
    fn callback_new__exception(&self, code: i32) {}

    /// The result of `proxy`.
    fn callback_proxy_(&self) {}

    /// `proxy` has failed with this code.
    fn callback_proxy__exception(&self, code: i32) {}

    /// The result of `type`.
    fn callback_type(&self) {}

    /// `type` has failed with this code.
    fn callback_type_exception(&self, code: i32) {}

    /// The result of `clone`.
    fn callback_clone(&self, ret: i32) {}

    /// `clone` has failed with this code.
    fn callback_clone_exception(&self, code: i32) {}

    /// The result of `from`.
    fn callback_from(&self) {}

    /// `from` has failed with this code.
    fn callback_from_exception(&self, code: i32) {}

    /// The result of `match`.
    fn callback_match(&self, ret_: bool) {}

    /// `match` has failed with this code.
    fn callback_match_exception(&self, code: i32) {}
}

impl SProxy {
    /// Calls `names` and waits for its result.
    pub fn names_sync(
        &self,
        servant: i32,
        arguments: i32,
        call: i32,
        cx: i32,
        answer: i32,
        w: i32,
        r: i32,
        self_: i32,
    ) -> codegen::std::result::Result<Result, codegen::RpcError> {
        let call = self.names(servant, arguments, call, cx, answer, w, r, self_);
        call.wait()
    }

    /// Calls `names` and gives its result to `callback`.
    pub fn async_names(
        &self,
        callback: codegen::Arc<dyn SCallback>,
        servant: i32,
        arguments: i32,
        call: i32,
        cx: i32,
        answer: i32,
        w: i32,
        r: i32,
        self_: i32,
    ) {
        let call = self.names(servant, arguments, call, cx, answer, w, r, self_);
        call.then(move |result| match result {
            Ok(ret) => callback.callback_names(ret),
            Err(error) => callback.callback_names_exception(error.code()),
        });
    }

    /// Calls `names`; the future gives its result.
    pub fn promise_names(
        &self,
        servant: i32,
        arguments: i32,
        call: i32,
        cx: i32,
        answer: i32,
        w: i32,
        r: i32,
        self_: i32,
    ) -> codegen::CallFuture<Result> {
        let call = self.names(servant, arguments, call, cx, answer, w, r, self_);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `results` and waits for its result.
    pub fn results_sync(
        &self,
        error: i32,
        code: i32,
    ) -> codegen::std::result::Result<SResultsReply, codegen::RpcError> {
        let call = self.results(error, code);
        call.wait()
    }

    /// Calls `results` and gives its result to `callback`.
    pub fn async_results(&self, callback: codegen::Arc<dyn SCallback>, error: i32, code: i32) {
        let call = self.results(error, code);
        call.then(move |result| match result {
            Ok(reply) => callback.callback_results(
                reply.ret_,
                reply.ret,
                reply.result,
                reply.reply,
                reply.from,
            ),
            Err(error) => callback.callback_results_exception(error.code()),
        });
    }

    /// Calls `results`; the future gives its result.
    pub fn promise_results(&self, error: i32, code: i32) -> codegen::CallFuture<SResultsReply> {
        let call = self.results(error, code);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `connectionClosed` and waits for its result.
    pub fn connection_closed__sync(
        &self,
        call: &str,
        connection: &str,
        why: &str,
    ) -> codegen::std::result::Result<(), codegen::RpcError> {
        let call = self.connection_closed_(call, connection, why);
        call.wait()
    }

    /// Calls `connectionClosed` and gives its result to `callback`.
    pub fn async_connection_closed_(
        &self,
        callback: codegen::Arc<dyn SCallback>,
        call: &str,
        connection: &str,
        why: &str,
    ) {
        let call = self.connection_closed_(call, connection, why);
        call.then(move |result| match result {
            Ok(()) => callback.callback_connection_closed_(),
            Err(error) => callback.callback_connection_closed__exception(error.code()),
        });
    }

    /// Calls `connectionClosed`; the future gives its result.
    pub fn promise_connection_closed_(
        &self,
        call: &str,
        connection: &str,
        why: &str,
    ) -> codegen::CallFuture<()> {
        let call = self.connection_closed_(call, connection, why);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `connection_opened` and waits for its result.
    pub fn connection_opened__sync(
        &self,
    ) -> codegen::std::result::Result<SConnectionOpenedReply, codegen::RpcError> {
        let call = self.connection_opened_();
        call.wait()
    }

    /// Calls `connection_opened` and gives its result to `callback`.
    pub fn async_connection_opened_(&self, callback: codegen::Arc<dyn SCallback>) {
        let call = self.connection_opened_();
        call.then(move |result| match result {
            Ok(reply) => callback.callback_connection_opened_(reply.connection),
            Err(error) => callback.callback_connection_opened__exception(error.code()),
        });
    }

    /// Calls `connection_opened`; the future gives its result.
    pub fn promise_connection_opened_(&self) -> codegen::CallFuture<SConnectionOpenedReply> {
        let call = self.connection_opened_();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `into_push_handler` and waits for its result.
    pub fn into_push_handler__sync(
        &self,
        push: i32,
        callback: i32,
    ) -> codegen::std::result::Result<i32, codegen::RpcError> {
        let call = self.into_push_handler_(push, callback);
        call.wait()
    }

    /// Calls `into_push_handler` and gives its result to `callback`.
    pub fn async_into_push_handler_(
        &self,
        callback_: codegen::Arc<dyn SCallback>,
        push: i32,
        callback: i32,
    ) {
        let call = self.into_push_handler_(push, callback);
        call.then(move |result| match result {
            Ok(ret) => callback_.callback_into_push_handler_(ret),
            Err(error) => callback_.callback_into_push_handler__exception(error.code()),
        });
    }

    /// Calls `into_push_handler`; the future gives its result.
    pub fn promise_into_push_handler_(&self, push: i32, callback: i32) -> codegen::CallFuture<i32> {
        let call = self.into_push_handler_(push, callback);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `new` and waits for its result.
    pub fn new__sync(
        &self,
        cx: i32,
        proxy: &[String],
    ) -> codegen::std::result::Result<String, codegen::RpcError> {
        let call = self.new_(cx, proxy);
        call.wait()
    }

    /// Calls `new` and gives its result to `callback`.
    pub fn async_new_(&self, callback: codegen::Arc<dyn SCallback>, cx: i32, proxy: &[String]) {
        let call = self.new_(cx, proxy);
        call.then(move |result| match result {
            Ok(ret) => callback.callback_new_(ret),
            Err(error) => callback.callback_new__exception(error.code()),
        });
    }

    /// Calls `new`; the future gives its result.
    pub fn promise_new_(&self, cx: i32, proxy: &[String]) -> codegen::CallFuture<String> {
        let call = self.new_(cx, proxy);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `proxy` and waits for its result.
    pub fn proxy__sync(&self) -> codegen::std::result::Result<(), codegen::RpcError> {
        let call = self.proxy_();
        call.wait()
    }

    /// Calls `proxy` and gives its result to `callback`.
    pub fn async_proxy_(&self, callback: codegen::Arc<dyn SCallback>) {
        let call = self.proxy_();
        call.then(move |result| match result {
            Ok(()) => callback.callback_proxy_(),
            Err(error) => callback.callback_proxy__exception(error.code()),
        });
    }

    /// Calls `proxy`; the future gives its result.
    pub fn promise_proxy_(&self) -> codegen::CallFuture<()> {
        let call = self.proxy_();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `type` and waits for its result.
    pub fn type_sync(
        &self,
        string: &str,
        vec: &[u8],
        option: Option,
        send: Send,
    ) -> codegen::std::result::Result<(), codegen::RpcError> {
        let call = self.r#type(string, vec, option, send);
        call.wait()
    }

    /// Calls `type` and gives its result to `callback`.
    pub fn async_type(
        &self,
        callback: codegen::Arc<dyn SCallback>,
        string: &str,
        vec: &[u8],
        option: Option,
        send: Send,
    ) {
        let call = self.r#type(string, vec, option, send);
        call.then(move |result| match result {
            Ok(()) => callback.callback_type(),
            Err(error) => callback.callback_type_exception(error.code()),
        });
    }

    /// Calls `type`; the future gives its result.
    pub fn promise_type(
        &self,
        string: &str,
        vec: &[u8],
        option: Option,
        send: Send,
    ) -> codegen::CallFuture<()> {
        let call = self.r#type(string, vec, option, send);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `clone` and waits for its result.
    pub fn clone_sync(&self) -> codegen::std::result::Result<i32, codegen::RpcError> {
        let call = self.clone();
        call.wait()
    }

    /// Calls `clone` and gives its result to `callback`.
    pub fn async_clone(&self, callback: codegen::Arc<dyn SCallback>) {
        let call = self.clone();
        call.then(move |result| match result {
            Ok(ret) => callback.callback_clone(ret),
            Err(error) => callback.callback_clone_exception(error.code()),
        });
    }

    /// Calls `clone`; the future gives its result.
    pub fn promise_clone(&self) -> codegen::CallFuture<i32> {
        let call = self.clone();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `from` and waits for its result.
    pub fn from_sync(&self, from: &From) -> codegen::std::result::Result<(), codegen::RpcError> {
        let call = self.from(from);
        call.wait()
    }

    /// Calls `from` and gives its result to `callback`.
    pub fn async_from(&self, callback: codegen::Arc<dyn SCallback>, from: &From) {
        let call = self.from(from);
        call.then(move |result| match result {
            Ok(()) => callback.callback_from(),
            Err(error) => callback.callback_from_exception(error.code()),
        });
    }

    /// Calls `from`; the future gives its result.
    pub fn promise_from(&self, from: &From) -> codegen::CallFuture<()> {
        let call = self.from(from);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `match` and waits for its result.
    pub fn match_sync(&self, ret: i32) -> codegen::std::result::Result<bool, codegen::RpcError> {
        let call = self.r#match(ret);
        call.wait()
    }

    /// Calls `match` and gives its result to `callback`.
    pub fn async_match(&self, callback: codegen::Arc<dyn SCallback>, ret: i32) {
        let call = self.r#match(ret);
        call.then(move |result| match result {
            Ok(ret) => callback.callback_match(ret),
            Err(error) => callback.callback_match_exception(error.code()),
        });
    }

    /// Calls `match`; the future gives its result.
    pub fn promise_match(&self, ret: i32) -> codegen::CallFuture<bool> {
        let call = self.r#match(ret);
        codegen::IntoFuture::into_future(call)
    }
}

/// Handles the calls of `Default`.
#[doc(alias = "Default")]
pub trait DefaultServant: 'static {
    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `Default` for a servant, and encodes its results.
#[derive(Debug)]
pub struct DefaultDispatcher<S>(codegen::Rc<S>);

impl<S: DefaultServant> DefaultDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: DefaultServant> codegen::Dispatcher for DefaultDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &[]
    }

    fn dispatch(
        &self,
        call: &mut codegen::IncomingCall<'_, '_>,
    ) -> codegen::std::result::Result<(), codegen::Failure> {
        Err(call.unknown_function())
    }

    fn connection_opened(&self, connection: &codegen::Connection) {
        self.0.connection_opened(connection);
    }

    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        self.0.connection_closed(connection, why);
    }
}

/// Makes pushes for clients that receive `Default`.
#[derive(Clone, Copy, Debug)]
pub struct DefaultSender;

/// Calls the operations of `Default`.
#[doc(alias = "Default")]
#[derive(Clone, Debug)]
pub struct DefaultProxy(codegen::Proxy);

impl DefaultProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }
}

impl codegen::std::convert::From<codegen::Proxy> for DefaultProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `Default`.
#[doc(alias = "Default")]
pub trait DefaultReceiver: codegen::std::marker::Send + Sync + 'static {
    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(|_| Ok(false))
    }
}

/// Takes the results of calls of `Default`, given to a function `async_…`.
pub trait DefaultCallback: codegen::std::marker::Send + Sync + 'static {}
