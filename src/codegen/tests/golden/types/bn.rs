// @generated from module BN by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

#[derive(Clone, Debug, PartialEq, Default)]
pub struct Inner {
    pub id: i32,
    pub name: String,
    pub score: f64,
}

impl codegen::TarsStruct for Inner {
    const NAME: &'static str = "BN.Inner";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.id);
        w.field(1, &self.name);
        w.field(2, &self.score);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Inner {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            id: r.require(0)?,
            name: r.require(1)?,
            score: r.require(2)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct Msg {
    pub flag: bool,
    pub kind: i8,
    pub level: i16,
    pub seq: i32,
    pub ts: i64,
    pub price: f64,
    pub title: String,
    pub vals: Vec<i32>,
    pub tags: codegen::BTreeMap<String, String>,
    pub inner: Inner,
}

impl codegen::TarsStruct for Msg {
    const NAME: &'static str = "BN.Msg";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.flag);
        w.field(1, &self.kind);
        w.field(2, &self.level);
        w.field(3, &self.seq);
        w.field(4, &self.ts);
        w.field(5, &self.price);
        w.field(6, &self.title);
        w.field(7, &self.vals);
        w.field(8, &self.tags);
        w.field(9, &self.inner);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Msg {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            flag: r.require(0)?,
            kind: r.require(1)?,
            level: r.require(2)?,
            seq: r.require(3)?,
            ts: r.require(4)?,
            price: r.require(5)?,
            title: r.require(6)?,
            vals: r.require(7)?,
            tags: r.require(8)?,
            inner: r.require(9)?,
        })
    }
}
