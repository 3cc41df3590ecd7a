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

#[doc(alias = "Default")]
pub const DEFAULT: &str = "a const and a type may share a name";
