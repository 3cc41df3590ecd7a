// @generated from module Rich by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

pub const MAX_N: i32 = 127;

pub const GREETING: &str = "hello";

pub const PI: f32 = 3.14;

pub const FLAG: bool = true;

pub const BIG: i64 = 1234567890123;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E(pub i32);

impl E {
    pub const A: Self = Self(0);
    pub const B: Self = Self(1);
    pub const C: Self = Self(7);
    pub const D: Self = Self(8);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl Default for E {
    fn default() -> Self {
        Self::A
    }
}

impl codegen::TarsEnum for E {
    const NAME: &'static str = "Rich.E";
    const MEMBERS: &'static [(&'static str, i32)] = &[
        ("A", Self::A.0),
        ("B", Self::B.0),
        ("C", Self::C.0),
        ("D", Self::D.0),
    ];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for E {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for E {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inner {
    pub id: i32,
    pub s: String,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            id: 0,
            s: "def".into(),
        }
    }
}

impl codegen::TarsStruct for Inner {
    const NAME: &'static str = "Rich.Inner";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.id);
        w.optional_or(1, &self.s, "def");
    }
}

impl<'de> codegen::DecodeStruct<'de> for Inner {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            id: r.require(0)?,
            s: r.optional_or_else(1, || "def".into())?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct AllReq {
    pub b: bool,
    pub c: i8,
    pub uc: u8,
    pub sh: i16,
    pub us: u16,
    pub i: i32,
    pub ui: u32,
    pub l: i64,
    pub f: f32,
    pub d: f64,
    pub str: String,
    pub bytes: Vec<u8>,
    pub vi: Vec<i32>,
    pub mss: codegen::BTreeMap<String, String>,
    pub r#in: Inner,
    pub e: E,
    pub vin: Vec<Inner>,
    pub miv: codegen::BTreeMap<i32, Vec<String>>,
    pub pt: super::common::Point,
    pub last: i32,
}

impl codegen::TarsStruct for AllReq {
    const NAME: &'static str = "Rich.AllReq";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.b);
        w.field(1, &self.c);
        w.field(2, &self.uc);
        w.field(3, &self.sh);
        w.field(4, &self.us);
        w.field(5, &self.i);
        w.field(6, &self.ui);
        w.field(7, &self.l);
        w.field(8, &self.f);
        w.field(9, &self.d);
        w.field(10, &self.str);
        w.field(11, &self.bytes);
        w.field(12, &self.vi);
        w.field(13, &self.mss);
        w.field(14, &self.r#in);
        w.field(15, &self.e);
        w.field(16, &self.vin);
        w.field(17, &self.miv);
        w.field(18, &self.pt);
        w.field(255, &self.last);
    }
}

impl<'de> codegen::DecodeStruct<'de> for AllReq {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            b: r.require(0)?,
            c: r.require(1)?,
            uc: r.require(2)?,
            sh: r.require(3)?,
            us: r.require(4)?,
            i: r.require(5)?,
            ui: r.require(6)?,
            l: r.require(7)?,
            f: r.require(8)?,
            d: r.require(9)?,
            str: r.require(10)?,
            bytes: r.require(11)?,
            vi: r.require(12)?,
            mss: r.require(13)?,
            r#in: r.require(14)?,
            e: r.require(15)?,
            vin: r.require(16)?,
            miv: r.require(17)?,
            pt: r.require(18)?,
            last: r.require(255)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct AllOpt {
    pub b: bool,
    pub c: i8,
    pub uc: u8,
    pub sh: i16,
    pub us: u16,
    pub i: i32,
    pub ui: u32,
    pub l: i64,
    pub f: f32,
    pub d: f64,
    pub str: String,
    pub bytes: Vec<u8>,
    pub vi: Vec<i32>,
    pub mss: codegen::BTreeMap<String, String>,
    pub r#in: Inner,
    pub e: E,
    pub vin: Vec<Inner>,
    pub miv: codegen::BTreeMap<i32, Vec<String>>,
    pub pt: super::common::Point,
    pub col: super::common::Color,
    pub last: i32,
}

impl Default for AllOpt {
    fn default() -> Self {
        Self {
            b: true,
            c: 1,
            uc: 2,
            sh: -3,
            us: 4,
            i: 5,
            ui: 6,
            l: 7,
            f: 8.5,
            d: 9.25,
            str: "ten".into(),
            bytes: Default::default(),
            vi: Default::default(),
            mss: Default::default(),
            r#in: Default::default(),
            e: E::C,
            vin: Default::default(),
            miv: Default::default(),
            pt: Default::default(),
            col: super::common::Color::BLUE,
            last: 0,
        }
    }
}

impl codegen::TarsStruct for AllOpt {
    const NAME: &'static str = "Rich.AllOpt";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.b);
        w.optional_or(1, &self.c, &1);
        w.optional_or(2, &self.uc, &2);
        w.optional_or(3, &self.sh, &-3);
        w.optional_or(4, &self.us, &4);
        w.optional_or(5, &self.i, &5);
        w.optional_or(6, &self.ui, &6);
        w.optional_or(7, &self.l, &7);
        w.optional_or(8, &self.f, &8.5);
        w.optional_or(9, &self.d, &9.25);
        w.optional_or(10, &self.str, "ten");
        w.optional(11, &self.bytes);
        w.optional(12, &self.vi);
        w.optional(13, &self.mss);
        w.optional(14, &self.r#in);
        w.field(15, &self.e);
        w.optional(16, &self.vin);
        w.optional(17, &self.miv);
        w.optional(18, &self.pt);
        w.field(19, &self.col);
        w.optional(255, &self.last);
    }
}

impl<'de> codegen::DecodeStruct<'de> for AllOpt {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            b: r.optional_or(0, true)?,
            c: r.optional_or(1, 1)?,
            uc: r.optional_or(2, 2)?,
            sh: r.optional_or(3, -3)?,
            us: r.optional_or(4, 4)?,
            i: r.optional_or(5, 5)?,
            ui: r.optional_or(6, 6)?,
            l: r.optional_or(7, 7)?,
            f: r.optional_or(8, 8.5)?,
            d: r.optional_or(9, 9.25)?,
            str: r.optional_or_else(10, || "ten".into())?,
            bytes: r.optional(11)?,
            vi: r.optional(12)?,
            mss: r.optional(13)?,
            r#in: r.optional(14)?,
            e: r.optional_or(15, E::C)?,
            vin: r.optional(16)?,
            miv: r.optional(17)?,
            pt: r.optional(18)?,
            col: r.optional_or(19, super::common::Color::BLUE)?,
            last: r.optional(255)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct Zeros {
    pub b: bool,
    pub c: i8,
    pub uc: u8,
    pub sh: i16,
    pub us: u16,
    pub i: i32,
    pub ui: u32,
    pub l: i64,
    pub f: f32,
    pub d: f64,
    pub str: String,
    pub bytes: Vec<u8>,
    pub vi: Vec<i32>,
    pub mss: codegen::BTreeMap<String, String>,
    pub r#in: Inner,
    pub e: E,
}

impl codegen::TarsStruct for Zeros {
    const NAME: &'static str = "Rich.Zeros";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.optional(0, &self.b);
        w.optional(1, &self.c);
        w.optional(2, &self.uc);
        w.optional(3, &self.sh);
        w.optional(4, &self.us);
        w.optional(5, &self.i);
        w.optional(6, &self.ui);
        w.optional(7, &self.l);
        w.optional(8, &self.f);
        w.optional(9, &self.d);
        w.optional(10, &self.str);
        w.optional(11, &self.bytes);
        w.optional(12, &self.vi);
        w.optional(13, &self.mss);
        w.optional(14, &self.r#in);
        w.optional(15, &self.e);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Zeros {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            b: r.optional(0)?,
            c: r.optional(1)?,
            uc: r.optional(2)?,
            sh: r.optional(3)?,
            us: r.optional(4)?,
            i: r.optional(5)?,
            ui: r.optional(6)?,
            l: r.optional(7)?,
            f: r.optional(8)?,
            d: r.optional(9)?,
            str: r.optional(10)?,
            bytes: r.optional(11)?,
            vi: r.optional(12)?,
            mss: r.optional(13)?,
            r#in: r.optional(14)?,
            e: r.optional(15)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fixed {
    pub arr: Vec<i32>,
    pub v: Vec<i32>,
    pub raw: Vec<u8>,
    pub nm2: Vec<u8>,
}

impl codegen::TarsStruct for Fixed {
    const NAME: &'static str = "Rich.Fixed";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.optional(0, &self.arr);
        w.optional(2, &self.v);
        w.optional(3, &self.raw);
        w.optional(4, &self.nm2);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Fixed {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            arr: r.optional_at_most(0, 10)?,
            v: r.optional_at_most(2, 5)?,
            raw: r.optional_at_most(3, 8)?,
            nm2: r.optional_at_most(4, 20)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Keyed {
    pub k1: String,
    pub k2: i32,
    pub v: String,
}

impl codegen::TarsStruct for Keyed {
    const NAME: &'static str = "Rich.Keyed";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.k1);
        w.field(1, &self.k2);
        w.optional(2, &self.v);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Keyed {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            k1: r.require(0)?,
            k2: r.require(1)?,
            v: r.optional(2)?,
        })
    }
}
