// @generated from module GO by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E2(pub i32);

impl E2 {
    pub const X: Self = Self(0);
    pub const Y: Self = Self(1);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl Default for E2 {
    fn default() -> Self {
        Self::X
    }
}

impl codegen::TarsEnum for E2 {
    const NAME: &'static str = "GO.E2";
    const MEMBERS: &'static [(&'static str, i32)] = &[("X", Self::X.0), ("Y", Self::Y.0)];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for E2 {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for E2 {
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
    const NAME: &'static str = "GO.P";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.x);
        w.optional(1, &self.s);
    }
}

impl<'de> codegen::DecodeStruct<'de> for P {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            x: r.require(0)?,
            s: r.optional(1)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Opt {
    pub a: i32,
    pub b: i32,
    pub c: String,
    pub d: String,
    pub e: bool,
    pub f: bool,
    pub g: f64,
    pub h: f32,
    pub i: Vec<i32>,
    pub j: codegen::BTreeMap<String, i32>,
    pub k: P,
    pub l: E2,
    pub m: Vec<u8>,
    pub n: i64,
    pub o: i16,
}

impl Default for Opt {
    fn default() -> Self {
        Self {
            a: 0,
            b: 5,
            c: Default::default(),
            d: "x".into(),
            e: false,
            f: true,
            g: 0.0,
            h: 1.5,
            i: Default::default(),
            j: Default::default(),
            k: Default::default(),
            l: Default::default(),
            m: Default::default(),
            n: 7,
            o: -1,
        }
    }
}

impl codegen::TarsStruct for Opt {
    const NAME: &'static str = "GO.Opt";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.optional(0, &self.a);
        w.optional_or(1, &self.b, &5);
        w.optional(2, &self.c);
        w.optional_or(3, &self.d, "x");
        w.optional(4, &self.e);
        w.field(5, &self.f);
        w.optional(6, &self.g);
        w.optional_or(7, &self.h, &1.5);
        w.optional(8, &self.i);
        w.optional(9, &self.j);
        w.optional(10, &self.k);
        w.optional(11, &self.l);
        w.optional(12, &self.m);
        w.optional_or(13, &self.n, &7);
        w.optional_or(14, &self.o, &-1);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Opt {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            a: r.optional(0)?,
            b: r.optional_or(1, 5)?,
            c: r.optional(2)?,
            d: r.optional_or_else(3, || "x".into())?,
            e: r.optional(4)?,
            f: r.optional_or(5, true)?,
            g: r.optional(6)?,
            h: r.optional_or(7, 1.5)?,
            i: r.optional(8)?,
            j: r.optional(9)?,
            k: r.optional(10)?,
            l: r.optional(11)?,
            m: r.optional(12)?,
            n: r.optional_or(13, 7)?,
            o: r.optional_or(14, -1)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Req {
    pub a: i32,
    pub b: String,
    pub c: Vec<i32>,
    pub d: P,
}

impl Default for Req {
    fn default() -> Self {
        Self {
            a: 5,
            b: "x".into(),
            c: Default::default(),
            d: Default::default(),
        }
    }
}

impl codegen::TarsStruct for Req {
    const NAME: &'static str = "GO.Req";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.a);
        w.field(1, &self.b);
        w.field(2, &self.c);
        w.field(3, &self.d);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Req {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            a: r.require(0)?,
            b: r.require(1)?,
            c: r.require(2)?,
            d: r.require(3)?,
        })
    }
}
