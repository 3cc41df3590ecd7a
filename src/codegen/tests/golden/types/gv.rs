// @generated from module GV by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E(pub i32);

impl E {
    pub const A: Self = Self(0);
    pub const B: Self = Self(1);
    pub const C: Self = Self(7);
    pub const D: Self = Self(8);
    pub const NEG: Self = Self(-5);
    pub const BIGE: Self = Self(100000);

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
    const NAME: &'static str = "GV.E";
    const MEMBERS: &'static [(&'static str, i32)] = &[
        ("A", Self::A.0),
        ("B", Self::B.0),
        ("C", Self::C.0),
        ("D", Self::D.0),
        ("NEG", Self::NEG.0),
        ("BIGE", Self::BIGE.0),
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

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct P {
    pub x: i32,
    pub s: String,
}

impl codegen::TarsStruct for P {
    const NAME: &'static str = "GV.P";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.x);
        w.field(1, &self.s);
    }
}

impl<'de> codegen::DecodeStruct<'de> for P {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            x: r.require(0)?,
            s: r.require(1)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct N {
    pub pp: P,
    pub vp: Vec<P>,
    pub mp: codegen::BTreeMap<String, P>,
}

impl codegen::TarsStruct for N {
    const NAME: &'static str = "GV.N";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.pp);
        w.field(1, &self.vp);
        w.field(2, &self.mp);
    }
}

impl<'de> codegen::DecodeStruct<'de> for N {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            pp: r.require(0)?,
            vp: r.require(1)?,
            mp: r.require(2)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct T15 {
    pub a: i32,
    pub b: i32,
    pub c: String,
    pub d: i64,
}

impl codegen::TarsStruct for T15 {
    const NAME: &'static str = "GV.T15";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(14, &self.a);
        w.field(15, &self.b);
        w.field(16, &self.c);
        w.field(255, &self.d);
    }
}

impl<'de> codegen::DecodeStruct<'de> for T15 {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            a: r.require(14)?,
            b: r.require(15)?,
            c: r.require(16)?,
            d: r.require(255)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct One {
    pub v: i32,
}

impl codegen::TarsStruct for One {
    const NAME: &'static str = "GV.One";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.v);
    }
}

impl<'de> codegen::DecodeStruct<'de> for One {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self { v: r.require(0)? })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Un {
    pub a: u8,
    pub b: u16,
    pub c: u32,
}

impl codegen::TarsStruct for Un {
    const NAME: &'static str = "GV.Un";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.a);
        w.field(1, &self.b);
        w.field(2, &self.c);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Un {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            a: r.require(0)?,
            b: r.require(1)?,
            c: r.require(2)?,
        })
    }
}
